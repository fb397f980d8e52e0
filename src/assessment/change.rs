//! What kind of change it is: each with exactly its own fields.

use super::Assessment;
use crate::assessment::hooks::Around;
use crate::assessment::moving::Moving;
use crate::assessment::pinned_image::PinnedImage;
use crate::assessment::supply::Supply;
use crate::assessment::supply::WantedImage;
use crate::complaint::Complaint;
use crate::event::{News, RunId};
use crate::health::check::Proofs;

/// A change.
pub enum Change {
    /// Keys or texts of files.
    Edit,
    /// The engine is brought in line with the files.
    Apply {
        /// Files and containers were compared, and agree.
        in_line: bool,
    },
    /// Services are restarted.
    Restart {
        /// All that run.
        all: bool,
    },
    /// Runs are undone.
    Rollback(Undoing),
    /// Another version.
    Upgrade {
        /// The move of the git checkout that brings the files' new texts.
        moving: Option<Box<Moving>>,
        /// New images.
        supply: Supply,
        /// What the person wants to run around it.
        hooks: Around,
        /// What was found.
        news: News,
    },
    /// A recipe's edits.
    Recipe {
        /// What is to be seen of the application itself afterwards.
        proofs: Proofs,
    },
}

/// The runs that a rollback undoes, and what it takes.
pub struct Undoing {
    /// They, the oldest first.
    pub runs: Vec<RunId>,
    /// Images that get their names back first, for services that are to run them again.
    pub images: Vec<PinnedImage>,
    /// The move of the git checkout back to where it was.
    pub moving: Option<Box<Moving>>,
    /// Networks that there were before those runs.
    pub networks: Vec<String>,
    /// Volumes that there were before those runs.
    pub volumes: Vec<String>,
}

/// Whether a change is made.
pub enum Decision {
    /// It is, if there is something to do.
    Made,
    /// Nothing is done all the same, and why.
    CalledOff(String),
    /// Something speaks against it: told after the plan, and nothing is done.
    Refused(Complaint),
}

impl Assessment {
    /// The same as an upgrade.
    #[must_use]
    pub fn upgrade(
        self,
        moving: Option<Moving>,
        supply: Supply,
        hooks: Around,
        news: News,
    ) -> Self {
        Self {
            change: Change::Upgrade {
                moving: moving.map(Box::new),
                supply,
                hooks,
                news,
            },
            ..self
        }
    }

    /// The same as a recipe.
    #[must_use]
    pub fn recipe(self, proofs: Proofs) -> Self {
        Self {
            change: Change::Recipe { proofs },
            ..self
        }
    }

    /// The move of the git checkout that brings the files' new texts, if there is one.
    pub fn moving(&self) -> Option<&Moving> {
        match &self.change {
            Change::Upgrade { moving, .. } | Change::Rollback(Undoing { moving, .. }) => {
                moving.as_deref()
            }
            Change::Edit
            | Change::Apply { .. }
            | Change::Restart { .. }
            | Change::Recipe { .. } => None,
        }
    }

    /// What it undoes, if it is a rollback.
    pub fn undoing(&self) -> Option<&Undoing> {
        match &self.change {
            Change::Rollback(undoing) => Some(undoing),
            Change::Edit
            | Change::Apply { .. }
            | Change::Restart { .. }
            | Change::Upgrade { .. }
            | Change::Recipe { .. } => None,
        }
    }

    /// The runs that it undoes.
    pub fn undoes(&self) -> &[RunId] {
        self.undoing().map_or(&[], |undoing| &undoing.runs)
    }

    /// Images that get their names back first.
    pub fn images(&self) -> &[PinnedImage] {
        self.undoing().map_or(&[], |undoing| &undoing.images)
    }

    /// New images that it asks for by itself.
    pub fn supply(&self) -> Option<&Supply> {
        match &self.change {
            Change::Upgrade { supply, .. } => Some(supply),
            Change::Edit
            | Change::Apply { .. }
            | Change::Restart { .. }
            | Change::Rollback(_)
            | Change::Recipe { .. } => None,
        }
    }

    /// The images among them that are to be fetched.
    pub fn wanted(&self) -> &[WantedImage] {
        self.supply().map_or(&[], |supply| &supply.wanted)
    }

    /// What the person wants to run around it.
    pub fn hooks(&self) -> Option<&Around> {
        match &self.change {
            Change::Upgrade { hooks, .. } => Some(hooks),
            Change::Edit
            | Change::Apply { .. }
            | Change::Restart { .. }
            | Change::Rollback(_)
            | Change::Recipe { .. } => None,
        }
    }

    /// What an upgrade found.
    pub fn news(&self) -> Option<&News> {
        match &self.change {
            Change::Upgrade { news, .. } => Some(news),
            Change::Edit
            | Change::Apply { .. }
            | Change::Restart { .. }
            | Change::Rollback(_)
            | Change::Recipe { .. } => None,
        }
    }

    /// What is to be seen of the application itself afterwards.
    pub fn proofs(&self) -> Option<&Proofs> {
        match &self.change {
            Change::Recipe { proofs } => Some(proofs),
            Change::Edit
            | Change::Apply { .. }
            | Change::Restart { .. }
            | Change::Rollback(_)
            | Change::Upgrade { .. } => None,
        }
    }
}
