//! What a job sees of its run, its file and its place in a matrix: the same from a server as from `exec`.

use crate::support::{Repository, ekiden, run};
use crate::up::{Running, cannot_run_here, up};
use std::collections::BTreeSet;

const FOLDER: &str = ".github/workflows";
const INPUTS: &str = "{word: {type: string}, count: {type: number}, loud: {type: boolean}}";
const SAY: &str = "strategy: {fail-fast: false, max-parallel: 2, matrix: {n: [5, 6, 7]}}\n    steps:\n      - run: |\n          echo 'saw ${{ github.job }} place ${{ strategy.job-index }}/${{ strategy.job-total }} ${{ strategy.fail-fast }} ${{ strategy.max-parallel }}'\n          echo 'saw ${{ github.job }} run ${{ github.workflow }} ${{ github.workflow_ref }} ${{ github.event_name }} ${{ toJSON(github.event.inputs.loud) }} ${{ github.event.inputs.word }}'\n          echo 'saw ${{ github.job }} file ${{ job.workflow_ref }} ${{ job.workflow_file_path }} ${{ job.workflow_repository == github.repository }} ${{ job.workflow_sha == github.sha }}'\n          echo 'saw ${{ github.job }} inputs ${{ inputs.word }} ${{ toJSON(inputs.count) }} ${{ toJSON(inputs.loud) }} ${{ inputs.more }}'\n";

fn repository() -> Repository {
    let main = format!(
        "name: Named One\non: {{workflow_dispatch: {{inputs: {INPUTS}}}}}\njobs:\n  own:\n    runs-on: ubuntu-latest\n    {SAY}  call:\n    uses: ./{FOLDER}/called.yml\n    with: {{word: 'with ${{{{ inputs.word }}}}', count: 4, loud: true}}\n"
    );
    let called = format!(
        "name: Called\non: {{workflow_call: {{inputs: {{more: {{default: m, type: string}}, {}}}}}\njobs:\n  inner:\n    runs-on: ubuntu-latest\n    {SAY}",
        &INPUTS[1..]
    );
    Repository::with(&[(&format!("{FOLDER}/main.yml"), &main), (&format!("{FOLDER}/called.yml"), &called)])
}

/// The lines that the jobs said; those of their scripts have quotes.
fn seen(log: &str) -> BTreeSet<String> {
    let lines = log.lines().filter_map(|line| line.find("saw ").map(|at| line[at..].trim()));
    lines.filter(|line| !line.contains('\'')).map(str::to_owned).collect()
}

#[test]
fn a_job_of_a_server_sees_what_it_sees_here() {
    if cannot_run_here() {
        return;
    }
    let repository = repository();
    let inputs = ["--input", "word=of-the-dispatch", "--input", "loud=false", "--input", "count=2"];
    let here = repository
        .ekiden(&[&["exec", "workflow_dispatch", "-W", &format!("{FOLDER}/main.yml")], &inputs[..]].concat())
        .exits(0);
    let here = seen(&here.stdout);
    let state = tempfile::tempdir().unwrap();
    let mut running = Running::start(up(&repository, state.path(), &[]));
    running.notes.until("new commits run by themselves");
    let ask = |arguments: &[&str]| {
        let mut command = ekiden(arguments);
        command.env("XDG_STATE_HOME", state.path());
        run(command)
    };
    let projects = ask(&["project", "list", "-o", "json"]).exits(0).json();
    let project = projects[0]["full_name"].as_str().unwrap();
    ask(&[&["run", "dispatch", project, "main.yml", "--watch"], &inputs[..]].concat()).exits(0);
    let runs = ask(&["run", "list", "-o", "json"]).exits(0).json();
    let shown = ask(&["run", "show", &runs[0]["id"].to_string(), "-o", "json"]).exits(0).json();
    let mut there = BTreeSet::new();
    for job in shown["jobs"].as_array().unwrap() {
        there.extend(seen(&ask(&["job", "log", &job["id"].to_string()]).exits(0).stdout));
    }
    let as_here = |line: &String| line.replace(project, "REPOSITORY");
    let name =
        here.iter().find_map(|line| line.strip_prefix("saw own file ")?.split_once(&format!("/{FOLDER}"))).unwrap().0;
    let here: BTreeSet<String> = here.iter().map(|line| line.replace(name, "REPOSITORY")).collect();
    assert_eq!(there.iter().map(as_here).collect::<BTreeSet<_>>(), here);
    let expected = |job: &str, file: &str, inputs: &str| {
        let mut lines: Vec<String> = (0..3).map(|index| format!("saw {job} place {index}/3 false 2")).collect();
        lines.push(format!("saw {job} run Named One REPOSITORY/{FOLDER}/main.yml@refs/heads/main workflow_dispatch \"false\" of-the-dispatch"));
        lines.push(format!("saw {job} file REPOSITORY/{FOLDER}/{file}@refs/heads/main {FOLDER}/{file} true true"));
        lines.push(format!("saw {job} inputs {inputs}"));
        lines
    };
    let own = expected("own", "main.yml", "of-the-dispatch 2 false");
    let inner = expected("inner", "called.yml", "with of-the-dispatch 4 true m");
    assert_eq!(here, own.into_iter().chain(inner).collect());
}
