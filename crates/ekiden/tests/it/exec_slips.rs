//! `exec` on bad days: slips of the finger, odd names, places that cannot be written. Each ends before anything runs, with what
//! failed, the fact and the fix.

use crate::support::{Ran, Repository, run};
use std::os::unix::ffi::OsStrExt as _;

const CI: &str = "on: push\njobs:\n  one:\n    strategy: {matrix: {os: [linux, mac], v: [1, 2], include: [{os: bsd, extra: x}]}}\n    runs-on: windows-latest\n    steps: [{run: x}]\n  two:\n    runs-on: windows-latest\n    steps: [{run: x}]\n";

/// Nothing was run, and stderr has all of the texts.
#[track_caller]
fn refused(ran: Ran, code: i32, texts: &[&str]) {
    let ran = ran.exits(code);
    assert_eq!(ran.stdout, "");
    for text in texts {
        assert!(ran.stderr.contains(text), "no {text:?} in {}", ran.stderr);
    }
}

#[test]
fn a_cell_that_no_matrix_has_is_refused() {
    let repository = Repository::ci(CI);
    let exec = |cell: &str| repository.ekiden(&["exec", "--matrix", cell]);
    refused(
        exec("oss:linux"),
        5,
        &["no matrix has the key 'oss'", "fact  keys of matrices: ", "fix   --matrix os:linux"],
    );
    refused(
        exec("os:linus"),
        5,
        &["no matrix has os: linus", "os is one of: linux, mac, bsd", "fix   --matrix os:linux"],
    );
    refused(exec("v:3"), 5, &["v is one of: 1, 2"]);
    for cell in ["os:bsd", "OS:mac", "v:2", "extra:x"] {
        exec(cell).exits(0);
    }
    let alone = repository.ekiden(&["exec", "-j", "two", "--matrix", "os:linux"]);
    refused(alone, 5, &["no job that would run has a matrix"]);
    // What an expression may add is known only when it runs.
    let open = Repository::ci(&CI.replace("include: [{os: bsd, extra: x}]", "w: '${{ fromJSON(vars.W) }}'"));
    refused(open.ekiden(&["exec", "--matrix", "os:linus"]), 5, &["no matrix has os: linus"]);
    open.ekiden(&["exec", "--matrix", "w:9", "--var", "W=[9]"]).exits(0);
}

#[test]
fn an_event_that_nothing_waits_for_is_told_its_neighbour() {
    let repository = Repository::ci(&CI.replace("on: push", "on: [issues, push, release]"));
    refused(repository.ekiden(&["exec", "pusch"]), 5, &["no workflow is started by pusch", "fix   ekiden exec push,"]);
    refused(repository.ekiden(&["exec", "--event", "relaese"]), 5, &["fix   ekiden exec release,"]);
}

#[test]
fn a_folder_without_workflows_is_not_a_success() {
    let repository = Repository::ci(CI);
    std::fs::create_dir(repository.path().join("empty.yml")).unwrap();
    refused(repository.ekiden(&["exec", "-W", "empty.yml"]), 5, &["the folder empty.yml holds no workflow file"]);
    refused(repository.ekiden(&["exec", "-W", "/dev/null"]), 2, &["/dev/null is no file but a pipe, a device"]);
    refused(repository.ekiden(&["exec", "-C", ".github/workflows/ci.yml"]), 2, &["is a file, not a folder"]);
}

#[test]
fn a_name_that_is_no_text_is_named() {
    let repository = Repository::ci(CI);
    let name = std::ffi::OsStr::from_bytes(b".github/workflows/\xff.yml");
    std::fs::copy(repository.path().join(".github/workflows/ci.yml"), repository.path().join(name)).unwrap();
    refused(repository.ekiden(&["exec"]), 3, &["its name is no UTF-8 text", "give the file another name"]);
}

#[test]
fn limits_and_targets_are_checked_before_anything_runs() {
    let repository = Repository::ci(CI);
    refused(repository.ekiden(&["exec", "--memory", "1kB"]), 2, &["cannot start", "the least is 4.0 MiB"]);
    refused(repository.ekiden(&["exec", "--allow", "bad host:x"]), 2, &["`bad host:x` is no target"]);
    repository.write("ekiden.toml", "[exec.network]\nallow = ['a:b']\n");
    refused(repository.ekiden(&["exec"]), 2, &["network.allow", "`a:b` is no target"]);
}

#[test]
fn a_summary_that_cannot_be_written_is_said_at_once() {
    let ran = Repository::ci(CI).ekiden(&["exec", "--summary", "not/there/summary.json"]);
    refused(ran, 2, &["could not write the summary not/there/summary.json", "No such file or directory"]);
}

#[test]
fn a_run_of_skipped_jobs_does_not_claim_success() {
    let ran = Repository::ci(CI).ekiden(&["exec"]).exits(0).says("\n○ nothing ran in ");
    assert!(!ran.stdout.contains("✓"), "{}", ran.stdout);
}

#[test]
fn jobs_are_told_in_the_order_of_the_file_and_the_matrix() {
    let repository = Repository::ci(
        "on: push\njobs:\n  last:\n    needs: m\n    runs-on: ubuntu-latest\n    steps: [{run: 'true'}]\n  m:\n    strategy: {matrix: {n: [3, 1, 2]}}\n    runs-on: ubuntu-latest\n    steps: [{run: 'sleep 0.0${{ matrix.n }}'}]\n  never:\n    runs-on: windows-latest\n    steps: [{run: x}]\n",
    );
    for _ in 0..3 {
        let summary = repository.ekiden(&["exec", "-o", "json"]).exits(0).json();
        let ids: Vec<&str> =
            summary["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["last", "m (3)", "m (1)", "m (2)", "never"]);
    }
}

#[test]
fn colours_of_jobs_go_when_they_are_refused() {
    let repository = Repository::ci(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: 'printf \"\\033[31mred\\033[0m\\n\"'}]\n",
    );
    repository.ekiden(&["exec"]).exits(0).says("\u{1b}[31mred\u{1b}[0m\n");
    let mut command = repository.command(&["exec"]);
    command.env("NO_COLOR", "1");
    run(command).exits(0).says("\nred\n").never_says("\u{1b}");
    repository.ekiden(&["--color", "never", "exec"]).exits(0).says("\nred\n").never_says("\u{1b}");
}
