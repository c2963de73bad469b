//! The whole: starts everything, keeps so many jobs under way, lets `chaos` kill, waits for the end, judges.

use super::super::machine::Machine;
use super::super::witness::Witness;
use super::chaos::Chaos;
use super::clock;
use super::judge::judge;
use super::load::{self, Load, PROJECT};
use super::plant::Plant;
use super::random::Random;
use super::wanted::{Fault, Wanted};
use crate::processes::share_of_core;
use crate::{Outcome, say};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::Run;

/// So many runs may be under way before the next round.
const UNDER_WAY: usize = 12;
/// Runs that are older wait for a lease to end that was lost with its agent, which takes a server that lives for two minutes; others go on meanwhile.
const OLD: Duration = Duration::from_secs(30);
/// A lease that nobody heard of is given back after two minutes; so long everything may take to end once nothing is killed any more.
const LAST: Duration = Duration::from_secs(420);
/// So many rounds more there may be until one of each was killed.
const MORE: usize = 20;
/// So long the database is away.
const AWAY: Duration = Duration::from_secs(60);
/// So long the clock stays where it jumped to: a tick of every loop, and some.
const JUMPED: Duration = Duration::from_secs(15);
/// What an idle server, or an idle agent with its fork server and what waits for a job, may use of a core.
const IDLE: f64 = 0.05;
/// So long they are looked at.
const REST: Duration = Duration::from_secs(3);

/// Runs it. The work lies in a folder that is removed when all went well.
pub(in super::super) fn run(args: &[String]) -> Result<Outcome> {
    let wanted = Wanted::of(args)?;
    let work = std::env::temp_dir().join(format!("ekiden-stress-{}", std::process::id()));
    std::fs::create_dir_all(&work)?;
    let machine = Machine::look();
    let witness = Witness::start()?;
    let repository = load::repository(&witness);
    let plant = Arc::new(Plant::start(&wanted, &work, &witness, repository)?);
    say(&format!(
        "{} servers on {:?}, {} agents, seed {}, work in {}",
        wanted.replicas,
        wanted.database,
        wanted.agents,
        wanted.seed,
        work.display()
    ));
    let began = Instant::now();
    let chaos = Chaos::start(&plant, wanted.seed);
    let mut load = Load::default();
    let started = work_off(&wanted, &plant, &chaos, &mut load, began);
    // Whatever came of it: nobody kills any more, and everything runs.
    let kills = chaos.stop()?;
    started?;
    say(&format!("nothing is killed any more, {:.0} s", began.elapsed().as_secs_f64()));
    let mut faults = Vec::new();
    if let Err(error) = wait(&plant, &mut load, 0, LAST) {
        faults.push(error.to_string());
    }
    let took = began.elapsed();
    let mut verdict = judge(&plant, &load, &witness, &kills)?;
    faults.append(&mut verdict.faults);
    for (who, processes) in [("server", plant.server_ids()), ("agent", plant.agent_ids())] {
        faults.extend(unrest(who, &processes));
    }
    let queue = plant.rest.call("GET", "/queue", None)?;
    if queue["total_count"] != 0 {
        faults.push(format!("the queue is not empty: {queue}"));
    }
    plant.drain()?;
    plant.stop()?;
    faults.extend(open_logs(&plant.data));
    let marks = [work.to_string_lossy().into_owned(), load::nap()];
    faults.extend(machine.left(&wanted.ekiden, &plant.agent_folders(), &marks)?);
    say("\n| end | jobs |\n|---|---|");
    for (end, count) in &verdict.ends {
        say(&format!("| {end} | {count} |"));
    }
    say(&format!(
        "\n{} servers on {:?}, {} agents, seed {}: {} runs, {} jobs, killed: {} servers, {} agents, {} jobs, {} fork servers; {:.0} s, {} faults",
        wanted.replicas,
        wanted.database,
        wanted.agents,
        wanted.seed,
        verdict.runs,
        verdict.jobs,
        kills.servers,
        kills.agents,
        kills.jobs,
        kills.fork_servers,
        took.as_secs_f64(),
        faults.len()
    ));
    faults.iter().for_each(|fault| say(fault));
    if faults.is_empty() {
        std::fs::remove_dir_all(&work)?;
    }
    Ok(Outcome::of(faults.is_empty()))
}

/// What is wrong with processes that have nothing to do.
fn unrest(who: &str, processes: &[u32]) -> Option<String> {
    match share_of_core(processes, REST) {
        Err(error) => Some(format!("an idle {who} does not run: {error}")),
        Ok(used) => {
            let used = used / processes.len() as f64;
            (used > IDLE).then(|| format!("an idle {who} uses {:.0} % of a core", used * 100.0))
        }
    }
}

/// Starts as many jobs as are wanted, and more until one of each was killed, so many runs at a time; in the middle of it the fault comes.
fn work_off(wanted: &Wanted, plant: &Plant, chaos: &Chaos, load: &mut Load, began: Instant) -> Result<()> {
    let mut random = Random::new(wanted.seed);
    let mut fault = Some(wanted.fault);
    let mut more = MORE;
    while load.jobs < wanted.jobs || more > 0 && chaos.kills().none_of().next().is_some() {
        more -= usize::from(load.jobs >= wanted.jobs);
        load.round(plant, &mut random)?;
        say(&format!("{} jobs asked for, {:.0} s", load.jobs, began.elapsed().as_secs_f64()));
        if load.jobs >= wanted.jobs / 2
            && let Some(fault) = fault.take()
        {
            match fault {
                Fault::Nothing => {}
                Fault::Away => away(plant)?,
                Fault::Clock => jump(plant, load, &mut random)?,
            }
        }
        wait(plant, load, UNDER_WAY, LAST)?;
    }
    Ok(())
}

/// The database is away for a minute, and the servers say so.
fn away(plant: &Plant) -> Result<()> {
    let postgres = plant.postgres.as_ref().context("there is no PostgreSQL to stop")?;
    postgres.stop()?;
    say("the database is away");
    let end = Instant::now() + AWAY;
    let mut unready = 0;
    while Instant::now() < end {
        // One that is being killed says nothing.
        unready += usize::from(plant.rest.get("/readyz").is_ok_and(|answer| answer.status() == 503));
        std::thread::sleep(Duration::from_millis(500));
    }
    postgres.go_on()?;
    say(&format!("the database is back; /readyz said {unready} times that it was away"));
    ensure!(unready > 0, "the database was away for a minute, and no server said so");
    Ok(())
}

/// The servers' clock jumps while jobs run, and runs are made by it.
fn jump(plant: &Plant, load: &mut Load, random: &mut Random) -> Result<()> {
    let clock = plant.clock.as_ref().context("the servers go by the machine's clock")?;
    for days in [1, -1, 0] {
        clock.shift(days)?;
        let end = Instant::now() + JUMPED;
        for run in load.round(plant, random)? {
            clock::ensure_made(days, &load::made(plant, run)?)?;
        }
        say(&format!("the servers' clock is {days:+} days off the right time, and runs are made by it"));
        while Instant::now() < end {
            load.cancel_due(plant);
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    Ok(())
}

/// Waits until no more runs are under way than this.
fn wait(plant: &Plant, load: &mut Load, most: usize, patience: Duration) -> Result<()> {
    let end = Instant::now() + patience;
    loop {
        load.cancel_due(plant);
        // Those of before are over: a run that hangs is seen as one that is never over.
        let old = if most > 0 { load.old_until(OLD) } else { 0 };
        let is_open = |run: &&Run| run.status != "completed" && run.id > old;
        let open = plant.rest.runs(PROJECT, 40).map(|runs| runs.iter().filter(is_open).count());
        if open.as_ref().is_ok_and(|open| *open <= most) && (most > 0 || !load.has_long()) {
            return Ok(());
        }
        ensure!(Instant::now() < end, "{open:?} runs are not over after {patience:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Parts of logs that are not in the object store after a good stop.
fn open_logs(data: &Path) -> Vec<String> {
    let mut left = Vec::new();
    let spreads = std::fs::read_dir(data.join("logs")).into_iter().flatten().flatten();
    for spread in spreads.filter(|entry| entry.path().is_dir()) {
        let tasks = std::fs::read_dir(spread.path()).into_iter().flatten().flatten();
        left.extend(tasks.filter(|task| task.path().is_dir()).map(|task| format!("{} is left", task.path().display())));
    }
    left
}
