//! refit beside what a person would type instead: each measured in turn, in one run, on one machine.
//! Prints a table with ratios. Judges nothing: times belong in a table, not in a test.
//!
//! Needs a Docker engine with the image of the tests; `make bench` sees to both.

#![allow(clippy::print_stdout, reason = "a program whose result is a table")]

mod measure;
mod outage;
mod reading;
mod stack;
mod table;
mod upgrade;

use std::process::ExitCode;

use anyhow::Result;

use measure::{beside, median, peak_kib, timed};
use stack::Stack;
use table::{Row, Table};

/// Pairs of short commands.
const ROUNDS: usize = 15;
/// Changes of a running service.
const CHANGES: usize = 5;

fn main() -> ExitCode {
    stack::clean_up_on_signals();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    stack::engine_answers()?;
    let mut table = Table::default();
    table.section("Commands: medians of pairs run in turn");
    on_many(&mut table)?;
    let small = Stack::small()?;
    small.start()?;
    on_small(&small, &mut table)?;
    table.section("One key changed, web recreated: medians; outage asked every 2 ms");
    changes(&small, &mut table)?;
    table.section("A change that fails at once: from its end to the old version's health");
    failures(&small, &mut table)?;
    table.section(
        "A new version of an image that is built in 2 s: medians; a neighbour does not change",
    );
    upgrade::measure(&mut table)?;
    table.section(
        "Reading and editing in memory: processor time per MB, a large file beside a small one",
    );
    reading::measure(&mut table)?;
    println!("\n{table}");
    Ok(())
}

/// 200 services that do not run: what it costs to know a large stack.
fn on_many(table: &mut Table) -> Result<()> {
    let many = Stack::many(200)?;
    let (ours, theirs) = beside(
        ROUNDS,
        || timed(&mut many.refit(&["set", "--dry-run", "SETTING_1=other"])),
        || timed(&mut many.compose(&["config"])),
    )?;
    let what = "200 services: set --dry-run | docker compose config";
    table.add(Row::times(what, ours, theirs).at_most("1.3"));
    let (ours, theirs) = beside(
        ROUNDS,
        || timed(&mut many.refit(&["plan"])),
        || timed(&mut many.compose(&["config"])),
    )?;
    let what = "200 services: plan | docker compose config";
    table.add(Row::times(what, ours, theirs).at_most("1.3"));
    Ok(())
}

fn on_small(small: &Stack, table: &mut Table) -> Result<()> {
    let (ours, theirs) = beside(
        ROUNDS,
        || timed(&mut small.refit(&["set", "GREETING=hello"])),
        || timed(&mut small.compose(&["up", "--detach"])),
    )?;
    let what = "2 services, nothing to do: set | docker compose up -d";
    table.add(Row::times(what, ours, theirs).at_most("0.5"));
    let (ours, theirs) = beside(
        ROUNDS,
        || timed(&mut small.refit(&["status"])),
        || timed(&mut small.compose(&["ps"])),
    )?;
    let what = "2 services: status | docker compose ps";
    table.add(Row::times(what, ours, theirs));
    let (ours, theirs) = beside(
        ROUNDS,
        || timed(&mut small.refit(&["--version"])),
        || timed(&mut small.compose(&["version"])),
    )?;
    let what = "--version | docker compose version";
    table.add(Row::times(what, ours, theirs).ours_at_most("10 ms"));
    Ok(())
}

/// Beside the same work without a failure: the old version made anew by hand.
fn failures(small: &Stack, table: &mut Table) -> Result<()> {
    let (ours, theirs) = beside(CHANGES, || small.fail_and_come_back(), || small.recreate())?;
    let what = "failed, healthy again: set | docker compose up -d --force-recreate web";
    table.add(Row::times(what, ours, theirs).at_most("1.5"));
    Ok(())
}

/// A change that makes a new container: how long the service is away, how long the command takes,
/// when the verdict comes, and what it takes in memory.
fn changes(small: &Stack, table: &mut Table) -> Result<()> {
    let mut lags = Vec::new();
    let (mut ours, mut theirs, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..CHANGES {
        let run = outage::during(small.port, || small.set_with_lag(&format!("set-{round}")))?;
        lags.push(run.result);
        ours.push((run.outage, run.took));
        let run = outage::during(small.port, || {
            small.by_hand(&format!("up-{round}"), &["up"])
        })?;
        theirs.push((run.outage, run.took));
        let run = outage::during(small.port, || {
            small.by_hand(&format!("wait-{round}"), &["wait"])
        })?;
        waiting.push((run.outage, run.took));
    }
    let run = outage::during(small.port, || small.by_hand("down", &["down", "build"]))?;
    let (outage, took) = (|runs: &[outage::Times]| median(runs.iter().map(|r| r.0)), {
        |runs: &[outage::Times]| median(runs.iter().map(|r| r.1))
    });
    let what = "outage: set | docker compose up -d";
    table.add(Row::times(what, outage(&ours), outage(&theirs)));
    let what = "outage: set | docker compose down && up -d --build (once)";
    table.add(Row::times(what, outage(&ours), run.outage));
    let what = "command: set, seen from inside | docker compose up -d --wait";
    table.add(Row::times(what, took(&ours), took(&waiting)));
    let what = "verdict after the engine's health event";
    table.add(Row::alone(what, median(lags)).ours_at_most("50 ms"));
    let peak = peak_kib(&mut small.refit(&["set", "GREETING=memory"]))?;
    table.add(Row::memory("peak memory of such a set", peak).ours_at_most("20 MB"));
    Ok(())
}
