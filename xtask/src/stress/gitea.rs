//! `cargo xtask stress --gitea …`: a real Gitea, an agent, and kill -9 of the agent and of jobs' processes at every change of state. None of the jobs may
//! run twice, every one must reach an end that the forge shows, those told as successful must have run once and whole, and nothing may be
//! left on the machine.
//!
//! Jobs come in rounds. Before each a few long ones are cancelled, for the states on the way to a stop. `points` says when something is
//! killed, `witness` what really ran, `judge` and `machine` what must hold at the end. The forge sweeps what was handed to an agent that
//! died before it knew.

use super::agent::{Agent, Program};
use super::judge::{self, Table};
use super::machine::Machine;
use super::points::{self, Line, POINTS, Point, STOPS, Trigger, Victim};
use super::witness::Witness;
use crate::{Outcome, say};
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use testkit::{Exchange, Gitea, GiteaProgram, Moment, Relay, Sweeps};

const REPOSITORY: &str = "stress";
/// Jobs of a round, long ones of a round, kills of a round beside those of the long ones.
const ROUND: usize = 50;
const LONG: usize = 4;
const KILLS: usize = 8;
/// How long something that shall happen is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// What was asked for.
struct Wanted {
    gitea: GiteaProgram,
    ekiden: PathBuf,
    label: String,
    jobs: usize,
}

fn wanted(args: &[String]) -> Result<Wanted> {
    let mut values = BTreeMap::new();
    for pair in args.chunks(2) {
        let [name, value] = pair else { bail!("{} wants a value", pair[0]) };
        values.insert(name.as_str(), value.clone());
    }
    let mut path = |name: &str| -> Result<PathBuf> {
        let value = values.remove(name).with_context(|| format!("{name} PATH is wanted"))?;
        Path::new(&value).canonicalize().with_context(|| value)
    };
    let gitea = GiteaProgram { program: path("--gitea")?, assets: Some(path("--assets")?) };
    let ekiden = path("--ekiden")?;
    let jobs = values.remove("--jobs").map_or(Ok(1000), |jobs| jobs.parse())?;
    let label = values.remove("--label").unwrap_or_else(|| "lab".to_owned());
    ensure!(values.is_empty(), "unknown: {:?}", values.keys());
    Ok(Wanted { gitea, ekiden, label, jobs })
}

/// What the threads of the relay and the run share: the agent, and the point at which somebody is to be killed.
#[derive(Debug)]
struct Stage {
    agent: Agent,
    armed: Option<Point>,
}

/// A run.
struct Stress {
    program: Program,
    stage: Arc<Mutex<Stage>>,
    table: Table,
}

fn lock(stage: &Mutex<Stage>) -> MutexGuard<'_, Stage> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs it. The work lies in a folder that is removed when all went well.
pub(super) fn run(args: &[String]) -> Result<Outcome> {
    let wanted = wanted(args)?;
    let work = std::env::temp_dir().join(format!("ekiden-stress-{}", std::process::id()));
    std::fs::create_dir_all(&work)?;
    let forge = Gitea::start(&wanted.gitea, &work.join("gitea"), Sweeps::Quick)?;
    let witness = Witness::start()?;
    // Jobs that nobody cancelled would hold the run up; the number tells their processes from others'.
    let nap = format!("sleep 120.{}", std::process::id());
    forge.repository(REPOSITORY)?;
    forge.put(REPOSITORY, ".gitea/workflows/s.yml", &short(&witness))?;
    forge.put(REPOSITORY, ".gitea/workflows/l.yml", &long(&witness, &nap))?;

    let stage: Arc<Mutex<Option<Arc<Mutex<Stage>>>>> = Arc::default();
    let watched = Arc::clone(&stage);
    let watcher = move |moment: Moment, exchange: &Exchange| {
        let stage = watched.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(stage) = stage {
            let mut stage = lock(&stage);
            if let Some(point) = stage.armed.filter(|point| point.is_now(moment, exchange)) {
                // A job that is gone by itself leaves the point armed.
                if stage.agent.kill_at(&point).unwrap_or(false) {
                    stage.armed = None;
                }
            }
        }
    };
    let relay = Relay::start(forge.address(), Arc::new(watcher))?;
    let data = work.join("agent");
    let machine = Machine::look();
    let program = Program { ekiden: wanted.ekiden.clone(), data: data.clone(), witness: witness.port, capacity: 4 };
    program.register(&relay.url(), &forge.token()?, "stress", &wanted.label)?;
    let first = Arc::new(Mutex::new(Stage { agent: program.start()?, armed: None }));
    *stage.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&first));
    say(&format!("label {}, work in {}", wanted.label, work.display()));

    let mut stress = Stress { program, stage: first, table: Table::default() };
    let (rounds, began) = (wanted.jobs.div_ceil(ROUND), Instant::now());
    let mut runs = Vec::new();
    let mut points = POINTS.iter().cycle();
    for round in 0..rounds {
        runs.extend(stress.round(&forge, &witness, round, &mut points)?);
        say(&format!(
            "round {} of {rounds}: {} kills, {:.0} s",
            round + 1,
            stress.table.kills(),
            began.elapsed().as_secs_f64()
        ));
    }
    stress.finish(&forge, &runs)?;
    let took = began.elapsed();
    let mut faults = judge::judge(&forge, REPOSITORY, &runs, &witness, rounds * (ROUND + LONG), &mut stress.table)?;
    faults.extend(machine.left(&wanted.ekiden, &[&data], &[data.to_string_lossy().into_owned(), nap])?);
    faults.extend(stress.table.never_hit());
    say(&stress.table.markdown());
    say(&format!(
        "label {}: {} jobs, {} kills, {:.0} s, {} faults",
        wanted.label,
        rounds * (ROUND + LONG),
        stress.table.kills(),
        took.as_secs_f64(),
        faults.len()
    ));
    for fault in &faults {
        say(fault);
    }
    drop((relay, forge));
    if faults.is_empty() {
        std::fs::remove_dir_all(&work)?;
    }
    Ok(Outcome::of(faults.is_empty()))
}

fn matrix(jobs: usize, steps: &str) -> String {
    let numbers: Vec<String> = (0..jobs).map(|number| number.to_string()).collect();
    let numbers = numbers.join(", ");
    format!(
        "on: workflow_dispatch\njobs:\n  j:\n    runs-on: lab\n    strategy: {{fail-fast: false, matrix: {{n: [{numbers}]}}}}\n    defaults: {{run: {{shell: bash}}}}\n    steps:\n{steps}"
    )
}

/// Jobs that say that they begin, do something, and say that they end.
fn short(witness: &Witness) -> String {
    let (begin, end) = (witness.step("begin"), witness.step("end"));
    matrix(
        ROUND,
        &format!(
            "      - run: |\n          {begin}\n      - run: seq 100; sleep 0.1\n      - run: |\n          {end}\n"
        ),
    )
}

/// Jobs that go on until somebody ends them, and take a moment to do so.
fn long(witness: &Witness, nap: &str) -> String {
    let begin = witness.step("begin");
    matrix(
        LONG,
        &format!(
            "      - run: |\n          {begin}\n      - run: {nap}\n      - if: cancelled()\n        run: sleep 0.3\n"
        ),
    )
}

impl Stress {
    /// One round; answers its runs.
    fn round<'a>(
        &mut self,
        forge: &Gitea,
        witness: &Witness,
        round: usize,
        points: &mut impl Iterator<Item = &'a Point>,
    ) -> Result<[i64; 2]> {
        let long = forge.dispatch(REPOSITORY, "l.yml")?;
        let prefix = format!("{long}-");
        let end = Instant::now() + PATIENCE;
        while witness.seen().keys().filter(|key| key.starts_with(&prefix)).count() < 2 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        let short = forge.dispatch(REPOSITORY, "s.yml")?;
        self.hit(&STOPS[round % STOPS.len()], 1, || Ok(forge.cancel(REPOSITORY, long)?))?;
        for kill in 0..KILLS {
            if !is_waiting(forge, short)? {
                break;
            }
            let Some(point) = points.next() else { break };
            self.hit(point, 1 + (round + kill) % 4, || Ok(()))?;
        }
        let end = Instant::now() + Duration::from_secs(120);
        while is_waiting(forge, short)? {
            ensure!(Instant::now() < end, "run {short} still has waiting jobs");
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok([long, short])
    }

    /// Kills at a point; `more`: at the how manieth line. Whatever happens, an agent runs afterwards.
    fn hit(&mut self, point: &Point, more: usize, then: impl FnOnce() -> Result<()>) -> Result<()> {
        let is_hit = match point.trigger {
            Trigger::Line(line) => {
                let mut tail = self.program.tail()?;
                then()?;
                tail.wait(line, more, PATIENCE)? && lock(&self.stage).agent.kill_at(point)?
            }
            Trigger::Call(points::Call::Declare, _) => {
                // Only one that starts declares itself; the one that is killed for it leaves something to sweep.
                lock(&self.stage).agent.kill()?;
                let next = {
                    let mut stage = lock(&self.stage);
                    stage.armed = Some(*point);
                    self.program.start()?
                };
                lock(&self.stage).agent = next;
                self.wait_disarmed()
            }
            Trigger::Call(..) => {
                lock(&self.stage).armed = Some(*point);
                self.wait_disarmed()
            }
            Trigger::Draining => {
                let mut stage = lock(&self.stage);
                stage.agent.drain()?;
                std::thread::sleep(Duration::from_millis(3));
                !stage.agent.is_gone()? && stage.agent.kill_at(point)?
            }
            Trigger::Retired => {
                let mut tail = self.program.tail()?;
                lock(&self.stage).agent.drain()?;
                let end = Instant::now() + PATIENCE;
                while self.program.has_open() && Instant::now() < end {
                    let _closed = tail.wait(Line::Closed, 1, Duration::from_millis(100))?;
                }
                let mut stage = lock(&self.stage);
                !stage.agent.is_gone()? && stage.agent.kill_at(point)?
            }
        };
        self.table.note(*point, is_hit, self.program.states());
        let mut stage = lock(&self.stage);
        if is_hit && point.victim == Victim::Agent || stage.agent.is_gone()? {
            stage.agent = self.program.start()?;
        }
        Ok(())
    }

    fn wait_disarmed(&self) -> bool {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if lock(&self.stage).armed.is_none() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        lock(&self.stage).armed.take().is_none()
    }

    /// Lets the agent end by itself, and the forge sweep what nobody knows of.
    fn finish(&mut self, forge: &Gitea, runs: &[i64]) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(120);
        for run in runs {
            while forge.jobs(REPOSITORY, *run)?.iter().any(|job| job.status != "completed") {
                if Instant::now() > end {
                    // What is not over by now is told as a fault.
                    break;
                }
                std::thread::sleep(Duration::from_millis(500));
            }
        }
        lock(&self.stage).agent.drain()?;
        // Not waited for under the lock, which the relay needs for what the agent still says.
        let end = Instant::now() + Duration::from_secs(180);
        while !lock(&self.stage).agent.is_gone()? {
            ensure!(
                Instant::now() < end,
                "the agent does not end; see {}",
                self.program.data.join("stress.log").display()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = self.program.data.join("stress.log");
        lock(&self.stage).agent.end().map_err(|error| anyhow!("{error:#}; see {}", log.display()))
    }
}

fn is_waiting(forge: &Gitea, run: i64) -> Result<bool> {
    Ok(forge.jobs(REPOSITORY, run)?.iter().any(|job| job.status == "queued" || job.status == "waiting"))
}
