//! What kind of change it is: each with exactly its own fields.

use serde::{Deserialize, Serialize};

use crate::assessment::hooks::Around;
use crate::assessment::moving::Moving;
use crate::assessment::supply::Supply;
use crate::complaint::Complaint;
use crate::event::{News, RunId, ServiceName};
use crate::health::check::Proofs;

/// A change.
pub(crate) enum Change {
    /// Keys or texts of files.
    Edit,
    /// The engine is brought in line with the files.
    Apply {
        /// Files and containers were compared, and `apply` has nothing to mend.
        in_line: bool,
        /// What nobody can see of that, or was not looked at.
        not_known: Vec<String>,
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
        news: Box<News>,
        /// Where it was looked for.
        looked_at: LookedAt,
    },
    /// A recipe's edits.
    Recipe {
        /// What is to be seen of the application itself afterwards.
        proofs: Proofs,
    },
}

/// Where an upgrade looked for something new.
pub(crate) struct LookedAt {
    /// Why no checkout was fetched, in a sentence without a full stop.
    pub no_checkout: Option<&'static str>,
    /// Whether a registry was asked for an image.
    pub registries: bool,
}

impl LookedAt {
    /// What is said when nothing new was found there.
    pub(crate) fn nothing_new(&self) -> String {
        match (self.no_checkout, self.registries) {
            (None, _) => "nothing new was found".to_owned(),
            (Some(why), true) => format!("no newer image was found, and {why}"),
            (Some(why), false) => {
                format!("nothing was asked for: {why}, and no service runs an image of a registry")
            }
        }
    }
}

/// The runs that a rollback undoes, and what it takes.
pub(crate) struct Undoing {
    /// They, the oldest first.
    pub runs: Vec<RunId>,
    /// Those among them whose change is there now.
    pub told: Vec<RunId>,
    /// Those that were undone, and are in force again.
    pub again: Vec<RunId>,
    /// Files that do not hold what the last of these left: they were edited since.
    pub again_edited: Vec<String>,
    /// The change before them, for whoever wants to go further back.
    pub further: Option<RunId>,
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
pub(crate) enum Decision {
    /// It is, if there is something to do.
    Made,
    /// Nothing is done all the same, and why.
    CalledOff(String),
    /// Something speaks against it: told after the plan, and nothing is done.
    Refused(Complaint),
}

/// An image that must not be lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PinnedImage {
    /// The service that runs it.
    pub service: ServiceName,
    /// The name that its definition gives it.
    pub name: String,
    /// What that name meant before the run: a pull may have moved it.
    #[serde(default)]
    pub meant: Option<String>,
    /// Its ID.
    pub id: String,
    /// The name that keeps it.
    pub kept_as: String,
    /// The digest that the run fetches in its place, if it does.
    #[serde(default)]
    pub fetched: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::LookedAt;

    #[test]
    fn nothing_is_found_only_where_it_was_looked_for() {
        let said = |no_checkout, registries| {
            let looked_at = LookedAt {
                no_checkout,
                registries,
            };
            looked_at.nothing_new()
        };
        let none = Some("this stack is no git checkout");
        assert_eq!(said(None, false), "nothing new was found");
        let images = "no newer image was found, and this stack is no git checkout";
        assert_eq!(said(none, true), images);
        assert!(!said(none, false).contains("found"));
    }
}
