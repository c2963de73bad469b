//! Events in any order, for the queue and for the model.

use crate::model::{Job, Model, Runner};
use domain::control::{JobNumber, OwnerId, PoolId, ProjectId, RunId, Scope};
use domain::{JobId, RunnerId};
use proptest::prelude::*;
use scheduler::{
    Access, Claim, Credential, ForgeLine, GroupQueue, Hold, InProgress, JobSpec, Labels, Life, Member, OwnerSpec,
    PoolDoor, PoolSpec, Priority, ProjectSpec, Queue, RunnerDoor, RunnerSpec, Supply,
};
use std::num::NonZeroU32;

#[derive(Debug, Clone)]
pub(crate) enum Op {
    Project(ProjectId, ProjectSpec),
    Owner(OwnerId, OwnerSpec),
    Pool(PoolId, PoolSpec),
    DropPool(PoolId),
    Runner(RunnerId, RunnerSpec),
    DropRunner(RunnerId),
    Door(RunnerId, RunnerDoor),
    Ask(RunnerId, u32),
    Job(JobNumber, JobSpec),
    Hold(JobNumber, Option<Hold>),
    DropJob(JobNumber),
    Requeue(JobNumber),
    Leave(Member),
    Enter(ProjectId, Claim),
    HoldGroup(ProjectId, Claim),
}

fn labels(most: u8) -> impl Strategy<Value = Labels> {
    (0_u8..1 << most).prop_map(|bits| {
        Labels::new(
            ["linux", "gpu", "arm"].into_iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, l)| l),
        )
    })
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        3 => Just(Scope::Instance),
        1 => (1_i64..3).prop_map(|id| Scope::Owner(OwnerId(id))),
        1 => (1_i64..5).prop_map(|id| Scope::Repository(ProjectId(id))),
    ]
}

fn member() -> impl Strategy<Value = Member> {
    prop_oneof![
        (1_i64..4).prop_map(|id| Member::Run(RunId(id))),
        (1_i64..3).prop_map(|id| Member::Call(RunId(id), JobId::new("call"))),
    ]
}

fn claim() -> impl Strategy<Value = Claim> {
    let group = prop_oneof![Just("deploy"), Just("Deploy"), Just("test")];
    let in_progress = prop_oneof![Just(InProgress::Stays), Just(InProgress::IsCancelled)];
    let queue = prop_oneof![Just(GroupQueue::Single), Just(GroupQueue::Max)];
    (group, member(), in_progress, queue, 0_u64..4).prop_map(|(group, member, in_progress, queue, since)| Claim {
        group: group.into(),
        member,
        in_progress,
        queue,
        since,
    })
}

fn hold() -> impl Strategy<Value = Option<Hold>> {
    prop_oneof![
        6 => Just(None),
        1 => Just(Some(Hold::Dependency("build".into()))),
        1 => Just(Some(Hold::Approval("a fork".into()))),
    ]
}

fn project() -> impl Strategy<Value = ProjectSpec> {
    let forge = prop_oneof![
        8 => Just(ForgeLine::Fine),
        1 => Just(ForgeLine::WebhookMissing("42 s late".into())),
        1 => Just(ForgeLine::Paused("by ana".into())),
    ];
    let credential = prop_oneof![6 => Just(Credential::Valid), 1 => Just(Credential::Invalid("expired".into()))];
    (1_i64..3, 1_u32..4, forge, credential).prop_map(|(owner, weight, forge, credential)| ProjectSpec {
        owner: OwnerId(owner),
        weight: NonZeroU32::new(weight).unwrap(),
        forge,
        credential,
    })
}

fn pool() -> impl Strategy<Value = PoolSpec> {
    let access = prop_oneof![
        3 => Just(Access::Everybody),
        1 => prop::collection::vec(scope(), 0..3).prop_map(|scopes| Access::Only(scopes.into())),
    ];
    let door = prop_oneof![
        5 => Just(PoolDoor::Open),
        1 => Just(PoolDoor::Disabled("ana".into())),
        1 => Just(PoolDoor::Maintenance("ana".into()))
    ];
    let supply = prop_oneof![
        Just(Supply::Fixed),
        Just(Supply::OnDemand),
        Just(Supply::Provisioning("boot".into())),
        Just(Supply::Failed("no quota".into()))
    ];
    (labels(3), scope(), access, door, prop::option::of(0_u32..4), supply).prop_map(
        |(labels, scope, access, door, max_running, supply)| PoolSpec {
            name: "pool".into(),
            labels,
            scope,
            access,
            door,
            max_running,
            supply,
        },
    )
}

fn door() -> impl Strategy<Value = RunnerDoor> {
    prop_oneof![
        6 => Just(RunnerDoor::Open),
        1 => Just(RunnerDoor::Offline),
        1 => Just(RunnerDoor::Draining),
        1 => Just(RunnerDoor::Disabled),
    ]
}

fn runner() -> impl Strategy<Value = RunnerSpec> {
    let pool = prop_oneof![2 => Just(None), 1 => (1_i64..4).prop_map(|id| Some(PoolId(id)))];
    let labels = prop_oneof![labels(3), Just(Labels::new(["linux", "gpu", "arm"]))];
    let life = prop_oneof![2 => Just(Life::Lasting), 1 => Just(Life::Ephemeral)];
    (labels, scope(), pool, 0_u32..4, life, door()).prop_map(|(labels, scope, pool, capacity, life, door)| RunnerSpec {
        name: "runner".into(),
        labels,
        scope,
        pool,
        capacity,
        life,
        door,
    })
}

fn job() -> impl Strategy<Value = JobSpec> {
    let claims = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(claim(), 1..3)];
    let labels = prop_oneof![1 => labels(3), 3 => Just(Labels::new(["linux"]))];
    (1_i64..5, labels, -1_i16..2, claims, hold()).prop_map(|(project, labels, priority, claims, hold)| JobSpec {
        project: ProjectId(project),
        labels,
        priority: Priority(priority),
        claims,
        hold,
    })
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let r = || (1_i64..8).prop_map(RunnerId);
    let j = || (1_i64..30).prop_map(JobNumber);
    let p = || (1_i64..5).prop_map(ProjectId);
    prop_oneof![
        2 => (p(), project()).prop_map(|(id, spec)| Op::Project(id, spec)),
        1 => (1_i64..3, prop::option::of(0_u32..5)).prop_map(|(id, max_running)| {
            Op::Owner(OwnerId(id), OwnerSpec { name: "web".into(), max_running })
        }),
        2 => (1_i64..4, pool()).prop_map(|(id, spec)| Op::Pool(PoolId(id), spec)),
        1 => (1_i64..4).prop_map(|id| Op::DropPool(PoolId(id))),
        4 => (r(), runner()).prop_map(|(id, spec)| Op::Runner(id, spec)),
        1 => r().prop_map(Op::DropRunner),
        2 => (r(), door()).prop_map(|(id, door)| Op::Door(id, door)),
        8 => (r(), 0_u32..4).prop_map(|(id, places)| Op::Ask(id, places)),
        12 => (j(), job()).prop_map(|(id, spec)| Op::Job(id, spec)),
        2 => (j(), hold()).prop_map(|(id, hold)| Op::Hold(id, hold)),
        8 => j().prop_map(Op::DropJob),
        2 => j().prop_map(Op::Requeue),
        3 => member().prop_map(Op::Leave),
        1 => (p(), claim()).prop_map(|(id, claim)| Op::Enter(id, claim)),
        1 => (p(), claim()).prop_map(|(id, claim)| Op::HoldGroup(id, claim)),
    ]
}

/// Events of a place where every runner is of a pool, and pools have lists and limits.
pub(crate) fn op_of_pools() -> impl Strategy<Value = Op> {
    let r = || (1_i64..8).prop_map(RunnerId);
    let scope = || {
        prop_oneof![
            1 => Just(Scope::Instance),
            2 => (1_i64..3).prop_map(|id| Scope::Owner(OwnerId(id))),
            2 => (1_i64..5).prop_map(|id| Scope::Repository(ProjectId(id))),
        ]
    };
    let access = prop_oneof![
        1 => Just(Access::Everybody),
        3 => prop::collection::vec(scope(), 0..3).prop_map(|scopes| Access::Only(scopes.into())),
    ];
    let limits = (access, prop::option::of(1_u32..4));
    let pool = (pool(), limits).prop_map(|(spec, (access, max_running))| PoolSpec {
        access,
        max_running,
        door: PoolDoor::Open,
        ..spec
    });
    let runner = (scope(), 1_i64..4, prop::bool::ANY).prop_map(|(scope, pool, is_large)| RunnerSpec {
        name: "runner".into(),
        labels: Labels::new(if is_large { vec!["linux", "gpu"] } else { vec!["linux"] }),
        scope,
        pool: Some(PoolId(pool)),
        capacity: 2,
        life: Life::Lasting,
        door: RunnerDoor::Open,
    });
    let job = (1_i64..5).prop_map(|project| JobSpec::new(ProjectId(project), Labels::new(["linux"])));
    prop_oneof![
        1 => (1_i64..5, 1_i64..3).prop_map(|(id, owner)| Op::Project(ProjectId(id), ProjectSpec::new(OwnerId(owner)))),
        2 => (1_i64..4, pool).prop_map(|(id, spec)| Op::Pool(PoolId(id), spec)),
        3 => (r(), runner).prop_map(|(id, spec)| Op::Runner(id, spec)),
        6 => (r(), 1_u32..4).prop_map(|(id, places)| Op::Ask(id, places)),
        8 => (1_i64..40, job).prop_map(|(id, spec)| Op::Job(JobNumber(id), spec)),
        6 => (1_i64..40).prop_map(|id| Op::DropJob(JobNumber(id))),
    ]
}

/// Projects and runners to begin with.
pub(crate) fn beginning() -> Vec<Op> {
    let projects = (1_i64..5).map(|id| Op::Project(ProjectId(id), ProjectSpec::new(OwnerId(1 + id % 2))));
    let runner = |id: i64| RunnerSpec {
        name: "runner".into(),
        labels: Labels::new(["linux", "gpu"]),
        scope: if id == 1 { Scope::Repository(ProjectId(1)) } else { Scope::Instance },
        pool: None,
        capacity: 2,
        life: Life::Lasting,
        door: RunnerDoor::Open,
    };
    projects.chain((1_i64..4).map(|id| Op::Runner(RunnerId(id), runner(id)))).collect()
}

/// The queue hears it.
pub(crate) fn tell(queue: &mut Queue, op: Op) {
    match op {
        Op::Project(id, spec) => queue.put_project(id, spec),
        Op::Owner(id, spec) => queue.put_owner(id, spec),
        Op::Pool(id, spec) => queue.put_pool(id, spec),
        Op::DropPool(id) => queue.drop_pool(id),
        Op::Runner(id, spec) => queue.put_runner(id, spec),
        Op::DropRunner(id) => queue.drop_runner(id),
        Op::Door(id, door) => queue.set_door(id, door),
        Op::Ask(id, places) => queue.ask(id, places),
        Op::Job(id, spec) => drop(queue.put_job(id, spec)),
        Op::Hold(id, hold) => queue.hold(id, hold),
        Op::DropJob(id) => queue.drop_job(id),
        Op::Requeue(id) => queue.requeue(id),
        Op::Leave(member) => queue.leave(&member),
        Op::Enter(project, claim) => queue.enter(project, &claim),
        Op::HoldGroup(project, claim) => queue.hold_group(project, &claim.group, &claim.member, claim.since),
    }
}

/// The model hears it.
pub(crate) fn teach(model: &mut Model, op: Op) {
    match op {
        Op::Project(id, spec) => drop(model.projects.insert(id, spec)),
        Op::Owner(id, spec) => drop(model.owners.insert(id, spec)),
        Op::Pool(id, spec) => drop(model.pools.insert(id, spec)),
        Op::DropPool(id) => drop(model.pools.remove(&id)),
        Op::Runner(id, spec) => {
            let has = model.running(|job| job.runs.is_some_and(|(runner, _)| runner == id)) > 0;
            let before = model.runners.remove(&id);
            let had_one = has || before.as_ref().is_some_and(|before| before.had_one);
            let asks = if spec.door == RunnerDoor::Offline { 0 } else { before.map_or(0, |before| before.asks) };
            model.runners.insert(id, Runner { spec, asks, had_one });
        }
        Op::DropRunner(id) => drop(model.runners.remove(&id)),
        Op::Door(id, door) => {
            if let Some(runner) = model.runners.get_mut(&id) {
                runner.spec.door = door;
                runner.asks = if door == RunnerDoor::Offline { 0 } else { runner.asks };
            }
        }
        Op::Ask(id, places) => {
            if let Some(runner) = model.runners.get_mut(&id) {
                runner.asks = places;
            }
        }
        Op::Job(id, spec) => {
            let runs = model.jobs.get(&id).is_some_and(|job| job.runs.is_some());
            if runs || !model.projects.contains_key(&spec.project) {
                return;
            }
            let came = model.jobs.get(&id).map_or(model.came, |job| job.came);
            model.came += u64::from(came == model.came);
            let is_held = spec.hold.is_some();
            model.jobs.insert(id, Job { spec, came, runs: None });
            if !is_held {
                model.claim(id);
            }
        }
        Op::Hold(id, hold) => {
            if let Some(job) = model.jobs.get_mut(&id).filter(|job| job.runs.is_none()) {
                job.spec.hold = hold;
                if job.spec.hold.is_none() {
                    model.claim(id);
                }
            }
        }
        Op::DropJob(id) => {
            model.jobs.remove(&id);
            model.leave(&Member::Job(id));
        }
        Op::Requeue(id) => {
            if let Some(job) = model.jobs.get_mut(&id).filter(|job| job.runs.is_some()) {
                job.runs = None;
                model.claim(id);
            }
        }
        Op::Leave(member) => model.leave(&member),
        Op::Enter(project, claim) => drop(model.enter(project, &claim)),
        Op::HoldGroup(project, claim) => model.seize(project, &claim),
    }
}
