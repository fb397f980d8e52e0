//! What kind of change it is: each with exactly its own fields.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::assessment::hooks::Around;
use crate::assessment::moving::Moving;
use crate::assessment::supply::Supply;
use crate::complaint::Complaint;
use crate::event::{News, NoteCode, RunId, ServiceName};
use crate::health::check::Proofs;

/// A change.
pub(crate) enum Change {
    /// Keys or texts of files.
    Edit,
    /// The engine is brought in line with the files.
    Apply(FilesCompared),
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

/// What came of comparing files and containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilesCompared {
    /// Nothing differs that could be mended.
    pub in_line: bool,
    /// What nobody can see of that, or was not looked at.
    pub not_known: Vec<String>,
}

/// Where an upgrade looked for something new.
pub(crate) struct LookedAt {
    /// The checkout's remote.
    pub checkout: CheckoutLook,
    /// The registries.
    pub images: ImagesLook,
    /// Files and containers, where no other files come.
    pub compared: Option<FilesCompared>,
}

/// What was seen of the checkout's remote.
pub(crate) enum CheckoutLook {
    /// It was not asked, and why: in a sentence without a full stop.
    Not(&'static str),
    /// What it says of what is checked out: in a sentence without a full stop.
    NothingNewer(String),
    /// It has something newer.
    Newer,
}

/// What was seen of images at registries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ImagesLook {
    /// For so many images a registry was asked.
    pub asked: usize,
    /// For so many of them there was no answer.
    pub silent: usize,
    /// So many of them their registries do not have.
    pub unknown: usize,
    /// So many of them are newer there.
    pub newer: usize,
}

impl LookedAt {
    /// What is said when nothing new was found there.
    pub(crate) fn nothing_new(&self) -> String {
        let images = self.images.told();
        match (&self.checkout, images) {
            (CheckoutLook::Not(why), None) => {
                format!("Nothing was asked: {why}, and no service runs an image of a registry")
            }
            (CheckoutLook::Not(why), Some(images)) if self.images.has_answers() => {
                format!("Nothing to do: {images}; {why}")
            }
            (CheckoutLook::Not(why), Some(images)) => {
                format!("Nothing was done: {images}; {why}")
            }
            (CheckoutLook::NothingNewer(said), images) => {
                let images = images.map(|images| format!("; {images}"));
                format!("Nothing to do: {said}{}", images.unwrap_or_default())
            }
            // A version that is there, and that is not taken, is told by what keeps it from it.
            (CheckoutLook::Newer, _) => "Nothing to do".to_owned(),
        }
    }
}

impl ImagesLook {
    fn has_answers(&self) -> bool {
        self.asked > self.silent
    }

    fn told(self) -> Option<String> {
        let Self {
            asked,
            silent,
            unknown,
            newer,
        } = self;
        let images = if asked == 1 {
            "1 image"
        } else {
            &format!("{asked} images")
        };
        let found = match newer {
            0 => "none newer".to_owned(),
            newer => format!("{newer} newer, and not taken"),
        };
        if asked == 0 {
            return None;
        }
        if asked == silent {
            return Some(format!("{images} asked, and no answer"));
        }
        let mut told = vec![format!("{images} asked")];
        if silent > 0 {
            told.push(format!("{silent} without an answer"));
        }
        if unknown > 0 {
            let whose = if unknown == 1 {
                "its registry"
            } else {
                "their registries"
            };
            told.push(format!("{unknown} unknown to {whose}"));
        }
        // Of what a registry does not have nobody knows whether there is something newer.
        if asked > silent + unknown {
            told.push(found);
        }
        Some(told.join(", "))
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
    /// Versions without a way back that they passed, where settings have kept it all along.
    pub kept_way_back: BTreeSet<String>,
}

/// Whether a change is made.
pub(crate) enum Decision {
    /// It is, if there is something to do.
    Made,
    /// Nothing is done all the same.
    CalledOff {
        /// Why, in a word.
        code: NoteCode,
        /// In a sentence.
        text: String,
    },
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
    /// The name that keeps it; empty where the run changes no image.
    pub kept_as: String,
    /// The digest that the run fetches in its place, if it does.
    #[serde(default)]
    pub fetched: Option<String>,
    /// The names with a digest by which registries know it: so it can be had again once it is gone.
    #[serde(default)]
    pub digests: Vec<String>,
    /// `platform:` of the service.
    #[serde(default)]
    pub platform: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{CheckoutLook, ImagesLook, LookedAt};

    #[test]
    fn nothing_is_found_only_where_it_was_looked_for() {
        let of = |checkout, asked, silent, unknown| {
            let images = ImagesLook {
                asked,
                silent,
                unknown,
                newer: 0,
            };
            let looked_at = LookedAt {
                checkout,
                images,
                compared: None,
            };
            looked_at.nothing_new()
        };
        let said = |checkout, asked, silent| of(checkout, asked, silent, 0);
        let none = || CheckoutLook::Not("this stack is no git checkout");
        let newest = || CheckoutLook::NothingNewer("origin/main is at 1234, the newest".to_owned());
        assert_eq!(
            said(newest(), 0, 0),
            "Nothing to do: origin/main is at 1234, the newest"
        );
        assert_eq!(
            said(newest(), 3, 1),
            "Nothing to do: origin/main is at 1234, the newest; 3 images asked, 1 without an answer, none newer"
        );
        assert_eq!(
            said(none(), 1, 0),
            "Nothing to do: 1 image asked, none newer; this stack is no git checkout"
        );
        assert_eq!(
            said(none(), 2, 2),
            "Nothing was done: 2 images asked, and no answer; this stack is no git checkout"
        );
        assert!(said(none(), 0, 0).starts_with("Nothing was asked"));
        assert_eq!(
            of(none(), 2, 0, 1),
            "Nothing to do: 2 images asked, 1 unknown to its registry, none newer; this stack is no git checkout"
        );
        assert_eq!(
            of(none(), 2, 1, 1),
            "Nothing to do: 2 images asked, 1 without an answer, 1 unknown to its registry; this stack is no git checkout"
        );
    }
}
