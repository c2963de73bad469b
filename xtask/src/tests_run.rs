//! `cargo xtask test`: what tests need, all tests, also as an ordinary user, and one line that sums them up.

use crate::packages::{install, is_root, quietly};
use crate::workspace::{Workspace, cargo};
use crate::{Outcome, say};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The variable that names the folder of public test data.
const CONFORMANCE: &str = "EKIDEN_CONFORMANCE";
/// Crates whose tests mean something else for an ordinary user than for root.
const USER_PACKAGES: [&str; 3] = ["ekiden-sandbox-local", "ekiden-engine", "ekiden"];
/// The ordinary user as whom root runs them too, if there is one of this name (`.ci/run` makes one).
const USER: &str = "ekiden-test";

/// Sums over all test programs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
    ignored: usize,
    skips: BTreeSet<String>,
    /// Programs that ended otherwise than by saying their result.
    broken: usize,
}

pub(crate) fn run(args: &[String]) -> Result<Outcome> {
    install()?;
    let workspace = Workspace::load()?;
    let conformance = conformance(&workspace.workspace_root);
    let mut tally = Tally::default();

    let mut command = cargo();
    command.args(["test", "--no-fail-fast"]);
    if !args.iter().any(|arg| arg.starts_with("-p") || arg.starts_with("--package")) {
        command.arg("--workspace");
    }
    command.args(args);
    if !args.iter().any(|arg| arg == "--") {
        command.arg("--");
    }
    // Without it, what a passed test says (SKIP and why) is not shown.
    command.arg("--show-output");
    if let Some(folder) = &conformance {
        command.env(CONFORMANCE, folder);
    }
    tally.run(&mut command)?;
    if is_root() && args.is_empty() {
        as_user(&workspace, conformance.as_deref(), &mut tally)?;
    }

    for skip in &tally.skips {
        say(skip);
    }
    if tally.broken > 0 {
        say(&format!("{} test programs did not build or did not end properly: see above", tally.broken));
    }
    if tally.ignored > 0 {
        say(&format!("{} ignored", tally.ignored));
    }
    say(&format!("{} passed, {} failed", tally.passed, tally.failed + tally.broken));
    Ok(Outcome::of(tally.failed == 0 && tally.broken == 0 && tally.passed > 0))
}

/// The folder of public test data: as the variable says, else beside the project, if it is there.
fn conformance(root: &Path) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(CONFORMANCE) {
        return Some(folder.into());
    }
    let beside = root.parent()?.join("shared/conformance");
    beside.is_dir().then(|| beside.canonicalize().unwrap_or(beside))
}

impl Tally {
    /// Runs test programs, shows what they say but for the words of tests that passed, and counts.
    fn run(&mut self, command: &mut Command) -> Result<()> {
        let shown = format!("{command:?}");
        let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot run {shown}"))?;
        let failed_before = self.failed;
        let mut part = Part::Results;
        let output = child.stdout.take().context("no output")?;
        for line in BufReader::new(output).split(b'\n') {
            let line = line.context("cannot read the output of tests")?;
            let line = String::from_utf8_lossy(&line);
            self.line(&line, &mut part);
            if part == Part::Results {
                say(&line);
            }
        }
        let status = child.wait()?;
        // Failed tests say so themselves; anything else that fails must not pass unseen.
        if !status.success() && self.failed == failed_before {
            self.broken += 1;
            say(&format!("{shown}: {status}"));
        }
        Ok(())
    }

    fn line(&mut self, line: &str, part: &mut Part) {
        match line {
            "successes:" => *part = Part::Successes,
            "failures:" => *part = Part::Results,
            _ => {}
        }
        if line.starts_with("SKIP") {
            self.skips.insert(line.trim_end().to_owned());
        }
        if let Some(counts) = line.strip_prefix("test result: ") {
            *part = Part::Results;
            self.passed += count(counts, "passed");
            self.failed += count(counts, "failed");
            self.ignored += count(counts, "ignored");
        }
    }
}

/// Which part of a test program's output a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Results,
    /// What tests that passed have said.
    Successes,
}

/// The number before a word in `ok. 5 passed; 0 failed; …`.
fn count(counts: &str, word: &str) -> usize {
    let number = |part: &str| part.trim().strip_suffix(word)?.trim().rsplit(' ').next()?.parse().ok();
    counts.split([';', '.']).find_map(number).unwrap_or(0)
}

#[derive(Debug, Deserialize)]
struct Artifact {
    executable: Option<PathBuf>,
    manifest_path: Option<PathBuf>,
    profile: Option<Profile>,
}

#[derive(Debug, Deserialize)]
struct Profile {
    test: bool,
}

/// Runs the tests that isolate once more, as an ordinary user.
fn as_user(workspace: &Workspace, conformance: Option<&Path>, tally: &mut Tally) -> Result<()> {
    if !quietly(Command::new("id").arg(USER)) {
        tally.skips.insert(format!("SKIP: no user `{USER}`: tests ran as root only (useradd --create-home {USER})"));
        return Ok(());
    }
    let as_user = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", USER, "--regid", USER, "--init-groups", "--inh-caps=-all", "--"]);
        command
    };
    let (root, target) = (&workspace.workspace_root, &workspace.target_directory);
    if !quietly(as_user().args(["test", "-r"]).arg(root.join("Cargo.toml")).args(["-a", "-x"]).arg(target)) {
        tally.skips.insert(format!("SKIP: `{USER}` cannot read {}: tests ran as root only", root.display()));
        return Ok(());
    }
    let mut build = cargo();
    build.args(["test", "--no-run", "--message-format=json"]).stderr(Stdio::null());
    for package in USER_PACKAGES {
        build.args(["--package", package]);
    }
    let built = build.output().context("cannot build the tests")?;
    for line in built.stdout.split(|byte| *byte == b'\n') {
        let Ok(artifact) = serde_json::from_slice::<Artifact>(line) else { continue };
        let (Some(program), Some(manifest)) = (artifact.executable, artifact.manifest_path) else { continue };
        let Some(folder) = manifest.parent().filter(|_| artifact.profile.is_some_and(|profile| profile.test)) else {
            continue;
        };
        say(&format!("     Running {} as {USER}", program.display()));
        let mut command = as_user();
        command.arg(program).arg("--show-output").current_dir(folder).env("CARGO_MANIFEST_DIR", folder);
        command.env("HOME", format!("/home/{USER}")).env("USER", USER).env_remove("XDG_RUNTIME_DIR");
        // Snapshots are looked for from here; without it cargo is asked, which lies in root's home.
        command.env("INSTA_WORKSPACE_ROOT", root);
        // It lies where this user cannot read, and has been tested against.
        command.env_remove("EKIDEN_GITEA");
        if let Some(folder) = conformance {
            command.env(CONFORMANCE, folder);
        }
        tally.run(&mut command)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_summed_and_skips_are_kept() {
        let mut tally = Tally::default();
        let mut part = Part::Results;
        let lines = [
            "test a ... ok",
            "successes:",
            "---- a stdout ----",
            "SKIP: no such thing here",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s",
        ];
        for line in lines {
            tally.line(line, &mut part);
        }
        let skips = BTreeSet::from(["SKIP: no such thing here".to_owned()]);
        assert_eq!(tally, Tally { passed: 15, failed: 2, ignored: 1, skips, broken: 0 });
    }

    #[test]
    fn a_program_that_breaks_counts_as_failed() {
        let mut tally = Tally::default();
        tally.run(Command::new("sh").args(["-c", "exit 3"])).unwrap();
        assert_eq!((tally.passed, tally.failed, tally.broken), (0, 0, 1));
    }
}
