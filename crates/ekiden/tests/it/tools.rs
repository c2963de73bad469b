//! `eval`, `lint`, `doctor`, `whoami`, `completion`: what they print and how they end.

use crate::support::{Repository, ekiden, run};

#[test]
fn a_value_goes_to_stdout_as_json() {
    let ran = run(ekiden(&["eval", "format('{0}-{1}', 1, true) == '1-true' && fromJSON('[1]')[0]"])).exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("1\n", ""));
    let ran = run(ekiden(&["eval", "${{ 'a' }}"])).exits(0);
    assert_eq!(ran.stdout, "\"a\"\n");
}

#[test]
fn a_wrong_expression_is_shown_with_a_pointer() {
    let ran = run(ekiden(&["eval", "1 == 2 +"])).exits(1);
    assert_eq!(ran.stdout, "");
    insta::assert_snapshot!(ran.stderr, @r"
    error: Unexpected symbol
      |
    1 | 1 == 2 +
      |        ^
      fix   the language has no arithmetic
    ");
}

#[test]
fn contexts_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("contexts.json");
    std::fs::write(&file, r#"{"github": {"ref": "refs/heads/main"}}"#).unwrap();
    let file = file.to_string_lossy();
    let ran = run(ekiden(&["eval", "--context", &file, "startsWith(GitHub.Ref, 'refs/heads/')"])).exits(0);
    assert_eq!(ran.stdout, "true\n");
    run(ekiden(&["eval", "--context", &file, "nothere.x"])).exits(1);
}

#[test]
fn eval_hashes_the_files_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.lock"), "x\n").unwrap();
    let at = folder.path().to_string_lossy();
    let ran = run(ekiden(&["eval", "-C", &at, "hashFiles('**/*.lock') != '' && hashFiles('nothing') == ''"])).exits(0);
    assert_eq!(ran.stdout, "true\n");
    let once = run(ekiden(&["eval", "-C", &at, "hashFiles('a.lock')"])).exits(0).stdout;
    std::fs::write(folder.path().join("a.lock"), "y\n").unwrap();
    assert_ne!(run(ekiden(&["eval", "-C", &at, "hashFiles('a.lock')"])).exits(0).stdout, once);
    run(ekiden(&["eval", "-C", "/no/such/folder", "hashFiles('a')"])).exits(5);
    run(ekiden(&["eval", "-C", &at, "hashFiles('--nope', 'a')"])).exits(1);
}

#[test]
fn a_store_of_actions_can_be_emptied() {
    let store = tempfile::tempdir().unwrap();
    let at = store.path().to_string_lossy();
    run(ekiden(&["action", "prune", "--older-than", "0s", "--action-store", &at])).exits(0).says("removed 0 trees");
    run(ekiden(&["action", "prune", "--older-than", "soon", "--action-store", &at])).exits(2);
}

#[test]
fn all_findings_of_all_files_come_at_once() {
    let repository = Repository::with(&[
        (".github/workflows/a.yml", "on: push\njobs:\n  a:\n    runs_on: x\n    steps: [{run: x}]\n"),
        (
            ".github/workflows/b.yml",
            "on: push\njobs:\n  a:\n    runs-on: x\n    needs: nobody\n    steps: [{run: x}]\n",
        ),
        (".github/workflows/good.yml", "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: x}]\n"),
        ("action.yml", "name: x\nruns: {using: node99, main: x.js}\n"),
    ]);
    let ran = repository.ekiden(&["lint", "-o", "json"]).exits(1);
    let found = ran.json();
    let mut files: Vec<&str> =
        found["diagnostics"].as_array().unwrap().iter().map(|finding| finding["file"].as_str().unwrap()).collect();
    files.dedup();
    assert_eq!(files, [".github/workflows/a.yml", ".github/workflows/b.yml", "./action.yml"]);
    let sarif = repository.ekiden(&["lint", "-o", "sarif"]).exits(1).json();
    assert_eq!(sarif["version"], "2.1.0");
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let line = |result: &serde_json::Value| result["locations"][0]["physicalLocation"]["region"]["startLine"].clone();
    assert!(results.iter().any(|result| result["ruleId"] == "unknown-key" && line(result) == 4), "{sarif}");
    let text = repository.ekiden(&["lint", ".github/workflows/good.yml"]).exits(0);
    assert_eq!((text.stdout.as_str(), text.stderr.as_str()), ("", "note: 1 file checked, nothing found\n"));
    repository.ekiden(&["lint", "absent.yml"]).exits(5);
}

#[test]
fn doctor_and_whoami_speak_json() {
    let checks = run(ekiden(&["doctor", "-o", "json"])).json();
    assert!(checks["checks"].as_array().unwrap().iter().any(|check| check["name"] == "user namespaces"));
    let mut command = ekiden(&["whoami", "-o", "json"]);
    assert_eq!(run(ekiden(&["whoami", "-o", "json"])).json()["where"], "outside");
    command.env("GITHUB_ACTIONS", "true").env("RUNNER_ENVIRONMENT", "github-hosted");
    let hosted = run(command).exits(0).json();
    assert_eq!((&hosted["where"], &hosted["service"]), (&"runner".into(), &"a GitHub-hosted runner".into()));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        run(ekiden(&["completion", shell])).exits(0).says("doctor").says("event-path");
    }
}

#[test]
fn a_wrong_command_line_is_exit_2_with_a_suggestion() {
    let ran = run(ekiden(&["exce"])).exits(2);
    assert!(ran.stderr.contains("exec"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    run(ekiden(&["--version"])).exits(0).says("ekiden ");
}

#[test]
fn a_closed_pipe_is_quiet() {
    let mut command = ekiden(&["completion", "bash"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdout(writer);
    let ran = run(command).exits(0);
    assert_eq!(ran.stderr, "");
}
