//! Taking tasks and ending them.

use super::stand::{Running, Stand, begins, ends, good, waits};
use agent::job::Ahead;
use agent::{
    AfterJob, AgentEnd, JobPipes, JobProcess, JobStarter, Later, Mode, RegistrationFile, StandbyTimes, Stop, Wait,
};
use domain::{AttemptEnd, Conclusion, RunnerLife, TaskId};
use protocol::Dialect;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

#[tokio::test]
async fn tasks_are_taken_run_and_ended() {
    for dialect in [Dialect::Gitea, Dialect::Forgejo] {
        let stand = Stand::new(dialect).await;
        stand.register(RunnerLife::Lasting).await;
        stand.add(1..=5);
        let agent = Running::start(stand.settings(2, &good()));
        for task in 1..=5 {
            assert_eq!(stand.ended(task).await, Conclusion::Success);
        }
        agent.stop.ask(Stop::Drain);
        assert_eq!(agent.end().await.unwrap(), AgentEnd::Stopped);
        assert_eq!(stand.runs(), [1, 2, 3, 4, 5]);
        for task in 1..=5 {
            stand.assert_one_end(task, Conclusion::Success);
            assert_eq!(stand.log(task).trim_end(), "hello from the job");
        }
        // Nothing is left but what an agent keeps.
        let spools: Vec<_> = std::fs::read_dir(stand.path("spool")).into_iter().flatten().collect();
        assert!(spools.is_empty(), "{spools:?}");
        assert!(!stand.path("agent.sock").exists());
    }
}

#[tokio::test]
async fn no_more_jobs_run_than_there_is_room_for() {
    let stand = Stand::new(Dialect::Forgejo).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add(1..=3);
    let agent = Running::start(stand.settings(2, &waits()));
    stand.running(1).await;
    stand.running(2).await;
    let status = ask(&stand).await;
    assert_eq!((status.work.capacity, status.work.free, status.work.attempts.len()), (2, 0, 2));
    assert_eq!(stand.forge.handed_out(TaskId(3)), 0);
    stand.forge.cancel(TaskId(1));
    // The room that became free is used at once.
    stand.running(3).await;
    for task in [2, 3] {
        stand.forge.cancel(TaskId(task));
    }
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
    assert_eq!(stand.runs(), [1, 2, 3]);
}

async fn ask(stand: &Stand) -> agent::Status {
    let data = stand.data.path().to_owned();
    tokio::task::spawn_blocking(move || agent::ask(&data)).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_task_that_is_given_twice_runs_once() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add([1]);
    let agent = Running::start(stand.settings(2, &waits()));
    stand.running(1).await;
    stand.forge.hand_out_again(TaskId(1));
    stand.until(|forge| forge.handed_out(TaskId(1)) == 2).await;
    stand.forge.cancel(TaskId(1));
    assert_eq!(stand.ended(1).await, Conclusion::Cancelled);
    // Once more, now that it is over.
    stand.forge.hand_out_again(TaskId(1));
    stand.until(|forge| forge.handed_out(TaskId(1)) == 3).await;
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
    assert_eq!(stand.runs(), [1]);
    stand.assert_one_end(1, Conclusion::Cancelled);
}

#[tokio::test]
async fn an_ephemeral_runner_takes_one_job_and_leaves_nothing() {
    for dialect in [Dialect::Gitea, Dialect::Forgejo] {
        let stand = Stand::new(dialect).await;
        stand.register(RunnerLife::Ephemeral).await;
        stand.add(1..=2);
        let end = Running::start(stand.settings(4, &good())).end().await.unwrap();
        assert_eq!(end, AgentEnd::OneJob(AttemptEnd::Concluded(Conclusion::Success)));
        stand.assert_one_end(1, Conclusion::Success);
        assert_eq!((stand.forge.handed_out(TaskId(2)), stand.runs()), (0, vec![1]));
        assert!(stand.forge.runners().is_empty());
        assert!(!RegistrationFile::of(stand.data.path()).path().exists());
    }
}

#[tokio::test]
async fn once_takes_one_job_or_says_that_there_is_none() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    let once = |wait, job: &str| {
        let mut settings = stand.settings(4, job);
        settings.mode = Mode::Once { handle: None, wait };
        Running::start(settings)
    };
    assert_eq!(once(Wait::OneLook, &good()).end().await.unwrap(), AgentEnd::NothingCame);
    let short = Wait::AtMost(Duration::from_millis(50));
    assert_eq!(once(short, &good()).end().await.unwrap(), AgentEnd::NothingCame);
    stand.add(1..=2);
    let failing = begins() + &ends(Conclusion::Failure);
    let end = once(Wait::OneLook, &failing).end().await.unwrap();
    assert_eq!(end.conclusion(), Some(Conclusion::Failure));
    assert_eq!(once(Wait::Forever, &good()).end().await.unwrap().conclusion(), Some(Conclusion::Success));
    assert_eq!(stand.runs(), [1, 2]);
    assert_eq!(stand.forge.runners().len(), 1);
}

#[tokio::test]
async fn a_jobs_process_gets_its_order_and_nothing_of_the_agents() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add([1]);
    let seen = stand.path("seen");
    let body = format!("{{ echo \"$order\"; echo \"$@\"; env; }} > '{}'\n{}", seen.display(), good());
    let agent = Running::start(stand.settings(1, &body));
    stand.ended(1).await;
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
    let seen = std::fs::read_to_string(seen).unwrap();
    let token = RegistrationFile::of(stand.data.path()).load().unwrap().key.token;
    assert!(!seen.contains(token.expose()));
    assert!(seen.contains("\nagent job\n") && seen.contains("\nPATH="), "{seen}");
    // Cargo sets it for every test.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some() && !seen.contains("CARGO_MANIFEST_DIR"));
}

/// One that cannot start anything, and counts.
#[derive(Debug, Default)]
struct Unable(AtomicU32);

impl JobStarter for Unable {
    fn start(&self, _pipes: JobPipes, _ahead: Option<&Ahead>) -> Later<'_, Box<dyn JobProcess>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Err(std::io::ErrorKind::BrokenPipe.into()) })
    }
}

#[tokio::test]
async fn where_no_process_can_be_forked_the_program_is_started() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add(1..=2);
    let starter = Arc::new(Unable::default());
    let mut settings = stand.settings(2, &good());
    settings.program.starter = Some(starter.clone());
    let agent = Running::start(settings);
    assert_eq!(stand.ended(1).await, Conclusion::Success);
    assert_eq!(stand.ended(2).await, Conclusion::Success);
    assert_eq!((starter.0.load(Ordering::Relaxed), stand.runs()), (2, vec![1, 2]));
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
}

/// One that cannot start anything at first, and then never answers.
#[derive(Debug)]
struct Hangs {
    /// How often it answers.
    answers: AtomicU32,
    hangs: Notify,
}

impl Hangs {
    fn after(answers: u32) -> Arc<Self> {
        Arc::new(Self { answers: answers.into(), hangs: Notify::new() })
    }
}

impl JobStarter for Hangs {
    fn start(&self, _pipes: JobPipes, _ahead: Option<&Ahead>) -> Later<'_, Box<dyn JobProcess>> {
        let answers = self.answers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if answers.is_ok() {
            return Box::pin(async { Err(std::io::ErrorKind::BrokenPipe.into()) });
        }
        self.hangs.notify_one();
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn an_agent_whose_processes_do_not_come_is_killed() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add([1]);
    let starter = Hangs::after(0);
    let mut settings = stand.settings(1, &good());
    settings.program.starter = Some(starter.clone());
    let agent = Running::start(settings);
    starter.hangs.notified().await;
    agent.stop.ask(Stop::Kill);
    assert_eq!(agent.end().await.unwrap(), AgentEnd::Killed(1));
    assert_eq!(stand.runs(), Vec::<i64>::new());
}

#[tokio::test]
async fn an_agent_whose_next_process_does_not_come_drains() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add([1]);
    let starter = Hangs::after(1);
    let mut settings = stand.settings(1, &good());
    settings.program.starter = Some(starter.clone());
    settings.standby = Some(StandbyTimes { pause: Duration::ZERO, keep: Duration::from_secs(600) });
    let agent = Running::start(settings);
    starter.hangs.notified().await;
    assert_eq!(stand.ended(1).await, Conclusion::Success);
    agent.stop.ask(Stop::Drain);
    assert_eq!(agent.end().await.unwrap(), AgentEnd::Stopped);
}

#[tokio::test]
async fn the_owners_script_runs_after_the_job() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add([1]);
    let script = stand.path("after.sh");
    let seen = stand.path("after");
    std::fs::write(&script, format!("#!/bin/sh\necho $EKIDEN_TASK $EKIDEN_CONCLUSION > '{}'\n", seen.display()))
        .unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut settings = stand.settings(1, &good());
    settings.after_job = Some(AfterJob { script, timeout: Duration::from_secs(20) });
    let agent = Running::start(settings);
    stand.ended(1).await;
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
    assert_eq!(std::fs::read_to_string(seen).unwrap(), "1 success\n");
}
