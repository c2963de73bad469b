//! `ekiden agent job` for a job that calls a reusable workflow which the forge left to the runner.

use super::agent_job::{Play, with_repository};
use domain::Conclusion;
use serde_json::json;
use std::collections::BTreeMap;
use testkit::{GitHttp, TempRepository};

const CALLED: &str = "on:\n  workflow_call:\n    inputs: {word: {type: string, required: true}}\n    secrets: {HUSH: {required: false}}\n    outputs: {said: {value: '${{ jobs.build.outputs.said }}'}}\njobs:\n  build:\n    runs-on: nobody-has-this\n    strategy: {max-parallel: 1, matrix: {n: [1, 2]}}\n    outputs: {said: '${{ steps.s.outputs.said }}'}\n    steps:\n      - uses: actions/checkout@v4\n      - uses: $/act\n      - id: s\n        run: |\n          echo \"said=${{ inputs.word }}-$(cat data.txt)\" >> $GITEA_OUTPUT\n          echo \"hush: ${{ secrets.HUSH }} n=${{ matrix.n }} caller=$GITHUB_JOB\"\n  after:\n    needs: build\n    steps: [{run: 'echo after ${{ needs.build.outputs.said }}'}]\n  never:\n    if: false\n    steps: [{run: 'exit 1'}]\n";
const ACTION: &str = "runs:\n  using: composite\n  steps: [{run: 'echo of the own repository', shell: bash}]\n";

/// A task whose job calls a workflow of its repository, as older forges send it.
fn calling(job: &str, files: &[(&str, &str)]) -> (Play, GitHttp, TempRepository) {
    let (_, server, repository, _) = with_repository("");
    let commit = repository.commit("third", files);
    let target = format!("file://{}/owner/repo", repository.around().display());
    repository.git(["push", "-q", "--mirror", &target]);
    let mut play = Play::of_job(job).context("sha", json!(commit));
    play.order.forge.url = server.url();
    (play, server, repository)
}

#[test]
fn a_reusable_workflow_that_the_forge_left_to_the_runner_runs_within_the_task() {
    let (play, _server, _repository) = calling(
        "    uses: ./.gitea/workflows/c.yml\n    with: {word: '${{ vars.V }}'}\n    secrets: inherit\n",
        &[(".gitea/workflows/c.yml", CALLED), ("act/action.yml", ACTION)],
    );
    let said = play
        .run()
        .ends(Conclusion::Success)
        .says("of the own repository\n")
        .says("hush: *** n=1 caller=build\n")
        .says("hush: *** n=2 caller=build\n")
        .says("\nafter of-vars-second\n")
        .says("never' does not run: ")
        .never_says("very-secret");
    // The forge knows no step of them; their outputs are the caller's.
    assert!(said.steps.is_empty(), "{said:?}");
    assert_eq!(said.outputs, BTreeMap::from([("said".to_owned(), "of-vars-second".to_owned())]));
    let order: Vec<usize> = ["(1)' begins", "(1)' has ended: success", "(2)' begins", "after' begins"]
        .iter()
        .map(|line| said.log.find(line).unwrap_or_else(|| panic!("no {line}: {}", said.log)))
        .collect();
    assert!(order.is_sorted(), "{}", said.log);
}

#[test]
fn a_workflow_of_another_repository_is_had_from_the_forge() {
    let (play, _server, repository) =
        calling("    uses: other/lib/.gitea/workflows/c.yml@v1\n    with: {word: far}\n    secrets: inherit\n", &[]);
    repository.commit("called", &[(".gitea/workflows/c.yml", CALLED), ("act/action.yml", ACTION)]);
    let library = repository.around().join("other/lib");
    repository.git(["init", "-q", "--bare", library.to_str().unwrap()]);
    repository.git(["push", "-q", library.to_str().unwrap(), "HEAD:refs/tags/v1"]);
    // Its `$/` is the called repository, its checkout the caller's.
    let said = play.run().ends(Conclusion::Success).says("of the own repository\n").says("\nafter far-second\n");
    assert_eq!(said.outputs, BTreeMap::from([("said".to_owned(), "far-second".to_owned())]));
}

#[test]
fn a_called_job_that_fails_fails_its_caller_and_a_missing_file_is_told() {
    let failing = "on: workflow_call\njobs: {a: {steps: [{run: 'exit 3'}]}}\n";
    let (play, _server, _repository) =
        calling("    uses: ./.gitea/workflows/c.yml\n", &[(".gitea/workflows/c.yml", failing)]);
    play.run().ends(Conclusion::Failure).says("a' has ended: failure");
    let (play, _server, _repository) = calling("    uses: ./.gitea/workflows/none.yml\n", &[]);
    let told = "Cannot get the workflow '.gitea/workflows/none.yml': there is no such file";
    play.run().ends(Conclusion::Failure).says(told);
    let running = "on: workflow_call\njobs: {a: {steps: [{run: 'echo begun; sleep 60'}]}}\n";
    let (play, _server, _repository) =
        calling("    uses: ./.gitea/workflows/c.yml\n", &[(".gitea/workflows/c.yml", running)]);
    let mut job = play.start();
    job.until("begun\n");
    job.cancel();
    job.read_out().ends(Conclusion::Cancelled);
}
