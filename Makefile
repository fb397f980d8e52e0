# The only entry points. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help demo test soak bench lint

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

demo: ## start a small stack in a temporary copy, change it for real, clean up
	scripts/demo

test: ## all tests but the long ones; brings up a Docker engine where there is none
	cargo build --workspace --features failpoints --all-targets
	scripts/engine run scripts/test

soak: ## the long tests: hours
	cargo build --workspace --features failpoints --all-targets --release
	scripts/engine run scripts/test --release -- --include-ignored

bench: ## refit beside what a user would type instead, in one run
	cargo bench --no-run
	scripts/engine run scripts/bench

lint: ## formatting and clippy, warnings are errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --workspace --all-targets --features failpoints -- -D warnings
