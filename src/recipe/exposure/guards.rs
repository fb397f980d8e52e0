//! What a recipe must not do to people: open an application to others, shut out users who are there.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use super::ports;
use crate::assess::edit_target;
use crate::assessment::Assessment;
use crate::complaint::{Code, Complaint};
use crate::edit::yaml::{self, YamlPath};
use crate::event::ServiceName;
use crate::host::{files, proxies};
use crate::plan::guard::Guard;
use crate::recipe::exposure::external_proxies;
use crate::recipe::exposure::{self, Binding};
use crate::recipe::format::fields::RecipeGuard;
use crate::recipe::key_target::{Edits, text};
use crate::recipe::using::Using;
use crate::request::{Options, To, ValueType};
use crate::secret::Secret;
use crate::stack::Place;
use crate::stack::model::{Model, Section};

/// The first guard of the recipe that says no and is not allowed.
///
/// # Errors
/// `guard_public`, `existing_users`.
pub(in crate::recipe) async fn check(
    using: &Using<'_>,
    assessment: &Assessment,
) -> Result<(), Complaint> {
    let allowed = |guard| using.options.allow.contains(&guard);
    for guard in &using.recipe.guards {
        match guard {
            RecipeGuard::Public if !allowed(Guard::Public) => public(using, assessment).await?,
            // Without a login the application makes itself a user, who must not count the next time.
            RecipeGuard::ExistingUsers
                if !allowed(Guard::ExistingUsers) && !assessment.is_nothing() =>
            {
                existing_users(using).await?;
            }
            RecipeGuard::Public | RecipeGuard::ExistingUsers => {}
        }
    }
    Ok(())
}

async fn public(using: &Using<'_>, assessment: &Assessment) -> Result<(), Complaint> {
    let service = &using.subject.service;
    let mut found = exposure::public(&assessment.after, service);
    let running = using.place.docker.running().await?;
    found.extend(external_proxies::by_neighbours(
        &assessment.after,
        service,
        &running,
    ));
    if using.place.docker.endpoint.is_local() {
        let published = external_proxies::published(&assessment.after, service);
        let fronts = published
            .into_iter()
            .map(|port| (port, proxies::of_port(port)));
        found.extend(external_proxies::by_fronts(fronts));
    }
    found.extend(external_proxies::announced(
        &assessment.after,
        service,
        &running,
    ));
    if found.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = found.iter().map(told).collect();
    let text = format!(
        "{} would be open to others: {}",
        using.subject.service,
        list.join(", ")
    );
    let hint = match found.iter().all(|binding| binding.port.is_some()) {
        true => {
            "--bind 127.0.0.1 publishes it on this machine alone; --allow public does it anyway"
        }
        false => "take that away first; --allow public does it anyway",
    };
    Err(Complaint::new(Code::GuardPublic, text).hint(hint))
}

fn told(binding: &Binding) -> String {
    format!("{} {}", binding.who, binding.text)
}

/// An application whose data knows users refuses to run without a login, or shuts them out.
async fn existing_users(using: &Using<'_>) -> Result<(), Complaint> {
    let command: Vec<&str> = using
        .subject
        .profile
        .counts_users
        .iter()
        .map(String::as_str)
        .collect();
    let service = &using.subject.service;
    let model = &using.resolved.model;
    if command.is_empty() {
        return Ok(());
    }
    let kept = kept_data(using).await?;
    let containers = using.place.of_project(&model.name);
    let container = containers
        .iter()
        .find(|c| c.service == *service && c.is_up());
    let users = match container {
        Some(container) => {
            using
                .place
                .docker
                .exec_output(&container.id, &command)
                .await
        }
        None => None,
    };
    let users = users.and_then(|said| String::from_utf8_lossy(&said).trim().parse::<u64>().ok());
    let text = match (users, kept) {
        (Some(0), _) | (None, None) => return Ok(()),
        (Some(1), _) => format!("{service} has a user already"),
        (Some(users), _) => format!("{service} has {users} users already"),
        (None, Some(kept)) => {
            format!("{kept} is there already, and it cannot be seen whether it has users")
        }
    };
    let title = &using.subject.profile.title;
    let text = format!("{text}: {title} runs without a login on fresh data alone");
    Err(Complaint::new(Code::ExistingUsers, text)
        .hint("--allow existing-users tries it anyway, and is rolled back when it fails"))
}

/// Where the application's data lies already, in words: its volume, or its folder with something in it.
async fn kept_data(using: &Using<'_>) -> Result<Option<String>, Complaint> {
    let model = &using.resolved.model;
    let (Some(data), Some(own)) = (
        using.subject.profile.data.as_ref(),
        model.services.get(&using.subject.service),
    ) else {
        return Ok(None);
    };
    let data = Path::new(data);
    let folder = own.binds.iter().find(|bind| {
        let holds_any = |folder: &Path| folder.read_dir().is_ok_and(|mut all| all.next().is_some());
        data.starts_with(&bind.target) && holds_any(&bind.source)
    });
    if let Some(bind) = folder {
        return Ok(Some(format!("the folder {}", bind.source.display())));
    }
    for name in own.volumes_at(data) {
        let volume = model.engine_name(Section::Volumes, name);
        if using.place.docker.has_volume(&volume).await? {
            return Ok(Some(format!("the volume {volume}")));
        }
    }
    Ok(None)
}

/// Binds every port of the application, and of what is in front of it, to an address. What this host
/// alone reaches stays so.
///
/// # Errors
/// A port whose place in the files is not found.
pub(crate) fn rebind(
    place: &Place,
    model: &Model,
    application: &ServiceName,
    ip: IpAddr,
    edits: &mut Edits,
) -> Result<(), Complaint> {
    for service in exposure::in_front(model, application) {
        let elsewhere = |own: &str| {
            let own: Option<IpAddr> = own.parse().ok();
            own.is_none_or(|own| own != ip && !own.is_loopback())
        };
        let known = model.services.get(&service);
        if !known.is_some_and(|known| exposure::addresses(known).any(elsewhere)) {
            continue;
        }
        let lost = || {
            let text = format!("the ports of {service} cannot be found in the stack's files");
            Complaint::new(Code::NoPorts, text).hint("bind them by hand: refit edit")
        };
        let path = format!("{}.ports", crate::recipe::key_target::below(&service, &[]));
        let at: YamlPath = path.parse().map_err(|_| lost())?;
        // Compose adds the ports of a later file to those of an earlier one.
        let files = edit_target::defining(&at, &place.located);
        if files.is_empty() {
            return Err(lost());
        }
        for file in files {
            let bytes = files::read_if_exists(&file)?.unwrap_or_default();
            let written = yaml::get(&String::from_utf8_lossy(&bytes), &at);
            let written = written.ok().flatten().ok_or_else(lost)?;
            let entries = written.as_array().ok_or_else(lost)?;
            rebind_entries(&file, &path, entries, ip, edits);
        }
    }
    Ok(())
}

/// Binds the entries of one list of ports. What then is there twice goes: Compose refuses that.
fn rebind_entries(
    file: &Path,
    path: &str,
    entries: &[serde_json::Value],
    ip: IpAddr,
    edits: &mut Edits,
) {
    let (mut seen, mut twice) = (BTreeSet::new(), Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        let one = format!("{path}[{index}]");
        if let serde_json::Value::Object(entry) = entry {
            let own = entry.get("host_ip").and_then(serde_json::Value::as_str);
            if !own.is_some_and(ports::is_loopback) {
                let at = format!("{one}.host_ip");
                edits.add(Some(file.to_owned()), at, text(&ip.to_string()));
            }
            continue;
        }
        let short = crate::edit::value_text(entry);
        let bound = match (ports::is_on_loopback(&short), ip) {
            (true, _) => short.clone(),
            (false, IpAddr::V4(ip)) => ports::bound(&short, &ip.to_string()),
            (false, IpAddr::V6(ip)) => ports::bound(&short, &format!("[{ip}]")),
        };
        if !seen.insert(bound.clone()) {
            twice.push(one);
        } else if bound != short {
            edits.add(Some(file.to_owned()), one, text(&bound));
        }
    }
    // From the end, so that those before keep their numbers.
    for one in twice.into_iter().rev() {
        edits.add(Some(file.to_owned()), one, To::Unset);
    }
}

/// A path of a settings file is written where the file has it already: nothing else shows that the
/// application knows it.
///
/// # Errors
/// `key_not_read`.
pub(crate) fn documented(
    at: &Path,
    file: &str,
    path: &str,
    options: &Options,
) -> Result<(), Complaint> {
    let bytes = files::read_if_exists(at)?;
    let known = bytes.is_some_and(|bytes| {
        let at: Result<YamlPath, _> = path.parse();
        let written = String::from_utf8_lossy(&bytes).into_owned();
        at.is_ok_and(|at| matches!(yaml::get(&written, &at), Ok(Some(_))))
    });
    if known || options.allow.contains(&Guard::UnreadKey) {
        return Ok(());
    }
    let text = format!("{file} has no {path}, so the application is not seen to read it");
    Err(Complaint::new(Code::KeyNotRead, text)
        .hint("refit recipes shows the other ways; --allow unread-key writes it anyway"))
}

/// A value of a settings file, read as YAML; none takes the path out.
pub(crate) fn yaml_value(value: Option<&str>) -> To {
    match value {
        Some(value) => To::Set(Secret::new(value.to_owned()), ValueType::Auto),
        None => To::Unset,
    }
}
