//! From rows to what the queue is told. Called by the actor.

use crate::run::{GroupFacts, GroupHolder, GroupQueueFacts, JobFacts};
use domain::control::{Admission, Contact, Hold as Held, JobPhase, PoolId, Work};
use scheduler::{Claim, GroupQueue, Hold, InProgress, JobSpec, Labels, Life, Member, Priority, RunnerDoor, RunnerSpec};
use std::sync::Arc;
use store::{GroupClaim, GroupMember, StoredJob, StoredRunner};

/// A job that is not over. Facts that cannot be read hold nothing back: the job's runner gets a clear error.
pub(super) fn job(job: &StoredJob) -> JobSpec {
    let hold = match &job.phase {
        JobPhase::Held { hold: Held::Dependency(why), .. } => Some(Hold::Dependency(Arc::from(why.as_str()))),
        JobPhase::Held { hold: Held::Approval(why) | Held::Concurrency(why), .. } => {
            Some(Hold::Approval(Arc::from(why.as_str())))
        }
        _ => None,
    };
    let groups = JobFacts::of(job).map(|facts| facts.groups).unwrap_or_default();
    JobSpec {
        project: job.project,
        labels: labels(&job.labels),
        priority: Priority(i16::try_from(job.priority).unwrap_or(if job.priority < 0 { i16::MIN } else { i16::MAX })),
        claims: groups.iter().map(|group| claim(job, group)).collect(),
        hold,
    }
}

/// Labels fit whatever the case of their letters, as on GitHub: `runs-on: [self-hosted, Linux, X64]`.
fn labels(written: &[String]) -> Labels {
    Labels::new(written.iter().map(|label| label.to_ascii_lowercase()))
}

/// The groups of a job as the store notes who holds them.
pub(super) fn groups(job: &StoredJob) -> Vec<GroupClaim> {
    let groups = JobFacts::of(job).map(|facts| facts.groups).unwrap_or_default();
    let claim = |group: GroupFacts| {
        let member = match group.holder {
            GroupHolder::Run => GroupMember::Run(job.run),
            GroupHolder::Call(call) => GroupMember::Call(job.run, call),
            GroupHolder::Job => GroupMember::Job(job.run, job.number),
        };
        GroupClaim { group: group.group, member }
    };
    groups.into_iter().map(claim).collect()
}

/// Who holds a group, as the queue calls it.
pub(super) fn member(stored: GroupMember) -> Member {
    match stored {
        GroupMember::Run(run) => Member::Run(run),
        GroupMember::Call(run, call) => Member::Call(run, call),
        GroupMember::Job(_, job) => Member::Job(job),
    }
}

/// When a job came to its groups, the same for every server. What has begun was there before all that wait.
const fn since(phase: &JobPhase) -> u64 {
    match phase {
        JobPhase::Queued { since, .. } | JobPhase::Leased { queued: since, .. } => since.0,
        _ => 0,
    }
}

fn claim(job: &StoredJob, group: &GroupFacts) -> Claim {
    Claim {
        group: Arc::from(group.group.as_str()),
        member: match &group.holder {
            GroupHolder::Run => Member::Run(job.run),
            GroupHolder::Call(call) => Member::Call(job.run, call.clone()),
            GroupHolder::Job => Member::Job(job.number),
        },
        in_progress: if group.cancel_in_progress { InProgress::IsCancelled } else { InProgress::Stays },
        queue: match group.queue {
            GroupQueueFacts::Single => GroupQueue::Single,
            GroupQueueFacts::Max => GroupQueue::Max,
        },
        since: since(&job.phase),
    }
}

/// A runner; `capacity`: so many jobs it was seen to want at the same time.
pub(super) fn runner(runner: &StoredRunner, pool: Option<PoolId>, capacity: u32) -> RunnerSpec {
    let (life, capacity) = match runner.phase.work() {
        Work::Lasting { capacity: most, .. } => (Life::Lasting, capacity.min(most.get())),
        Work::Fresh | Work::Bound { .. } | Work::Spent => (Life::Ephemeral, 1),
    };
    let door = match (runner.phase.admission(), runner.phase.contact()) {
        (Admission::Open, Contact::Online(_)) => RunnerDoor::Open,
        (Admission::Open, Contact::Offline(_)) => RunnerDoor::Offline,
        (Admission::Draining, _) => RunnerDoor::Draining,
        (Admission::Disabled | Admission::Removed, _) => RunnerDoor::Disabled,
    };
    RunnerSpec {
        name: Arc::from(runner.name.as_str()),
        labels: labels(&runner.labels),
        scope: runner.scope,
        pool,
        capacity,
        life,
        door,
    }
}
