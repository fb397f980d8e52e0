//! The actions on this machine that stand in the settings, and the settings without some of them. Pure.

use std::collections::BTreeSet;

use super::host_action::{ActionAt, HostAction, run_by, words, words_of_text};
use super::notify::{Piece, SecretText};
use super::{Hook, HookName, Settings};
use crate::hash::sha256;
use crate::report::notify::Target;

/// A longer part of an address may be a secret.
const LONGEST_SHOWN: usize = 11;

impl Settings {
    /// All that they make refit do on this machine.
    pub(crate) fn host_actions(&self) -> Vec<HostAction> {
        let hooks = HookName::ALL.into_iter();
        let hooks = hooks.filter_map(|name| Some(of_hook(name, self.hooks.get(name)?)));
        let receivers = self.notify.iter().enumerate();
        let receivers = receivers.map(|(index, one)| of_receiver(index, &one.name, &one.target));
        let probes = self.services.iter().filter_map(|(service, settings)| {
            let url = &settings.probe.as_ref()?.url;
            Some(HostAction {
                at: ActionAt::Probe(service.clone()),
                key: format!("services.{service}.probe"),
                shown: host_of(url),
                addresses: Vec::new(),
                // Another page of the same server is no other machine.
                identity: format!("probe {}", server_of(url)),
                variables: Vec::new(),
                files: Vec::new(),
                words: Vec::new(),
            })
        });
        hooks.chain(receivers).chain(probes).collect()
    }

    /// Leaves out the actions that do not pass.
    pub(super) fn retain_actions(&mut self, passes: impl Fn(&ActionAt) -> bool) {
        for name in HookName::ALL {
            if !passes(&ActionAt::Hook(name)) {
                *self.hooks.get_mut(name) = None;
            }
        }
        let mut index = 0..;
        self.notify.retain(|_| {
            index
                .next()
                .is_some_and(|index| passes(&ActionAt::Receiver(index)))
        });
        for (service, settings) in &mut self.services {
            if settings.probe.is_some() && !passes(&ActionAt::Probe(service.clone())) {
                settings.probe = None;
            }
        }
    }
}

fn of_hook(name: HookName, hook: &Hook) -> HostAction {
    HostAction {
        at: ActionAt::Hook(name),
        key: format!("hooks.{}", name.key()),
        shown: hook.run.trim().to_owned(),
        addresses: Vec::new(),
        identity: format!("hook {} {}", name.key(), hook.run),
        variables: Vec::new(),
        files: run_by(&hook.run),
        words: words_of_text(&hook.run),
    }
}

fn of_receiver(index: usize, name: &str, target: &Target<SecretText>) -> HostAction {
    let mut identity = format!("notify {}", target.kind());
    let (mut to, mut addresses) = (Vec::new(), Vec::new());
    let mut filled = BTreeSet::new();
    let (mut variables, mut files) = (Vec::new(), Vec::new());
    for (field, text) in target.fields() {
        let written = text.written();
        // Lengths keep two fields apart, whatever stands in them.
        identity.push_str(&format!(" {field} {} {written}", written.len()));
        match text {
            SecretText::Pieces(pieces) => {
                for piece in pieces {
                    if let Piece::Variable(name) = piece {
                        filled.insert(format!("${{{name}}}"));
                        // Which secret it is that goes there, is the person's own matter.
                        if ["url", "api", "to", "sendmail"].contains(&field) {
                            variables.push(name.clone());
                        }
                    }
                }
            }
            SecretText::File(path) => {
                filled.insert(path.display().to_string());
                files.push(path.display().to_string());
            }
        }
        match field {
            "url" | "api" => {
                to.push(host_of(&written));
                addresses.push(told_apart(&written));
            }
            "to" => to.push(written),
            "sendmail" => {
                to.push(format!("by {written}"));
                files.extend(words(&written));
            }
            _ => {}
        }
    }
    if to.is_empty() {
        to.push(format!("to {}", target.kind()));
    }
    let filled: Vec<String> = filled.into_iter().collect();
    let filled = match filled.is_empty() {
        true => String::new(),
        false => format!(", filled with {}", filled.join(", ")),
    };
    let name = match name == target.kind() {
        true => String::new(),
        false => format!(" {name}:"),
    };
    HostAction {
        at: ActionAt::Receiver(index),
        key: "notify".to_owned(),
        shown: format!("{}{name} {}{filled}", target.kind(), to.join(", ")),
        addresses,
        identity,
        variables,
        words: files.clone(),
        files,
    }
}

/// All of a URL up to its path.
fn server_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(start..).unwrap_or_default();
    let length = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    url.get(..start + length).unwrap_or(url)
}

/// An address in which a long part, which may be a token, is a hash: another token is another hash.
fn told_apart(url: &str) -> String {
    let host = host_of(url);
    let rest = url.get(server_of(url).len()..).unwrap_or_default();
    let mut told = host.trim_end_matches("/…").to_owned();
    for part in rest.split_inclusive(['/', '?', '&', '=', '#']) {
        let name = part.trim_end_matches(['/', '?', '&', '=', '#']);
        let end = part.get(name.len()..).unwrap_or_default();
        match name.len() > LONGEST_SHOWN && !name.starts_with('$') {
            true => {
                let hash: String = sha256(name.as_bytes()).chars().take(8).collect();
                told.push_str(&format!("[hash {hash}]{end}"));
            }
            false => told.push_str(part),
        }
    }
    told
}

/// Scheme and host of a URL, with its port. A path can be a secret of its own; a login is one.
fn host_of(url: &str) -> String {
    let server = server_of(url);
    let more = match url.len() - server.len() {
        0 | 1 => "",
        _ => "/…",
    };
    match server.split_once("://") {
        Some((scheme, authority)) => {
            let host = authority
                .rsplit_once('@')
                .map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}{more}")
        }
        None => format!("{server}{more}"),
    }
}
