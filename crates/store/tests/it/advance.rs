//! What follows for a run from what happened to it.

use super::runs::{job, new_project, new_runner, run_of, started};
use crate::support::{Setting, at, contract, entry};
use domain::Conclusion;
use domain::control::{CancelCause, Hold, JobChange, JobPhase, JobRefusal, NeverRan, RunPhase, RunRefusal, Tolerance};
use std::collections::BTreeMap;
use store::{Advance, AuditFilter, Ending, Followed, NewJob, RunCancel, StoreError};

contract!(
    placeholders_become_what_they_stood_for,
    only_what_is_held_is_replaced_or_removed,
    a_run_is_asked_to_end_once,
    a_run_that_shall_end_may_be_asked_to_end_whole,
    a_finished_run_is_not_cancelled,
    a_run_that_cannot_go_on_fails,
    many_jobs_keep_their_order,
);

fn placeholder(id: &str) -> NewJob {
    NewJob { phase: JobPhase::held(Hold::Dependency("waits for a".to_owned())), ..job(id) }
}

fn skipped(id: &str, now: u64) -> NewJob {
    let dropped = JobChange::Dropped { why: NeverRan::Skipped, at: at(now) };
    NewJob { phase: JobPhase::queued(at(now)).after(dropped).unwrap(), ..job(id) }
}

async fn placeholders_become_what_they_stood_for(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let first = vec![job("a"), placeholder("b"), placeholder("c"), placeholder("d")];
    let (run, jobs) = store.create_run(&run_of(project, first), at(10)).await.unwrap();
    let runner = new_runner(&store, 1, Some(9)).await;
    let task = started(&store, jobs[0], runner).await;
    let end = JobChange::Ended { task, conclusion: Conclusion::Success, at: at(30) };
    store.change_by_task(task, end, &BTreeMap::new(), at(30)).await.unwrap();

    let seen = store.run(run.id).await.unwrap();
    let cell = |number: u8| NewJob { name: format!("b ({number})"), ..job(&format!("b-{number}")) };
    let known = NewJob {
        name: "C".to_owned(),
        labels: vec!["gpu".to_owned()],
        priority: 3,
        tolerance: Tolerance::MayFail,
        document: "new".to_owned(),
        facts: serde_json::json!({"y": 2}),
        ..job("c")
    };
    let advance = Advance {
        removed: vec![jobs[1]],
        replaced: vec![(jobs[2], known.clone()), (jobs[3], skipped("d", 40))],
        // A job may have the id of one that went.
        jobs: vec![cell(1), cell(2), job("b")],
        ..Advance::default()
    };
    let Followed { made, changed, .. } = store.advance(&seen, &advance, at(40)).await.unwrap().unwrap();
    assert_eq!((made.len(), changed.len()), (3, 0));
    let now = store.jobs(run.id, run.attempt).await.unwrap();
    let ids: Vec<&str> = now.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(ids, ["a", "c", "d", "b-1", "b-2", "b"]);
    let c = &now[1];
    assert_eq!((c.number, c.created, &c.phase), (jobs[2], at(10), &known.phase));
    assert_eq!((&c.name, &c.labels, c.priority, c.tolerance), (&known.name, &known.labels, 3, Tolerance::MayFail));
    assert_eq!((&c.document, &c.facts), (&known.document, &known.facts));
    assert_eq!((now[2].end_order, now[2].finished), (None, Some(at(40))), "it is no news to who made it");
    let run = store.run(run.id).await.unwrap();
    assert_eq!((run.phase, run.ends, run.advanced), (RunPhase::Waiting, 1, 1));
    assert_eq!(store.advance(&seen, &advance, at(41)).await.unwrap(), None);

    // All that is left ends: the count of jobs was right all the while.
    for job in [&now[1], &now[3], &now[4], &now[5]] {
        let task = started(&store, job.number, runner).await;
        let end = JobChange::Ended { task, conclusion: Conclusion::Success, at: at(50) };
        store.change_by_task(task, end, &BTreeMap::new(), at(50)).await.unwrap();
    }
    let seen = store.run(run.id).await.unwrap();
    store.advance(&seen, &Advance::default(), at(51)).await.unwrap().unwrap();
    assert_eq!(store.run(run.id).await.unwrap().phase, RunPhase::Finished(Conclusion::Success));
}

async fn only_what_is_held_is_replaced_or_removed(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let (run, jobs) = store.create_run(&run_of(project, vec![job("a"), placeholder("b")]), at(10)).await.unwrap();
    let (_, others) = store.create_run(&run_of(project, vec![placeholder("x")]), at(10)).await.unwrap();
    store.cancel_run(run.id, &CancelCause::Abandoned, Ending::ByConditions, at(20), None).await.unwrap();
    let seen = store.run(run.id).await.unwrap();
    for (advance, wanted) in [
        (Advance { removed: vec![jobs[0]], ..Advance::default() }, "an attempt that is queued cannot be removed"),
        (
            Advance { replaced: vec![(jobs[0], job("a"))], ..Advance::default() },
            "an attempt that is queued cannot be replaced",
        ),
        (Advance { replaced: vec![(jobs[1], job("a"))], ..Advance::default() }, "there is a job a already"),
    ] {
        let advance = Advance { jobs: vec![job("c")], ..advance };
        assert_eq!(store.advance(&seen, &advance, at(30)).await.unwrap_err().to_string(), wanted);
    }
    let of_another = Advance { removed: vec![others[0]], ..Advance::default() };
    let of_another = store.advance(&seen, &of_another, at(30)).await;
    assert!(matches!(of_another, Err(StoreError::Missing { what: "job", .. })), "{of_another:?}");
    assert_eq!(store.jobs(run.id, run.attempt).await.unwrap().len(), 2);
    assert_eq!(store.runs_behind(10).await.unwrap(), [run.id]);
}

async fn a_run_is_asked_to_end_once(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let (run, jobs) = store.create_run(&run_of(project, vec![job("a"), job("b"), job("c")]), at(10)).await.unwrap();
    let runner = new_runner(&store, 1, Some(9)).await;
    let tasks = [started(&store, jobs[0], runner).await, started(&store, jobs[1], runner).await];
    let ended = |task| JobChange::Ended { task, conclusion: Conclusion::Success, at: at(30) };
    store.change_by_task(tasks[0], ended(tasks[0]), &BTreeMap::new(), at(30)).await.unwrap();
    let mut askers = Vec::new();
    for number in 0..6 {
        let store = store.clone();
        let (by, noted) = (CancelCause::Person(format!("p{number}")), entry("run.cancel", &format!("p{number}")));
        askers.push(tokio::spawn(async move {
            store.cancel_run(run.id, &by, Ending::ByConditions, at(31), Some(&noted)).await.unwrap()
        }));
    }
    let mut answers = Vec::new();
    for asker in askers {
        answers.push(asker.await.unwrap().cancelled.unwrap());
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    store.change_by_task(tasks[1], ended(tasks[1]), &BTreeMap::new(), at(32)).await.unwrap();
    let seen = store.run(run.id).await.unwrap();
    let Some(RunCancel { place: order, by: CancelCause::Person(who), all_from: None }) = seen.cancelled.clone() else {
        panic!("{seen:?}")
    };
    assert_eq!((order, seen.ends, seen.advanced), (2, 3, 0));
    let filter = AuditFilter { action: Some("run.".to_owned()), limit: 9, ..AuditFilter::default() };
    let noted: Vec<String> = store.audit(&filter).await.unwrap().into_iter().map(|one| one.entry.object).collect();
    assert_eq!(noted, [who]);
    // Ends and the cancellation have one order.
    let orders: Vec<_> = store.jobs(run.id, run.attempt).await.unwrap().iter().map(|job| job.end_order).collect();
    assert_eq!(orders, [Some(1), Some(3), None]);
    assert_eq!(store.runs_behind(10).await.unwrap(), [run.id]);

    let by = CancelCause::Person("p".to_owned());
    let changes = vec![(jobs[2], JobChange::CancelAsked { by, at: at(33) })];
    store.advance(&seen, &Advance { changes, ..Advance::default() }, at(33)).await.unwrap().unwrap();
    let seen = store.run(run.id).await.unwrap();
    store.advance(&seen, &Advance::default(), at(34)).await.unwrap().unwrap();
    assert_eq!(store.run(run.id).await.unwrap().phase, RunPhase::Finished(Conclusion::Cancelled));
}

async fn a_run_that_shall_end_may_be_asked_to_end_whole(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let (run, _) = store.create_run(&run_of(project, vec![job("a")]), at(10)).await.unwrap();
    let (first, second) = (CancelCause::Person("p".to_owned()), CancelCause::GaveWay("g".to_owned()));
    let mut seen = Vec::new();
    for (by, ending) in [(&first, Ending::ByConditions), (&second, Ending::All), (&first, Ending::All)] {
        let run = store.cancel_run(run.id, by, ending, at(11), None).await.unwrap();
        assert_eq!(store.run_head(run.id).await.unwrap().cancelled, run.cancelled);
        seen.push((run.ends, run.cancelled.unwrap()));
    }
    let asked = |all_from| RunCancel { place: 1, by: first.clone(), all_from };
    assert_eq!(seen, [(1, asked(None)), (2, asked(Some(2))), (2, asked(Some(2)))]);
    let (run, _) = store.create_run(&run_of(project, vec![job("a")]), at(10)).await.unwrap();
    let mut again = Vec::new();
    for _ in 0..3 {
        let run = store.cancel_run(run.id, &first, Ending::Again, at(11), None).await.unwrap();
        again.push((run.ends, run.cancelled.unwrap()));
    }
    assert_eq!(again, seen);
    let (run, _) = store.create_run(&run_of(project, vec![job("a")]), at(10)).await.unwrap();
    // Causes without and with something to say.
    let run = store.cancel_run(run.id, &CancelCause::Removed, Ending::All, at(11), None).await.unwrap();
    assert_eq!(run.cancelled, Some(RunCancel { place: 1, by: CancelCause::Removed, all_from: Some(1) }));
}

async fn a_finished_run_is_not_cancelled(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let (run, _) = store.create_run(&run_of(project, vec![skipped("a", 10)]), at(10)).await.unwrap();
    assert_eq!((run.phase, run.finished), (RunPhase::Finished(Conclusion::Skipped), Some(at(10))));
    let (empty, _) = store.create_run(&run_of(project, Vec::new()), at(10)).await.unwrap();
    assert_eq!(empty.phase, RunPhase::Finished(Conclusion::Skipped));
    let refused = store
        .cancel_run(run.id, &CancelCause::Removed, Ending::ByConditions, at(11), Some(&entry("run.cancel", "x")))
        .await;
    let wanted = RunRefusal::Finished { conclusion: Conclusion::Skipped };
    assert!(matches!(refused, Err(StoreError::Run(refusal)) if refusal == wanted), "{refused:?}");
    assert!(store.runs_behind(10).await.unwrap().is_empty());
}

async fn a_run_that_cannot_go_on_fails(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let (run, jobs) = store.create_run(&run_of(project, vec![job("a"), placeholder("b")]), at(10)).await.unwrap();
    let runner = new_runner(&store, 1, Some(9)).await;
    let task = started(&store, jobs[0], runner).await;
    let end = JobChange::Ended { task, conclusion: Conclusion::Success, at: at(30) };
    store.change_by_task(task, end, &BTreeMap::new(), at(30)).await.unwrap();
    let seen = store.run(run.id).await.unwrap();
    let fault = Some("b.yml:1:1: no such key".to_owned());
    let advance = Advance { removed: vec![jobs[1]], fault: fault.clone(), ..Advance::default() };
    store.advance(&seen, &advance, at(40)).await.unwrap().unwrap();
    let run = store.run(run.id).await.unwrap();
    assert_eq!((run.phase, run.fault), (RunPhase::Finished(Conclusion::Failure), fault));
    let late = store.change_job(jobs[0], JobChange::CancelAsked { by: CancelCause::Removed, at: at(41) }, at(41)).await;
    assert!(matches!(late, Err(StoreError::Job(JobRefusal::Finished { .. }))), "{late:?}");
}

async fn many_jobs_keep_their_order(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let wanted: Vec<NewJob> = (0..75).map(|number| job(&format!("j{number}"))).collect();
    let (run, numbers) = store.create_run(&run_of(project, wanted.clone()), at(10)).await.unwrap();
    let made = store.jobs(run.id, run.attempt).await.unwrap();
    assert_eq!(made.iter().map(|job| job.number).collect::<Vec<_>>(), numbers);
    assert!(made.iter().zip(&wanted).all(|(made, wanted)| made.id == wanted.id && made.project == project));
    let twice = [wanted, vec![job("j3")]].concat();
    let twice = store.create_run(&run_of(project, twice), at(10)).await.unwrap_err();
    assert_eq!(twice.to_string(), "there is a job j3 already");
}
