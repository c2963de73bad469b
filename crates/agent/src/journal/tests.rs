use super::{Journal, MEMORY};
use domain::{Attempt, AttemptChange, AttemptEnd, Conclusion, Delivery, RunnerUuid, StopCause, TaskId, Timestamp};
use proptest::prelude::*;
use protocol::Dialect;
use std::path::Path;

fn ours() -> RunnerUuid {
    RunnerUuid("ours".to_owned())
}

fn open(data: &Path, now: u64) -> Journal {
    Journal::open(data, &ours(), Timestamp(now)).unwrap()
}

fn in_hand(journal: &Journal) -> Vec<(i64, usize, Attempt)> {
    journal.in_hand().map(|one| (one.task.0, one.steps, one.attempt.clone())).collect()
}

fn end(journal: &mut Journal, task: TaskId, at: u64) {
    let ended = AttemptChange::Ended { end: AttemptEnd::Concluded(Conclusion::Success), at: Timestamp(at) };
    journal.change(task, ended, Timestamp(at)).unwrap();
    journal.change(task, AttemptChange::Closed { delivery: Delivery::Accepted }, Timestamp(at)).unwrap();
}

#[test]
fn what_was_in_hand_is_in_hand_after_a_crash() {
    let data = tempfile::tempdir().unwrap();
    let mut journal = open(data.path(), 0);
    for task in 1..=4 {
        journal.taken(TaskId(task), 3, Dialect::Forgejo, Timestamp(5)).unwrap();
    }
    journal.taken(TaskId(5), 3, Dialect::Gitea, Timestamp(5)).unwrap();
    for task in 2..=4 {
        journal.change(TaskId(task), AttemptChange::Started { at: Timestamp(6) }, Timestamp(6)).unwrap();
    }
    journal.change(TaskId(3), AttemptChange::StopAsked { by: StopCause::Forge }, Timestamp(7)).unwrap();
    end(&mut journal, TaskId(4), 8);
    let before = in_hand(&journal);
    assert_eq!(before.len(), 4);
    drop(journal);
    // Twice: what is written anew says the same.
    for now in [9, 10] {
        let journal = open(data.path(), now);
        assert_eq!(in_hand(&journal), before);
        assert!(journal.knows(TaskId(1), Timestamp(now)) && journal.knows(TaskId(4), Timestamp(now)));
        assert!(!journal.knows(TaskId(6), Timestamp(now)));
        let dialects: Vec<_> = journal.in_hand().map(|one| one.dialect).collect();
        assert_eq!(dialects, [Dialect::Forgejo, Dialect::Forgejo, Dialect::Forgejo, Dialect::Gitea]);
    }
}

#[test]
fn a_task_is_known_for_an_hour() {
    let data = tempfile::tempdir().unwrap();
    let mut journal = open(data.path(), 0);
    journal.taken(TaskId(1), 0, Dialect::Forgejo, Timestamp(0)).unwrap();
    end(&mut journal, TaskId(1), 1000);
    let hour = u64::try_from(MEMORY.as_millis()).unwrap();
    assert!(journal.knows(TaskId(1), Timestamp(1000 + hour - 1)));
    assert!(!journal.knows(TaskId(1), Timestamp(1000 + hour)));
    drop(journal);
    assert!(!open(data.path(), 1000 + hour).knows(TaskId(1), Timestamp(0)));
}

#[test]
fn another_runners_tasks_mean_nothing() {
    let data = tempfile::tempdir().unwrap();
    open(data.path(), 0).taken(TaskId(1), 0, Dialect::Forgejo, Timestamp(0)).unwrap();
    let other = Journal::open(data.path(), &RunnerUuid("other".to_owned()), Timestamp(1)).unwrap();
    assert!(in_hand(&other).is_empty() && !other.knows(TaskId(1), Timestamp(1)));
}

#[test]
fn a_late_change_alters_nothing() {
    let data = tempfile::tempdir().unwrap();
    let mut journal = open(data.path(), 0);
    journal.taken(TaskId(1), 0, Dialect::Forgejo, Timestamp(0)).unwrap();
    journal.change(TaskId(1), AttemptChange::Closed { delivery: Delivery::Accepted }, Timestamp(1)).unwrap();
    journal.change(TaskId(2), AttemptChange::Started { at: Timestamp(1) }, Timestamp(1)).unwrap();
    assert_eq!(in_hand(&journal), [(1, 0, Attempt::Taken { at: Timestamp(0) })]);
}

#[test]
fn it_does_not_grow_for_ever() {
    let data = tempfile::tempdir().unwrap();
    let mut journal = open(data.path(), 0);
    let hour = u64::try_from(MEMORY.as_millis()).unwrap();
    for task in 0..6000 {
        let at = u64::try_from(task).unwrap() * hour / 100;
        journal.taken(TaskId(task), 1, Dialect::Forgejo, Timestamp(at)).unwrap();
        end(&mut journal, TaskId(task), at);
    }
    let size = data.path().join("journal.jsonl").metadata().unwrap().len();
    assert!(size < super::COMPACT_AT + 4096, "{size}");
    assert!(journal.knows(TaskId(5999), Timestamp(5999 * hour / 100)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn cut_anywhere_it_is_readable_and_takes_more(cut in 0.0..1.0_f64, noise in prop::collection::vec(any::<u8>(), 0..20)) {
        let data = tempfile::tempdir().unwrap();
        let mut journal = open(data.path(), 0);
        for task in 1..=3 {
            journal.taken(TaskId(task), 2, Dialect::Forgejo, Timestamp(1)).unwrap();
            journal.change(TaskId(task), AttemptChange::Started { at: Timestamp(2) }, Timestamp(2)).unwrap();
        }
        end(&mut journal, TaskId(1), 3);
        drop(journal);
        let path = data.path().join("journal.jsonl");
        let whole = std::fs::read(&path).unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a small file")]
        let at = (whole.len() as f64 * cut) as usize;
        std::fs::write(&path, [&whole[..at], &noise].concat()).unwrap();
        let mut journal = open(data.path(), 4);
        journal.taken(TaskId(9), 1, Dialect::Forgejo, Timestamp(5)).unwrap();
        let before = in_hand(&journal);
        drop(journal);
        prop_assert_eq!(in_hand(&open(data.path(), 6)), before);
    }
}

#[test]
fn a_journal_of_an_older_agent_is_read() {
    let data = tempfile::tempdir().unwrap();
    let lines =
        "{\"line\":\"head\",\"version\":1,\"runner\":\"ours\"}\n{\"line\":\"taken\",\"task\":1,\"steps\":2,\"at\":5}\n";
    std::fs::write(data.path().join("journal.jsonl"), lines).unwrap();
    let journal = open(data.path(), 6);
    assert_eq!(journal.in_hand().map(|one| (one.task.0, one.dialect)).collect::<Vec<_>>(), [(1, Dialect::Gitea)]);
}
