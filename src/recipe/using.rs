//! What a recipe is used with.

use std::net::IpAddr;

use crate::event::ServiceName;
use crate::health::check::Credentials;
use crate::recipe::format::fields::{Application, Recipe};
use crate::recipe::input::params::Values;
use crate::request::Options;
use crate::secret::Secret;
use crate::stack::application::Subject;
use crate::stack::{Place, Resolved};

/// A recipe as it is to be used.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    /// The recipe's name.
    pub name: String,
    /// Names and values as typed.
    pub typed: Vec<(String, Secret)>,
    /// The service that is the application, where the person names one.
    pub service: Option<ServiceName>,
    /// Publish on this address alone.
    pub bind: Option<IpAddr>,
    /// The account to sign in with, for the proof.
    pub sign_in: Option<Credentials>,
}

/// A recipe on its way to becoming edits.
pub(super) struct Using<'a> {
    pub(super) place: &'a Place,
    pub(super) options: &'a Options,
    pub(super) wanted: &'a Use,
    pub(super) recipe: &'a Recipe,
    pub(super) application: &'a Application,
    pub(super) resolved: &'a Resolved,
    pub(super) subject: &'a Subject,
    pub(super) values: Values,
}
