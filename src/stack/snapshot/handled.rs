//! What a run and its rollback did, as far as a comparison has to know.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::ServiceName;

/// What a run and its rollback did to services, as far as the comparison has to know.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handled {
    /// Services whose containers were touched: theirs may be other containers, or started anew.
    pub services: BTreeSet<ServiceName>,
    /// Those that had done their work before, and whose containers were recreated without being run.
    pub not_run: BTreeSet<ServiceName>,
    /// The engine itself may have ended meanwhile, and started everything again.
    pub engine_ended: bool,
    /// Every file that containers are made of is as it was.
    pub files_are_back: bool,
    /// Files that stay as they lie there.
    pub left: Vec<Left>,
    /// The names of old images that were gone, by their services: what they mean now is told by whoever
    /// brought other ones.
    pub other_images: BTreeMap<ServiceName, String>,
}

/// A file that a way back leaves as it lies there, by the name that people know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Left {
    /// Somebody has edited it since it was put back.
    Edited(String),
    /// Somebody has given it another mode, owner or attribute since.
    Attributes(String),
    /// What it held before is not known.
    NotKnown(String),
    /// It had been pulled by hand before the run, and has the text again that what runs was made of.
    Older(String),
    /// A service's new containers are made as the files said before the run already, and the old ones
    /// were not: what somebody had written and not applied is in force now.
    Pending {
        /// The service.
        service: ServiceName,
        /// What of it is another one.
        what: Vec<String>,
        /// Whether a container of it runs, by the last look.
        runs: bool,
    },
    /// The old image was gone, and was built again.
    Rebuilt {
        /// The service.
        service: ServiceName,
        /// The commit.
        from: String,
    },
    /// The run has run this once, and it may have written to the service's data.
    RanOnce(String),
    /// The run recreated a container, and what lay in it and in no volume is not in the new one.
    Discarded {
        /// The service.
        service: ServiceName,
        /// The files; `None`: they could not be listed.
        files: Option<Vec<String>>,
    },
}

/// So many files are named.
const NAMED: usize = 3;

impl Left {
    pub(super) fn phrase(&self) -> String {
        match self {
            Self::Edited(file) => format!("{file}, which somebody has edited meanwhile"),
            Self::Attributes(file) => {
                format!("mode or owner of {file}, which somebody has changed meanwhile")
            }
            Self::Pending {
                service,
                what,
                runs,
            } => {
                let what = what.join(", ");
                let how = match runs {
                    true => "which now runs with",
                    false => "which does not run, and whose container was recreated with",
                };
                format!("{service}, {how} what waited in its files to be applied ({what})")
            }
            Self::Rebuilt { service, from } => {
                format!("{service}, whose old image was gone and was built again from {from}")
            }
            Self::Discarded {
                service,
                files: Some(files),
            } => {
                let (named, others) = files.split_at(files.len().min(NAMED));
                let more = match others.len() {
                    0 => String::new(),
                    1 => " and 1 more file".to_owned(),
                    count => format!(" and {count} more files"),
                };
                let named = named.join(", ");
                format!("{named}{more} in the old container of {service}, gone with it")
            }
            Self::Discarded {
                service,
                files: None,
            } => {
                format!(
                    "what the old container of {service} held outside of its volumes, which is not known"
                )
            }
            Self::Older(file) => {
                format!("{file}, which has the text again that it had before it was pulled by hand")
            }
            Self::RanOnce(command) => format!("what {command} may have written"),
            Self::NotKnown(file) => format!("{file}, whose earlier text is not known"),
        }
    }
}
