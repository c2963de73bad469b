//! The agent in a process of its own, so that it can be killed.

use super::stand::{Running, Stand, begins, good, settings, waits};
use agent::{AgentEnd, Stop, Stopper};
use domain::{Conclusion, RunnerLife, TaskId};
use protocol::Dialect;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use testkit::Mischief;

/// Names the folder of the agent that this test binary becomes.
const DATA: &str = "EKIDEN_TEST_AGENT_DATA";

#[tokio::test]
#[ignore = "no test: what the tests below start and kill"]
async fn the_agents_process() {
    let Some(data) = std::env::var_os(DATA) else { return };
    let data = Path::new(&data);
    let stop = Stopper::default();
    stop.on_signals().unwrap();
    agent::run(settings(data, 2, data.join("job.sh")), stop).await.unwrap();
}

struct Process(Child);

impl Process {
    fn start(stand: &Stand) -> Self {
        let this = std::env::current_exe().unwrap();
        let arguments = ["--ignored", "--exact", "whole::process::the_agents_process", "--nocapture"];
        let mut command = Command::new(this);
        command.args(arguments).env(DATA, stand.data.path()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.0.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A pipe with a name, which a job's process holds open for as long as it lives.
fn pipe(stand: &Stand) -> std::path::PathBuf {
    let path = stand.path("alive");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

#[tokio::test]
async fn a_job_never_outlives_its_agent_and_the_next_start_reports_it_once() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    let alive = pipe(&stand);
    super::stand::script(stand.data.path(), &format!("exec 9> '{}'\n{}", alive.display(), waits()));
    stand.add([1]);
    let process = Process::start(&stand);
    // Opens when the job's process does, ends when it is gone.
    let gone = tokio::task::spawn_blocking(move || std::fs::File::open(alive).unwrap().read_to_end(&mut Vec::new()));
    stand.running(1).await;
    process.signal("-KILL");
    tokio::time::timeout(std::time::Duration::from_secs(20), gone).await.expect("the job lives on").unwrap().unwrap();
    drop(process);
    let agent = Running::start(stand.settings(1, &good()));
    assert_eq!(stand.ended(1).await, Conclusion::Failure);
    agent.stop.ask(Stop::Drain);
    assert_eq!(agent.end().await.unwrap(), AgentEnd::Stopped);
    stand.assert_one_end(1, Conclusion::Failure);
    assert_eq!(stand.runs(), [1]);
}

#[tokio::test]
async fn a_job_that_had_ended_is_told_as_it_ended_by_the_next_start() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    super::stand::script(stand.data.path(), &good());
    stand.forge.misbehave("UpdateTask", Mischief::Status(503), 10_000);
    stand.add([1]);
    let process = Process::start(&stand);
    stand.until(|forge| forge.is_log_filed(TaskId(1))).await;
    process.signal("-KILL");
    drop(process);
    stand.forge.behave();
    let agent = Running::start(stand.settings(1, &good()));
    assert_eq!(stand.ended(1).await, Conclusion::Success);
    agent.stop.ask(Stop::Drain);
    assert_eq!(agent.end().await.unwrap(), AgentEnd::Stopped);
    stand.assert_one_end(1, Conclusion::Success);
    assert_eq!((stand.log(1).trim_end(), stand.runs()), ("hello from the job", vec![1]));
}

#[tokio::test]
async fn a_job_gets_no_order_before_the_journal_knows_of_its_process() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add(1..=20);
    // The script has read its order by now.
    let knows =
        format!("grep -q \"\\\"task\\\":$task,.*started\" '{}' || exit 7", stand.path("journal.jsonl").display());
    let agent = Running::start(stand.settings(4, &format!("{knows}\n{}", good())));
    for task in 1..=20 {
        assert_eq!(stand.ended(task).await, Conclusion::Success);
    }
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
}

#[tokio::test]
async fn signals_drain_and_then_cancel() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    super::stand::script(stand.data.path(), &waits());
    stand.add([1]);
    let mut process = Process::start(&stand);
    stand.running(1).await;
    process.signal("-TERM");
    let data = stand.data.path().to_owned();
    // The socket answers that it drains before the next signal comes.
    tokio::task::spawn_blocking(move || while agent::ask(&data).unwrap().stop == Stop::No {}).await.unwrap();
    stand.add([2]);
    process.signal("-TERM");
    let status = tokio::task::spawn_blocking(move || process.0.wait()).await.unwrap().unwrap();
    assert!(status.success());
    stand.assert_one_end(1, Conclusion::Cancelled);
    assert_eq!(stand.forge.handed_out(TaskId(2)), 0);
}

#[tokio::test]
async fn killed_at_any_moment_each_task_has_one_end() {
    let stand = Stand::new(Dialect::Forgejo).await;
    stand.register(RunnerLife::Lasting).await;
    let body = format!("[ $((task % 3)) = 0 ] && {{ {}kill -9 $$; }}\n{}", begins(), good());
    super::stand::script(stand.data.path(), &body);
    stand.add(1..=60);
    // After each further call of a kind, one more kill.
    for (round, method) in ["Declare", "FetchTask", "UpdateTask", "UpdateLog"].iter().cycle().take(16).enumerate() {
        let calls = |forge: &testkit::FakeForge| forge.calls().iter().filter(|call| call == method).count();
        // An agent declares itself once.
        let more = if *method == "Declare" { 0 } else { round / 4 };
        let seen = calls(&stand.forge);
        let process = Process::start(&stand);
        stand.until(|forge| calls(forge) > seen + more).await;
        process.signal("-KILL");
    }
    let mut process = Process::start(&stand);
    stand.until(|forge| (1..=60).all(|task| forge.handed_out(TaskId(task)) > 0)).await;
    process.signal("-TERM");
    tokio::task::spawn_blocking(move || process.0.wait()).await.unwrap().unwrap();
    let mut runs = stand.runs();
    let count = runs.len();
    runs.dedup();
    assert_eq!(runs.len(), count, "a task ran twice");
    for task in 1..=60 {
        let reports = stand.forge.reports(TaskId(task));
        let ends: Vec<_> = reports.iter().filter_map(|state| state.phase.result()).collect();
        // What was handed to an agent that died before it knew is the forge's to sweep. An end whose answer was lost with the agent is
        // told again by the next start.
        let was_heard_of = !reports.is_empty() || runs.contains(&task);
        assert_eq!(stand.forge.result(TaskId(task)), ends.first().copied(), "{task}");
        assert_eq!(was_heard_of, !ends.is_empty(), "{task}");
    }
}
