//! The rows of nektos/act's `TestRunEventHostEnvironment` that mean the same here, run through `ekiden exec --checkout`.
//!
//! `EKIDEN_ACT_SOURCE` names a checkout of <https://github.com/nektos/act>. Rows that need actions from elsewhere run when
//! `EKIDEN_ACTION_MIRROR` names a place that has them. What is left out, and why: `docs/act-suite.md`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use testkit::TempRepository;

/// What act's table expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Success,
    /// A job fails.
    Failure,
}

/// What a row needs beside the checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// Actions that lie in other repositories.
    Actions,
    /// A program in a place that jobs see.
    Program(&'static str),
}

struct Row {
    path: &'static str,
    expected: Expected,
    needs: Needs,
    arguments: &'static [&'static str],
}

const fn row(path: &'static str) -> Row {
    Row { path, expected: Expected::Success, needs: Needs::Nothing, arguments: &[] }
}

const fn failing(path: &'static str) -> Row {
    Row { expected: Expected::Failure, ..row(path) }
}

const fn with(path: &'static str, arguments: &'static [&'static str]) -> Row {
    Row { arguments, ..row(path) }
}

const fn remote(path: &'static str) -> Row {
    Row { needs: Needs::Actions, ..row(path) }
}

/// As act's own table says which machines there are.
const SELF_HOSTED: &[&str] = &["--platform", "self-hosted=local"];

const ROWS: &[Row] = &[
    row("local-action-js"),
    row("uses-composite"),
    failing("uses-composite-with-error"),
    row("act-composite-env-test"),
    row("evalmatrix"),
    row("evalmatrixneeds"),
    row("evalmatrixneeds2"),
    row("evalmatrix-merge-map"),
    row("evalmatrix-merge-array"),
    row("issue-1195"),
    with("runs-on", &["--platform", "self-hosted=local", "--actor", "nektos/act"]),
    row("checkout"),
    row("matrix"),
    row("matrix-include-exclude"),
    row("commands"),
    row("composite-fail-with-output"),
    remote("issue-597"),
    remote("issue-598"),
    row("env-and-path"),
    failing("non-existent-action"),
    row("outputs"),
    row("steps-context/conclusion"),
    row("steps-context/outcome"),
    failing("job-status-check"),
    failing("if-expressions"),
    row("evalenv"),
    failing("ensure-post-steps"),
    // Of the second table, which runs on every Unix.
    with("nix-prepend-path", SELF_HOSTED),
    with("inputs-via-env-context", SELF_HOSTED),
    row("do-not-leak-step-env-in-composite"),
    row("set-env-step-env-override"),
    row("set-env-new-env-file-per-step"),
    Row { expected: Expected::Failure, ..remote("no-panic-on-invalid-composite-action") },
    // The jobs of the shell rows that ask for no container.
    with("shells/defaults", &["--job", "check"]),
    with("shells/bash", &["--job", "check", "--job", "check-job-default"]),
    with("shells/sh", &["--job", "check", "--job", "check-job-default"]),
    Row { needs: Needs::Program("python"), ..with("shells/python", &["--job", "check", "--job", "check-job-default"]) },
];

#[test]
fn rows_of_acts_host_environment_end_as_its_table_says() {
    let Some(source) = std::env::var_os("EKIDEN_ACT_SOURCE") else {
        println!("SKIP: EKIDEN_ACT_SOURCE is not set; it names a checkout of https://github.com/nektos/act");
        return;
    };
    let data = PathBuf::from(source).join("pkg/runner/testdata");
    assert!(data.is_dir(), "EKIDEN_ACT_SOURCE: there is no {}", data.display());
    let mirror = std::env::var_os("EKIDEN_ACTION_MIRROR").is_some();
    let repository = repository(&data);
    let mut wrong = Vec::new();
    let (mut passed, mut skipped) = (0, 0);
    for row in ROWS {
        let lacking = match row.needs {
            Needs::Actions if !mirror => {
                Some("EKIDEN_ACTION_MIRROR, which names a place for actions of other repositories".to_owned())
            }
            Needs::Program(name) if !visible(name) => Some(format!("{name} outside of homes")),
            Needs::Nothing | Needs::Actions | Needs::Program(_) => None,
        };
        if let Some(lacking) = lacking {
            println!("SKIP {}: it needs {lacking}", row.path);
            skipped += 1;
            continue;
        }
        match run(&repository, row) {
            Ok(()) => passed += 1,
            Err(why) => wrong.push(format!("{}: {why}", row.path)),
        }
    }
    println!("{passed} rows as expected, {} not, {skipped} skipped", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a program lies where jobs look for it.
fn visible(program: &str) -> bool {
    ["/usr/local/bin", "/usr/bin", "/bin"].iter().any(|folder| Path::new(folder).join(program).exists())
}

/// act runs these with the test data as its working directory; here that is a repository of act's name.
fn repository(data: &Path) -> TempRepository {
    let repository = TempRepository::empty();
    let copied = Command::new("cp").args(["-a", "--"]).arg(data.join(".")).arg(repository.path()).status().unwrap();
    assert!(copied.success());
    repository.git(["add", "-A", "--force"]);
    repository.git(["commit", "-q", "-m", "test data"]);
    repository.git(["remote", "add", "origin", "https://github.com/nektos/act"]);
    repository
}

fn run(repository: &TempRepository, row: &Row) -> Result<(), String> {
    let folder = repository.path().join(row.path);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).map_err(|error| error.to_string())?.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yml" || extension == "yaml"));
    files.sort();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ekiden"));
    command.args(["exec", "push", "--checkout", "-C"]).arg(repository.path());
    for file in &files {
        command.arg("-W").arg(file);
    }
    let output = command.args(row.arguments).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let expected = match row.expected {
        Expected::Success => 0,
        Expected::Failure => 1,
    };
    if output.status.code() == Some(expected) {
        return Ok(());
    }
    let all = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let from = all.len().saturating_sub(3000);
    let tail = all.get(all.ceil_char_boundary(from)..).unwrap_or_default();
    Err(format!("{}, wanted exit code {expected}\n{tail}\n", output.status))
}
