//! `exec` before anything runs: which workflows the event starts, what is refused, what it says then.

use crate::support::{Repository, ekiden, run};

const JOB: &str = "jobs:\n  build:\n    runs-on: ubuntu-latest\n    steps: [{run: 'true'}]\n";

#[test]
fn without_a_repository_there_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = ekiden(&["exec"]);
    command.current_dir(folder.path());
    let ran = run(command).exits(5);
    assert!(ran.stderr.contains(" is in no git repository\n  fact "), "{}", ran.stderr);
    assert!(ran.stderr.contains("git init"), "{}", ran.stderr);
}

#[test]
fn nothing_to_run_names_the_events_and_what_a_filter_holds_back() {
    let repository = Repository::with(&[
        (".github/workflows/a.yml", &format!("on: {{push: {{branches: [release]}}}}\n{JOB}")),
        (
            ".github/workflows/b.yml",
            &format!("on: [workflow_dispatch, schedule]\n{JOB}").replace("schedule", "release"),
        ),
    ]);
    let ran = repository.ekiden(&["exec"]).exits(5);
    insta::assert_snapshot!(ran.talk(&repository), @r"
    error: nothing to run: no workflow is started by push
      fact  .github/workflows/a.yml is held back by its filter 'branches': 'main' does not match release
      fact  events that start something here: push, release, workflow_dispatch
      fix   ekiden exec release, or ekiden exec -W FILE whatever its filters
    ");
    let list = repository.ekiden(&["exec", "-W", ".github/workflows/a.yml", "--list", "-o", "json"]).exits(0).json();
    assert_eq!(list["jobs"][0]["id"], "build");
}

#[test]
fn a_file_can_be_listed_without_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.yml");
    std::fs::write(&file, format!("on: push\n{JOB}")).unwrap();
    let ran = run(ekiden(&["exec", "-W", &file.to_string_lossy(), "--list", "-o", "json"])).exits(0);
    assert_eq!(
        ran.json()["jobs"][0],
        serde_json::json!({ "id": "build", "name": "build", "needs": [], "runs_on": "ubuntu-latest" })
    );
}

#[test]
fn an_invalid_workflow_is_refused_with_every_error_and_its_line() {
    let repository = Repository::ci(
        "on: push\njobs:\n  a:\n    runs-on: x\n    steps: [{runn: x}]\n  b:\n    needs: nobody\n    runs-on: x\n    steps: [{run: x}]\n",
    );
    let ran = repository.ekiden(&["exec"]).exits(3);
    assert_eq!(ran.stdout, "");
    for text in ["ci.yml:5:", "runn", "ci.yml:7:", "nobody", "ekiden lint .github/workflows/ci.yml"] {
        assert!(ran.stderr.contains(text), "no {text:?} in {}", ran.stderr);
    }
}

#[test]
fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    let repository = Repository::ci(&format!("on: push\n{JOB}"));
    let ran = repository.ekiden(&["exec", "--secret", "TOKEN=hunter2"]).exits(2);
    assert!(ran.stderr.contains("--secret TOKEN=env:VAR"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    let ran = repository.ekiden(&["exec", "--secret", "TOKEN=env:NOT_THERE"]).exits(2);
    assert!(ran.stderr.contains("NOT_THERE is not set"), "{}", ran.stderr);
}

#[test]
fn slips_get_suggestions() {
    let repository = Repository::ci(&format!("on: push\n{JOB}"));
    let ran = repository.ekiden(&["exec", "-j", "biuld"]).exits(5);
    assert!(ran.stderr.contains("ekiden exec -j build"), "{}", ran.stderr);
    let ran = repository.ekiden(&["exec", "-W", "cii.yml"]).exits(5);
    assert!(ran.stderr.contains("ekiden exec -W ci.yml"), "{}", ran.stderr);
    repository.write("ekiden.toml", "[exec]\nexpos = []\n");
    let ran = repository.ekiden(&["exec"]).exits(3);
    insta::assert_snapshot!(ran.talk(&repository), @r"
    error: [REPO]/ekiden.toml:2:1: unknown key 'exec.expos'
      fix   did you mean 'exec.expose'?
    ");
}

#[test]
fn the_first_folder_that_exists_counts() {
    let repository = Repository::with(&[
        (".github/workflows/ci.yml", &format!("on: push\n{JOB}")),
        (".forgejo/workflows/ci.yml", &format!("on: push\n{}", JOB.replace("build", "forged"))),
    ]);
    let list = repository.ekiden(&["exec", "--list", "-o", "json"]).exits(0).json();
    assert_eq!(list["jobs"][0]["id"], "forged");
    assert_eq!(list["jobs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_dry_run_and_a_graph_run_nothing() {
    let repository = Repository::ci(
        "on: push\njobs:\n  a:\n    runs-on: x\n    steps: [{run: 'exit 1'}]\n  b:\n    needs: a\n    runs-on: x\n    steps: [{run: 'exit 1'}]\n",
    );
    insta::assert_snapshot!(repository.ekiden(&["exec", "--graph"]).exits(0).stdout, @r"
    .github/workflows/ci.yml
       a
          b  ◀ a
    ");
    repository.ekiden(&["exec", "--dry-run"]).exits(0).says("needs a");
}
