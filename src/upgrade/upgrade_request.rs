//! What is asked of an upgrade.

use super::outlook::Outlook;

/// Its options.
#[derive(Debug, Clone, Default)]
pub(crate) struct UpgradeRequest {
    /// `--to`: a tag, branch or commit.
    pub to: Option<String>,
    /// Leave the checkout where it is.
    pub images_only: bool,
    /// Try again what has failed before.
    pub retry: bool,
    /// Nobody watches: what failed before is no error, it waits for something newer.
    pub unattended: bool,
    /// What speaks against calling an unattended one well.
    pub outlook: Outlook,
    /// Fetch the base images of builds anew.
    pub refresh_bases: bool,
    /// Throw the engine's build cache away after a good upgrade.
    pub prune_build_cache: bool,
    /// Append new keys of the sample to the env file.
    pub merge_env: bool,
    /// Generate those of them whose default is a secret that everybody can read.
    pub new_secrets: bool,
}
