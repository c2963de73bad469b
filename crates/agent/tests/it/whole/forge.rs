//! Forges that misbehave.

use super::stand::{Running, Stand, good, waits};
use agent::{AgentEnd, AgentError, Stop};
use domain::{Clock, Conclusion, RunnerLife, SystemClock, TaskId, TaskPhase, Timestamp};
use protocol::Dialect;
use std::io::{Read, Write};
use std::time::Duration;
use testkit::Mischief;

#[tokio::test]
async fn a_lost_answer_loses_no_job_of_forgejo() {
    for mischief in [Mischief::LoseReply, Mischief::Truncate, Mischief::Page] {
        let stand = Stand::new(Dialect::Forgejo).await;
        stand.register(RunnerLife::Lasting).await;
        stand.add(1..=2);
        stand.forge.misbehave("FetchTask", mischief, 1);
        let agent = Running::start(stand.settings(2, &good()));
        for task in 1..=2 {
            assert_eq!(stand.ended(task).await, Conclusion::Success);
        }
        agent.stop.ask(Stop::Drain);
        agent.end().await.unwrap();
        assert_eq!(stand.runs(), [1, 2]);
    }
}

#[tokio::test]
async fn a_lost_answer_of_gitea_leaves_its_job_to_the_sweep_and_the_agent_goes_on() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add(1..=2);
    stand.forge.misbehave("FetchTask", Mischief::LoseReply, 1);
    let agent = Running::start(stand.settings(1, &good()));
    assert_eq!(stand.ended(2).await, Conclusion::Success);
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
    assert_eq!((stand.runs(), stand.forge.result(TaskId(1))), (vec![2], None));
}

#[tokio::test]
async fn answers_that_come_twice_or_with_news_are_read() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add(1..=2);
    stand.forge.misbehave("FetchTask", Mischief::DoubleReply, 1);
    stand.forge.misbehave("FetchTask", Mischief::UnknownField, 1);
    stand.forge.misbehave("Declare", Mischief::UnknownField, 1);
    let agent = Running::start(stand.settings(1, &good()));
    for task in 1..=2 {
        assert_eq!(stand.ended(task).await, Conclusion::Success);
    }
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
    assert_eq!(stand.runs(), [1, 2]);
}

#[tokio::test]
async fn a_forge_that_is_down_is_waited_for() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.forge.misbehave("Declare", Mischief::Status(502), 1);
    stand.forge.misbehave("FetchTask", Mischief::Status(503), 1);
    stand.forge.misbehave("FetchTask", Mischief::LoseRequest, 1);
    stand.add([1]);
    let agent = Running::start(stand.settings(1, &good()));
    assert_eq!(stand.ended(1).await, Conclusion::Success);
    let data = stand.data.path().to_owned();
    let status = tokio::task::spawn_blocking(move || agent::ask(&data)).await.unwrap().unwrap();
    assert_eq!((status.forge.failed, status.forge.trouble), (3, None));
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
}

#[tokio::test]
async fn a_slow_forge_counts_as_one_without_work() {
    let stand = Stand::new(Dialect::Forgejo).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add([1]);
    stand.forge.misbehave("FetchTask", Mischief::Slow(Duration::from_secs(20)), 1);
    let mut settings = stand.settings(1, &good());
    settings.fetch_timeout = Duration::from_millis(100);
    let agent = Running::start(settings);
    // What it gave with the answer that came too late comes again.
    assert_eq!(stand.ended(1).await, Conclusion::Success);
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
    assert_eq!(stand.runs(), [1]);
}

#[tokio::test]
async fn a_forge_whose_clock_is_an_hour_off_changes_no_time_of_a_job() {
    let hour = Duration::from_secs(3600);
    for ahead in [true, false] {
        let stand = Stand::new(Dialect::Gitea).await;
        stand.register(RunnerLife::Lasting).await;
        match ahead {
            true => stand.forge.set_clock_ahead(hour),
            false => stand.forge.set_clock_behind(hour),
        }
        // Tokens of a task hold times of the forge's clock. They are the forge's to judge, and pass as they are.
        let mut task = testkit::bare_task(1, super::stand::WORKFLOW);
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3MDAwMDAwMDB9.c2lnbmF0dXJl";
        task.context.insert("gitea_runtime_token".to_owned(), token.into());
        stand.forge.add(task, &["linux"]);
        stand.add([2]);
        let body = format!(
            "if [ $task = 1 ]; then case \"$order\" in *{token}*) ;; *) exit 7;; esac\n{}\nelse {} kill -9 $$; fi",
            good(),
            super::stand::begins()
        );
        let before = SystemClock.now();
        let agent = Running::start(stand.settings(1, &body));
        assert_eq!(stand.ended(1).await, Conclusion::Success);
        assert_eq!(stand.ended(2).await, Conclusion::Failure);
        agent.stop.ask(Stop::Drain);
        agent.end().await.unwrap();
        let after = SystemClock.now();
        // What the job said has the job's times, and what the agent says this machine's.
        let rows = stand.forge.log(TaskId(2));
        assert_eq!(rows[0].at, Timestamp(1_700_000_000_000));
        assert!(rows[1].content.contains("signal: 9") && (before..=after).contains(&rows[1].at), "{rows:?}");
        for task in 1..=2 {
            stand.assert_one_end(task, if task == 1 { Conclusion::Success } else { Conclusion::Failure });
            for state in stand.forge.reports(TaskId(task)) {
                let TaskPhase::Ended { started: Some(started), stopped, .. } = state.phase else { continue };
                assert!(before <= started && started <= stopped && stopped <= after, "{state:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_forge_from_before_declare_is_worked_with() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add([1]);
    stand.forge.misbehave("Declare", Mischief::Status(404), 1);
    let agent = Running::start(stand.settings(1, &good()));
    assert_eq!(stand.ended(1).await, Conclusion::Success);
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
}

#[tokio::test]
async fn a_removed_runner_ends_what_it_has_and_says_so() {
    for dialect in [Dialect::Gitea, Dialect::Forgejo] {
        let stand = Stand::new(dialect).await;
        stand.register(RunnerLife::Lasting).await;
        stand.add([1]);
        let agent = Running::start(stand.settings(2, &waits()));
        stand.running(1).await;
        let uuid = stand.forge.runners()[0].uuid.clone();
        stand.forge.remove_runner(&uuid);
        // The job cannot report any more: it is told to stop, and the agent with it.
        let error = agent.end().await.unwrap_err();
        assert!(matches!(error, AgentError::Credentials(_)), "{error}");
        // A start with such a registration says the same at once.
        let error = Running::start(stand.settings(2, &waits())).end().await.unwrap_err();
        assert!(error.to_string().contains("register this runner again"), "{error}");
        assert_eq!(stand.runs(), [1]);
    }
}

#[tokio::test]
async fn an_ephemeral_runner_that_the_forge_forgot_in_between_ends_in_peace() {
    let stand = Stand::new(Dialect::Forgejo).await;
    stand.register(RunnerLife::Ephemeral).await;
    stand.add([1]);
    let registration = agent::RegistrationFile::of(stand.data.path());
    let kept = registration.load().unwrap();
    Running::start(stand.settings(1, &good())).end().await.unwrap();
    // As if the agent had been killed before it removed the file.
    registration.create(&kept).unwrap();
    assert_eq!(Running::start(stand.settings(1, &good())).end().await.unwrap(), AgentEnd::Stopped);
    assert!(!registration.path().exists());
}

#[tokio::test]
async fn health_and_metrics_are_served() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add([1]);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut settings = stand.settings(1, &good());
    settings.health = Some(port);
    let agent = Running::start(settings);
    stand.ended(1).await;
    let get = move |path: &'static str| {
        tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(port).unwrap();
            write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        })
    };
    assert!(get("/healthz").await.unwrap().ends_with("\r\n\r\nok\n"));
    let metrics = get("/metrics").await.unwrap();
    assert!(metrics.contains("\nekiden_agent_tasks_taken_total 1\n"), "{metrics}");
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
}
