#!/usr/bin/env bash
# Builds the binary of the demo's image, statically, so that the image needs no base and its build no network.
#
#   compose/demo/web/build.sh [FILE]     FILE: where to put it; default: dist/demo-web beside this script
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=${1:-$here/dist/demo-web}

host=$(rustc -vV | sed -n 's/^host: //p')
case $host in
    *-linux-*) ;;
    *)
        printf 'The demo runs in Linux containers, and its binary can only be built on Linux, not on %s.\n' "$host" >&2
        exit 1
        ;;
esac

# With --target, even for the host itself, the flags do not reach procedural macros, which cannot be static.
unset CARGO_ENCODED_RUSTFLAGS
export RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static"
cargo build --manifest-path "$here/Cargo.toml" --locked --profile demo --package demo-web --target "$host"

built=$(cargo metadata --manifest-path "$here/Cargo.toml" --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
install -D -m 0755 "$built/$host/demo/demo-web" "$binary"
