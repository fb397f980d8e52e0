//! Whose fault it is: what lives in the network of a service that died, or needs its answers, fails as a
//! consequence. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::ServiceName;

/// How a service hangs on others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Bonds {
    /// It lives in a namespace of these.
    pub(crate) lives_in: BTreeSet<ServiceName>,
    /// It waits for these, or has their addresses.
    pub(crate) needs: BTreeSet<ServiceName>,
}

/// Who failed, and what failed with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Culprit {
    /// The service that failed by itself.
    pub(crate) service: ServiceName,
    /// How.
    pub(crate) reason: String,
    /// In a sentence: who failed as a consequence.
    pub(crate) consequence: String,
}

/// Finds it. `failing` is the service that was seen to fail first, if that is known; `broken` are those
/// that ended by themselves, or are judged, with the reasons.
pub(crate) fn culprit(
    failing: Option<&ServiceName>,
    bonds: &BTreeMap<ServiceName, Bonds>,
    broken: &BTreeMap<ServiceName, String>,
) -> Option<Culprit> {
    // Where nobody is named, such as by a command for several: who broke while another lives in it.
    let first = failing.or_else(|| {
        let mut all = bonds.iter();
        let lives_in_broken =
            |bonds: &Bonds| bonds.lives_in.iter().any(|host| broken.contains_key(host));
        all.find_map(|(name, bonds)| lives_in_broken(bonds).then_some(name))
    })?;
    let mut seen = BTreeSet::from([first]);
    let (mut at, mut bond) = (first, None);
    while let Some((next, of)) = broken_below(at, bonds, broken, &seen) {
        seen.insert(next);
        bond = Some((at, of));
        at = next;
    }
    let (who, how) = bond?;
    let how = match how {
        Bond::LivesIn => format!("{who} lives in its network, and fails with it"),
        Bond::Needs => format!("{who} needs it, and fails with it"),
    };
    Some(Culprit {
        service: at.clone(),
        reason: broken.get(at)?.clone(),
        consequence: how,
    })
}

/// How one hangs on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bond {
    LivesIn,
    Needs,
}

fn broken_below<'a>(
    service: &ServiceName,
    bonds: &'a BTreeMap<ServiceName, Bonds>,
    broken: &BTreeMap<ServiceName, String>,
    seen: &BTreeSet<&ServiceName>,
) -> Option<(&'a ServiceName, Bond)> {
    let own = bonds.get(service)?;
    let hosts = own.lives_in.iter().map(|name| (name, Bond::LivesIn));
    let needs = own.needs.iter().map(|name| (name, Bond::Needs));
    hosts
        .chain(needs)
        .find(|(name, _)| broken.contains_key(*name) && !seen.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bonds(of: &[(&str, &[&str], &[&str])]) -> BTreeMap<ServiceName, Bonds> {
        let names = |names: &[&str]| names.iter().map(|name| ServiceName::from(*name)).collect();
        let of = of.iter().map(|(name, lives_in, needs)| {
            let bonds = Bonds {
                lives_in: names(lives_in),
                needs: names(needs),
            };
            (ServiceName::from(*name), bonds)
        });
        of.collect()
    }

    fn told(failing: Option<&str>, all: &[(&str, &[&str], &[&str])], broken: &[&str]) -> String {
        let broken = broken
            .iter()
            .map(|name| (ServiceName::from(*name), "exited with 3".to_owned()));
        let failing = failing.map(ServiceName::from);
        match culprit(failing.as_ref(), &bonds(all), &broken.collect()) {
            Some(found) => format!("{} {}; {}", found.service, found.reason, found.consequence),
            None => "itself".to_owned(),
        }
    }

    #[test]
    fn who_died_first_is_to_blame() {
        let stack: &[(&str, &[&str], &[&str])] = &[
            ("torrent", &["vpn"], &[]),
            ("vpn", &[], &["dns"]),
            ("dns", &[], &[]),
            ("web", &[], &["db", "torrent"]),
        ];
        let vpn = "vpn exited with 3; torrent lives in its network, and fails with it";
        assert_eq!(told(Some("torrent"), stack, &["vpn"]), vpn);
        assert_eq!(told(Some("torrent"), stack, &["vpn", "torrent"]), vpn);
        // Compose says no, and not of whom.
        assert_eq!(told(None, stack, &["vpn"]), vpn);
        assert_eq!(
            told(Some("web"), stack, &["web", "torrent", "vpn", "dns"]),
            "dns exited with 3; vpn needs it, and fails with it"
        );
        assert_eq!(told(Some("web"), stack, &["web"]), "itself");
        assert_eq!(told(Some("web"), stack, &["web", "vpn"]), "itself");
        assert_eq!(told(None, stack, &["web"]), "itself");
        // A circle has an end.
        let circle: &[(&str, &[&str], &[&str])] = &[("a", &[], &["b"]), ("b", &[], &["a"])];
        assert_eq!(
            told(Some("a"), circle, &["a", "b"]),
            "b exited with 3; a needs it, and fails with it"
        );
    }
}
