//! `ekiden agent job`: processes that are made ready before their order comes, and what the jobs of a forge find around them.

use crate::agent_job::{Play, at_forge, with_files};
use agent::Label;
use agent::job::child::Where;
use agent::job::{Ahead, CertificateCheck, ToJob, ToolCache, wire};
use domain::Conclusion;
use sandbox::{Expected, Network};
use serde_json::json;
use std::io::Write as _;
use std::process::{Command, Stdio};
use testkit::{TempRepository, TlsEnd};

/// What the play's job wants.
fn ahead(play: &Play, place: Where) -> ToJob {
    let settings = &play.order.settings;
    let expected = Expected {
        root: settings.root.clone(),
        repository_name: "repo".to_owned(),
        profile: settings.profile,
        network: Network::Outbound { allow: vec!["127.0.0.1:1".to_owned()] },
        limits: settings.limits.clone(),
    };
    ToJob::Ahead(Box::new(Ahead { place, expected, state: settings.state.clone() }))
}

#[test]
fn a_process_that_was_made_ready_serves_whatever_order_comes() {
    for (label, made) in
        [("lab", Where::Sandbox), ("lab", Where::Host), ("lab:host", Where::Sandbox), ("lab:host", Where::Host)]
    {
        let mut play = Play::new("      - run: echo \"it runs $GITHUB_REPOSITORY\"\n");
        play.order.labels = vec![Label::parse(label).unwrap()];
        let said = play.start_after(&[ahead(&play, made)]).read_out();
        said.ends(Conclusion::Success).says("\nit runs owner/repo\n");
    }
    // What was expected is not what is wanted.
    let mut play = Play::new("      - run: hostname; id -u\n");
    let before = ahead(&play, Where::Sandbox);
    play.order.settings.profile = sandbox::Profile::Root;
    play.start_after(&[before]).read_out().ends(Conclusion::Success).says("\n0\n");
}

#[test]
fn a_process_that_nobody_wants_leaves_nothing() {
    let play = Play::new("");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ekiden"));
    command.args(["agent", "job"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&wire::line(&ahead(&play, Where::Sandbox)).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && output.stdout.is_empty() && told.is_empty(), "{told}");
    let disks = std::fs::read_dir(play.folder.path().join("state/disks")).unwrap();
    let left: Vec<String> = disks
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("template"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_action_of_the_own_repository_needs_no_checkout() {
    let run = |text: &str| format!("runs: {{using: composite, steps: [{{shell: bash, run: echo {text}}}]}}\n");
    let two = "runs: {using: composite, steps: [{uses: $/own/two}, {shell: bash, run: echo one}]}\n";
    let (mut play, _server, _repository, commit) = with_files(
        "      - uses: $/own\n      - uses: actions/checkout@v4\n      - uses: ./own\n",
        &[("own/action.yml", two), ("own/two/action.yml", &run("two"))],
    );
    let said = play.run().ends(Conclusion::Success);
    assert_eq!(said.log.matches("\ntwo\n").count(), 2, "{}", said.log);
    assert_eq!(said.steps.len(), 3);
    play = play.context("sha", json!(commit.replace(|digit: char| digit.is_ascii_hexdigit(), "0")));
    play.run().ends(Conclusion::Failure).says("could not get ");
}

#[test]
fn programs_of_a_job_find_the_authority_of_the_forge() {
    for label in ["lab", "lab:host"] {
        let mut play = Play::new(
            "      - run: for file in $SSL_CERT_FILE $GIT_SSL_CAINFO $NODE_EXTRA_CA_CERTS; do tail -n 1 $file; done; echo x >> $SSL_CERT_FILE || echo kept\n",
        );
        play.order.labels = vec![Label::parse(label).unwrap()];
        let ca = play.folder.path().join("own.pem");
        std::fs::write(&ca, "the own authority\n").unwrap();
        play.order.settings.trust.ca = Some(ca);
        let said = play.run().ends(Conclusion::Success);
        assert_eq!(said.log.matches("\nthe own authority").count(), 3, "{}", said.log);
        if label == "lab" {
            said.says("\nkept\n");
        }
    }
}

#[test]
fn a_job_on_the_machine_itself_keeps_the_tools_that_it_installs() {
    let mut play = Play::new(
        "      - run: cat $RUNNER_TOOL_CACHE/node/20.1.0/x64/node; mkdir -p $RUNNER_TOOL_CACHE/node/22.0.0/x64\n",
    );
    play.order.labels = vec![Label::parse("lab:host").unwrap()];
    let tools = play.folder.path().join("tools");
    std::fs::create_dir_all(tools.join("node/20.1.0/x64")).unwrap();
    std::fs::write(tools.join("node/20.1.0/x64/node"), "twenty\n").unwrap();
    play.order.settings.tool_cache = ToolCache::ReadOnly { folder: tools.clone() };
    play.run().ends(Conclusion::Success).says("\ntwenty\n");
    assert!(!tools.join("node/22.0.0").exists());
}

/// A script that asks the forge, and a checkout, over TLS.
fn over_tls(ca: impl Fn(&mut Play, &TlsEnd)) -> crate::agent_job::Said {
    let (mut play, server, _repository, _) = with_files(
        "      - uses: actions/checkout@v4\n      - run: cat data.txt; git fetch --quiet --unshallow && git log --oneline | wc -l\n",
        &[("data.txt", "second\n")],
    );
    let end = TlsEnd::before(server.address()).unwrap();
    play.order.forge.url = end.url().to_owned();
    ca(&mut play, &end);
    // An authority of the machine's owner that is none of the forge.
    let machine = "/etc/ssl/certs/ca-certificates.crt";
    play.start_with(&[("GIT_SSL_CAINFO", machine), ("SSL_CERT_FILE", machine)], &[]).read_out()
}

#[test]
fn git_of_agent_and_job_believes_the_authority_that_was_given() {
    let said = over_tls(|play, end| {
        let ca = play.folder.path().join("ca.pem");
        std::fs::write(&ca, end.authority()).unwrap();
        play.order.settings.trust.ca = Some(ca);
    });
    said.ends(Conclusion::Success).says("\nsecond\n2\n");
    over_tls(|_, _| {}).ends(Conclusion::Failure).says("certificate");
    // Nobody checks for the agent; a job's own git does.
    let said = over_tls(|play, _| play.order.settings.trust.check = CertificateCheck::Off);
    assert_eq!(said.steps, [(0, Conclusion::Success), (1, Conclusion::Failure)], "{}", said.log);
}

#[test]
fn submodules_come_with_the_token() {
    let inner = TempRepository::with(&[("inner.txt", "inner\n")]);
    let modules = "[submodule \"sub\"]\n\tpath = sub\n\turl = ../sub\n";
    let repository = TempRepository::with(&[(".gitmodules", modules), ("data.txt", "data\n")]);
    let link = format!("160000,{},sub", inner.git(["rev-parse", "HEAD"]));
    repository.git(["update-index", "--add", "--cacheinfo", &link]);
    repository.git(["commit", "-q", "-m", "with a submodule"]);
    let commit = repository.git(["rev-parse", "HEAD"]);
    let bare = repository.around().join("owner/sub").display().to_string();
    repository.git(["init", "-q", "--bare", &bare]);
    inner.git(["push", "-q", "--mirror", &format!("file://{bare}")]);
    let steps = "      - uses: actions/checkout@v4\n        with: {submodules: true, persist-credentials: false}\n      - run: cat sub/inner.txt; git status --short\n";
    let (play, _server) = at_forge(steps, &repository, &commit);
    play.run().ends(Conclusion::Success).says("\ninner\n").never_says("eC1hY2Nlc3M");
}

#[test]
fn files_of_lfs_are_asked_for_where_git_knows_it() {
    if !Command::new("git").args(["lfs", "version"]).output().is_ok_and(|known| known.status.success()) {
        println!("SKIP: git-lfs is not installed");
        return;
    }
    let steps = "      - uses: actions/checkout@v4\n        with: {lfs: true}\n      - run: cat data.txt; git config filter.lfs.smudge\n";
    let (play, _server, _repository, _) = with_files(steps, &[("data.txt", "plain\n")]);
    play.run().ends(Conclusion::Success).says("\nplain\ngit-lfs smudge");
}
