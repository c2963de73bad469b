//! What stands still is swept: a real server, and ticks at times that the test says.

use crate::browse::Browser;
use crate::pages::{admin, job_path};
use crate::plane::{Hand, World};
use crate::rest::{client, refused};
use domain::control::{CancelCause, JobEnd, JobPhase, NeverRan, RunPhase, RunnerChange, RunnerStanding};
use domain::{Conclusion, LogEnd, RunnerLife, TaskResult, Timestamp};
use server::run::{Rerun, rerun};
use server::sweep::{SweepSettings, Sweeper, Swept};
use std::time::Duration;
use store::{StoredJob, StoredRun};

const PATH: &str = ".gitea/workflows/w.yml";
const MINUTE: u64 = 60_000;

async fn world(jobs: &str) -> World {
    World::with(&[(PATH, &format!("on: workflow_dispatch\njobs:\n{jobs}"))]).await
}

fn job(id: &str, more: &str) -> String {
    format!("  {id}:\n    runs-on: lab\n{more}    steps: [{{run: 'true'}}]\n")
}

/// A sweeper whose clock the test moves.
struct Hours {
    sweeper: Sweeper,
    now: Timestamp,
}

impl Hours {
    async fn new(world: &World, settings: SweepSettings) -> Self {
        let mut hours =
            Self { sweeper: Sweeper::new(world.server.plane.clone(), settings), now: world.server.plane.now() };
        assert_eq!(hours.tick().await, Swept::default());
        hours
    }

    async fn tick(&mut self) -> Swept {
        self.sweeper.tick(self.now).await.unwrap()
    }

    /// The runner of a task calls, and says nothing of it.
    async fn hears(&self, world: &World, task: domain::TaskId) {
        let store = &world.server.plane.store;
        let runner = store.task(task).await.unwrap().0.runner;
        store.change_runner(runner, RunnerChange::Heard(self.now), self.now, None).await.unwrap();
    }

    /// Time goes by; what the ticks in it came to together, the last included.
    async fn pass(&mut self, minutes: u64) -> Swept {
        let mut all = Swept::default();
        for _ in 0..minutes {
            self.now = Timestamp(self.now.0 + MINUTE);
            let Swept { requeued, given_up, abandoned, offline, runners, logs, runs, faults } = self.tick().await;
            all.requeued += requeued;
            all.given_up += given_up;
            all.abandoned += abandoned;
            all.offline += offline;
            all.runners += runners;
            all.logs += logs;
            all.runs += runs;
            all.faults += faults;
        }
        all
    }
}

async fn only(world: &World, run: &StoredRun) -> StoredJob {
    let [job] = world.jobs(run).await.try_into().unwrap();
    job
}

async fn spoken(runner: &Hand, task: domain::TaskId) -> Option<TaskResult> {
    runner.start(task).await.phase.result()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_not_started_waits_again_and_one_that_was_asked_to_end_is_cancelled() {
    let world = world(&(job("a", "") + &job("b", ""))).await;
    let run = world.dispatch(PATH).await;
    let (lost, other) = (world.runner(&["lab"]).await, world.runner(&["lab"]).await);
    let (first, second) = (lost.take().await, lost.take().await);
    let plane = &world.server.plane;
    let cancelled = plane.store.task(second.id).await.unwrap().1;
    let asked = domain::control::JobChange::CancelAsked { by: CancelCause::FailFast, at: plane.now() };
    plane.store.change_job(cancelled.number, asked, plane.now()).await.unwrap();

    let mut hours = Hours::new(&world, SweepSettings::default()).await;
    assert_eq!(hours.pass(1).await, Swept::default());
    hours.hears(&world, first.id).await;
    let swept = hours.pass(2).await;
    assert_eq!((swept.requeued, swept.given_up), (1, 0));
    let never = JobEnd::NeverRan(NeverRan::Cancelled(CancelCause::FailFast));
    assert_eq!(plane.store.job(cancelled.number).await.unwrap().phase.end(), Some(&never));
    // Another runner gets it; the first one hears that it has it no more.
    let again = other.take().await;
    assert_ne!(again.id, first.id);
    assert_eq!(spoken(&lost, first.id).await, Some(TaskResult::Concluded(Conclusion::Cancelled)));
    assert_eq!(spoken(&other, again.id).await, None);
    other.end(again.id, Conclusion::Success, &[]).await;
    assert_eq!(world.finished(&run).await, Conclusion::Cancelled);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_runner_was_never_heard_of_again_is_not_given_to_another() {
    let world = world(&job("a", "")).await;
    let run = world.dispatch(PATH).await;
    let (silent, other) = (world.runner(&["lab"]).await, world.runner(&["lab"]).await);
    let task = silent.take().await;
    let mut hours = Hours::new(&world, SweepSettings::default()).await;
    let swept = hours.pass(9).await;
    assert_eq!((swept.requeued, swept.given_up), (0, 0));
    assert!(other.fetch(1).await.is_empty());
    let swept = hours.pass(2).await;
    assert_eq!((swept.requeued, swept.given_up), (0, 1));
    let over = only(&world, &run).await;
    let Some(JobEnd::Fault(fault)) = over.phase.end() else { panic!("{over:?}") };
    assert_eq!(
        fault,
        "the runner hand took the job and was not heard of again for 10 min: whether it ran is not known; run the job again"
    );
    assert_eq!(world.finished(&run).await, Conclusion::Failure);
    // It was cut off all the time, and hears that it is to stop.
    assert_eq!(spoken(&silent, task.id).await, Some(TaskResult::Concluded(Conclusion::Failure)));
    assert!(other.fetch(1).await.is_empty());
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_started_job_of_a_silent_runner_is_given_up_once_and_not_run_again() {
    let world = world(&job("a", "")).await;
    let run = world.dispatch(PATH).await;
    let runner = world.runner(&["lab"]).await;
    let task = runner.take().await;
    runner.start(task.id).await;
    runner.log(task.id, 0, &["began"], LogEnd::Open).await.unwrap();
    let mut hours = Hours::new(&world, SweepSettings::default()).await;
    let swept = hours.pass(9).await;
    assert_eq!((swept.given_up, swept.offline, swept.runners), (0, 1, 0));
    let [seen] = world.server.plane.store.runners(None).await.unwrap().try_into().unwrap();
    assert_eq!(seen.phase.standing(), RunnerStanding::Offline);
    assert_eq!(hours.pass(2).await.given_up, 1);
    let numbers = Browser::new(&world).get("/metrics").await.text;
    assert!(numbers.contains("ekiden_jobs_total{result=\"fault\"} 1"), "{numbers}");
    let over = only(&world, &run).await;
    let Some(JobEnd::Fault(fault)) = over.phase.end() else { panic!("{over:?}") };
    assert_eq!(
        fault,
        "the runner hand was not heard of for 10 min: its machine or its program may have stopped; run the job again"
    );
    assert_eq!(world.finished(&run).await, Conclusion::Failure);
    let log = world.server.plane.logs.read(task.id, 0, 9).await.unwrap();
    let rows: Vec<&str> = log.rows.iter().map(|row| row.content.as_str()).collect();
    assert_eq!((rows.len(), rows[0], rows[1].contains("was not heard of")), (2, "began", true), "{rows:?}");
    // It comes back and hears the end; nothing is given again.
    assert_eq!(spoken(&runner, task.id).await, Some(TaskResult::Concluded(Conclusion::Failure)));
    assert!(runner.fetch(1).await.is_empty());
    assert_eq!(hours.pass(20).await.given_up, 0);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_its_runner_does_not_end_is_ended_after_a_while() {
    let world = world(&job("a", "")).await;
    let run = world.dispatch(PATH).await;
    let runner = world.runner(&["lab"]).await;
    let task = runner.take().await;
    runner.start(task.id).await;
    runner.log(task.id, 0, &["one"], LogEnd::Open).await.unwrap();
    runner.end(task.id, Conclusion::Success, &[]).await;
    world.finished(&run).await;
    let rest = client(&world, Some(&admin(&world)));
    let number = world.jobs(&run).await[0].number.0;
    let mut followed = rest.follow_job_log(&"lab/p".parse().unwrap(), number).await.unwrap();
    assert!(followed.next().await.unwrap().unwrap().ends_with(b" one\n"));
    let log = async || world.server.plane.logs.read(task.id, 0, 9).await.unwrap();
    // Its last rows may be on their way.
    Hours::new(&world, SweepSettings::default()).await;
    assert_eq!(log().await.facts.end, LogEnd::Open);
    Hours::new(&world, SweepSettings { late_rows: Duration::ZERO, ..SweepSettings::default() }).await;
    assert_eq!((log().await.facts.end, log().await.rows.len()), (LogEnd::Last, 1));
    assert!(followed.next().await.unwrap().is_none(), "nothing more comes");
    assert!(runner.log(task.id, 1, &["late"], LogEnd::Open).await.is_err());
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_a_log_that_nobody_ends_is_not_kept_for_ever() {
    let world = world(&job("a", "")).await;
    let run = world.dispatch(PATH).await;
    let runner = world.runner(&["lab"]).await;
    let task = runner.take().await;
    runner.log(task.id, 0, &["one"], LogEnd::Open).await.unwrap();
    runner.end(task.id, Conclusion::Success, &[]).await;
    world.finished(&run).await;
    let rest = client(&world, Some(&admin(&world)));
    let number = world.jobs(&run).await[0].number.0;
    let mut followed = rest.follow_job_log(&"lab/p".parse().unwrap(), number).await.unwrap();
    assert!(followed.next().await.unwrap().unwrap().ends_with(b" one\n"));
    let end = tokio::time::timeout(Duration::from_secs(40), followed.next()).await;
    assert!(end.expect("it ends").unwrap().is_none());
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_runner_that_is_removed_has_in_hand_fails_at_once() {
    let world = world(&job("a", "")).await;
    let run = world.dispatch(PATH).await;
    let runner = world.runner(&["lab"]).await;
    let task = runner.take().await;
    runner.start(task.id).await;
    runner.log(task.id, 0, &["began"], LogEnd::Open).await.unwrap();
    let rest = client(&world, Some(&admin(&world)));
    let number = world.server.plane.store.runners(None).await.unwrap()[0].id.0;
    rest.remove_runner(&api::Place::Instance, number).await.unwrap();
    assert_eq!(world.finished(&run).await, Conclusion::Failure);
    let over = only(&world, &run).await;
    let Some(JobEnd::Fault(fault)) = over.phase.end() else { panic!("{over:?}") };
    assert_eq!(fault, "the runner hand was removed while it had the job; run the job again");
    let log = world.server.plane.logs.read(task.id, 0, 9).await.unwrap();
    assert_eq!((log.facts.end, log.rows[1].content.as_str()), (LogEnd::Last, format!("##[error]{fault}").as_str()));
    assert!(world.server.plane.store.runners(None).await.unwrap().is_empty());
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_silent_while_the_server_was_away_gets_its_time() {
    let world = world(&job("a", "    timeout-minutes: 1\n")).await;
    let run = world.dispatch(PATH).await;
    let runner = world.runner(&["lab"]).await;
    let task = runner.take().await;
    runner.start(task.id).await;
    let mut hours = Hours {
        sweeper: Sweeper::new(world.server.plane.clone(), SweepSettings::default()),
        now: world.server.plane.now(),
    };
    // Two days later there is a server again, and a while after that the clock is set a day ahead.
    hours.now = Timestamp(hours.now.0 + 2 * 24 * 60 * MINUTE);
    assert_eq!(hours.tick().await, Swept::default());
    assert_eq!(hours.pass(1).await, Swept::default());
    hours.now = Timestamp(hours.now.0 + 24 * 60 * MINUTE);
    assert_eq!(hours.tick().await, Swept::default());
    assert_eq!(hours.pass(1).await, Swept::default());
    assert_eq!(
        runner.end(task.id, Conclusion::Success, &[]).await.phase.result(),
        Some(TaskResult::Concluded(Conclusion::Success))
    );
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_before_the_clock_was_set_back_is_swept_like_all() {
    let world = world(&(job("a", "") + &job("b", ""))).await;
    world.dispatch(PATH).await;
    let runner = world.runner(&["lab"]).await;
    let started = runner.take().await;
    runner.start(started.id).await;
    runner.take().await;
    let now = Timestamp(world.server.plane.now().0 - 24 * 60 * MINUTE);
    let mut hours = Hours { sweeper: Sweeper::new(world.server.plane.clone(), SweepSettings::default()), now };
    assert_eq!(hours.tick().await, Swept::default());
    assert_eq!(hours.pass(60).await.given_up, 2);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_without_an_end_is_given_up_though_its_runner_speaks() {
    let world = world(&(job("a", "    timeout-minutes: 2\n") + &job("b", ""))).await;
    let run = world.dispatch(PATH).await;
    let runner = world.runner(&["lab"]).await;
    let plane = &world.server.plane;
    let mut endless = None;
    for _ in 0..2 {
        let task = runner.take().await;
        runner.start(task.id).await;
        if task.context["job"] == "a" {
            endless = Some(task.id);
        }
    }
    let mut hours =
        Hours::new(&world, SweepSettings { silent_task: Duration::from_secs(100 * 3600), ..SweepSettings::default() })
            .await;
    // Two minutes of its own, five to end, five of grace.
    assert_eq!(hours.pass(11).await.given_up, 0);
    assert_eq!(hours.pass(2).await.given_up, 1);
    let (_, over) = plane.store.task(endless.unwrap()).await.unwrap();
    let Some(JobEnd::Fault(fault)) = over.phase.end() else { panic!("{over:?}") };
    assert_eq!(fault, "the job ran for 12 min, longer than it may; its runner did not end it");
    let states = world.states(&run).await;
    assert_eq!(states, ["a: failure", "b: running"]);
    // The other is asked to end, and does not.
    server::run::cancel(plane, run.id, CancelCause::Person("ana".to_owned()), store::Ending::Again, None)
        .await
        .unwrap();
    world.until(&run, |_, jobs| matches!(jobs[1].phase, JobPhase::Cancelling { .. })).await;
    assert_eq!(hours.pass(20).await.given_up, 1);
    // One that failed has failed its run, also where somebody cancelled it afterwards.
    assert_eq!(world.finished(&run).await, Conclusion::Failure);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_nobody_takes_is_cancelled_and_so_is_its_run() {
    let world = world(&(job("a", "") + &job("b", "    needs: a\n"))).await;
    let run = world.dispatch(PATH).await;
    let mut hours =
        Hours::new(&world, SweepSettings { abandoned: Duration::from_secs(1800), ..SweepSettings::default() }).await;
    assert_eq!(hours.pass(29).await.abandoned, 0);
    assert_eq!(hours.pass(2).await.abandoned, 1);
    assert_eq!(world.finished(&run).await, Conclusion::Cancelled);
    let never = JobEnd::NeverRan(NeverRan::Cancelled(CancelCause::Abandoned));
    assert_eq!(world.jobs(&run).await[0].phase.end(), Some(&never));
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runners_that_are_none_any_more_are_forgotten() {
    let world = world(&job("a", "")).await;
    let run = world.dispatch(PATH).await;
    let plane = &world.server.plane;
    let once = world.runner_for(&["lab"], RunnerLife::Ephemeral).await;
    let task = once.take().await;
    once.start(task.id).await;
    once.end(task.id, Conclusion::Success, &[]).await;
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    let waits = world.runner_for(&["lab"], RunnerLife::Ephemeral).await;
    assert!(waits.fetch(1).await.is_empty());
    let stays = world.runner(&["lab"]).await;
    assert!(stays.fetch(1).await.is_empty());

    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let settings = SweepSettings { fresh: minutes(10), gone: Some(minutes(30)), ..SweepSettings::default() };
    let mut hours = Hours::new(&world, settings).await;
    let names = async || plane.store.runners(None).await.unwrap().len();
    let swept = hours.pass(3).await;
    assert_eq!((swept.runners, swept.offline, names().await), (1, 2, 2));
    let swept = hours.pass(8).await;
    // Its silence began when it was found offline.
    assert_eq!(swept.runners + hours.pass(2).await.runners, 1);
    assert_eq!(hours.pass(15).await.runners, 0);
    assert_eq!((hours.pass(6).await.runners, names().await), (1, 0));
    let noted =
        store::AuditFilter { action: Some("runner.remove".to_owned()), limit: 9, ..store::AuditFilter::default() };
    assert_eq!(plane.store.audit(&noted).await.unwrap().len(), 3);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_and_runs_go_after_their_time() {
    let world = world(&job("a", "")).await;
    let run = world.dispatch(PATH).await;
    let plane = &world.server.plane;
    let runner = world.runner(&["lab"]).await;
    let task = runner.take().await;
    runner.log(task.id, 0, &["one", "two"], LogEnd::Last).await.unwrap();
    runner.end(task.id, Conclusion::Success, &[]).await;
    world.finished(&run).await;
    let open = world.dispatch(PATH).await;

    let minutes = |minutes: u64| Some(Duration::from_secs(minutes * 60));
    let mut hours =
        Hours::new(&world, SweepSettings { logs: minutes(5), runs: minutes(10), ..SweepSettings::default() }).await;
    assert_eq!(hours.pass(4).await.logs, 0);
    assert_eq!(hours.pass(2).await.logs, 1);
    assert!(plane.logs.read(task.id, 0, 9).await.unwrap().rows.is_empty());
    // That it is gone is said; a job that said nothing is another thing.
    let token = admin(&world);
    let rest = client(&world, Some(&token));
    let (project, number) = ("lab/p".parse().unwrap(), world.jobs(&run).await[0].number.0);
    for told in [rest.job_log(&project, number).await.map(drop), rest.follow_job_log(&project, number).await.map(drop)]
    {
        let (status, text) = refused(told);
        assert!(
            status == 404 && text.starts_with("logs have been cleaned up") && text.contains("--keep-logs"),
            "{text}"
        );
    }
    let page = Browser::with(&world, &token).await.get(&job_path(&world, &run).await).await;
    assert!(
        page.text.contains("The log was removed after 365 days.") && !page.text.contains("log.txt"),
        "{}",
        page.text
    );
    assert_eq!(world.run(&run).await.phase, RunPhase::Finished(Conclusion::Success));
    let swept = hours.pass(6).await;
    assert_eq!((swept.logs, swept.runs), (0, 1));
    assert!(plane.store.run(run.id).await.is_err() && plane.store.gone_logs(9).await.unwrap().is_empty());
    assert_eq!(world.run(&open).await.phase, RunPhase::Waiting, "what goes on stays");

    // With a project its logs go.
    let runner = world.runner(&["lab"]).await;
    let task = runner.take().await;
    runner.log(task.id, 0, &["three"], LogEnd::Open).await.unwrap();
    plane.store.remove_project(world.project.id, plane.now(), &crate::plane::audit()).await.unwrap();
    hours.pass(1).await;
    assert!(plane.logs.read(task.id, 0, 9).await.unwrap().rows.is_empty());
    world.server.stop().await;
}

/// Its log is that of the try before, and went with the others of that.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_kept_for_a_later_try_says_that_its_log_was_removed() {
    let world = world(&(job("a", "") + &job("b", "    needs: a\n"))).await;
    let run = world.dispatch(PATH).await;
    let runner = world.runner(&["lab"]).await;
    for end in [Conclusion::Success, Conclusion::Failure] {
        let task = runner.take().await;
        runner.log(task.id, 0, &["said"], LogEnd::Last).await.unwrap();
        runner.end(task.id, end, &[]).await;
    }
    assert_eq!(world.finished(&run).await, Conclusion::Failure);
    let logs = Some(Duration::from_secs(300));
    let mut hours = Hours::new(&world, SweepSettings { logs, ..SweepSettings::default() }).await;
    let token = admin(&world);
    let browser = Browser::with(&world, &token).await;
    let said = async || browser.get(&job_path(&world, &run).await).await.text;
    let gone = "The log was removed after";
    assert_eq!(hours.pass(6).await.logs, 1);
    assert!(said().await.contains(gone));
    rerun(&world.server.plane, run.id, Rerun::Failed, "again", None).await.unwrap();
    let page = said().await;
    assert!(page.contains(gone), "{page}");
    world.server.stop().await;
}
