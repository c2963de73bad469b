//! `exec` to its end, in real sandboxes: what is printed, what the summary holds, how it exits.

use crate::support::{Repository, run};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

const ONE: &str = "name: CI\non: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      - name: Say\n        run: |\n          echo \"::group::inside\"\n          echo \"it is $(cat word)\"\n          echo \"::endgroup::\"\n";

fn one() -> Repository {
    Repository::with(&[(".github/workflows/ci.yml", ONE), ("word", "good\n")])
}

#[test]
fn a_job_runs_and_every_line_is_printed() {
    let repository = one();
    let summary = repository.path().join("summary.json");
    let ran = repository
        .ekiden(&["exec", "--summary", &summary.to_string_lossy()])
        .exits(0)
        .says("\n##[group]inside\nit is good\n##[endgroup]\n")
        .says("▶ Say\n")
        .says("\n✓ success in ")
        .says("namespaces (hardened) · network outbound · root host");
    assert_eq!(ran.stderr, "");
    let summary: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(summary).unwrap()).unwrap();
    assert_eq!((&summary["conclusion"], &summary["jobs"][0]["id"]), (&"success".into(), &"a".into()));
    assert_eq!(summary["jobs"][0]["receipt"]["backend"], "namespaces");
}

#[test]
fn events_come_as_lines_of_json_with_their_version() {
    let ran = one().ekiden(&["exec", "-o", "jsonl"]).exits(0);
    let events: Vec<serde_json::Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["version"] == 1 && event["job"] == "a"));
    assert_eq!(events[0]["type"], "job_started");
    let last = events.last().unwrap();
    assert_eq!((&last["type"], &last["conclusion"]), (&"job_finished".into(), &"success".into()));
    let json = one().ekiden(&["exec", "-o", "json"]).exits(0).json();
    assert_eq!(json["jobs"][0]["conclusion"], "success");
}

const FOUR: &str = "name: CI\non: push\njobs:\n  good:\n    runs-on: ubuntu-latest\n    steps: [{run: 'echo fine'}]\n  bad:\n    runs-on: ubuntu-latest\n    steps:\n      - name: Break\n        run: |\n          echo about to break\n          echo '::error file=x.c,line=3::it broke'\n          exit 7\n  after:\n    needs: bad\n    runs-on: ubuntu-latest\n    steps: [{run: 'echo never'}]\n  elsewhere:\n    runs-on: windows-latest\n    steps: [{run: 'echo never'}]\n";

#[test]
fn a_failure_comes_first_in_the_summary_and_dependants_are_skipped() {
    let ran = Repository::ci(FOUR).ekiden(&["exec"]).exits(1).never_says("echo never\n[");
    let closing = ran.stdout.split_once("\nfirst error: ").unwrap().1;
    let lines: Vec<&str> = closing.lines().collect();
    assert_eq!(lines[0], "bad › Break");
    assert!(closing.contains("  │ about to break\n"), "{closing}");
    assert!(closing.contains("  error: x.c:3: it broke\n"), "{closing}");
    assert!(closing.contains("after"), "{closing}");
    assert!(closing.contains("skipped: it needs 'bad', which failed"), "{closing}");
    assert!(closing.contains("--platform windows-latest=local"), "{closing}");
}

#[test]
fn a_job_that_may_fail_is_not_the_first_error_of_a_run_that_failed_for_another() {
    let text = "on: push\njobs:\n  soft:\n    runs-on: ubuntu-latest\n    continue-on-error: true\n    steps: [{run: exit 1}]\n  hard:\n    needs: soft\n    runs-on: ubuntu-latest\n    steps: [{uses: ./nothing}]\n";
    let repository = Repository::with(&[
        (".github/workflows/ci.yml", &text.replace("steps: [{uses", "steps: [{uses: actions/checkout@v4}, {uses")),
        ("nothing/action.yml", "runs: {using: composite, steps: [{run: x}]}\n"),
    ]);
    let ran = repository.ekiden(&["exec"]).exits(1);
    let closing = ran.stdout.split_once("\nfirst error: ").unwrap().1;
    assert!(closing.starts_with("hard › Run ./nothing\n"), "{closing}");
    assert!(closing.contains("action.yml is not valid:\n    /"), "{closing}");
    assert!(closing.contains("Required property is missing: shell"), "{closing}");
    assert!(closing.contains("  Run exit 1, failed, and may\n"), "{closing}");
    let alone = repository.ekiden(&["exec", "-j", "soft"]).exits(0);
    assert!(alone.stdout.contains("\nfirst error: soft › Run exit 1\n"), "{}", alone.stdout);
}

#[test]
fn a_workflow_that_others_call_is_started_by_hand() {
    let text = "on:\n  workflow_call:\n    inputs:\n      n: {type: number, required: true}\n      ref: {type: string, default: 'on ${{ github.ref_name }}'}\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: 'echo ${{ inputs.n }} ${{ inputs.ref }}'}]\n";
    let repository = Repository::ci(text);
    let file = ".github/workflows/ci.yml";
    for event in [&["exec", "workflow_call"][..], &["exec", "-W", file]] {
        let mut line = event.to_vec();
        let refused = repository.ekiden(&line).exits(2);
        assert!(refused.stderr.contains("the input 'n' is required and was not given"), "{}", refused.stderr);
        assert!(refused.stderr.contains("fix   ekiden exec workflow_call -W"), "{}", refused.stderr);
        line.extend(["--input", "n=5"]);
        repository.ekiden(&line).exits(0).says("\n5 on main\n");
    }
}

#[test]
fn what_is_odd_but_runs_is_told_with_its_place() {
    let text = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - {if: '${{ true }} && false', run: 'echo ran'}\n";
    let ran = Repository::ci(text).ekiden(&["exec"]).exits(0).says("\nran\n");
    assert!(
        ran.stderr.starts_with("warning: .github/workflows/ci.yml:6:14: This condition is always true"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_schedule_names_its_line() {
    let text = "on: {schedule: [{cron: '5 4 * * 1'}]}\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: 'echo \"[${{ github.event.schedule }}]\"'}]\n";
    Repository::ci(text).ekiden(&["exec", "schedule"]).exits(0).says("\n[5 4 * * 1]\n");
}

#[test]
fn a_job_comes_with_what_it_needs_and_nothing_else() {
    let ran = Repository::ci(FOUR).ekiden(&["exec", "-j", "good", "-o", "json"]).exits(0);
    assert_eq!(ran.json()["jobs"].as_array().unwrap().len(), 1);
    let both = Repository::ci(FOUR).ekiden(&["exec", "--job", "after", "-o", "json"]).exits(1).json();
    let names: Vec<&str> = both["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["bad", "after"]);
}

#[test]
fn one_cell_of_a_matrix_can_be_picked() {
    let repository = Repository::ci(
        "on: push\njobs:\n  a:\n    strategy: {matrix: {os: [x, y], n: [1, 2]}}\n    runs-on: ubuntu-latest\n    steps: [{run: 'echo cell ${{ matrix.os }}${{ matrix.n }}'}]\n",
    );
    let ran = repository.ekiden(&["exec", "--matrix", "os:y", "--matrix", "n:2"]).exits(0).says("cell y2");
    assert!(!ran.stdout.contains("cell x") && !ran.stdout.contains("cell y1"), "{}", ran.stdout);
}

#[test]
fn a_dispatch_gets_typed_inputs_and_secrets_are_masked() {
    let repository = Repository::ci(
        "on:\n  workflow_dispatch:\n    inputs:\n      who: {required: true}\n      loud: {type: boolean, default: true}\njobs:\n  a:\n    runs-on: ubuntu-latest\n    env: {T: '${{ secrets.TOKEN }}', V: '${{ vars.COLOUR }}'}\n    steps: [{run: 'echo \"${{ inputs.who }} ${{ inputs.loud == true }} $V token=$T $FROM ${{ env.FROM }}\"'}]\n",
    );
    let mut command = repository.command(&[
        "exec",
        "workflow_dispatch",
        "--input",
        "who=me",
        "--secret",
        "TOKEN",
        "--var",
        "colour=blue",
        "--env",
        "FROM=here",
    ]);
    command.env("TOKEN", "hunter22");
    run(command).exits(0).says("me true blue token=*** here here").never_says("hunter22");
    let ran = repository.ekiden(&["exec", "workflow_dispatch", "--input", "hwo=me"]).exits(2);
    assert!(ran.stderr.contains("no input 'hwo'") && ran.stderr.contains("'who' is required"), "{}", ran.stderr);
}

#[test]
fn the_log_limit_cuts_what_is_shown_and_keeps_the_whole() {
    let repository =
        Repository::ci("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: 'seq 100000'}]\n");
    let state = tempfile::tempdir().unwrap();
    let mut command = repository.command(&["exec", "--log-limit", "10kB"]);
    command.env("XDG_STATE_HOME", state.path());
    let ran = run(command).exits(0).says("of this step are not shown; the whole is in ");
    assert!(ran.stdout.contains("\n100\n") && !ran.stdout.contains("\n99999\n"));
    let path = ran.stdout.lines().find_map(|line| line.split_once("the whole is in ")).unwrap().1;
    let whole = std::fs::read_to_string(path).unwrap();
    assert!(whole.contains("\n100000\n"));
}

#[test]
fn ctrl_c_cancels_and_always_steps_still_run() {
    let repository = Repository::ci(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: |\n          echo started\n          exec sleep 100\n      - if: always()\n        run: echo cleaned up\n",
    );
    let mut child = repository.command(&["exec"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.ends_with("\nstarted\n") {
        assert_ne!(lines.read_line(&mut said).unwrap(), 0, "{said}");
    }
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    lines.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("\ncleaned up\n"), "{said}");
}

#[test]
fn several_workflows_run_and_a_job_of_each_has_its_name() {
    let job = |name: &str| {
        format!("name: {name}\non: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{{run: 'echo hi'}}]\n")
    };
    let repository =
        Repository::with(&[(".github/workflows/x.yml", &job("X")), (".github/workflows/y.yml", &job("Y"))]);
    let ran = repository.ekiden(&["exec"]).exits(0).says("[X / a] hi").says("[Y / a] hi");
    assert!(ran.stdout.contains("✓ X / a"), "{}", ran.stdout);
}

#[test]
fn a_checkouts_own_file_does_not_open_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("word"), "found-it\n").unwrap();
    let at = folder.path().to_string_lossy().into_owned();
    let job = format!(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{{run: 'cat {at}/word || echo not-there'}}]\n"
    );
    let config = format!(
        "[exec]\nexpose = [\"{at}\"]\nroot = \"{at}\"\nprofile = \"root\"\nnetwork.allow = [\"10.1.2.3:80\"]\n[actions]\nmirrors = [\"file://{at}\"]\n"
    );
    let repository = Repository::with(&[(".github/workflows/ci.yml", &job), ("ekiden.toml", &config)]);
    let ran = repository.ekiden(&["exec"]).exits(0).says("not-there").never_says("found-it\n");
    assert!(ran.stderr.contains("does not get it; --expose /"), "{}", ran.stderr);
    assert!(ran.stderr.contains("ekiden.toml opens 10.1.2.3:80"), "{}", ran.stderr);
    for flag in ["--root /", "--profile root gives", "--action-mirror 'file:///"] {
        assert!(ran.stderr.contains(flag), "{flag}: {}", ran.stderr);
    }
    repository.ekiden(&["exec", "--expose", &at]).exits(0).says("found-it");
}

#[test]
fn a_checkout_of_the_current_branch_by_name_is_the_working_tree() {
    let job = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n        with: {ref: main, path: here}\n      - run: cat here/word\n";
    let repository = Repository::with(&[(".github/workflows/ci.yml", job), ("word", "committed\n")]);
    repository.write("word", "changed\n");
    repository.ekiden(&["exec"]).exits(0).says("changed");
}

/// Where a text stands.
fn at(ran: &crate::support::Ran, text: &str) -> usize {
    ran.stdout.find(text).unwrap_or_else(|| panic!("no {text:?} in\n{}", ran.stdout))
}

#[test]
fn workflows_of_an_event_run_beside_each_other_and_share_their_groups() {
    let job = |group: &str, script: &str| {
        format!("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n{group}    steps: [{{run: {script}}}]\n")
    };
    let two = |group: &str| {
        Repository::with(&[
            (".github/workflows/x.yml", &job(group, "sleep 2; echo x-said")),
            (".github/workflows/y.yml", &job(group, "echo y-said")),
        ])
    };
    let ran = two("").ekiden(&["exec", "--jobs", "2"]).exits(0);
    assert!(at(&ran, "] y-said") < at(&ran, "] x-said"), "{}", ran.stdout);
    let ran = two("    concurrency: one\n").ekiden(&["exec", "--jobs", "2"]).exits(0);
    let whole = |name: &str| (at(&ran, &format!("{name}.yml / a] ▶ Set up job")), at(&ran, &format!("{name}-said\n")));
    let (x, y) = (whole("x"), whole("y"));
    assert!(x.1 < y.0 || y.1 < x.0, "{}", ran.stdout);
    let ran = two("").ekiden(&["exec", "--jobs", "1"]).exits(0);
    let (x, y) = (at(&ran, "x.yml / a] ✓ Complete job"), at(&ran, "y.yml / a] ✓ Complete job"));
    // The next one is set up ahead; its steps wait.
    let (begins_x, begins_y) = (at(&ran, "x.yml / a] ▶ Run"), at(&ran, "y.yml / a] ▶ Run"));
    assert!(x < begins_y || y < begins_x, "{}", ran.stdout);
}

#[test]
fn colours_are_ours_only_when_asked_for() {
    let repository = Repository::ci("on: push\njobs:\n  a:\n    runs-on: windows-latest\n    steps: [{run: x}]\n");
    repository.ekiden(&["exec"]).exits(0).never_says("\u{1b}[");
    repository.ekiden(&["--color", "always", "exec"]).exits(0).says("\u{1b}[");
    let mut command = repository.command(&["exec"]);
    command.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    run(command).exits(0).never_says("\u{1b}[");
}

#[test]
fn workflows_of_an_event_wait_for_the_group_of_a_whole_workflow() {
    let of = |concurrency: &str, name: &str, script: &str| {
        format!(
            "on: push\n{concurrency}jobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{{run: '{script}'}}]\n  b:\n    needs: a\n    runs-on: ubuntu-latest\n    steps: [{{run: echo {name}-ends}}]\n"
        )
    };
    let two = |concurrency: &str, script: &str| {
        Repository::with(&[
            (".github/workflows/x.yml", &of(concurrency, "x", script)),
            (".github/workflows/y.yml", &of(concurrency, "y", "echo y-begins")),
        ])
    };
    let ran = two("concurrency: w-${{ github.ref }}\n", "sleep 1").ekiden(&["exec", "--jobs", "2"]).exits(0);
    assert!(at(&ran, "] x-ends") < at(&ran, "] y-begins"), "{}", ran.stdout);

    let newest = "concurrency: {group: w, cancel-in-progress: true}\n";
    let ran = two(newest, "sleep 60").ekiden(&["exec", "--jobs", "2"]).exits(1).says("] y-ends").never_says("] x-ends");
    assert!(ran.stdout.contains("takes its place"), "{}", ran.stdout);

    let wrong = two("concurrency: ${{ fromJSON(github.ref) }}\n", "true").ekiden(&["exec"]).exits(3);
    assert!(wrong.stderr.contains("concurrency"), "{}", wrong.stderr);
}

#[test]
fn a_refused_target_is_told_with_the_flag_that_opens_it() {
    let run = |script: &str| {
        Repository::ci(&format!(
            "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{{run: '{script}'}}]\n"
        ))
    };
    let ran = run("echo x > /dev/tcp/10.1.2.3/80").ekiden(&["exec"]).exits(1);
    assert!(ran.stdout.contains("--allow 10.1.2.3:80 opens"), "{}", ran.stdout);

    // The machine's own name, which leads to its loopback or to a private address, if it leads anywhere.
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let own = std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 80))
        .map(|found| found.map(|at| at.ip()).collect::<Vec<_>>());
    let inside = |at: &std::net::IpAddr| matches!(at, std::net::IpAddr::V4(v4) if v4.is_loopback() || v4.is_private());
    if name == "localhost" || !own.is_ok_and(|own| !own.is_empty() && own.iter().all(inside)) {
        println!("SKIP: this machine's own name ({name}) leads to no private address alone");
        return;
    }
    let ran = run(&format!("echo x > /dev/tcp/{name}/80")).ekiden(&["exec"]).exits(1);
    assert!(ran.stdout.contains(&format!("--allow {name} opens")), "{}", ran.stdout);
}

#[test]
fn a_secret_with_a_name_of_the_servers_own_is_refused() {
    let repository = Repository::ci("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: 'true'}]\n");
    let mut command = repository.command(&["exec", "--secret", "github_word"]);
    command.env("github_word", "x").env("GITHUB_WORD", "x");
    let ran = crate::support::run(command).exits(2);
    assert!(ran.stderr.contains("no secret can be called GITHUB_WORD"), "{}", ran.stderr);
}

#[test]
fn hooks_of_the_machine_are_read_and_run_inside() {
    let folder = tempfile::tempdir().unwrap();
    let hook = folder.path().join("started.sh");
    std::fs::write(&hook, "echo hook of $GITHUB_JOB\n").unwrap();
    let repository = Repository::ci("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: 'true'}]\n");
    let with = |path: &std::path::Path| {
        let mut command = repository.command(&["exec"]);
        command.env("ACTIONS_RUNNER_HOOK_JOB_STARTED", path);
        crate::support::run(command)
    };
    with(&hook).exits(0).says("hook of a").says("Set up runner");
    let wrong = with(&folder.path().join("absent.sh")).exits(2);
    assert!(wrong.stderr.contains("ACTIONS_RUNNER_HOOK_JOB_STARTED"), "{}", wrong.stderr);
}
