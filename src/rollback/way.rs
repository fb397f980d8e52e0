//! What brings each service back, by its containers as they were and as they are. Pure: it knows what
//! the run was about to do only where the engine cannot tell what it has done.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Action, ServiceName};
use crate::stack::snapshot::{EngineSide, Replica, RunState, of_network, pairs};

/// What is done to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// There was no container of it.
    Remove,
    /// Its containers are the same ones, and are started, or started anew.
    Restart,
    /// Its containers are the same ones, and run though they did not.
    Stop,
    /// Compose makes so many containers of it.
    Recreate {
        /// As many as there were.
        scale: usize,
    },
    /// The same for a service that had done its work, without doing it again.
    RecreateUnstarted {
        /// As many as there were.
        scale: usize,
    },
}

impl Way {
    /// As the watch understands it.
    pub(super) fn action(self) -> Action {
        match self {
            Self::Remove => Action::Remove,
            Self::Restart | Self::Stop => Action::Restart,
            Self::Recreate { .. } | Self::RecreateUnstarted { .. } => Action::Recreate,
        }
    }
}

/// What is known of the run besides what the engine shows.
pub(super) struct Run<'a> {
    /// Services whose containers it has touched, or was about to.
    pub(super) touched: &'a BTreeMap<ServiceName, Action>,
    /// Services that end when their work is done.
    pub(super) one_shots: &'a BTreeSet<ServiceName>,
    /// Compose may have been cut off: what it had asked of the engine may still be going on.
    pub(super) cut_off: bool,
    /// Containers that were told to stop since it began: they run until their grace period is over.
    pub(super) told_to_stop: &'a BTreeSet<String>,
}

/// Containers to be gone before anything else is done, and those that get their names back.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tidying {
    pub(super) remove: Vec<String>,
    pub(super) rename: Vec<(String, String)>,
}

/// What the run made beside what was there: containers of touched services that the base does not
/// know, where all that were there are there still, or where Compose would stumble over them.
pub(super) fn tidying(base: &EngineSide, now: &EngineSide, run: &Run<'_>) -> Tidying {
    let mut tidying = Tidying::default();
    for service in run.touched.keys() {
        let was = base.of_service(service);
        let whole = !was.is_empty() && was.iter().all(|one| now.container(&one.id).is_some());
        let own = now.containers.iter().filter(|one| one.service == *service);
        for one in own.filter(|one| base.container(&one.id).is_none()) {
            if whole || now.is_leftover(one) {
                tidying.remove.push(one.id.clone());
            }
        }
    }
    let renamed = base.containers.iter().filter_map(|was| {
        let is = now.container(&was.id)?;
        (is.name != was.name).then(|| (was.id.clone(), was.name.clone()))
    });
    tidying.rename = renamed.collect();
    tidying
}

/// What is to be done to each service; those that are as they were are left alone.
pub(super) fn back(
    base: &EngineSide,
    now: &EngineSide,
    run: &Run<'_>,
) -> BTreeMap<ServiceName, Way> {
    let touched = run.touched.keys();
    let services: BTreeSet<&ServiceName> = base.services().into_iter().chain(touched).collect();
    let mut ways: BTreeMap<ServiceName, Way> = services
        .into_iter()
        .filter_map(|service| Some((service.clone(), of_service(service, base, now, run)?)))
        .collect();
    // Whoever lives in the namespace of a container goes with it.
    loop {
        let followers = followers(base, &ways);
        if followers.is_empty() {
            return ways;
        }
        ways.extend(followers);
    }
}

fn followers(base: &EngineSide, ways: &BTreeMap<ServiceName, Way>) -> BTreeMap<ServiceName, Way> {
    let is_replaced = |id: &str| {
        let shared = base.container(id).and_then(|one| ways.get(&one.service));
        matches!(shared, Some(Way::Recreate { .. }))
    };
    let stays = |service: &ServiceName| matches!(ways.get(service), None | Some(Way::Restart));
    let own = base.containers.iter();
    own.filter(|one| stays(&one.service) && one.state.is_up())
        .filter(|one| one.shares_with().any(is_replaced))
        .map(|one| {
            let scale = base.of_service(&one.service).len();
            (one.service.clone(), Way::Recreate { scale })
        })
        .collect()
}

fn of_service(
    service: &ServiceName,
    base: &EngineSide,
    now: &EngineSide,
    run: &Run<'_>,
) -> Option<Way> {
    let (was, is) = (base.of_service(service), now.of_service(service));
    let planned = run.touched.get(service).copied();
    if was.is_empty() {
        return (planned.is_some() && !is.is_empty()).then_some(Way::Remove);
    }
    let scale = was.len();
    let ran = was.iter().any(|one| one.state.is_up());
    let whole = was.len() == is.len() && was.iter().all(|one| now.container(&one.id).is_some());
    let recreate = match ran {
        true => Way::Recreate { scale },
        false if run.one_shots.contains(service) => Way::RecreateUnstarted { scale },
        false => Way::Recreate { scale },
    };
    if !whole || lacks(&was, &is, base, now) {
        return Some(recreate);
    }
    let runs = is.iter().any(|one| one.state.is_up());
    if !ran {
        return (runs && planned.is_some()).then_some(Way::Stop);
    }
    let fell = pairs(&was, &is)
        .into_iter()
        .any(|(was, is)| was.state.is_up() && !is.is_some_and(|is| is.state.is_up()));
    // A process that was told to read the new files, or was started on them, has to read the old ones.
    let by_the_run = match planned {
        None | Some(Action::None) => false,
        Some(Action::Signal | Action::Restart) => true,
        Some(Action::Start | Action::Recreate | Action::Rebuild | Action::Remove) => {
            // What is running still may be about to be stopped.
            let told = is.iter().any(|one| run.told_to_stop.contains(&one.id));
            run.cut_off || told || is_started_anew(&was, &is)
        }
    };
    (fell || by_the_run).then_some(Way::Restart)
}

fn is_started_anew(was: &[&Replica], is: &[&Replica]) -> bool {
    let pairs = pairs(was, is).into_iter();
    pairs
        .filter_map(|(was, is)| Some((was, is?)))
        .any(|(was, is)| was.started_at != is.started_at)
}

/// Whether the same containers have lost something that only a new container gets: a network, above
/// all, that Compose took away.
fn lacks(was: &[&Replica], is: &[&Replica], base: &EngineSide, now: &EngineSide) -> bool {
    let is_replaced = |name: &String| match (base.networks.get(name), now.networks.get(name)) {
        (Some(was), Some(is)) => was.id != is.id || of_network(was, is).is_some(),
        (Some(_), None) => true,
        (None, _) => false,
    };
    pairs(was, is).into_iter().any(|(was, is)| {
        let Some(is) = is else { return true };
        // Compose took it off, and nothing puts it there again when it is started.
        if was
            .networks
            .keys()
            .any(|name| !is.networks.contains_key(name))
        {
            return true;
        }
        let is_off = |name: &String| !is.networks.get(name).is_some_and(|one| one.attached);
        // What does not run, or not yet again, hangs on nothing, and gets it back when it is started.
        let hangs = |one: &Replica| matches!(one.state, RunState::Running | RunState::Paused);
        let lost = hangs(was)
            && hangs(is)
            && (was.networks.keys().any(is_off) || was.published && !is.published);
        lost || was.networks.keys().any(is_replaced)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::snapshot::RunState;
    use crate::stack::snapshot::tests::{replica, side};

    fn ways(base: &EngineSide, now: &EngineSide, planned: Action, cut_off: bool) -> Vec<String> {
        let touched = BTreeMap::from([("web".into(), planned)]);
        let one_shots = BTreeSet::from(["migrate".into()]);
        let run = Run {
            touched: &touched,
            one_shots: &one_shots,
            cut_off,
            told_to_stop: &BTreeSet::from(["told".to_owned()]),
        };
        let ways = back(base, now, &run);
        ways.iter()
            .map(|(name, way)| format!("{name} {way:?}"))
            .collect()
    }

    #[test]
    fn what_compose_has_not_touched_is_left_alone() {
        let base = side(vec![replica("web", 1, "a"), replica("db", 1, "d")]);
        assert_eq!(ways(&base, &base, Action::Recreate, false), [""; 0]);
        // Cut off in the middle, it may be about to be stopped.
        assert_eq!(ways(&base, &base, Action::Recreate, true), ["web Restart"]);
        // A process that was told to reload shows nothing of it.
        assert_eq!(ways(&base, &base, Action::Signal, false), ["web Restart"]);
    }

    #[test]
    fn replicas_come_back_in_number() {
        let all = [replica("web", 1, "a"), replica("web", 2, "b")];
        let base = side(all.to_vec());
        let now = side(vec![replica("web", 1, "c")]);
        let wanted = ["web Recreate { scale: 2 }"];
        assert_eq!(ways(&base, &now, Action::Recreate, false), wanted);
        assert_eq!(ways(&base, &side(vec![]), Action::Remove, false), wanted);
    }

    #[test]
    fn a_network_that_is_gone_or_another_one_takes_its_containers_along() {
        let base = side(vec![replica("web", 1, "a"), replica("db", 1, "d")]);
        let mut now = base.clone();
        now.networks.clear();
        let wanted = ["db Recreate { scale: 1 }", "web Recreate { scale: 1 }"];
        assert_eq!(ways(&base, &now, Action::Recreate, false), wanted);
        let mut other = base.clone();
        other.networks.get_mut("shop_default").unwrap().id = "n2".to_owned();
        assert_eq!(ways(&base, &other, Action::Recreate, false), wanted);
    }

    #[test]
    fn what_was_told_to_stop_is_not_taken_for_well() {
        let base = side(vec![replica("web", 1, "told")]);
        assert_eq!(ways(&base, &base, Action::Recreate, false), ["web Restart"]);
    }

    #[test]
    fn a_stopped_container_that_is_off_its_network_is_recreated() {
        let base = side(vec![replica("web", 1, "a")]);
        let mut now = base.clone();
        now.containers[0].state = RunState::Exited { code: 0 };
        now.containers[0].networks.clear();
        let wanted = ["web Recreate { scale: 1 }"];
        assert_eq!(ways(&base, &now, Action::Recreate, false), wanted);
    }

    #[test]
    fn what_starts_again_and_again_has_lost_no_network() {
        let base = side(vec![replica("web", 1, "a"), replica("db", 1, "d")]);
        let mut now = base.clone();
        now.containers[1].state = RunState::Restarting;
        for attachment in now.containers[1].networks.values_mut() {
            attachment.attached = false;
        }
        assert_eq!(ways(&base, &now, Action::Recreate, false), [""; 0]);
    }

    #[test]
    fn work_that_was_done_is_not_done_again() {
        let mut done = replica("migrate", 1, "m");
        done.state = RunState::Exited { code: 0 };
        let base = side(vec![done]);
        let now = side(vec![replica("migrate", 1, "n")]);
        assert_eq!(
            ways(&base, &now, Action::None, false),
            ["migrate RecreateUnstarted { scale: 1 }"]
        );
    }

    #[test]
    fn what_fell_is_started_and_what_came_goes() {
        let base = side(vec![replica("db", 1, "d")]);
        let mut now = base.clone();
        now.containers[0].state = RunState::Exited { code: 143 };
        now.containers.push(replica("web", 1, "w"));
        assert_eq!(
            ways(&base, &now, Action::Start, false),
            ["db Restart", "web Remove"]
        );
    }

    #[test]
    fn followers_of_a_namespace_go_with_it() {
        let mut app = replica("app", 1, "a");
        app.networks.clear();
        app.settings
            .insert("NetworkMode".to_owned(), "\"container:w\"".to_owned());
        let base = side(vec![app.clone(), replica("web", 1, "w")]);
        let now = side(vec![app, replica("web", 1, "x")]);
        assert_eq!(
            ways(&base, &now, Action::Recreate, false),
            ["app Recreate { scale: 1 }", "web Recreate { scale: 1 }"]
        );
    }

    #[test]
    fn only_what_the_run_made_is_removed() {
        let mut left = replica("web", 1, "l");
        left.name = "0123456789ab_shop-web-1".to_owned();
        left.state = RunState::Created;
        let mut old = left.clone();
        old.id = "o".to_owned();
        let base = side(vec![replica("web", 1, "a"), old.clone()]);
        let mut renamed = replica("web", 1, "a");
        renamed.name = "ffffffffffff_shop-web-1".to_owned();
        let now = side(vec![renamed, old, left, replica("db", 1, "d")]);
        let touched = BTreeMap::from([("web".into(), Action::Recreate)]);
        let run = Run {
            touched: &touched,
            one_shots: &BTreeSet::new(),
            cut_off: true,
            told_to_stop: &BTreeSet::new(),
        };
        let wanted = Tidying {
            remove: vec!["l".to_owned()],
            rename: vec![("a".to_owned(), "shop-web-1".to_owned())],
        };
        assert_eq!(tidying(&base, &now, &run), wanted);
    }
}
