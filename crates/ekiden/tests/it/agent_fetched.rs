//! What a job's process fetches from its forge: the repository, actions. Through the real process, over HTTP.

use super::agent_job::{Play, TOKEN, at_forge, with_repository};
use domain::Conclusion;
use serde_json::json;
use std::process::Command;
use testkit::TempRepository;

#[test]
fn the_repository_is_checked_out_with_the_token_and_nothing_of_it_stays() {
    let (play, server, _repository, commit) = with_repository(
        "      - uses: actions/checkout@v4\n        id: c\n      - run: |\n          cat data.txt; git log --oneline | wc -l; git status --porcelain; git rev-parse --abbrev-ref HEAD\n          echo \"commit ${{ steps.c.outputs.commit }}\"\n          ! grep -ri authorization .git/config\n          git fetch --quiet --unshallow && git log --oneline | wc -l\n      - uses: https://github.com/actions/checkout@v4\n        with: {path: other, persist-credentials: false, fetch-depth: 0, sparse-checkout: a}\n      - run: |\n          cd other; git log --oneline | wc -l; ls\n          ! git fetch --quiet origin main\n          echo no-credentials\n",
    );
    let said = play
        .run()
        .ends(Conclusion::Success)
        .says(&format!("fetched from {}/owner/repo\n", server.url()))
        .says("\nsecond\n1\nmain\n")
        .says(&format!("commit {commit}\n"))
        .says("\n2\n")
        .says("\n2\na\ndata.txt\n")
        .says("no-credentials\n")
        .never_says("eC1hY2Nlc3M");
    assert_eq!(said.steps.len(), 4);
    let asked = server.requests().len();
    // Again, out of the mirror: only what the job itself asks for goes over the network.
    let mut warm =
        Play::new("      - uses: actions/checkout@v4\n      - run: cat data.txt\n").context("sha", json!(commit));
    warm.order.forge.url = server.url();
    warm.order.settings.data = play.order.settings.data.clone();
    warm.run().ends(Conclusion::Success).says("from this machine's mirror").says("second\n");
    assert_eq!(server.requests().len(), asked);
    let left: Vec<_> = std::fs::read_dir(play.order.settings.data.join("mirrors/tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let token = Command::new("grep").args(["-rl", "-e", "eC1hY2Nlc3M", "-e", TOKEN]).arg(play.folder.path()).output();
    assert!(token.unwrap().stdout.is_empty(), "the token was left behind");
}

#[test]
fn a_repository_with_long_ids_is_checked_out() {
    let repository = TempRepository::sha256(&[("data.txt", "first\n")]);
    let commit = repository.commit("second", &[("data.txt", "second\n")]);
    let steps = "      - uses: actions/checkout@v4\n      - run: |\n          cat data.txt; git log --oneline | wc -l; git status --porcelain\n          git fetch --quiet --unshallow && git log --oneline | wc -l\n";
    let (play, _server) = at_forge(steps, &repository, &commit);
    play.run().ends(Conclusion::Success).says("second\n1\n2\n");
}

#[test]
fn what_a_checkout_cannot_do_is_said_before_anything_is_fetched() {
    for (with, reason) in [
        ("ssh-key: x", "'ssh-key' is not supported"),
        ("github-server-url: 'https://elsewhere.example'", "only repositories of http://127.0.0.1:"),
        ("ref: nowhere", "it has no branch or tag 'nowhere'"),
        ("ref: '--upload-pack=touch /tmp/x'", "is not a valid branch, tag or commit"),
        ("path: ../../x", "is not under the workspace"),
        ("repository: owner/none", "owner/none"),
    ] {
        let (play, _server, _repository, _) = with_repository(&format!(
            "      - uses: actions/checkout@v4\n        with: {{{with}}}\n      - run: echo never-here\n"
        ));
        let said = play.run().ends(Conclusion::Failure).says(reason);
        assert_eq!(said.steps, [(0, Conclusion::Failure), (1, Conclusion::Skipped)], "{with}");
    }
}

#[test]
fn actions_come_from_the_forges_own_place_and_by_url_with_the_token() {
    let (mut play, server, repository, _) = with_repository("");
    let action = TempRepository::with(&[(
        "action.yml",
        "inputs: {who: {default: '${{ forge.actor }}'}}\nruns:\n  using: composite\n  steps:\n    - run: echo \"hello ${{ inputs.who }}\"\n      shell: bash\n",
    )]);
    action.git(["push", "-q", "--mirror", &format!("file://{}/owner/act", bare(&repository))]);
    let url = server.url();
    play.order.task.workflow = format!(
        "jobs:\n  a:\n    steps:\n      - uses: owner/act@main\n      - uses: {url}/owner/act@main\n        with: {{who: you}}\n"
    )
    .into_bytes();
    let play = play.context("gitea_default_actions_url", json!(format!("{url}/")));
    let said = play.run().ends(Conclusion::Success).says("\nhello me\n").says("\nhello you\n");
    assert_eq!(said.steps.len(), 2);
}

/// An empty bare repository `owner/act` beside the others; gives the folder around.
fn bare(repository: &TempRepository) -> String {
    let around = repository.around().display().to_string();
    repository.git(["init", "-q", "--bare", &format!("{around}/owner/act")]);
    around
}

#[test]
fn what_a_killed_job_left_goes_with_the_next() {
    let (play, _server, _repository, _) =
        with_repository("      - uses: actions/checkout@v4\n      - run: echo begun; sleep 60\n");
    let mut running = play.start();
    running.until("begun\n");
    running.kill();
    let tmp = play.order.settings.data.join("mirrors/tmp");
    assert!(std::fs::read_dir(&tmp).unwrap().count() > 0);
    let mut again = Play { order: play.order.clone(), folder: play.folder };
    again.order.task.workflow = b"jobs:\n  a:\n    steps: [{uses: actions/checkout@v4}]\n".to_vec();
    again.run().ends(Conclusion::Success);
    assert_eq!(std::fs::read_dir(&tmp).unwrap().count(), 0);
}
