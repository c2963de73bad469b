//! What the queue is told: projects, owners, pools, runners, jobs and their concurrency groups. Used by whoever keeps a [`crate::Queue`].

use crate::Labels;
use domain::JobId;
use domain::control::{JobNumber, OwnerId, PoolId, ProjectId, RunId, Scope};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// What holds for the whole queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Who runs jobs whose `runs-on` is empty.
    pub empty_runs_on: EmptyRunsOn,
    /// So many assignments the first job of a line lets others pass before it goes first whatever its priority and its project's share. To it comes twice the
    /// number of lines, so that many projects that wait do not make everything overdue.
    pub patience: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { empty_runs_on: EmptyRunsOn::Nobody, patience: 1_000 }
    }
}

/// Who runs jobs whose `runs-on` is empty (`runner-protocol` 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyRunsOn {
    /// Nobody, as with Forgejo.
    Nobody,
    /// Any runner, as with Gitea.
    Anybody,
}

/// A project, and what of it stops its jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectSpec {
    /// Whose it is.
    pub owner: OwnerId,
    /// Its part of the runners: one with weight 2 gets twice what one with weight 1 gets.
    pub weight: NonZeroU32,
    /// How its forge is reached.
    pub forge: ForgeLine,
    /// Whether what opens the forge still opens it.
    pub credential: Credential,
}

impl ProjectSpec {
    /// One that nothing stops.
    #[must_use]
    pub const fn new(owner: OwnerId) -> Self {
        let weight = NonZeroU32::MIN;
        Self { owner, weight, forge: ForgeLine::Fine, credential: Credential::Valid }
    }
}

/// How a project's forge is reached; all but [`ForgeLine::Fine`] stop the project's jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForgeLine {
    /// As it should be.
    Fine,
    /// Its webhook does not come: what was seen.
    WebhookMissing(Arc<str>),
    /// Somebody paused it: who, until when.
    Paused(Arc<str>),
}

/// Whether what opens a project's forge still opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// It does.
    Valid,
    /// It does not: what was seen.
    Invalid(Arc<str>),
}

/// An owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerSpec {
    /// The name, for texts.
    pub name: Arc<str>,
    /// So many jobs of all its projects run at the same time; `None`: as many as there is room for.
    pub max_running: Option<u32>,
}

/// A pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSpec {
    /// The name, for texts.
    pub name: Arc<str>,
    /// The labels of the runners that it makes; not looked at with [`Supply::Fixed`].
    pub labels: Labels,
    /// The scope of the runners that it makes.
    pub scope: Scope,
    /// Whose jobs its runners take.
    pub access: Access,
    /// Whether its runners take jobs now.
    pub door: PoolDoor,
    /// So many jobs of it run at the same time; `None`: as many as there is room for.
    pub max_running: Option<u32>,
    /// Where its runners come from.
    pub supply: Supply,
}

/// Whose jobs a pool takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Those that its runners' scopes hold.
    Everybody,
    /// Of them, those that one of these holds. `security` R27: for pools that hold more than others.
    Only(Arc<[Scope]>),
}

/// Whether a pool's runners take jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolDoor {
    /// They do.
    Open,
    /// Somebody disabled it: who, why.
    Disabled(Arc<str>),
    /// It is being worked on: by whom, until when.
    Maintenance(Arc<str>),
}

/// Where the runners of a pool come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Supply {
    /// They register by themselves.
    Fixed,
    /// A fleet makes them; it has not said that it does.
    OnDemand,
    /// A fleet makes one now: the phase.
    Provisioning(Arc<str>),
    /// A fleet cannot make one: what was seen.
    Failed(Arc<str>),
}

/// A runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerSpec {
    /// The name, for texts.
    pub name: Arc<str>,
    /// Its labels, without their backends.
    pub labels: Labels,
    /// Whose jobs it takes.
    pub scope: Scope,
    /// Its pool.
    pub pool: Option<PoolId>,
    /// So many jobs at the same time; one for [`Life::Ephemeral`].
    pub capacity: u32,
    /// How many jobs it gets in its life.
    pub life: Life,
    /// Whether it may get jobs now.
    pub door: RunnerDoor,
}

/// How many jobs a runner gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// As many as it asks for.
    Lasting,
    /// One, ever.
    Ephemeral,
}

/// Whether a runner may get jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunnerDoor {
    /// It may, and it is heard of.
    Open,
    /// It may, and it is not heard of.
    Offline,
    /// It ends what it has and takes nothing new.
    Draining,
    /// It takes nothing.
    Disabled,
}

/// The more, the sooner; 0 is usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Priority(pub i16);

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSpec {
    /// Whose it is.
    pub project: ProjectId,
    /// Its `runs-on`.
    pub labels: Labels,
    /// Its priority.
    pub priority: Priority,
    /// The concurrency groups that it needs, outermost first: its run's, its calls', its own.
    pub claims: Vec<Claim>,
    /// What keeps it back.
    pub hold: Option<Hold>,
}

impl JobSpec {
    /// A job that waits for nothing but a runner.
    #[must_use]
    pub const fn new(project: ProjectId, labels: Labels) -> Self {
        Self { project, labels, priority: Priority(0), claims: Vec::new(), hold: None }
    }
}

/// What keeps a job back; decided outside. Groups are decided here: see [`Claim`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// Jobs that it needs, or `max-parallel`: which, how far.
    Dependency(Arc<str>),
    /// Somebody must allow it: why, who may.
    Approval(Arc<str>),
}

/// A place in a concurrency group that must be held (`execution-semantics` 4.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The group; case does not matter. Groups of one project are not those of another.
    pub group: Arc<str>,
    /// Who holds it, and until whose end.
    pub member: Member,
    /// Whether what is in the group is cancelled for this one.
    pub in_progress: InProgress,
    /// Who waits for it.
    pub queue: GroupQueue,
    /// When it came, by one word for every server: of two that wait, the one that came first gives way. Who came at the same time is told apart by its member.
    pub since: u64,
}

/// Who is in a concurrency group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Member {
    /// A run as a whole.
    Run(RunId),
    /// A call of a reusable workflow.
    Call(RunId, JobId),
    /// A job.
    Job(JobNumber),
}

impl std::fmt::Display for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run(run) => write!(f, "run {run}"),
            Self::Call(run, job) => write!(f, "{job} of run {run}"),
            Self::Job(job) => write!(f, "job {job}"),
        }
    }
}

/// What a new member of a group does to those in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InProgress {
    /// The holder goes on.
    Stays,
    /// The holder and those that wait are cancelled.
    IsCancelled,
}

/// Who waits for a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupQueue {
    /// The newest alone.
    Single,
    /// Up to a hundred; the first comes first.
    Max,
}

/// How long jobs take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durations {
    /// Half of them are quicker.
    pub p50: Duration,
    /// Nine of ten are quicker.
    pub p90: Duration,
}
