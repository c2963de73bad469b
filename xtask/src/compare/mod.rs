//! `cargo xtask compare-logs`: the same workflows on one real Gitea, first with its own runner, then with ours, and the logs line by line: what
//! only one of them says. `docs/differences.md` lists every kind of it with its reason.

mod lines;

use crate::runner::Runner;
use crate::workspace::Workspace;
use crate::{Outcome, say};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use testkit::{Gitea, GiteaProgram, Job, Sweeps};

const REPOSITORY: &str = "logs";
const PATIENCE: Duration = Duration::from_secs(120);

/// Files of the repository; those below `.gitea/workflows` are the workflows.
const FILES: [(&str, &str); 8] = [
    (".gitea/workflows/steps.yml", include_str!("workflows/steps.yml")),
    (".gitea/workflows/masks.yml", include_str!("workflows/masks.yml")),
    (".gitea/workflows/failure.yml", include_str!("workflows/failure.yml")),
    (".gitea/workflows/needs.yml", include_str!("workflows/needs.yml")),
    (".gitea/workflows/actions.yml", include_str!("workflows/actions.yml")),
    ("local/action.yml", include_str!("workflows/composite.yml")),
    ("script/action.yml", include_str!("workflows/javascript.yml")),
    ("script/main.js", include_str!("workflows/main.js")),
];

/// A checkout for their runner.
const CHECKOUT: [(&str, &str); 2] = [
    ("action.yml", "name: checkout\nruns: {using: node20, main: main.js}\n"),
    ("main.js", include_str!("workflows/checkout.js")),
];

/// Runs both and compares.
pub(crate) fn run(args: &[String]) -> Result<Outcome> {
    let mut values = BTreeMap::new();
    for pair in args.chunks(2) {
        let [name, value] = pair else { bail!("{} wants a value", pair[0]) };
        values.insert(name.as_str(), PathBuf::from(value));
    }
    let program = match values.remove("--gitea") {
        Some(program) => GiteaProgram { program: program.canonicalize()?, assets: values.remove("--assets") },
        None => GiteaProgram::from_env()?.context("--gitea PATH is wanted, or EKIDEN_GITEA")?,
    };
    let theirs = values.remove("--act-runner").or_else(|| std::env::var_os("EKIDEN_ACT_RUNNER").map(PathBuf::from));
    let theirs = Runner::of(&theirs.context("--act-runner PATH is wanted, or EKIDEN_ACT_RUNNER")?)?;
    let built = || Ok::<_, anyhow::Error>(Workspace::load()?.target_directory.join("debug/ekiden"));
    let ours = Runner::of(&values.remove("--ekiden").map_or_else(built, Ok)?)?;
    let label = values.remove("--label").map_or_else(|| "lab".to_owned(), |label| label.display().to_string());
    ensure!(values.is_empty(), "unknown: {:?}", values.keys());
    let work = std::env::temp_dir().join(format!("ekiden-compare-{}", std::process::id()));
    let forge = Gitea::start(&program, &work.join("forge"), Sweeps::Usual)?;
    // There is no network to get the real one from; ours is built in and looks at neither.
    forge.action("actions", "checkout", "v4", &CHECKOUT)?;
    forge.repository(REPOSITORY)?;
    forge.secret(REPOSITORY, "WORD", "s3cr3t-word")?;
    for (path, text) in FILES {
        forge.put(REPOSITORY, path, text)?;
    }
    let theirs = logs(&forge, &theirs, &work.join("theirs"), "lab:host")?;
    let ours = logs(&forge, &ours, &work.join("ours"), &label)?;
    let mut is_same = true;
    for (name, (job, log)) in &theirs {
        let Some((our_job, our_log)) = ours.get(name) else { bail!("{name} did not run with ours") };
        say(&format!("\n== {name}: {} and {}", job.conclusion, our_job.conclusion));
        let steps = |job: &Job| job.steps.clone();
        is_same &= job.conclusion == our_job.conclusion;
        if steps(job) != steps(our_job) {
            say(&format!("steps: {:?} and {:?}", steps(job), steps(our_job)));
        }
        for line in lines::differences(log, our_log) {
            say(&line);
        }
        let (theirs, ours) = (lines::of_steps(log), lines::of_steps(our_log));
        if theirs != ours {
            is_same = false;
            say(&format!("what steps say differs: {theirs:#?} and {ours:#?}"));
        }
    }
    drop(forge);
    std::fs::remove_dir_all(&work)?;
    Ok(Outcome::of(is_same))
}

/// The jobs of all workflows with a runner, by workflow and name, and their logs.
fn logs(forge: &Gitea, runner: &Runner, data: &Path, label: &str) -> Result<BTreeMap<String, (Job, String)>> {
    let mut process = runner.start(data, &forge.url(), &forge.token()?, label)?;
    let all = || -> Result<_> {
        let mut all = BTreeMap::new();
        for (path, _) in FILES {
            let Some(file) = path.strip_prefix(".gitea/workflows/") else { continue };
            let run = forge.dispatch(REPOSITORY, file)?;
            for job in forge.wait(REPOSITORY, run, PATIENCE)? {
                // One that was skipped has none.
                let log = if job.conclusion == "skipped" { String::new() } else { forge.log(REPOSITORY, job.id)? };
                all.insert(format!("{file}, {}", job.name), (job, log));
            }
        }
        Ok(all)
    };
    let all = all();
    let _ = Command::new("kill").args(["-TERM", &process.id().to_string()]).status()?;
    process.wait()?;
    all
}
