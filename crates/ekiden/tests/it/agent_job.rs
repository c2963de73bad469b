//! `ekiden agent job`: orders piped to the real process, in real sandboxes.

use agent::job::{
    CacheReach, Ended, ExposedPaths, ForgeFacts, Forks, FromJob, HookFiles, JobOrder, JobSettings, ToJob, ToolCache,
    Trust, wire,
};
use agent::{DockerLabels, Label};
use domain::{Conclusion, JobEventKind, Secret, StepPhase, Task, TaskId, TaskNeed, TaskResult};
use protocol::Dialect;
use sandbox::{Limits, Network, Profile, Root};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use testkit::{GitHttp, TempRepository};

pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";

/// An order, and the folder that it lives in.
pub(crate) struct Play {
    pub(crate) order: JobOrder,
    pub(crate) folder: tempfile::TempDir,
}

impl Play {
    pub(crate) fn new(steps: &str) -> Self {
        Self::of_job(&format!("    steps:\n{steps}"))
    }

    /// Of the text of a job, without its `runs-on`.
    pub(crate) fn of_job(job: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("ekiden-job-").tempdir().unwrap();
        let context = json!({
            "event_name": "push", "event": {"ref": "refs/heads/main"}, "repository": "owner/repo", "ref": "refs/heads/main",
            "ref_name": "main", "sha": "0".repeat(40), "run_id": "12", "run_number": "3", "actor": "me",
            "server_url": "http://127.0.0.1:1/", "token": TOKEN, "gitea_runtime_token": "the-runtime-token",
            "gitea_default_actions_url": "http://127.0.0.1:1",
        });
        let secret = |value: &str| Secret::new(value);
        let order = JobOrder {
            task: Task {
                id: TaskId(7),
                workflow: format!("name: w\non: push\njobs:\n  own:\n    name: shown\n    runs-on: lab\n{job}")
                    .into_bytes(),
                context: context.as_object().unwrap().clone(),
                secrets: BTreeMap::from([
                    ("GITEA_TOKEN".to_owned(), secret(TOKEN)),
                    ("HUSH".to_owned(), secret("very-secret")),
                ]),
                vars: BTreeMap::from([("V".to_owned(), "of-vars".to_owned())]),
                needs: BTreeMap::new(),
            },
            forge: ForgeFacts {
                url: "http://127.0.0.1:1".to_owned(),
                dialect: Dialect::Gitea,
                capabilities: vec!["job-summary".to_owned()],
            },
            runner: "runner-one".to_owned(),
            labels: vec![Label::parse("lab").unwrap()],
            settings: JobSettings {
                limits: Limits { memory: None, processes: None, cpu_millis: None, disk: None, inodes: None },
                profile: Profile::Hardened,
                network: Network::Outbound { allow: Vec::new() },
                root: Root::Host,
                expose: ExposedPaths::default(),
                env: BTreeMap::from([("FROM_RUNNER".to_owned(), "r".to_owned())]),
                hooks: HookFiles::default(),
                timeout: Duration::from_secs(120),
                tool_cache: ToolCache::Empty,
                data: folder.path().join("data"),
                state: folder.path().join("state"),
                mirrors: Vec::new(),
                forks: Forks::Confined,
                docker_labels: DockerLabels::Refuse,
                trust: Trust::default(),
                cache: CacheReach::None,
            },
        };
        Self { order, folder }
    }

    pub(crate) fn context(mut self, name: &str, value: Value) -> Self {
        self.order.task.context.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn start(&self) -> Running {
        self.start_after(&[])
    }

    /// Starts the process, says this to it, and then the order.
    pub(crate) fn start_after(&self, before: &[ToJob]) -> Running {
        self.start_with(&[], before)
    }

    /// The same with variables of the agent's.
    pub(crate) fn start_with(&self, variables: &[(&str, &str)], before: &[ToJob]) -> Running {
        let mut child =
            job().envs(variables.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let order = ToJob::Order(Box::new(self.order.clone()));
        for message in before.iter().chain([&order]) {
            input.write_all(&wire::line(message).unwrap()).unwrap();
        }
        Running { child, input: Some(input), output: BufReader::new(output), said: Said::default() }
    }

    fn line(&self) -> Vec<u8> {
        wire::line(&ToJob::Order(Box::new(self.order.clone()))).unwrap()
    }

    pub(crate) fn run(&self) -> Said {
        self.start().read_out()
    }
}

fn job() -> Command {
    let mut job = Command::new(env!("CARGO_BIN_EXE_ekiden"));
    job.args(["agent", "job"]);
    job
}

/// A job's process.
pub(crate) struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    said: Said,
}

/// What it said.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) log: String,
    /// Of the steps of the file: place and end.
    pub(crate) steps: Vec<(u32, Conclusion)>,
    skipped: Option<String>,
    pub(crate) outputs: BTreeMap<String, String>,
    ended: Option<Ended>,
    has_begun: bool,
}

impl Running {
    /// Reads one line; false at the end.
    fn next(&mut self) -> bool {
        let mut line = Vec::new();
        if self.output.read_until(b'\n', &mut line).unwrap() == 0 {
            return false;
        }
        let said = &mut self.said;
        match wire::read(&line).unwrap() {
            FromJob::Begins => {
                assert!(!said.has_begun && said.log.is_empty());
                said.has_begun = true;
            }
            FromJob::Output { bytes, .. } => {
                let mut text = vec![0; bytes];
                self.output.read_exact(&mut text).unwrap();
                said.log.push_str(std::str::from_utf8(&text).unwrap());
            }
            FromJob::Ended(ended) => said.ended = Some(ended),
            FromJob::Event(event) => match event.kind {
                JobEventKind::StepFinished { index: Some(index), conclusion, phase, .. } => {
                    assert_eq!(phase, StepPhase::Main);
                    said.steps.push((index, conclusion));
                }
                JobEventKind::JobSkipped { reason, .. } => said.skipped = Some(reason),
                JobEventKind::JobFinished { outputs, .. } => said.outputs = outputs,
                _ => {}
            },
        }
        true
    }

    pub(crate) fn until(&mut self, text: &str) {
        while !self.said.log.contains(text) {
            assert!(self.next(), "it ended before {text:?}: {:?}", self.said);
        }
    }

    pub(crate) fn read_out(mut self) -> Said {
        while self.next() {}
        assert!(self.said.has_begun);
        assert!(self.child.wait().unwrap().success());
        self.said
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn cancel(&mut self) {
        self.input.as_mut().unwrap().write_all(&wire::line(&ToJob::Cancel).unwrap()).unwrap();
    }
}

impl Said {
    #[track_caller]
    pub(crate) fn ends(self, conclusion: Conclusion) -> Self {
        let ended = self.ended.as_ref().map(|ended| (ended.conclusion, ended.fault.as_deref()));
        assert_eq!(ended, Some((conclusion, None)), "{}", self.log);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.log.contains(text), "no {text:?} in\n{}", self.log);
        self
    }

    #[track_caller]
    pub(crate) fn never_says(self, text: &str) -> Self {
        assert!(!self.log.contains(text), "{text:?} in\n{}", self.log);
        self
    }
}

#[test]
fn a_task_runs_with_what_its_forge_gave() {
    let play = Play::of_job(
        "    outputs: {o: '${{ steps.s.outputs.k }}'}\n    steps:\n      - id: s\n        run: |\n          echo \"k=${{ vars.V }}-${{ needs.before.outputs.x }}-${{ gitea.run_number }}\" >> $GITEA_OUTPUT\n          echo \"url=$ACTIONS_RUNTIME_URL results=$ACTIONS_RESULTS_URL caps=$GITEA_ACTIONS_CAPABILITIES\"\n          echo \"server=$GITHUB_SERVER_URL api=$GITHUB_API_URL actor=$GITHUB_ACTOR wf=$GITHUB_WORKFLOW\"\n          echo \"runner=$FROM_RUNNER ${{ env.FROM_RUNNER }} $RUNNER_NAME\"\n          echo \"hush: ${{ secrets.HUSH }} $ACTIONS_RUNTIME_TOKEN ${{ github.token }}\"\n          [ -n \"$ACTIONS_RUNTIME_TOKEN\" ] && echo has-runtime-token\n          echo '${{ toJSON(github) }}'\n      - if: failure()\n        run: echo never\n",
    );
    let mut order = play.order.clone();
    let outputs = BTreeMap::from([("x".to_owned(), "needed".to_owned())]);
    let need = TaskNeed { result: Some(TaskResult::Concluded(Conclusion::Success)), outputs };
    order.task.needs.insert("before".to_owned(), need);
    let said = Play { order, folder: play.folder }
        .run()
        .ends(Conclusion::Success)
        .says("url=http://127.0.0.1:1/api/actions_pipeline/ results=http://127.0.0.1:1 caps=job-summary")
        .says("server=http://127.0.0.1:1 api=http://127.0.0.1:1/api/v1 actor=me wf=w")
        .says("runner=r r runner-one")
        .says("hush: *** *** ***")
        .says("has-runtime-token")
        .says("Trust: T1 (")
        .says("Runner: runner-one, for http://127.0.0.1:1\n")
        .never_says("very-secret")
        .never_says(TOKEN)
        .never_says("the-runtime-token")
        .never_says("gitea_runtime_token")
        .never_says("gitea_default_actions_url");
    assert_eq!(said.steps, [(0, Conclusion::Success), (1, Conclusion::Skipped)]);
    assert_eq!(said.outputs, BTreeMap::from([("o".to_owned(), "of-vars-needed-3".to_owned())]));
}

#[test]
fn a_job_whose_condition_is_false_is_skipped_whole() {
    let said = Play::of_job("    if: github.ref == 'refs/heads/other'\n    steps: [{run: a}]\n").run();
    let said = said.ends(Conclusion::Skipped);
    assert!(said.skipped.is_some() && said.log.is_empty() && said.steps.is_empty(), "{said:?}");
}

#[test]
fn what_this_version_cannot_run_fails_with_the_reason() {
    for (job, reason) in [
        ("    container: {image: 'node:20', options: --x}\n    steps: [{run: a}]\n", "a job container ('node:20')"),
        ("    services: {db: {image: 'pg:1', ports: ['1:1']}}\n    steps: [{run: a}]\n", "the service 'db' ('pg:1')"),
        ("    steps: [{uses: 'docker://alpine'}]\n", "container"),
        ("    uses: ./.gitea/workflows/x.yml\n", "calls a reusable workflow"),
        ("    steps: [{uses: nothing}]\n", "(Line: 7, Col: "),
    ] {
        let said = Play::of_job(job).run().ends(Conclusion::Failure).says(reason);
        assert!(said.steps.iter().all(|(_, end)| *end != Conclusion::Success), "{job}");
    }
    let mut docker = Play::new("      - run: echo in-the-sandbox\n");
    docker.order.labels = vec![Label::parse("lab:docker://node:20").unwrap()];
    docker.run().ends(Conclusion::Failure).says("wants a container of node:20").says("--map-docker sandbox");
    docker.order.settings.docker_labels = DockerLabels::Sandbox;
    docker.run().ends(Conclusion::Success).says("in-the-sandbox\n").says("names the image node:20: it is mapped");
}

/// A pull request of a fork.
fn of_fork(steps: &str) -> Play {
    let event = json!({"pull_request": {"head": {"repo": {"full_name": "stranger/repo"}}}});
    Play::new(steps).context("event_name", json!("pull_request")).context("event", event)
}

#[test]
fn forks_are_refused_or_confined_before_anything_of_theirs_runs() {
    let mut fork = of_fork("      - run: id -u; touch $RUNNER_TOOL_CACHE/mine && ls $RUNNER_TOOL_CACHE\n");
    fork.order.settings.profile = Profile::Root;
    let tools = fork.folder.path().join("tools");
    std::fs::create_dir_all(tools.join("owner/repo")).unwrap();
    std::fs::write(tools.join("owner/repo/there"), "").unwrap();
    fork.order.settings.tool_cache = ToolCache::Shared { folder: tools.clone() };
    fork.run()
        .ends(Conclusion::Success)
        .says("Trust: T0 (caused by the fork stranger/repo); confined: profile hardened, nothing shared is written")
        .says("\n1001\n")
        .says("\nmine\nthere\n");
    assert!(!tools.join("owner/repo/mine").exists(), "a fork's job changed what others read");

    fork.order.settings.forks = Forks::Refuse;
    let said = fork.run().ends(Conclusion::Failure).says("the fork stranger/repo caused this one").never_says("1001");
    assert_eq!(said.steps, []);

    fork.order.settings.forks = Forks::Confined;
    fork.order.labels = vec![Label::parse("lab:host").unwrap()];
    let said = fork.run().ends(Conclusion::Failure).says("nothing confines it");
    assert_eq!(said.steps, []);
}

#[test]
fn tools_are_shared_within_a_repository_only() {
    let mut play = Play::new("      - run: echo x > $RUNNER_TOOL_CACHE/mine\n");
    let tools = play.folder.path().join("tools");
    play.order.settings.tool_cache = ToolCache::Shared { folder: tools.clone() };
    play.run().ends(Conclusion::Success);
    assert_eq!(std::fs::read_to_string(tools.join("owner/repo/mine")).unwrap(), "x\n");
    // A folder of the machine is read, and what a job writes there goes with it.
    let folder = tools.join("owner/repo");
    play.order.settings.tool_cache = ToolCache::ReadOnly { folder: folder.clone() };
    play.order.task.workflow =
        b"jobs:\n  a:\n    steps: [{run: 'cat $RUNNER_TOOL_CACHE/mine; echo y > $RUNNER_TOOL_CACHE/mine'}]\n".to_vec();
    play.run().ends(Conclusion::Success).says("\nx\n");
    assert_eq!(std::fs::read_to_string(folder.join("mine")).unwrap(), "x\n");
}

#[test]
fn a_cancelled_job_ends_within_a_second_and_its_always_steps_run() {
    let play = Play::new(
        "      - run: echo begun; sleep 60\n      - if: always()\n        run: echo cleaned-up\n      - run: echo never\n",
    );
    let mut running = play.start();
    running.until("begun\n");
    let asked = Instant::now();
    running.cancel();
    running.until("cleaned-up\n");
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    let said = running.read_out().ends(Conclusion::Cancelled);
    let ends: Vec<Conclusion> = said.steps.iter().map(|(_, end)| *end).collect();
    assert_eq!(ends, [Conclusion::Cancelled, Conclusion::Success, Conclusion::Skipped]);
}

#[test]
fn without_an_agent_the_job_ends_and_leaves_nothing() {
    for label in ["lab", "lab:host"] {
        let mark = format!("sleep 61.{:05}", std::process::id());
        let mut play = Play::new(&format!("      - run: echo begun; trap '' INT TERM; {mark}\n"));
        play.order.labels = vec![Label::parse(label).unwrap()];
        let mut running = play.start();
        running.until("begun\n");
        drop(running.input.take());
        let asked = Instant::now();
        while running.next() {}
        running.child.wait().unwrap();
        assert!(asked.elapsed() < Duration::from_secs(3), "{label}: {:?}", asked.elapsed());
        assert_eq!(running.said.ended, None, "nobody is there to be told");
        let left = Command::new("pgrep").args(["-f", &mark]).output().unwrap();
        assert!(left.stdout.is_empty(), "{label}: left: {}", String::from_utf8_lossy(&left.stdout));
    }
}

/// A forge on loopback with `owner/repo` behind the job's token, and an order for its last commit.
pub(crate) fn with_repository(steps: &str) -> (Play, GitHttp, TempRepository, String) {
    with_files(steps, &[("data.txt", "second\n"), ("a/deep", "d\n"), ("b/deep", "d\n")])
}

/// The same with these files.
pub(crate) fn with_files(steps: &str, files: &[(&str, &str)]) -> (Play, GitHttp, TempRepository, String) {
    let repository = TempRepository::with(&[("data.txt", "first\n")]);
    let commit = repository.commit("second", files);
    let (play, server) = at_forge(steps, &repository, &commit);
    (play, server, repository, commit)
}

/// A forge with a repository as it is now, and an order for a commit of it.
pub(crate) fn at_forge(steps: &str, repository: &TempRepository, commit: &str) -> (Play, GitHttp) {
    let _url = repository.mirror("owner/repo");
    // `x-access-token:TOKEN`
    let authorization = "basic eC1hY2Nlc3MtdG9rZW46MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nw==";
    let server = GitHttp::start(repository.around(), Some(authorization));
    let mut play = Play::new(steps).context("sha", json!(commit));
    play.order.forge.url = server.url();
    (play, server)
}

/// What came in one piece with the order is heard too.
#[test]
fn a_cancellation_right_behind_the_order_is_heard() {
    let play = Play::new("      - run: sleep 60\n      - if: always()\n        run: echo cleaned-up\n");
    let lines = [play.line(), wire::line(&ToJob::Cancel).unwrap()].concat();
    let mut child = job().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let asked = Instant::now();
    input.write_all(&lines).unwrap();
    let running = Running { child, input: Some(input), output: BufReader::new(output), said: Said::default() };
    running.read_out().ends(Conclusion::Cancelled);
    assert!(asked.elapsed() < Duration::from_secs(30), "{:?}", asked.elapsed());
}

#[test]
fn a_long_log_comes_whole_and_in_order() {
    let said = Play::new("      - run: echo first\n      - run: seq 1 300000\n      - run: echo last\n").run();
    let numbers = said.log.lines().filter_map(|line| line.parse::<u32>().ok());
    assert!(numbers.eq(1..=300_000));
    let at = |text: &str| said.log.find(text).unwrap();
    assert!(at("first\n") < at("\n300000\n") && at("\n300000\n") < at("last\n"));
    assert_eq!(said.steps.len(), 3);
    said.ends(Conclusion::Success);
}

/// Somebody who runs it by hand may give it anything.
#[test]
fn what_is_no_pipe_does_too() {
    let play = Play::new("      - run: seq 1 100000\n      - run: echo last\n");
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let output = tempfile::NamedTempFile::new().unwrap();
    let mut child = job().stdin(OwnedFd::from(theirs)).stdout(output.reopen().unwrap()).spawn().unwrap();
    ours.write_all(&play.line()).unwrap();
    assert!(child.wait().unwrap().success());
    drop(ours);
    let said = std::fs::read_to_string(output.path()).unwrap();
    assert!(said.contains("\n99999\n100000\n") && said.contains("last\n"));
    assert!(said.trim_end().ends_with(r#"{"ended":{"conclusion":"success"}}"#), "{:?}", said.lines().last());
}
