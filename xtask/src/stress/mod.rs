//! `cargo xtask stress`: a real Gitea, an agent, and kills at every change of state. None of the jobs may run twice, every one must reach
//! an end that the forge shows, and nothing may be left on the machine.
//!
//! Agent and job processes are killed in turns, each time one of the agent's journal lines of the wanted kind appears: a task was taken, its
//! process started, it ended, the forge knows. `gitea` is the forge; it sweeps what was handed to an agent that died before it knew.

mod gitea;

use crate::{Outcome, say};
use anyhow::{Context, Result, bail, ensure};
use gitea::Gitea;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The lines of the journal at which something is killed.
const STATES: [&str; 4] =
    ["\"line\":\"taken\"", "\"change\":\"started\"", "\"change\":\"ended\"", "\"change\":\"closed\""];
/// Jobs of one run: what one matrix may hold.
const MATRIX: usize = 250;

/// What was asked for.
struct Wanted {
    gitea: PathBuf,
    assets: PathBuf,
    ekiden: PathBuf,
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
        Ok(std::path::absolute(value)?)
    };
    let (gitea, assets, ekiden) = (path("--gitea")?, path("--assets")?, path("--ekiden")?);
    let jobs = values.remove("--jobs").map_or(Ok(1000), |jobs| jobs.parse())?;
    ensure!(values.is_empty(), "unknown: {:?}", values.keys());
    Ok(Wanted { gitea, assets, ekiden, jobs })
}

/// Runs it. The work lies in a folder that is removed when all went well.
pub(crate) fn run(args: &[String]) -> Result<Outcome> {
    let wanted = wanted(args)?;
    let work = std::env::temp_dir().join(format!("ekiden-stress-{}", std::process::id()));
    std::fs::create_dir_all(&work)?;
    let seen = work.join("seen");
    std::fs::create_dir_all(&seen)?;
    let mut forge = Gitea::start(&wanted.gitea, &wanted.assets, &work.join("gitea"))?;
    forge.repository("stress")?;
    // Each job leaves a mark when it begins, in a file of its own, outside of any sandbox.
    let workflow = workflow(&seen, MATRIX);
    forge.put("stress", ".gitea/workflows/s.yml", &workflow)?;
    let data = work.join("agent");
    let token = forge.token()?;
    let registered = Command::new(&wanted.ekiden)
        .args(["agent", "register", "--data"])
        .arg(&data)
        .args(["--instance", &forge.url, "--token", &token, "--name", "stress", "--labels", "lab:host"])
        .stdout(Stdio::null())
        .status()?;
    ensure!(registered.success(), "the agent cannot be registered");
    let runs = wanted.jobs.div_ceil(MATRIX);
    for _ in 0..runs {
        forge.dispatch("stress", "s.yml")?;
    }
    let jobs = runs * MATRIX;
    say(&format!("{jobs} jobs wait; work in {}", work.display()));
    let kills = kill_until_done(&wanted.ekiden, &data, &mut forge, jobs)?;
    let mut faults = judge(&mut forge, &seen, jobs)?;
    faults.extend(left(&data)?);
    say(&format!("{jobs} jobs, {kills} kills, {} faults", faults.len()));
    for fault in &faults {
        say(fault);
    }
    drop(forge);
    if faults.is_empty() {
        std::fs::remove_dir_all(&work)?;
    }
    Ok(Outcome::of(faults.is_empty()))
}

/// A job that marks its beginning: the number of its task, and a line for each time that it runs.
fn workflow(seen: &Path, jobs: usize) -> String {
    let numbers: Vec<String> = (0..jobs).map(|number| number.to_string()).collect();
    format!(
        "on: workflow_dispatch\njobs:\n  j:\n    runs-on: lab\n    strategy: {{fail-fast: false, matrix: {{n: [{}]}}}}\n    steps:\n      - run: echo x >> \"{}/${{{{ github.run_id }}}}-${{{{ matrix.n }}}}\"\n",
        numbers.join(", "),
        seen.display()
    )
}

fn start(ekiden: &Path, data: &Path) -> Result<Child> {
    let log = std::fs::File::options().create(true).append(true).open(data.join("stress.log"))?;
    Ok(Command::new(ekiden)
        .args(["agent", "start", "--capacity", "4", "--data"])
        .arg(data)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()?)
}

/// Kills the agent and jobs' processes in turns until no job waits or runs. Answers how often.
fn kill_until_done(ekiden: &Path, data: &Path, forge: &mut Gitea, jobs: usize) -> Result<usize> {
    let end = Instant::now() + Duration::from_secs(60 * 60);
    let (mut agent, mut kills) = (start(ekiden, data)?, 0);
    let mut asked = Instant::now();
    loop {
        ensure!(Instant::now() < end, "not done within an hour");
        let state = STATES[kills % STATES.len()];
        // A few lines further each time, so that many places are met.
        let is_there = wait_for(data, state, 1 + kills % 7, Duration::from_secs(20));
        if is_there {
            kills += 1;
            if kills % 3 == 0 {
                kill_a_job(agent.id())?;
            } else {
                agent.kill()?;
                agent.wait()?;
                agent = start(ekiden, data)?;
            }
        }
        if asked.elapsed() > Duration::from_secs(10) {
            asked = Instant::now();
            let done = forge.jobs("stress")?.values().filter(|status| *status == "completed").count();
            say(&format!("{done} of {jobs} done, {kills} kills"));
            if done >= jobs {
                break;
            }
        }
    }
    let told = Command::new("kill").args(["-TERM", &agent.id().to_string()]).status()?;
    ensure!(told.success(), "the agent is gone by itself");
    ensure!(agent.wait()?.success(), "the agent did not end well");
    Ok(kills)
}

/// Waits until so many more lines of a kind stand in the journal.
fn wait_for(data: &Path, state: &str, more: usize, patience: Duration) -> bool {
    let journal = data.join("journal.jsonl");
    let count = || std::fs::read_to_string(&journal).map_or(0, |text| text.matches(state).count());
    let (before, end) = (count(), Instant::now() + patience);
    while Instant::now() < end {
        // Written anew meanwhile, it may hold fewer.
        if count() >= before + more {
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    false
}

/// Kills the first child of the agent that there is.
fn kill_a_job(agent: u32) -> Result<()> {
    let children = std::fs::read_to_string(format!("/proc/{agent}/task/{agent}/children")).unwrap_or_default();
    if let Some(child) = children.split_whitespace().next() {
        // It may be gone by itself.
        let _ = Command::new("kill").args(["-KILL", child]).stderr(Stdio::null()).status()?;
    }
    Ok(())
}

/// What must hold at the end.
fn judge(forge: &mut Gitea, seen: &Path, jobs: usize) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let known = forge.jobs("stress")?;
    if known.len() != jobs {
        faults.push(format!("the forge shows {} jobs instead of {jobs}", known.len()));
    }
    for (job, status) in known.iter().filter(|(_, status)| *status != "completed") {
        faults.push(format!("job {job} is {status}"));
    }
    for entry in std::fs::read_dir(seen)? {
        let entry = entry?;
        let times = std::fs::read_to_string(entry.path())?.lines().count();
        if times != 1 {
            faults.push(format!("{} ran {times} times", entry.file_name().display()));
        }
    }
    Ok(faults)
}

/// What is left on the machine: processes of jobs, spools, attempts without an end.
fn left(data: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let spools = data.join("spool");
    for entry in std::fs::read_dir(&spools).into_iter().flatten() {
        faults.push(format!("{} is left", entry?.path().display()));
    }
    for process in std::fs::read_dir("/proc")? {
        let process = process?.path();
        let command = std::fs::read(process.join("environ")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains(&*data.to_string_lossy()) {
            faults.push(format!("the process {} is left", process.display()));
        }
    }
    Ok(faults)
}
