//! Runs that run again.

use super::runs::{job, new_project, new_runner, run_of, started};
use crate::support::{Setting, at, contract, entry};
use domain::control::{AttemptNumber, CancelCause, JobChange, JobNumber, JobPhase, NeverRan, RunPhase, RunRefusal};
use domain::{Conclusion, RunnerId};
use std::collections::BTreeMap;
use store::{Advance, AuditFilter, NewJob, Store, StoreError, StoredRun};

contract!(
    a_new_try_keeps_what_was_good,
    a_try_of_all_begins_from_nothing,
    what_was_drawn_for_a_try_is_not_for_the_next
);

async fn end(store: &Store, job: JobNumber, runner: RunnerId, conclusion: Conclusion, now: u64) {
    let task = started(store, job, runner).await;
    let outputs = BTreeMap::from([("out".to_owned(), format!("of {job}"))]);
    let end = JobChange::Ended { task, conclusion, at: at(now) };
    store.change_by_task(task, end, &outputs, at(now)).await.unwrap();
}

async fn settle(store: &Store, run: &StoredRun, advance: &Advance, now: u64) -> StoredRun {
    let seen = store.run(run.id).await.unwrap();
    store.advance(&seen, advance, at(now)).await.unwrap().unwrap();
    store.run(run.id).await.unwrap()
}

async fn a_new_try_keeps_what_was_good(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let dropped = JobChange::Dropped { why: NeverRan::Skipped, at: at(10) };
    let skipped = NewJob { phase: JobPhase::queued(at(10)).after(dropped).unwrap(), ..job("s") };
    let wanted = vec![job("a"), skipped, job("b"), job("c")];
    let (run, jobs) = store.create_run(&run_of(project, wanted), at(10)).await.unwrap();
    let early = store.rerun(run.id, &[], None, at(20), None).await;
    assert!(matches!(early, Err(StoreError::Run(RunRefusal::GoesOn))), "{early:?}");
    let runner = new_runner(&store, 1, Some(9)).await;
    // In another order than they were made.
    end(&store, jobs[3], runner, Conclusion::Success, 30).await;
    end(&store, jobs[2], runner, Conclusion::Failure, 31).await;
    store.cancel_run(run.id, &CancelCause::Abandoned, store::Ending::ByConditions, at(32), None).await.unwrap();
    end(&store, jobs[0], runner, Conclusion::Success, 33).await;
    let first = settle(&store, &run, &Advance::default(), 34).await;
    assert_eq!(first.phase, RunPhase::Finished(Conclusion::Failure));

    let facts = serde_json::json!({"who": "bob"});
    let kept = [jobs[0], jobs[1], jobs[3]];
    let noted = entry("run.rerun", "1");
    let second = store.rerun(run.id, &kept, Some(&facts), at(50), Some(&noted)).await.unwrap();
    assert_eq!((second.attempt.get(), second.phase, &second.facts), (2, RunPhase::Waiting, &facts));
    assert_eq!((second.ends, second.advanced, &second.cancelled), (2, -1, &None));
    assert_eq!((second.created, second.attempt_created), (at(10), at(50)));
    assert_eq!((second.started, second.finished), (None, None));
    assert_eq!((second.id, second.number), (run.id, run.number));
    assert_eq!(store.runs_behind(9).await.unwrap(), [run.id]);
    assert_eq!(store.audit(&AuditFilter { limit: 1, ..AuditFilter::default() }).await.unwrap()[0].entry, noted);

    let copies = store.jobs(run.id, second.attempt).await.unwrap();
    let seen: Vec<_> = copies.iter().map(|job| (job.id.as_str(), job.end_order, job.kept_from)).collect();
    assert_eq!(seen, [("c", Some(1), Some(jobs[3])), ("a", Some(2), Some(jobs[0])), ("s", None, Some(jobs[1]))]);
    let original = store.job(jobs[3]).await.unwrap();
    assert_eq!(original.outputs.len(), 1);
    assert_eq!((&copies[0].outputs, &copies[0].phase), (&original.outputs, &original.phase));
    assert_eq!((&copies[0].document, &copies[0].facts), (&original.document, &original.facts));
    assert_eq!((copies[0].started, copies[0].finished), (original.started, original.finished));
    let tasks = store.newest_tasks(&[jobs[3], copies[0].number]).await.unwrap();
    assert_eq!(tasks.iter().map(|task| task.job).collect::<Vec<_>>(), [jobs[3]]);

    // The job that failed is made again, and is good now.
    let second = settle(&store, &run, &Advance { jobs: vec![job("b")], ..Advance::default() }, 51).await;
    assert_eq!((second.phase, second.started), (RunPhase::Waiting, None));
    let again = store.jobs(run.id, second.attempt).await.unwrap()[3].number;
    end(&store, again, runner, Conclusion::Success, 60).await;
    let second = settle(&store, &run, &Advance::default(), 61).await;
    assert_eq!((second.phase, second.finished), (RunPhase::Finished(Conclusion::Success), Some(at(61))));

    // A copy of a copy knows where it began.
    let third = store.rerun(run.id, &[copies[0].number], None, at(70), None).await.unwrap();
    assert_eq!(third.facts, facts);
    assert_eq!(store.jobs(run.id, third.attempt).await.unwrap()[0].kept_from, Some(jobs[3]));
    let tries = store.attempts(run.id).await.unwrap();
    let tries: Vec<_> =
        tries.into_iter().map(|one| (one.attempt.get(), one.phase, one.created, one.finished)).collect();
    let over = RunPhase::Finished;
    assert_eq!(
        tries,
        [(1, over(Conclusion::Failure), at(10), Some(at(34))), (2, over(Conclusion::Success), at(50), Some(at(61))),]
    );
    assert_eq!(store.jobs(run.id, AttemptNumber::FIRST).await.unwrap().len(), 4);
}

async fn a_try_of_all_begins_from_nothing(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let (mut run, jobs) = store.create_run(&run_of(project, vec![job("a")]), at(10)).await.unwrap();
    let runner = new_runner(&store, 1, Some(9)).await;
    end(&store, jobs[0], runner, Conclusion::Failure, 30).await;
    run = settle(&store, &run, &Advance::default(), 31).await;
    let other = store.rerun(run.id, &[JobNumber(jobs[0].0 + 1)], None, at(40), None).await;
    assert!(matches!(other, Err(StoreError::Missing { what: "job", .. })), "{other:?}");
    let mut now = 40;
    loop {
        now += 10;
        match store.rerun(run.id, &[], None, at(now), None).await {
            Ok(next) => assert_eq!((next.attempt.get(), next.ends), (run.attempt.get() + 1, 0)),
            Err(StoreError::Run(RunRefusal::TooOften)) => break,
            Err(error) => panic!("{error}"),
        }
        assert_eq!(store.runs_behind(9).await.unwrap(), [run.id]);
        // What comes as over leaves the run finished.
        let seen = store.jobs(run.id, AttemptNumber::FIRST).await.unwrap().remove(0);
        let again = NewJob { phase: seen.phase, ..job("a") };
        run = settle(&store, &run, &Advance { jobs: vec![again], ..Advance::default() }, now + 1).await;
        assert_eq!(run.phase, RunPhase::Finished(Conclusion::Failure));
    }
    assert_eq!(run.attempt.get(), AttemptNumber::MOST);
}

async fn what_was_drawn_for_a_try_is_not_for_the_next(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let (run, jobs) = store.create_run(&run_of(project, vec![job("a")]), at(10)).await.unwrap();
    let runner = new_runner(&store, 1, Some(9)).await;
    end(&store, jobs[0], runner, Conclusion::Success, 30).await;
    let seen = store.run(run.id).await.unwrap();
    settle(&store, &run, &Advance::default(), 31).await;
    store.rerun(run.id, &[], None, at(40), None).await.unwrap();
    let late = Advance { jobs: vec![job("late")], ..Advance::default() };
    assert_eq!(store.advance(&seen, &late, at(41)).await.unwrap(), None);
    assert_eq!(store.runs_behind(9).await.unwrap(), [run.id]);
}
