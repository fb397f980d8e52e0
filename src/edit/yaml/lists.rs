//! What Compose makes of names and lists: which lists hold `KEY=VALUE`, how a port or a mount is
//! named, and which places hold strings. Facts of the Compose file format, no YAML.

use super::path::Segment;
use super::tree::{NodeId, NodeKind, Tree};
use super::value::resolve;

/// How the items of a list are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListKind {
    /// `- KEY=VALUE`, `- KEY`.
    Pairs,
    /// `- name:address`, `- name=address`.
    Hosts,
    /// Ports: named by target and protocol, `80/tcp`.
    Ports,
    /// Mounts: named by the path in the container.
    Mounts,
    /// Everything else: named by the item itself, or by the long form's name.
    Names,
}

/// Keys whose value is a mapping or a list of `KEY=VALUE`.
const PAIRS: [&str; 5] = ["environment", "labels", "args", "annotations", "sysctls"];

/// Keys that are a string or a list of strings: appending to the string makes it a list.
const STRING_OR_LIST: [&str; 5] = ["env_file", "label_file", "dns", "dns_search", "tmpfs"];

/// Keys whose own value, or whose items or values, Compose reads as strings.
const STRINGS: [&str; 43] = [
    "annotations",
    "args",
    "build",
    "cap_add",
    "cap_drop",
    "cgroup_parent",
    "command",
    "container_name",
    "context",
    "devices",
    "dns",
    "dns_search",
    "dockerfile",
    "domainname",
    "driver",
    "driver_opts",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "external_links",
    "extra_hosts",
    "file",
    "group_add",
    "hostname",
    "image",
    "ipc",
    "label_file",
    "labels",
    "links",
    "mac_address",
    "name",
    "network_mode",
    "options",
    "pid",
    "platform",
    "ports",
    "profiles",
    "security_opt",
    "sysctls",
    "test",
    "user",
    "working_dir",
];

impl ListKind {
    /// Whether the items hold a key and a value, which a path reaches by the key.
    pub(super) fn has_pairs(self) -> bool {
        matches!(self, Self::Pairs | Self::Hosts)
    }

    /// The kind of the list that the first `depth` steps of a path lead to.
    pub(super) fn of(path: &[Segment], depth: usize) -> Self {
        match last_key(&path[..depth]) {
            Some(key) if PAIRS.contains(&key) => Self::Pairs,
            Some("extra_hosts") => Self::Hosts,
            Some("ports") => Self::Ports,
            Some("volumes" | "tmpfs") => Self::Mounts,
            _ => Self::Names,
        }
    }
}

/// Whether the value at a path is a string for Compose, whatever the word looks like.
pub(super) fn holds_string(path: &[Segment]) -> bool {
    let in_service = matches!(path.first(), Some(Segment::Key(root)) if root == "services");
    let strings = |key: &str| STRINGS.contains(&key) || (in_service && key == "volumes");
    match path {
        [.., Segment::Key(parent), Segment::Key(key)] => {
            STRINGS.contains(&key.as_str()) || (parent != "build" && strings(parent))
        }
        [Segment::Key(key)] => key == "name",
        [.., Segment::Index(_) | Segment::Append] => last_key(path).is_some_and(strings),
        _ => last_key(path).is_some_and(|key| STRINGS.contains(&key)),
    }
}

/// Whether a single value at the path may become a list.
pub(super) fn is_string_or_list(path: &[Segment]) -> bool {
    last_key(path).is_some_and(|key| STRING_OR_LIST.contains(&key))
}

fn last_key(path: &[Segment]) -> Option<&str> {
    path.iter().rev().find_map(|segment| match segment {
        Segment::Key(key) => Some(key.as_str()),
        Segment::Index(_) | Segment::Append => None,
    })
}

/// Splits `KEY=VALUE`; the value is `None` for `KEY` alone.
pub(super) fn split_pair(item: &str, kind: ListKind) -> (&str, Option<&str>) {
    let separators: &[char] = if kind == ListKind::Hosts {
        &['=', ':']
    } else {
        &['=']
    };
    match item.split_once(separators) {
        Some((key, value)) => (key, Some(value)),
        None => (item, None),
    }
}

/// `KEY=VALUE`, or `KEY` without a value; with the separator of the item before it, if there was
/// one.
pub(super) fn join_pair(
    key: &str,
    value: Option<&str>,
    kind: ListKind,
    old: Option<&str>,
) -> String {
    let old = old
        .and_then(|old| old.strip_prefix(key))
        .and_then(|rest| rest.chars().next());
    let usual = if kind == ListKind::Hosts { ':' } else { '=' };
    let separator = old.unwrap_or(usual);
    value.map_or_else(
        || key.to_owned(),
        |value| format!("{key}{separator}{value}"),
    )
}

/// The positions of the items that give a key, in the order of the list.
pub(super) fn find_pairs(tree: &Tree<'_>, seq: NodeId, kind: ListKind, key: &str) -> Vec<usize> {
    let is_key = |value: NodeId| {
        let text = tree.scalar(tree.target(value)).map(|(text, _)| text);
        text.is_some_and(|text| split_pair(text, kind).0 == key)
    };
    let items = tree.items(seq).iter().enumerate();
    items
        .filter(|(_, item)| is_key(item.value))
        .map(|(at, _)| at)
        .collect()
}

/// The item of a list that goes by a name.
pub(super) fn find_named(
    tree: &Tree<'_>,
    seq: NodeId,
    kind: ListKind,
    name: &str,
) -> Option<NodeId> {
    let mut items = tree.items(seq).iter().map(|item| item.value);
    items.find(|&item| resolve(tree, item).is_ok_and(|value| item_has_name(&value, kind, name)))
}

/// Whether an item goes by a name.
pub(super) fn item_has_name(item: &serde_json::Value, kind: ListKind, name: &str) -> bool {
    match kind {
        ListKind::Pairs | ListKind::Hosts => item
            .as_str()
            .is_some_and(|text| split_pair(text, kind).0 == name),
        ListKind::Ports => port_name(item).is_some_and(|port| port == full_port(name)),
        ListKind::Mounts => mount_target(item).is_some_and(|target| target == name),
        ListKind::Names => {
            let long = ["path", "source", "name", "target"];
            let named = |key: &&str| item.get(key).and_then(|value| value.as_str()) == Some(name);
            item.as_str() == Some(name) || long.iter().any(named)
        }
    }
}

fn full_port(name: &str) -> String {
    if name.contains('/') {
        name.to_owned()
    } else {
        format!("{name}/tcp")
    }
}

fn port_name(item: &serde_json::Value) -> Option<String> {
    let word = |value: &serde_json::Value| {
        value
            .as_str()
            .map(str::to_owned)
            .or_else(|| value.as_u64().map(|port| port.to_string()))
    };
    if let Some(target) = item.get("target") {
        let protocol = item
            .get("protocol")
            .and_then(word)
            .unwrap_or_else(|| "tcp".into());
        return Some(format!("{}/{protocol}", word(target)?));
    }
    let short = word(item)?;
    let parts = split_outside_variables(&short, ':');
    Some(full_port(parts.last()?))
}

fn mount_target(item: &serde_json::Value) -> Option<String> {
    if let Some(target) = item.get("target") {
        return target.as_str().map(str::to_owned);
    }
    let parts = split_outside_variables(item.as_str()?, ':');
    parts
        .get(1)
        .or(parts.first())
        .map(|part| (*part).to_owned())
}

/// Splits at a separator that does not stand inside `${…}`.
fn split_outside_variables(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' if text[..at].ends_with('$') => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            c if c == separator && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Whether a node is a list.
pub(super) fn is_list(tree: &Tree<'_>, id: NodeId) -> bool {
    matches!(tree.node(id).kind, NodeKind::Seq { .. })
}
