//! What runners say of their tasks.

use super::runs::{job, new_project, new_runner, run_of, taker};
use crate::support::{Setting, at, contract};
use domain::control::{CancelCause, JobChange, JobNumber, JobPhase, JobRefusal, RunPhase};
use domain::{Conclusion, RunnerId, TaskId};
use std::collections::BTreeMap;
use store::{Report, Reported, Store, StoreError};

contract!(
    a_report_says_all_at_once,
    a_job_that_says_its_end_alone_began_when_its_runner_got_it,
    what_is_said_twice_changes_nothing,
    who_has_not_the_lease_has_no_say,
    outputs_may_come_early_and_the_first_stays,
    outputs_of_a_run_have_a_bound_together,
    reports_and_cancellations_race,
);

struct Scene {
    store: Store,
    runner: RunnerId,
    job: JobNumber,
    task: TaskId,
}

impl Scene {
    async fn new(store: &Store) -> Self {
        let project = new_project(store).await;
        let (_, jobs) = store.create_run(&run_of(project, vec![job("a")]), at(10)).await.unwrap();
        let runner = new_runner(store, 1, Some(2)).await;
        let (task, _) = store.lease(jobs[0], &taker(runner, None), at(20)).await.unwrap().unwrap();
        Self { store: store.clone(), runner, job: jobs[0], task: task.id }
    }

    async fn say(&self, steps: u8, change: Option<&JobChange>, outputs: &[(&str, &str)], now: u64) -> Reported {
        let outputs = outputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let steps = serde_json::json!([steps]);
        let report =
            Report { runner: self.runner, task: self.task, run: None, steps: &steps, change, outputs: &outputs };
        self.store.report(&report, at(now)).await.unwrap()
    }

    const fn started(&self) -> JobChange {
        JobChange::Started { task: self.task, at: at(21) }
    }

    const fn ended(&self) -> JobChange {
        JobChange::Ended { task: self.task, conclusion: Conclusion::Success, at: at(40) }
    }
}

async fn a_report_says_all_at_once(Setting { store, .. }: Setting) {
    let scene = Scene::new(&store).await;
    let said = scene.say(1, Some(&scene.started()), &[], 21).await;
    assert!(matches!((&said.before, &said.after), (JobPhase::Leased { .. }, JobPhase::Running { .. })), "{said:?}");
    let said = scene.say(2, None, &[], 30).await;
    assert_eq!((&said.before, &said.refused, said.task.heard), (&said.after, &None, at(30)));
    let said = scene.say(3, Some(&scene.ended()), &[("x", "1")], 40).await;
    assert_eq!((said.refused, said.job), (None, scene.job));
    let (task, job) = store.task(scene.task).await.unwrap();
    assert_eq!((task.steps, task.heard), (serde_json::json!([3]), at(40)));
    assert_eq!((job.phase, job.finished, job.end_order), (said.after, Some(at(40)), Some(1)));
    assert_eq!((job.outputs, said.outputs.len()), (said.outputs, 1));
    assert_eq!(store.runner(scene.runner).await.unwrap().phase.room(), 2);
    assert_eq!(store.runs_behind(9).await.unwrap(), [job.run]);
}

async fn a_job_that_says_its_end_alone_began_when_its_runner_got_it(Setting { store, .. }: Setting) {
    let scene = Scene::new(&store).await;
    let (task, _) = store.task(scene.task).await.unwrap();
    scene.say(1, Some(&scene.ended()), &[], 40).await;
    let (_, job) = store.task(scene.task).await.unwrap();
    assert_eq!((job.started, job.finished), (Some(task.given), Some(at(40))));
    assert_eq!(store.run(job.run).await.unwrap().started, Some(task.given));
}

async fn what_is_said_twice_changes_nothing(Setting { store, .. }: Setting) {
    let scene = Scene::new(&store).await;
    scene.say(1, Some(&scene.started()), &[], 21).await;
    let heard = async || store.task(scene.task).await.unwrap().0.heard;
    scene.say(1, Some(&scene.started()), &[], 4000).await;
    assert_eq!(heard().await, at(21), "it is written every few seconds only");
    scene.say(1, Some(&scene.started()), &[], 5021).await;
    assert_eq!(heard().await, at(5021));
    scene.say(1, Some(&scene.ended()), &[("x", "1")], 6000).await;
    let late = scene.say(2, Some(&scene.ended()), &[("x", "2"), ("y", "2")], 90_000).await;
    assert_eq!(late.refused, Some(JobRefusal::Finished { conclusion: Conclusion::Success }));
    assert_eq!((late.outputs.len(), &late.task.steps), (1, &serde_json::json!([1])));
    let (task, job) = store.task(scene.task).await.unwrap();
    assert_eq!((task.heard, job.outputs["x"].as_str(), job.end_order), (at(6000), "1", Some(1)));
    let bare = scene.say(9, None, &[], 99_000).await;
    assert!(matches!(bare.refused, Some(JobRefusal::Finished { .. })), "{bare:?}");
}

async fn who_has_not_the_lease_has_no_say(Setting { store, .. }: Setting) {
    let scene = Scene::new(&store).await;
    let other = new_runner(&store, 2, Some(2)).await;
    let (steps, outputs) = (serde_json::json!([]), BTreeMap::new());
    for (runner, task) in [(other, scene.task), (scene.runner, TaskId(scene.task.0 + 99))] {
        let report = Report { runner, task, run: None, steps: &steps, change: Some(&scene.ended()), outputs: &outputs };
        let refused = store.report(&report, at(30)).await;
        assert!(matches!(refused, Err(StoreError::Missing { what: "task", .. })), "{refused:?}");
    }
    let expired = JobChange::Expired { task: scene.task, at: at(1000) };
    store.change_by_task(scene.task, expired, &BTreeMap::new(), at(1000)).await.unwrap();
    let late = scene.say(1, Some(&scene.started()), &[("x", "1")], 1001).await;
    assert_eq!(late.refused, Some(JobRefusal::StaleLease { task: scene.task }));
    store.lease(scene.job, &taker(other, None), at(1002)).await.unwrap().unwrap();
    let late = scene.say(1, None, &[("x", "1")], 1003).await;
    assert_eq!(late.refused, Some(JobRefusal::StaleLease { task: scene.task }));
    let (task, job) = store.task(scene.task).await.unwrap();
    assert_eq!((task.steps, job.outputs.len()), (serde_json::json!([]), 0));
    assert!(matches!(job.phase, JobPhase::Leased { .. }));
}

async fn outputs_of_a_run_have_a_bound_together(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let (_, jobs) = store.create_run(&run_of(project, vec![job("a"), job("b")]), at(10)).await.unwrap();
    let runner = new_runner(&store, 1, Some(2)).await;
    let mut scenes = Vec::new();
    for job in jobs {
        let (task, _) = store.lease(job, &taker(runner, None), at(20)).await.unwrap().unwrap();
        scenes.push(Scene { store: store.clone(), runner, job, task: task.id });
    }
    let text = "x".repeat(1 << 20);
    let names: Vec<String> = (0..40).map(|number| format!("o{number:02}")).collect();
    let long: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), text.as_str())).collect();
    let said = scenes[0].say(1, Some(&scenes[0].started()), &long, 21).await;
    assert_eq!((said.outputs.len(), said.left_out.len()), (40, 0));
    // The first of them have room; a short one that comes behind them too.
    let said = scenes[1].say(1, Some(&scenes[1].started()), &long, 22).await;
    assert_eq!((said.outputs.len(), said.left_out.len()), (9, 31));
    let said = scenes[1].say(2, Some(&scenes[1].ended()), &[("short", "1"), ("o39", &text)], 40).await;
    assert_eq!((said.outputs.len(), said.left_out), (10, vec!["o39".to_owned()]));
    assert_eq!(store.job(scenes[1].job).await.unwrap().outputs.len(), 10);
    let names: Vec<String> = (0..1001).map(|number| format!("n{number:04}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let said = scenes[0].say(2, Some(&scenes[0].ended()), &many, 40).await;
    assert_eq!((said.outputs.len(), said.left_out.len()), (1000, 41));
}

async fn outputs_may_come_early_and_the_first_stays(Setting { store, .. }: Setting) {
    let scene = Scene::new(&store).await;
    let said = scene.say(1, Some(&scene.started()), &[("x", "1")], 21).await;
    assert_eq!(said.outputs, store.job(scene.job).await.unwrap().outputs);
    let said = scene.say(1, None, &[("x", "2"), ("y", "2")], 22).await;
    assert_eq!(said.outputs, store.job(scene.job).await.unwrap().outputs);
    let said = scene.say(1, Some(&scene.ended()), &[("y", "3"), ("z", "3")], 40).await;
    assert_eq!(said.outputs, store.job(scene.job).await.unwrap().outputs);
    let values: Vec<&str> = said.outputs.values().map(String::as_str).collect();
    assert_eq!(values, ["1", "2", "3"]);
}

async fn reports_and_cancellations_race(Setting { store, .. }: Setting) {
    let scene = std::sync::Arc::new(Scene::new(&store).await);
    let mut all = Vec::new();
    for number in 0..8_u64 {
        let scene = scene.clone();
        all.push(tokio::spawn(async move {
            let asked = JobChange::CancelAsked { by: CancelCause::FailFast, at: at(30) };
            match number % 4 {
                0 => drop(scene.say(1, Some(&scene.started()), &[], 21).await),
                1 => drop(scene.say(2, None, &[("x", "1")], 22).await),
                2 => drop(scene.say(3, Some(&scene.ended()), &[("x", "1")], 40).await),
                _ => drop(scene.store.change_job(scene.job, asked, at(30)).await),
            }
        }));
    }
    for one in all {
        one.await.unwrap();
    }
    let job = store.job(scene.job).await.unwrap();
    assert!(job.phase.end().is_some() && job.end_order == Some(1), "{job:?}");
    let run = store.run(job.run).await.unwrap();
    assert_eq!((run.ends, run.phase), (1, RunPhase::Blocked));
    assert_eq!(store.runner(scene.runner).await.unwrap().phase.tasks().count(), 0);
}
