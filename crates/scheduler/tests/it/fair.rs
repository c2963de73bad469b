//! Who goes first: fair share, priorities, and that nobody waits for ever while others flood the queue.

use domain::RunnerId;
use domain::control::{JobNumber, OwnerId, ProjectId, Scope};
use proptest::prelude::*;
use scheduler::{JobSpec, Labels, Life, Priority, ProjectSpec, Queue, RunnerDoor, RunnerSpec, Settings};
use std::collections::BTreeMap;
use std::num::NonZeroU32;

fn runner(labels: &[&str], capacity: u32) -> RunnerSpec {
    RunnerSpec {
        name: "runner".into(),
        labels: Labels::new(labels),
        scope: Scope::Instance,
        pool: None,
        capacity,
        life: Life::Lasting,
        door: RunnerDoor::Open,
    }
}

fn job(project: i64, priority: i16) -> JobSpec {
    JobSpec { priority: Priority(priority), ..JobSpec::new(ProjectId(project), Labels::new(["linux"])) }
}

/// Projects 1 to 4, each of an owner of its own, project 4 with weight 3.
fn queue(patience: u32) -> Queue {
    let mut queue = Queue::new(Settings { patience, ..Settings::default() });
    for id in 1..5 {
        let weight = NonZeroU32::new(if id == 4 { 3 } else { 1 }).unwrap();
        queue.put_project(ProjectId(id), ProjectSpec { weight, ..ProjectSpec::new(OwnerId(id)) });
    }
    queue
}

/// So many of each project run.
fn shares(queue: &mut Queue, owner_of: impl Fn(JobNumber) -> i64) -> BTreeMap<i64, usize> {
    let mut shares = BTreeMap::new();
    for assignment in queue.assign().assignments {
        *shares.entry(owner_of(assignment.job)).or_default() += 1;
    }
    shares
}

#[test]
fn a_flood_of_one_project_leaves_the_others_their_part() {
    let mut queue = queue(1_000);
    for number in 0..1_000 {
        queue.put_job(JobNumber(number), job(1, 0)).unwrap();
    }
    for number in 1_000..1_020 {
        queue.put_job(JobNumber(number), job(2, 0)).unwrap();
        queue.put_job(JobNumber(number + 1_000), job(4, 0)).unwrap();
    }
    queue.put_runner(RunnerId(1), runner(&["linux"], 20));
    queue.ask(RunnerId(1), 20);
    let project = |number: JobNumber| [1, 2, 4][usize::try_from(number.0 / 1_000).unwrap()];
    assert_eq!(shares(&mut queue, project), BTreeMap::from([(1, 4), (2, 4), (4, 12)]));
}

#[test]
fn one_runner_serves_projects_in_turn_and_each_in_its_order() {
    let mut queue = queue(1_000);
    for number in 0..6 {
        queue.put_job(JobNumber(number), job(1, 0)).unwrap();
    }
    queue.put_job(JobNumber(10), job(2, 0)).unwrap();
    queue.put_job(JobNumber(11), job(2, 0)).unwrap();
    queue.put_runner(RunnerId(1), runner(&["linux"], 1));
    let mut order = Vec::new();
    for _ in 0..8 {
        queue.ask(RunnerId(1), 1);
        let assignment = queue.assign().assignments[0];
        order.push(assignment.job.0);
        queue.drop_job(assignment.job);
    }
    assert_eq!(order, [0, 10, 1, 11, 2, 3, 4, 5]);
}

#[test]
fn a_higher_priority_goes_first_and_a_lease_that_was_not_used_goes_back_to_its_place() {
    let mut queue = queue(1_000);
    for (number, priority) in [(1, 0), (2, 0), (3, 5)] {
        queue.put_job(JobNumber(number), job(1, priority)).unwrap();
    }
    queue.put_runner(RunnerId(1), runner(&["linux"], 1));
    for (due, is_used) in [(3, true), (1, false), (1, true), (2, true)] {
        queue.ask(RunnerId(1), 1);
        let assignment = queue.assign().assignments[0];
        assert_eq!(assignment.job, JobNumber(due));
        if is_used { queue.drop_job(assignment.job) } else { queue.requeue(assignment.job) }
    }
}

#[test]
fn who_can_do_little_gets_what_little_there_is() {
    let mut queue = queue(1_000);
    queue.put_runner(RunnerId(1), runner(&["linux", "gpu"], 1));
    queue.put_runner(RunnerId(2), runner(&["linux"], 1));
    queue.ask(RunnerId(1), 1);
    queue.ask(RunnerId(2), 1);
    queue.put_job(JobNumber(1), job(1, 0)).unwrap();
    let gpu = JobSpec::new(ProjectId(1), Labels::new(["gpu"]));
    queue.put_job(JobNumber(2), gpu).unwrap();
    assert_eq!(queue.assign().assignments.len(), 2);
}

proptest! {
    /// A job of the lowest priority among floods that never end, from three projects, of higher priorities, of quicker jobs: it starts within a number of
    /// assignments that depends on the patience, the lines and its place alone.
    #[test]
    fn nobody_starves(
        patience in 0_u32..40,
        before in 0_i64..5,
        runners in 1_i64..5,
        long in prop::bool::ANY,
        floods in prop::collection::vec((1_i64..5, 0_i16..3), 1..6),
        ends in prop::collection::vec(any::<prop::sample::Index>(), 50),
    ) {
        let mut queue = queue(patience);
        for id in 0..runners {
            queue.put_runner(RunnerId(id), runner(&["linux"], 1));
            queue.ask(RunnerId(id), 1);
        }
        let mut next = 1_000;
        // One job of the same project runs all the time: its share is never the least.
        if long {
            queue.put_runner(RunnerId(99), runner(&["linux"], 1));
            queue.put_running(JobNumber(99), job(3, 0), RunnerId(99)).unwrap();
        }
        for number in 0..=before {
            queue.put_job(JobNumber(number), job(3, -5)).unwrap();
        }
        let mut flood = |queue: &mut Queue, round: usize| {
            for (project, priority) in &floods {
                // More comes than goes.
                for _ in 0..if round == 0 { 20 } else { 2 } {
                    queue.put_job(JobNumber(next), job(*project, *priority)).unwrap();
                    next += 1;
                }
            }
        };
        let lanes = floods.len() as u64 + 2;
        let bound = (before.unsigned_abs() + 1) * (u64::from(patience) + 4 * lanes + 2);
        let (mut running, mut given) = (Vec::new(), 0_u64);
        for round in 0.. {
            flood(&mut queue, round);
            let assignments = queue.assign().assignments;
            given += assignments.len() as u64;
            if assignments.iter().any(|assignment| assignment.job == JobNumber(before)) {
                break;
            }
            prop_assert!(given <= bound, "{given} assignments, and it waits");
            running.extend(assignments);
            let over = running.swap_remove(ends[round % ends.len()].index(running.len()));
            queue.drop_job(over.job);
            queue.ask(over.runner, 1);
        }
    }
}
