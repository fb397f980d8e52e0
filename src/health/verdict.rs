//! The verdict on one container: a pure function of what was seen and the time that has passed. No
//! I/O, no clock. Times are durations since the watch began.

use std::collections::BTreeSet;
use std::time::Duration;

use super::cause::cause;
use super::ports::PortsWanted;
use crate::docker::container::{Health, Healthcheck, RestartPolicy};
use crate::event::{ServedPort, VerdictWord};

/// What is expected of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expectation {
    /// Its healthcheck, if it has one.
    pub healthcheck: Option<Healthcheck>,
    /// A probe from the host must succeed as well.
    pub probe: bool,
    /// An end with 0 is what is wanted, or as good as running.
    pub may_complete: bool,
    /// It is meant to end: running on is not enough.
    pub must_complete: bool,
    /// Whether the engine starts it again.
    pub policy: RestartPolicy,
    /// How long it must run without a healthcheck.
    pub settle: Duration,
    /// It was told to reload, and went on: what its healthcheck said before counts only when it
    /// still says so after the settle window.
    pub reloaded: bool,
    /// Time from its last start to the verdict.
    pub limit: Duration,
    /// The ports that answered before, which have to answer again.
    pub ports: PortsWanted,
    /// Over HTTP as well, where one did so before.
    pub replies: bool,
    /// Time from its last start until they do.
    pub ports_limit: Duration,
    /// So many ends of a container that starts again by itself are borne.
    pub crashes: usize,
    /// The engine called it unhealthy before, and it answered all the same: so it has to again, and what its
    /// healthcheck says is no failure of the change.
    pub unhealthy_before: bool,
    /// Its healthcheck says nothing of the time that this start takes: while ports are closed that answered
    /// before, it still starts, whatever the engine calls it.
    pub starts_unhealthy: bool,
    /// The memory that it may use, if that is limited.
    pub memory_limit: Option<u64>,
    /// The engine had to start the one before again as well, and it ran: that is its way.
    pub restarts_by_design: bool,
    /// The one before ended well each time, and was started again: that is its way.
    pub starts_over: bool,
    /// The one before ran from one crash to the next, so long at most: one more crash of that kind is enough.
    pub crashes_after: Option<Duration>,
    /// Until then something was not well that it may wait for; ends before count for nothing.
    pub waits_until: Duration,
}

impl Expectation {
    /// Whether nothing but its process tells how it is.
    fn tells_nothing(&self) -> bool {
        self.healthcheck.is_none() && !self.probe && self.ports.is_empty()
    }
}

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LifeEvent {
    /// The process was started.
    Started,
    /// The process ended.
    Died {
        /// Its exit code.
        exit_code: i64,
        /// The kernel killed it for want of memory.
        oom: bool,
    },
    /// The healthcheck came to a result.
    Health {
        /// Which.
        health: Health,
        /// Output of the check that failed.
        output: Option<String>,
    },
    /// The probe was answered.
    Probe {
        /// As wanted.
        ok: bool,
        /// What came instead.
        answer: String,
    },
    /// It listens on these ports.
    Listens(BTreeSet<ServedPort>),
    /// A port was asked over HTTP.
    Replied {
        /// As well as before.
        ok: bool,
        /// What came instead.
        answer: String,
    },
}

/// When something was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observation {
    /// Since the watch began.
    pub at: Duration,
    /// What.
    pub seen: LifeEvent,
}

/// The judgement so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Not yet; should nothing else be seen, ask again at this time.
    Pending {
        /// Since the watch began.
        ask_again: Duration,
    },
    /// It stands.
    Final(Verdict),
}

/// The verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// In a word.
    pub word: VerdictWord,
    /// Why, where it is not good.
    pub reason: Option<String>,
    /// The moment that decided it, since the watch began.
    pub at: Duration,
    /// The ports that answer as before, as people know them.
    pub answers: Vec<ServedPort>,
    /// When its process was started that runs now.
    pub started: Option<Duration>,
}

/// So many ends of a container that starts again by itself are borne where nobody says otherwise: it may
/// wait for a database.
pub(crate) const CRASHES: usize = 3;

/// A probe must succeed so often in a row: one lucky sample is no verdict.
const PROBES_WANTED: usize = 2;

impl Verdict {
    /// Whether the service is well.
    pub(crate) fn is_good(&self) -> bool {
        match self.word {
            VerdictWord::Healthy
            | VerdictWord::Answers
            | VerdictWord::Settled
            | VerdictWord::Completed => true,
            VerdictWord::Failed | VerdictWord::AlreadyFailing => false,
        }
    }

    /// From the start of its process until it was well.
    pub(crate) fn took(&self) -> Option<Duration> {
        self.started.map(|started| self.at.saturating_sub(started))
    }
}

/// What the observations add up to.
#[derive(Default)]
struct LifeSummary {
    first_start: Option<Duration>,
    last_start: Duration,
    running_since: Option<Duration>,
    deaths: Vec<(Duration, i64)>,
    oom_at: Option<Duration>,
    health: Option<(Duration, Health, Option<String>)>,
    probes_ok: usize,
    probe_at: Duration,
    last_probe: Option<String>,
    /// How long its process ran each time, up to the last end.
    lives: Vec<Duration>,
    listens: BTreeSet<ServedPort>,
    /// Since when it listens on all that is wanted.
    ports_at: Option<Duration>,
    reply: Option<(Duration, Result<(), String>)>,
}

impl LifeSummary {
    fn of(history: &[Observation], ports: &PortsWanted) -> Self {
        let mut life = Self::default();
        for Observation { at, seen } in history {
            match seen {
                LifeEvent::Started => {
                    life.first_start.get_or_insert(*at);
                    life.running_since = Some(*at);
                    life.last_start = *at;
                    life.health = None;
                    life.probes_ok = 0;
                    life.closed();
                }
                LifeEvent::Died { exit_code, oom } => {
                    let ran = at.saturating_sub(life.last_start);
                    life.running_since = None;
                    life.lives.push(ran);
                    life.deaths.push((*at, *exit_code));
                    life.probes_ok = 0;
                    life.closed();
                    if *oom {
                        life.oom_at = Some(*at);
                    }
                }
                LifeEvent::Health { health, output } => {
                    life.health = Some((*at, *health, output.clone()));
                }
                LifeEvent::Probe { ok, answer } => {
                    life.probes_ok = if *ok { life.probes_ok + 1 } else { 0 };
                    life.probe_at = *at;
                    life.last_probe = (!*ok).then(|| answer.clone());
                }
                LifeEvent::Listens(listens) => {
                    life.listens.clone_from(listens);
                    match ports.missing(listens).is_empty() {
                        true => _ = life.ports_at.get_or_insert(*at),
                        false => life.closed(),
                    }
                }
                LifeEvent::Replied { ok, answer } => {
                    let answered = if *ok { Ok(()) } else { Err(answer.clone()) };
                    life.reply = Some((*at, answered));
                }
            }
        }
        life
    }

    /// When healthcheck and probe were both well that there are; at once where there is none.
    fn is_told_well(&self, expect: &Expectation) -> Option<Duration> {
        let since = self.running_since?;
        let healthy_at = match (&self.health, expect.healthcheck) {
            (_, None) => Some(since),
            (Some((at, Health::Healthy, _)), Some(_)) => Some(*at),
            (_, Some(_)) if expect.unhealthy_before => Some(since),
            _ => None,
        };
        let probed_at = if expect.probe {
            (self.probes_ok >= PROBES_WANTED).then_some(self.probe_at)
        } else {
            Some(since)
        };
        (!expect.must_complete).then_some(healthy_at?.max(probed_at?))
    }

    /// When all its ports answered that had answered before.
    fn answers(&self, expect: &Expectation, since: Duration) -> Option<Duration> {
        if expect.ports.is_empty() {
            return Some(since);
        }
        let listens_at = self.ports_at?;
        match &self.reply {
            _ if !expect.replies => Some(listens_at),
            Some((at, Ok(()))) => Some(listens_at.max(*at)),
            Some((_, Err(_))) | None => None,
        }
    }

    /// Until when the engine's "unhealthy" may mean no more than that it still starts: while its ports are
    /// closed, and until a check that began once they were open has come to its result.
    fn may_start_until(&self, expect: &Expectation) -> Option<Duration> {
        let (at, health, _) = self.health.as_ref()?;
        let check = expect.healthcheck.filter(|_| {
            let is_told = *health == Health::Unhealthy && !expect.unhealthy_before;
            is_told && expect.starts_unhealthy && !expect.ports.is_empty()
        })?;
        self.running_since?;
        let until = match self.ports_at {
            None => self.last_start + expect.ports_limit,
            Some(opened) => opened + check.timeout + check.interval + check.timeout,
        };
        Some(until).filter(|until| until > at)
    }

    /// Whether its crashes are more than what may be borne: after so many it has to run longer each time.
    /// Within the start period all are borne, but for a loop that comes to nothing.
    fn crashes_too_often(&self, expect: &Expectation, now: Duration) -> bool {
        let started = self.first_start.unwrap_or_default();
        let bears_until = expect.healthcheck.map(|check| started + check.start_period);
        let ends = self.deaths.iter().zip(&self.lives);
        let ends = ends.filter(|((at, _), _)| *at > expect.waits_until);
        let ends: Vec<(i64, Duration)> = ends.map(|((_, code), ran)| (*code, *ran)).collect();
        let Some(((_, last), earlier)) = ends.split_last() else {
            return false;
        };
        if earlier.len() < expect.crashes {
            return false;
        }
        let is_borne = bears_until.is_some_and(|until| now < until);
        if is_borne && (expect.restarts_by_design || !is_loop(&ends)) {
            return false;
        }
        let longest = earlier.iter().map(|(_, ran)| *ran).max();
        *last < (longest.unwrap_or_default() * 2).max(SOON)
    }

    /// Whether it ended, and well each time.
    fn has_started_over(&self) -> bool {
        !self.deaths.is_empty() && self.deaths.iter().all(|(_, code)| *code == 0)
    }

    /// Whether it runs and answers, as it did before while the engine called it unhealthy.
    fn is_as_before(&self, expect: &Expectation) -> bool {
        let since = self.running_since.filter(|_| expect.unhealthy_before);
        let answers = since.and_then(|since| self.answers(expect, since));
        answers.is_some() && self.is_told_well(expect).is_some()
    }

    /// Its ports are not open any more.
    fn closed(&mut self) {
        self.ports_at = None;
        self.reply = None;
    }
}

/// Whether each of these lives, told by exit code and length, ended at once and with the same error: such
/// a process does no work that would bring it further the next time.
fn is_loop(ends: &[(i64, Duration)]) -> bool {
    let first = ends.first().map(|(code, _)| *code);
    let same = |(code, ran): &(i64, Duration)| *ran < AT_ONCE && Some(*code) == first;
    first != Some(0) && ends.iter().all(same)
}

/// Whether it is down by a kill that nobody has explained yet, and may be: by the kernel, for want of
/// memory.
pub(crate) fn is_killed_unexplained(history: &[Observation]) -> bool {
    let last = history.last().map(|one| &one.seen);
    let killed = LifeEvent::Died {
        exit_code: KILLED,
        oom: false,
    };
    last == Some(&killed)
}

/// The exit code of a process that got SIGKILL.
pub(crate) const KILLED: i64 = 137;

/// Judges a container. `now` is the time since the watch began; observations are in order.
///
/// Its time counts from its last start: so does the engine's start period.
pub(crate) fn judge(expect: &Expectation, history: &[Observation], now: Duration) -> Judgement {
    let life = LifeSummary::of(history, &expect.ports);
    let decided = match life.running_since {
        Some(since) => alive(expect, &life, since, now),
        None => dead(expect, &life, now),
    };
    let lacks_ports = life.running_since.is_some() && life.is_told_well(expect).is_some();
    let limit = match lacks_ports && !expect.ports.is_empty() {
        true => expect.limit.max(expect.ports_limit),
        false => expect.limit,
    };
    let deadline = life.last_start + limit;
    let deadline = deadline.max(life.may_start_until(expect).unwrap_or_default());
    match decided {
        Judgement::Pending { .. } if now >= deadline && life.is_as_before(expect) => {
            still_unhealthy(expect, &life, deadline)
        }
        Judgement::Pending { .. } if now >= deadline => {
            failed(deadline, out_of_time(expect, &life, limit))
        }
        Judgement::Pending { ask_again } => Judgement::Pending {
            ask_again: ask_again.min(deadline),
        },
        Judgement::Final(_) => decided,
    }
}

/// The limit that a container is judged by, from its last start on, and what it has yet to do.
pub(crate) fn waits_for(
    expect: &Expectation,
    history: &[Observation],
) -> Option<(Duration, String)> {
    let life = LifeSummary::of(history, &expect.ports);
    let since = life.running_since?;
    if let Some(until) = life.may_start_until(expect) {
        let missing = expect.ports.told(expect.ports.missing(&life.listens));
        let what = match missing.as_str() {
            "" => "waiting for its healthcheck".to_owned(),
            ports => format!("waiting for {ports}; the engine calls it unhealthy"),
        };
        return Some((until, what));
    }
    if life.is_told_well(expect).is_none() {
        let what = match (&life.health, expect.healthcheck, expect.must_complete) {
            (_, _, true) => "waiting for its end".to_owned(),
            (None, Some(_), _) => "waiting for its healthcheck".to_owned(),
            (_, _, _) => "waiting for its probe".to_owned(),
        };
        return Some((since + expect.limit, what));
    }
    let missing = expect.ports.told(expect.ports.missing(&life.listens));
    let what = match &life.reply {
        _ if !missing.is_empty() => format!("waiting for {missing}"),
        Some((_, Err(answer))) => format!("waiting: {answer}"),
        Some((_, Ok(()))) | None => return Some((since + expect.settle, String::new())),
    };
    Some((since + expect.limit.max(expect.ports_limit), what))
}

/// Whether the ports of a container are open that are to answer over HTTP as well, with how they
/// answered since.
pub(crate) fn has_open_ports(
    expect: &Expectation,
    history: &[Observation],
) -> Option<Option<bool>> {
    let life = LifeSummary::of(history, &expect.ports);
    life.ports_at.filter(|_| expect.replies)?;
    Some(life.reply.map(|(_, reply)| reply.is_ok()))
}

fn good(word: VerdictWord, at: Duration) -> Judgement {
    Judgement::Final(Verdict {
        word,
        reason: None,
        at,
        answers: Vec::new(),
        started: None,
    })
}

fn failed(at: Duration, reason: String) -> Judgement {
    Judgement::Final(Verdict {
        word: VerdictWord::Failed,
        reason: Some(reason),
        at,
        answers: Vec::new(),
        started: None,
    })
}

fn pending(ask_again: Duration) -> Judgement {
    Judgement::Pending { ask_again }
}

fn alive(expect: &Expectation, life: &LifeSummary, since: Duration, now: Duration) -> Judgement {
    if let Some((at, Health::Unhealthy, output)) = &life.health
        && !expect.unhealthy_before
    {
        let reason = unhealthy(output.as_deref());
        return match life.may_start_until(expect) {
            Some(until) if now < until => pending(until),
            Some(until) if life.ports_at.is_none() => {
                let silent = silent(expect, life, expect.ports_limit);
                failed(until, format!("{reason}, and {silent}"))
            }
            Some(until) => failed(until, reason),
            None => failed(*at, reason),
        };
    }
    if expect.must_complete {
        return pending(Duration::MAX);
    }
    if expect.starts_over && expect.tells_nothing() && life.has_started_over() {
        return Judgement::Final(Verdict {
            word: VerdictWord::Settled,
            reason: Some("ends with 0 and is started again, as before".to_owned()),
            at: since,
            answers: Vec::new(),
            started: Some(since),
        });
    }
    // After an end of the process, a good sign counts only when it lasts.
    let settled_at = since + expect.settle;
    let undisturbed = life.deaths.is_empty() && !expect.reloaded;
    let steady = undisturbed || now >= settled_at;
    let Some(well_at) = life.is_told_well(expect) else {
        return pending(Duration::MAX);
    };
    let Some(answers_at) = life.answers(expect, since) else {
        return pending(Duration::MAX);
    };
    let is_told = matches!(life.health, Some((_, Health::Healthy, _)));
    if expect.unhealthy_before && !expect.probe && !is_told {
        return unhealthy_as_before(expect, life, answers_at, now);
    }
    let told = expect.healthcheck.is_some() || expect.probe;
    let (answering, moved): (Vec<ServedPort>, Vec<ServedPort>) = expect
        .ports
        .all()
        .partition(|port| life.listens.contains(port));
    let word = match (told, answering.is_empty()) {
        (true, _) => VerdictWord::Healthy,
        (false, false) => VerdictWord::Answers,
        (false, true) => VerdictWord::Settled,
    };
    let at = match word {
        // Another port may be open sooner than the one that is wanted.
        _ if !moved.is_empty() && now < settled_at => return pending(settled_at),
        VerdictWord::Healthy if undisturbed => well_at.max(answers_at),
        _ if !steady || now < settled_at => return pending(settled_at),
        VerdictWord::Answers => answers_at,
        VerdictWord::Healthy
        | VerdictWord::Settled
        | VerdictWord::Completed
        | VerdictWord::Failed
        | VerdictWord::AlreadyFailing => settled_at,
    };
    Judgement::Final(Verdict {
        word,
        reason: (!moved.is_empty()).then(|| expect.ports.told_moved(moved, &life.listens)),
        at,
        answers: expect.ports.shown(answering),
        started: Some(since),
    })
}

/// It answers again, and the engine does not call it healthy: the next check may.
fn unhealthy_as_before(
    expect: &Expectation,
    life: &LifeSummary,
    answers_at: Duration,
    now: Duration,
) -> Judgement {
    let check = expect.healthcheck;
    let one_check = check.map_or(Duration::ZERO, |check| check.interval + check.timeout);
    match &life.health {
        Some((at, _, _)) if now >= (*at).max(answers_at) + one_check => {
            still_unhealthy(expect, life, *at)
        }
        Some((at, _, _)) => pending((*at).max(answers_at) + one_check),
        None => pending(Duration::MAX),
    }
}

/// As bad as it was before the run, and as good.
fn still_unhealthy(expect: &Expectation, life: &LifeSummary, at: Duration) -> Judgement {
    let told = match &life.health {
        Some((_, Health::Unhealthy, output)) => unhealthy(output.as_deref()),
        Some(_) | None => "is not healthy".to_owned(),
    };
    let answers = expect.ports.shown(expect.ports.all());
    let ports: Vec<String> = answers.iter().map(ServedPort::to_string).collect();
    let reason = format!("answers on {} as before, and {told}", ports.join(", "));
    Judgement::Final(Verdict {
        word: VerdictWord::AlreadyFailing,
        reason: Some(reason),
        at,
        answers,
        started: life.running_since,
    })
}

/// The engine tells of the kernel's kill by an event of its own; where there is much to do it comes so
/// much later than the end itself.
const OOM_LATE: Duration = Duration::from_secs(1);
/// The same of a container whose memory is limited and that stays down: that is the likely reason.
const OOM_LATE_OF_LIMITED: Duration = Duration::from_secs(10);

fn dead(expect: &Expectation, life: &LifeSummary, now: Duration) -> Judgement {
    let Some(&(at, exit_code)) = life.deaths.last() else {
        return pending(Duration::MAX);
    };
    if let Some(at) = life.oom_at {
        return failed(at, "was OOM-killed".to_owned());
    }
    let comes_back = match expect.policy {
        RestartPolicy::No => false,
        RestartPolicy::OnFailure { most } => {
            exit_code != 0 && most.is_none_or(|most| life.deaths.len() <= most)
        }
        RestartPolicy::Always => true,
    };
    let late = match expect.memory_limit {
        Some(_) if !comes_back => OOM_LATE_OF_LIMITED,
        Some(_) | None => OOM_LATE,
    };
    if exit_code == KILLED && now < at + late {
        return pending(at + late);
    }
    if exit_code == 0 && !comes_back {
        return if expect.may_complete {
            good(VerdictWord::Completed, at)
        } else {
            failed(at, "ended by itself with exit code 0".to_owned())
        };
    }
    if !comes_back {
        let limit = expect.memory_limit.filter(|_| exit_code == KILLED);
        let limit = limit.map(|bytes| {
            let mib = bytes >> 20;
            format!(" (killed; its memory is limited to {mib} MiB)")
        });
        let limit = limit.unwrap_or_default();
        return failed(at, format!("exited with {exit_code}{limit}"));
    }
    if let (Some(longest), Some(ran)) = (expect.crashes_after, life.lives.last())
        && exit_code != 0
        && *ran < longest * 2
    {
        let ran = ran.as_secs_f64();
        return failed(at, format!("exited with {exit_code} after {ran:.1} s"));
    }
    if life.crashes_too_often(expect, now) {
        let span = at.saturating_sub(life.first_start.unwrap_or_default());
        let times = life.deaths.len();
        return failed(
            at,
            format!(
                "exited with {exit_code}, {times} times in {:.1} s",
                span.as_secs_f64()
            ),
        );
    }
    let start_period = expect.healthcheck.map(|check| check.start_period);
    let started = life.first_start.unwrap_or_default();
    pending(start_period.map_or(Duration::MAX, |period| (started + period).max(now + SOON)))
}

/// A life that is shorter than this did no more than read its settings, or ask for something once.
const AT_ONCE: Duration = Duration::from_secs(2);

/// When a container that is down is looked at again; and no life that is shorter is a longer one.
const SOON: Duration = Duration::from_secs(1);

fn unhealthy(output: Option<&str>) -> String {
    let lines = output.map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    match lines.and_then(|lines| cause(&lines)) {
        Some(line) => format!("is unhealthy: {line}"),
        None => "is unhealthy".to_owned(),
    }
}

/// Its ports are closed that answered before.
fn silent(expect: &Expectation, life: &LifeSummary, limit: Duration) -> String {
    let missing = expect.ports.missing(&life.listens);
    let astray = expect.ports.told_astray(&missing, &life.listens);
    let astray = astray.map(|text| format!("; {text}")).unwrap_or_default();
    let (missing, limit) = (expect.ports.told(missing), limit.as_secs_f64());
    format!("does not answer on {missing} within {limit:.0} s, and did before{astray}")
}

fn out_of_time(expect: &Expectation, life: &LifeSummary, limit: Duration) -> String {
    let within = format!("within {:.0} s", limit.as_secs_f64());
    if life.first_start.is_none() {
        return format!("did not start {within}");
    }
    if let Some((_, exit_code)) = life.deaths.last()
        && life.running_since.is_none()
    {
        return format!("exited with {exit_code} and did not come back {within}");
    }
    if let Some(answer) = &life.last_probe {
        return format!("probe failed {within}: {answer}");
    }
    if life.is_told_well(expect).is_some() && !expect.ports.is_empty() {
        let missing = expect.ports.missing(&life.listens);
        return match &life.reply {
            Some((_, Err(answer))) if missing.is_empty() => {
                format!("{answer}, still after {:.0} s", limit.as_secs_f64())
            }
            Some(_) | None => silent(expect, life, limit),
        };
    }
    if expect.must_complete {
        return format!("did not end {within}");
    }
    match expect.healthcheck {
        Some(_) => format!("did not become healthy {within}"),
        None => format!(
            "did not run for {:.0} s {within}",
            expect.settle.as_secs_f64()
        ),
    }
}

#[cfg(test)]
mod tests;
