//! Looks what became of the containers that runs left: of each service by the newest run that touched it,
//! as long as that one is in force.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::checkpoint::Checkpoint;
use super::in_force;
use crate::complaint::Complaint;
use crate::docker::client::Docker;
use crate::docker::container::{Health, State};
use crate::docker::observed::{Replica, RunState};
use crate::event::{Outcome, RunId, ServedPort, ServiceName};
use crate::health::aftermath::{Aftermath, LeftByRun, SeenSince, judge, judge_not_back};
use crate::host::sockets::Listens;
use crate::stack::snapshot::EngineSide;
use crate::state::StackState;
use crate::state::journal::{self, Entry};
use crate::state::runs::{self, Record};

/// Services of a project that are not as the last run left them.
///
/// # Errors
/// The runs cannot be read, or the engine cannot be asked.
pub(crate) async fn look(docker: &Docker, state: &StackState) -> Result<Vec<Aftermath>, Complaint> {
    let records = runs::all(state)?.known;
    let left = left(&records, |run| {
        in_force::leaves_something(&state.run_folder(run))
    });
    let not_back = not_back(&records);
    let Some(project) = records
        .iter()
        .rev()
        .find_map(project_of)
        .filter(|_| !left.is_empty() || !not_back.is_empty())
    else {
        return Ok(Vec::new());
    };
    let mut side = EngineSide::look_at_containers(docker, project).await?;
    let services: BTreeSet<&ServiceName> = left.iter().map(|one| &one.container.service).collect();
    side.look_at_ports(docker, &services.into_iter().collect::<Vec<_>>());
    let mut found: Vec<Aftermath> = Vec::new();
    for one in &left {
        let Some(replica) = side.container(&one.container.id) else {
            continue;
        };
        let mut seen = seen(&side, replica);
        if seen.restarts > one.container.restarts && seen.last_exit.is_none() {
            let ends = docker.ends_since(project, one.at).await?;
            seen.last_exit = ends.get(&one.container.id).copied();
        }
        let judged = judge(one, &seen, Timestamp::now());
        let is_new = |judged: &Aftermath| found.iter().all(|told| told.service != judged.service);
        found.extend(judged.filter(is_new));
    }
    for (run, services) in &not_back {
        let Some(before) = Checkpoint::read(&state.run_folder(*run))? else {
            continue;
        };
        for service in services {
            let ran = before.engine.replicas(service).filter(|one| one.runs_on());
            let was_ill = ran.map(|one| one.health == Health::Unhealthy).min();
            // What was unhealthy before may be so; it ran all the same.
            let is_old = |now: &Replica| {
                was_ill == Some(true)
                    && now.state == RunState::Running
                    && now.health == Health::Unhealthy
            };
            if was_ill.is_some() && !side.replicas(service).any(is_old) {
                found.extend(of_not_back(*run, service, &side));
            }
        }
    }
    Ok(found)
}

/// What a run touched that could not be rolled back, as long as no later run has touched it. Pure.
fn not_back(records: &[Record]) -> Vec<(RunId, Vec<ServiceName>)> {
    let mut touched: BTreeSet<ServiceName> = BTreeSet::new();
    let mut found = Vec::new();
    for record in records.iter().rev() {
        let own = journal::touched(&record.lines).into_keys();
        let new: Vec<ServiceName> = own.filter(|name| !touched.contains(name)).collect();
        touched.extend(new.iter().cloned());
        if record.outcome == Some(Outcome::RollbackFailed) && !new.is_empty() {
            found.push((record.run, new));
        }
    }
    found
}

/// The first of a service's containers that is not well, or that there is none.
fn of_not_back(run: RunId, service: &ServiceName, side: &EngineSide) -> Option<Aftermath> {
    let mut own = side.replicas(service).peekable();
    if own.peek().is_none() {
        return judge_not_back(run, service, None);
    }
    let mut judged = own.filter_map(|replica| {
        let started: Option<Timestamp> = replica.started_at.parse().ok();
        let ran = started.map(|started| Timestamp::now().duration_since(started));
        let ran = ran.and_then(|ran| ran.try_into().ok());
        judge_not_back(run, service, Some((&seen(side, replica), ran)))
    });
    judged.next()
}

fn project_of(record: &Record) -> Option<&str> {
    record.lines.iter().find_map(|line| {
        let Entry::Begin { project, .. } = &line.entry else {
            return None;
        };
        Some(project.as_str())
    })
}

/// What the newest run that touched a service left of it, unless that is undone. Pure.
fn left(records: &[Record], leaves_something: impl Fn(RunId) -> bool) -> Vec<LeftByRun> {
    let mut touched: BTreeSet<ServiceName> = BTreeSet::new();
    let mut undone: BTreeSet<RunId> = BTreeSet::new();
    let mut left = Vec::new();
    for record in records.iter().rev() {
        let is_in_force = record.outcome.is_some_and(Outcome::is_in_force);
        let own: BTreeMap<ServiceName, _> = journal::touched(&record.lines);
        let new: Vec<ServiceName> = own
            .into_keys()
            .filter(|name| !touched.contains(name))
            .collect();
        if is_in_force && !undone.contains(&record.run) {
            // What a rollback undid comes again with it.
            let is_undoable = record.undoes.is_empty() && leaves_something(record.run);
            left.extend(left_by(record, &new, is_undoable));
            undone.extend(&record.undoes);
        }
        touched.extend(new);
    }
    left
}

fn left_by(record: &Record, services: &[ServiceName], is_undoable: bool) -> Vec<LeftByRun> {
    let Some(last) = record.lines.last() else {
        return Vec::new();
    };
    let containers = record.lines.iter().filter_map(|line| {
        let Entry::Left { containers } = &line.entry else {
            return None;
        };
        Some(containers)
    });
    let own = containers
        .flatten()
        .filter(|one| services.contains(&one.service));
    own.map(|container| LeftByRun {
        run: record.run,
        at: last.at,
        container: container.clone(),
        is_undoable,
    })
    .collect()
}

fn seen(side: &EngineSide, replica: &Replica) -> SeenSince {
    let (state, last_exit) = match replica.state {
        RunState::Created => (State::Created, None),
        RunState::Running => (State::Running, None),
        RunState::Paused => (State::Paused, None),
        RunState::Restarting => (State::Restarting, None),
        RunState::Exited { code } => (State::Exited, Some(code)),
        RunState::Dead => (State::Dead, None),
    };
    // In a network of several, somebody else may be meant.
    let is_shared = side.shares_network(replica) || replica.reach.network_of.is_some();
    let listens = match &replica.reach.listens {
        Listens::On(ports) if !is_shared => {
            let published = &replica.reach.published;
            let known_as = |port: &ServedPort| {
                let known = published.get(port);
                known.map_or(*port, |at| port.with_number(at.port()))
            };
            Some(ports.iter().map(known_as).collect())
        }
        Listens::On(_) | Listens::NotLooked(_) => None,
    };
    SeenSince {
        state,
        on_purpose: matches!(last_exit, Some(0 | 130 | 137 | 143)),
        last_exit,
        restarts: u32::try_from(replica.restarts).unwrap_or_default(),
        is_unhealthy: replica.health == Health::Unhealthy,
        listens,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::VerdictWord;
    use crate::health::aftermath::LeftContainer;
    use crate::state::journal::Line;

    /// A run that left a container of each of these services.
    fn record(run: u64, services: &[&str], outcome: Outcome, undoes: &[u64]) -> Record {
        let services = || services.iter().map(|name| ServiceName::from(*name));
        let left = services().map(|service| LeftContainer {
            id: format!("{service}-{run}"),
            service,
            verdict: VerdictWord::Settled,
            restarts: 0,
            ports: Vec::new(),
            before: None,
        });
        let touching = Entry::Touching {
            services: services().collect(),
        };
        let left = Entry::Left {
            containers: left.collect(),
        };
        let at = Timestamp::UNIX_EPOCH;
        let mut record = Record::of_lines(
            RunId(run),
            [touching, left].map(|entry| Line { at, entry }).into(),
        );
        record.outcome = Some(outcome);
        record.undoes = undoes.iter().copied().map(RunId).collect();
        record
    }

    fn ids(records: &[Record]) -> Vec<String> {
        left(records, |_| true)
            .into_iter()
            .map(|one| one.container.id)
            .collect()
    }

    #[test]
    fn what_could_not_be_rolled_back_counts_until_something_else_touches_it() {
        let mut records = vec![
            record(1, &["db", "web"], Outcome::RollbackFailed, &[]),
            record(2, &["idle"], Outcome::Applied, &[]),
        ];
        let of = |records: &[Record]| not_back(records);
        let names = |names: &[&str]| names.iter().map(|name| ServiceName::from(*name)).collect();
        assert_eq!(of(&records), [(RunId(1), names(&["db", "web"]))]);
        records.push(record(3, &["web"], Outcome::Applied, &[]));
        assert_eq!(of(&records), [(RunId(1), names(&["db"]))]);
        records.push(record(4, &["db"], Outcome::RolledBack, &[]));
        assert!(of(&records).is_empty());
    }

    #[test]
    fn the_newest_run_that_touched_it_counts_where_it_is_in_force() {
        let applied = Outcome::Applied;
        let mut records = vec![
            record(1, &["db", "web"], applied, &[]),
            record(2, &["web"], applied, &[]),
        ];
        assert_eq!(ids(&records), ["web-2", "db-1"]);
        // What a failed run has made again is nobody's; the others' are as they were.
        records.push(record(3, &["web"], Outcome::RolledBack, &[]));
        assert_eq!(ids(&records), ["db-1"]);
        records.push(record(4, &["web"], applied, &[]));
        assert_eq!(ids(&records), ["web-4", "db-1"]);
        // A rollback is a run like any other; what it undid without touching it is not told any more.
        records.push(record(5, &["web"], applied, &[1, 4]));
        assert_eq!(ids(&records), ["web-5"]);
    }
}
