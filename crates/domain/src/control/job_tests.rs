//! The machine of a job under any order of changes.

use super::JobPhase;
use crate::control::{AttemptNumber, CancelCause, Epoch, Hold, JobChange, JobEnd, JobRefusal, NeverRan, Start};
use crate::{Conclusion, RunnerId, TaskId, Timestamp};
use proptest::prelude::*;

const T: Timestamp = Timestamp(7);

fn leased(task: i64) -> JobChange {
    JobChange::Leased { task: TaskId(task), runner: RunnerId(task * 10), at: T, until: T }
}

fn change() -> impl Strategy<Value = JobChange> {
    let task = || (0_i64..4).prop_map(TaskId);
    let at = || any::<u64>().prop_map(Timestamp);
    let cause = || {
        prop_oneof![
            Just(CancelCause::FailFast),
            Just(CancelCause::Abandoned),
            ".{0,3}".prop_map(CancelCause::Person),
            ".{0,3}".prop_map(CancelCause::Concurrency),
            ".{0,3}".prop_map(CancelCause::GaveWay),
        ]
    };
    let hold = prop_oneof![
        ".{0,3}".prop_map(Hold::Dependency),
        ".{0,3}".prop_map(Hold::Approval),
        ".{0,3}".prop_map(Hold::Concurrency)
    ];
    let conclusion = prop_oneof![Just(Conclusion::Success), Just(Conclusion::Failure), Just(Conclusion::Cancelled)];
    prop_oneof![
        1 => hold.prop_map(|hold| JobChange::Held { hold }),
        1 => at().prop_map(|at| JobChange::Released { at }),
        4 => (task(), at(), at()).prop_map(|(task, at, until)| JobChange::Leased { task, runner: RunnerId(1), at, until }),
        4 => (task(), at()).prop_map(|(task, at)| JobChange::Started { task, at }),
        4 => (task(), at()).prop_map(|(task, at)| JobChange::Expired { task, at }),
        1 => (cause(), at()).prop_map(|(by, at)| JobChange::CancelAsked { by, at }),
        1 => (task(), conclusion, at()).prop_map(|(task, conclusion, at)| JobChange::Ended { task, conclusion, at }),
        1 => (task(), ".{0,3}", at()).prop_map(|(task, fault, at)| JobChange::GivenUp { task, fault, at }),
        1 => at().prop_map(|at| JobChange::Dropped { why: NeverRan::Skipped, at }),
    ]
}

/// What is known of the start of a job in this state.
fn start(phase: &JobPhase) -> Option<Timestamp> {
    match phase {
        JobPhase::Running { started, .. } | JobPhase::Cancelling { start: Start::At(started), .. } => Some(*started),
        _ => None,
    }
}

proptest! {
    #[test]
    fn whatever_comes_the_rules_hold(changes in prop::collection::vec(change(), 0..60), is_held in any::<bool>()) {
        let mut phase = if is_held {
            JobPhase::held(Hold::Approval("a fork".to_owned()))
        } else {
            JobPhase::queued(Timestamp(1))
        };
        let (mut starts, mut ends) = (0, 0);
        for change in changes {
            match phase.after(change.clone()) {
                Ok(next) => {
                    prop_assert!(phase.end().is_none(), "{change:?} led out of {phase:?}");
                    ends += usize::from(next.end().is_some());
                    starts += usize::from(start(&phase).is_none() && start(&next).is_some());
                    if let Some(started) = start(&phase) {
                        // What started never goes back, and its start never moves.
                        prop_assert!(next.end().is_some() || start(&next) == Some(started), "{phase:?} -> {next:?}");
                        let never = matches!(next.end(), Some(JobEnd::NeverRan(_)));
                        prop_assert!(!never);
                        prop_assert_eq!(next.epoch(), phase.epoch());
                    }
                    prop_assert!(next.epoch() >= phase.epoch());
                    let is_new_lease = matches!(change, JobChange::Leased { .. });
                    prop_assert_eq!(next.epoch() > phase.epoch(), is_new_lease);
                    if let Some(task) = change.task() {
                        prop_assert_eq!(phase.lease().map(|lease| lease.task), Some(task), "a stale lease was heard");
                    }
                    if let (JobPhase::Cancelling { by, .. }, JobPhase::Cancelling { by: kept, .. }) = (&phase, &next) {
                        prop_assert_eq!(by, kept);
                    }
                    if let (JobPhase::Cancelling { .. }, Some(end)) = (&phase, next.end()) {
                        prop_assert_eq!(end.conclusion(), Conclusion::Cancelled);
                    }
                    phase = next;
                }
                Err(JobRefusal::Finished { conclusion }) => {
                    prop_assert_eq!(phase.end().map(JobEnd::conclusion), Some(conclusion));
                }
                Err(JobRefusal::StaleLease { task }) => {
                    prop_assert!(phase.lease().is_none_or(|lease| lease.task != task));
                }
                Err(error) => prop_assert!(error.to_string().contains(phase.word()), "{error}"),
            }
        }
        prop_assert!(starts <= 1 && ends <= 1);
    }

    #[test]
    fn what_is_written_reads_the_same(changes in prop::collection::vec(change(), 0..6)) {
        let mut phase = JobPhase::queued(T);
        for change in changes {
            let text = serde_json::to_string(&change).unwrap();
            prop_assert_eq!(&serde_json::from_str::<JobChange>(&text).unwrap(), &change);
            phase = phase.after(change).unwrap_or(phase);
            let text = serde_json::to_string(&phase).unwrap();
            prop_assert_eq!(&serde_json::from_str::<JobPhase>(&text).unwrap(), &phase, "{}", text);
        }
    }
}

#[test]
fn a_lease_that_was_not_used_goes_to_another_runner_and_the_first_is_refused() {
    let queued = JobPhase::queued(Timestamp(3));
    let first = queued.after(leased(1)).unwrap();
    let again = first.after(JobChange::Expired { task: TaskId(1), at: Timestamp(90) }).unwrap();
    assert_eq!(again, JobPhase::Queued { since: Timestamp(3), epoch: Epoch::from_stored(1) });
    let second = again.after(leased(2)).unwrap();
    assert_eq!(second.epoch().get(), 2);
    let stale = second.after(JobChange::Started { task: TaskId(1), at: T });
    assert_eq!(stale, Err(JobRefusal::StaleLease { task: TaskId(1) }));
    let running = second.after(JobChange::Started { task: TaskId(2), at: T }).unwrap();
    assert!(running.after(JobChange::Expired { task: TaskId(2), at: T }).is_err());
    assert_eq!(running.after(JobChange::Started { task: TaskId(2), at: Timestamp(99) }), Ok(running.clone()));
    let end = JobChange::GivenUp { task: TaskId(2), fault: "no word for 10 min".to_owned(), at: T };
    assert_eq!(running.after(end).unwrap().end().map(JobEnd::conclusion), Some(Conclusion::Failure));
}

#[test]
fn a_cancelled_job_ends_cancelled_whatever_its_runner_says() {
    let by = CancelCause::Person("ana".to_owned());
    let running = JobPhase::queued(T).after(leased(1)).unwrap();
    let cancelling = running.after(JobChange::CancelAsked { by: by.clone(), at: T }).unwrap();
    let again = JobChange::CancelAsked { by: CancelCause::FailFast, at: T };
    assert_eq!(cancelling.after(again), Ok(cancelling.clone()));
    let end = JobChange::Ended { task: TaskId(1), conclusion: Conclusion::Success, at: T };
    assert_eq!(cancelling.after(end).unwrap().end(), Some(&JobEnd::Concluded(Conclusion::Cancelled)));
    let never = JobEnd::NeverRan(NeverRan::Cancelled(by));
    assert_eq!(cancelling.after(JobChange::Expired { task: TaskId(1), at: T }).unwrap().end(), Some(&never));
    assert_eq!(never.conclusion(), Conclusion::Cancelled);
}

#[test]
fn only_what_is_over_runs_again() {
    let queued = JobPhase::queued(T);
    assert!(queued.rerun(AttemptNumber::FIRST).is_err());
    let over = queued.after(JobChange::Dropped { why: NeverRan::Skipped, at: T }).unwrap();
    assert_eq!(over.rerun(AttemptNumber::FIRST).map(AttemptNumber::get), Ok(2));
    assert!(over.rerun(AttemptNumber::from_stored(AttemptNumber::MOST).unwrap()).is_err());
}
