//! What must hold whatever comes, against the model.

use crate::model::Model;
use crate::ops::{Op, beginning, op, op_of_pools, teach, tell};
use proptest::prelude::*;
use scheduler::{Decisions, Queue, ReasonKind, Settings};
use std::collections::{BTreeMap, BTreeSet};

/// Every decision was right when it was made, and none is missing.
fn judge(model: &mut Model, decisions: &Decisions) -> Result<(), TestCaseError> {
    for assignment in &decisions.assignments {
        prop_assert!(model.jobs.contains_key(&assignment.job), "{assignment:?}: no such job");
        let job = model.jobs[&assignment.job].clone();
        prop_assert!(job.runs.is_none(), "{assignment:?}: it runs already");
        prop_assert!(model.may_run(&job, assignment.runner), "{assignment:?} is not allowed: {job:?}");
        let alike = model.jobs.values().filter(|other| {
            let key = |job: &crate::model::Job| (job.spec.project, job.spec.priority, job.spec.labels.clone());
            key(other) == key(&job) && other.came < job.came && model.is_ready(other)
        });
        prop_assert_eq!(alike.count(), 0, "{:?} went before an older one", assignment);
        model.begin(*assignment);
    }
    for (number, job) in &model.jobs {
        for runner in model.runners.keys() {
            prop_assert!(!model.may_run(job, *runner), "{number:?} waits and {runner:?} is idle");
        }
    }
    Ok(())
}

fn reasons(queue: &Queue, model: &Model) -> Result<BTreeSet<ReasonKind>, TestCaseError> {
    let mut seen = BTreeSet::new();
    let (mut counted, mut in_line) = (BTreeMap::new(), 0);
    for (number, job) in &model.jobs {
        let wait = queue.why(*number);
        prop_assert_eq!(wait.is_some(), job.runs.is_none(), "{:?}", number);
        let Some(wait) = wait else { continue };
        let kind = wait.reason.kind();
        prop_assert_eq!(kind, model.reason(job), "{:?}: {}", number, wait.reason);
        prop_assert_eq!(wait.passed.len(), kind as usize);
        if let Some(position) = wait.position {
            prop_assert!(position.place >= 1 && position.place <= position.of, "{position:?}");
        }
        in_line += u64::from(wait.position.is_some());
        prop_assert_eq!(wait.position.is_some(), job.spec.hold.is_none() && model.has_groups(job));
        seen.insert(kind);
        *counted.entry(kind).or_insert(0) += 1;
    }
    prop_assert_eq!(queue.census(), counted);
    prop_assert_eq!(queue.in_line(), in_line);
    Ok(seen)
}

fn run(ops: &[(Op, bool)]) -> Result<(BTreeSet<ReasonKind>, usize), TestCaseError> {
    let settings = Settings { patience: 3, ..Settings::default() };
    let (mut queue, mut twin, mut model) = (Queue::new(settings), Queue::new(settings), Model::default());
    let (mut seen, mut given) = (BTreeSet::new(), 0);
    let over = |model: &Model, op: &Op| match op {
        // What is over has no jobs any more.
        Op::Leave(member) => {
            let own = model.jobs.iter().filter(|(_, job)| job.spec.claims.iter().any(|claim| claim.member == *member));
            own.map(|(number, _)| Op::DropJob(*number)).chain([op.clone()]).collect()
        }
        op => vec![op.clone()],
    };
    let beginning: Vec<(Op, bool)> = beginning().into_iter().map(|op| (op, false)).collect();
    for (op, decide) in beginning.iter().chain(ops) {
        for op in over(&model, op) {
            tell(&mut queue, op.clone());
            tell(&mut twin, op.clone());
            teach(&mut model, op);
        }
        if *decide {
            let decisions = queue.assign();
            prop_assert_eq!(&decisions, &twin.assign(), "the same events, other decisions");
            given += decisions.assignments.len();
            judge(&mut model, &decisions)?;
            let (mut said, mut due) = (decisions.cancellations, std::mem::take(&mut model.cancellations));
            said.sort_by_key(|cancellation| format!("{cancellation:?}"));
            due.sort_by_key(|cancellation| format!("{cancellation:?}"));
            prop_assert_eq!(said, due);
            seen.extend(reasons(&queue, &model)?);
        }
    }
    Ok((seen, given))
}

proptest! {
    #[test]
    fn the_queue_does_what_the_model_allows(ops in prop::collection::vec((op(), prop::bool::weighted(0.6)), 1..160)) {
        run(&ops)?;
    }

    #[test]
    fn lists_and_limits_of_pools_hold(ops in prop::collection::vec((op_of_pools(), prop::bool::weighted(0.6)), 1..160)) {
        run(&ops)?;
    }
}

/// The events above come to every reason and to many assignments, or they would prove little.
#[test]
fn the_events_come_everywhere() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut seen, mut given) = (BTreeSet::new(), 0);
    for _ in 0..40 {
        let ops = prop::collection::vec((op(), Just(true)), 160).new_tree(&mut runner).unwrap().current();
        let (kinds, count) = run(&ops).unwrap();
        seen.extend(kinds);
        given += count;
    }
    assert_eq!(seen, ReasonKind::ALL.into_iter().collect());
    assert!(given > 200, "{given} assignments");
}
