//! `refit upgrade`.

use clap::Args;

use super::global::Global;
use super::notify::{self, Occasion};
use super::run_options::RunOptions;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::request::{Options, Request};
use crate::upgrade::outlook::Outlook;
use crate::upgrade::{self, UpgradeRequest};

#[derive(Debug, Args)]
pub(super) struct UpgradeArgs {
    /// Show what is new and what would be done
    #[arg(long)]
    check: bool,
    /// Go to this tag, branch or commit
    #[arg(long, value_name = "REF", conflicts_with = "images_only",
        value_parser = clap::builder::NonEmptyStringValueParser::new())]
    to: Option<String>,
    /// Leave the git checkout where it is
    #[arg(long)]
    images_only: bool,
    /// Try again a version that failed before
    #[arg(long)]
    retry: bool,
    /// Pull newer base images for builds
    #[arg(long)]
    pull: bool,
    /// Remove the build cache after a successful upgrade
    #[arg(long)]
    prune_build_cache: bool,
    /// Append new keys of .env.example to the env file
    #[arg(long)]
    merge_env: bool,
    /// With --merge-env: generate secrets for public defaults
    #[arg(long, requires = "merge_env")]
    new_secrets: bool,
    /// Skip what failed before; for timers
    #[arg(long)]
    unattended: bool,
    #[command(flatten)]
    run: RunOptions,
}

pub(super) async fn upgrade(global: &Global, args: UpgradeArgs) -> Result<Exit, Complaint> {
    let options = args.run.options()?;
    let request = Request {
        command: global.command_line(),
        options: Options {
            dry_run: args.check || options.dry_run,
            ..options
        },
    };
    let upgrade = UpgradeRequest {
        to: args.to,
        images_only: args.images_only,
        retry: args.retry,
        unattended: args.unattended,
        refresh_bases: args.pull,
        prune_build_cache: args.prune_build_cache,
        merge_env: args.merge_env,
        new_secrets: args.new_secrets,
        outlook: Outlook::default(),
    };
    let occasion = Occasion {
        unattended: args.unattended,
        dry: request.options.dry_run,
        series: None,
    };
    let located = global.locate_request();
    let report = notify::telling(global, occasion, &request.command, async |runner| {
        upgrade::execute(runner, &located, &request, &upgrade).await
    })
    .await?;
    Ok(report.end.exit())
}
