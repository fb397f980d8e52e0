//! What a path in a compose file was probably meant to be, by the Compose specification and by what
//! the stack has.

use crate::edit::yaml::{self, Segment, YamlPath};
use crate::host::files;
use crate::stack::locate::Located;
use crate::suggest::nearest;

/// The top of a compose file.
const TOP: [&str; 9] = [
    "services", "networks", "volumes", "configs", "secrets", "include", "name", "version", "models",
];

/// What a service can have, by the Compose specification.
const OF_SERVICE: &str = "annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent \
    command configs container_name cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period \
    cpu_rt_runtime cpu_shares cpus cpuset credential_spec depends_on deploy develop \
    device_cgroup_rules devices dns dns_opt dns_search domainname driver_opts entrypoint env_file \
    environment expose extends external_links extra_hosts gpus group_add healthcheck hostname image \
    init ipc isolation label_file labels links logging mac_address mem_limit mem_reservation \
    mem_swappiness memswap_limit models network_mode networks oom_kill_disable oom_score_adj pid \
    pids_limit platform ports post_start pre_stop privileged profiles provider pull_policy read_only \
    restart runtime scale secrets security_opt shm_size stdin_open stop_grace_period stop_signal \
    storage_opt sysctls tmpfs tty ulimits use_api_socket user userns_mode uts volumes volumes_from \
    working_dir";

/// The path with its first unknown word replaced by the one that was probably meant.
pub(crate) fn of(path: &YamlPath, located: &Located) -> Option<String> {
    let mut steps = path.segments().to_vec();
    let word = |at: usize| match path.segments().get(at) {
        Some(Segment::Key(key)) => Some(key.as_str()),
        _ => None,
    };
    let top = word(0)?;
    if !TOP.contains(&top) && !top.starts_with("x-") {
        if let Some(whole) = below_services(path, located) {
            return Some(whole);
        }
        steps[0] = Segment::Key(nearest(top, TOP)?.to_owned());
        return Some(YamlPath::from_segments(steps).ok()?.to_string());
    }
    if top != "services" {
        return None;
    }
    let services = services(located);
    let service = word(1)?;
    if !services.iter().any(|known| known == service) {
        let meant = nearest(service, services.iter().map(String::as_str))?;
        steps[1] = Segment::Key(meant.to_owned());
        return Some(YamlPath::from_segments(steps).ok()?.to_string());
    }
    let attribute = word(2)?;
    let known = || OF_SERVICE.split_ascii_whitespace();
    if attribute.starts_with("x-") || known().any(|one| one == attribute) {
        return None;
    }
    steps[2] = Segment::Key(nearest(attribute, known())?.to_owned());
    Some(YamlPath::from_segments(steps).ok()?.to_string())
}

/// The path that is meant by a key with dots: `app.image`, `sevices.app.image`.
pub(crate) fn for_key(key: &str, located: &Located) -> Option<String> {
    let path: YamlPath = key.parse().ok()?;
    if path.segments().len() < 2 {
        return None;
    }
    let meant = of(&path, located)?;
    // Elasticsearch reads `network.host`.
    let whole: YamlPath = meant.parse().ok()?;
    match whole.segments() {
        [Segment::Key(top), Segment::Key(service), ..] if top == "services" => {
            services(located).contains(service).then_some(meant)
        }
        _ => None,
    }
}

/// The path of a service of which the first word was left out, or that word with a slip in it.
fn below_services(path: &YamlPath, located: &Located) -> Option<String> {
    let Segment::Key(first) = path.segments().first()? else {
        return None;
    };
    let services = services(located);
    let mut names = services.iter().map(String::as_str);
    let is_near = || nearest(first, TOP).is_some();
    let name = match names.clone().find(|known| known == first) {
        Some(name) => name,
        None if path.segments().len() > 1 && !is_near() => names.find(|known| {
            // Advice alone is not enough to take a key for a path.
            nearest(first, [*known]).is_some() && first.len() > 3
        })?,
        None => return None,
    };
    let mut steps = path.segments().to_vec();
    steps[0] = Segment::Key(name.to_owned());
    steps.insert(0, Segment::Key("services".to_owned()));
    Some(YamlPath::from_segments(steps).ok()?.to_string())
}

/// What to do about paths that Compose refused.
pub(crate) fn after_refusal<'a>(
    keys: impl IntoIterator<Item = &'a str>,
    located: &Located,
) -> Option<String> {
    keys.into_iter().find_map(|key| {
        let place: YamlPath = key.parse().ok()?;
        if let Some(meant) = of(&place, located) {
            return Some(format!("did you mean {meant}?"));
        }
        let top = match place.segments().first()? {
            Segment::Key(key) => key,
            Segment::Index(_) | Segment::Append => return None,
        };
        let unknown = !TOP.contains(&top.as_str()) && !top.starts_with("x-");
        let services = services(located);
        let service = match services.as_slice() {
            [one] => one.as_str(),
            _ => "SERVICE",
        };
        unknown.then(|| {
            format!("give the whole path in the file, such as services.{service}.environment.{key}")
        })
    })
}

/// The services that the stack's own files name.
fn services(located: &Located) -> Vec<String> {
    let mut names = Vec::new();
    for file in &located.args.files {
        let text = files::text_if_readable(file).unwrap_or_default();
        let tree = yaml::read(&text).unwrap_or_default();
        let of_file = tree.get("services").and_then(serde_json::Value::as_object);
        names.extend(of_file.into_iter().flat_map(|map| map.keys().cloned()));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_known_and_other_words_are_not() {
        for (word, meant) in [
            ("wbe", Some("web")),
            ("wep", Some("web")),
            ("web", None),
            ("cache", None),
            ("workre", Some("worker")),
        ] {
            assert_eq!(nearest(word, ["web", "worker"]), meant, "{word}");
        }
    }
}
