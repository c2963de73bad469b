//! Why a job waits: thirteen reasons, each with its facts, a sentence for people, and what helps (`observability-ux` 7.4). Used by whoever shows a job that waits.

use crate::Labels;
use crate::hint::Nearest;
use crate::spec::Member;
use std::sync::Arc;
use std::time::Duration;

/// The answer to "why does it wait?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The first rule that fails.
    pub reason: Reason,
    /// The rules before it, all of which hold.
    pub passed: Vec<ReasonKind>,
    /// Its place among the jobs with the same labels, when it stands in a line.
    pub position: Option<Position>,
    /// When it will probably start, when it is known how long jobs take.
    pub estimate: Option<Estimate>,
}

/// A place in the queue, by what lines are before: a job that comes later may change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub place: u64,
    /// Jobs in lines with the same labels.
    pub of: u64,
}

/// How long it will probably wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// If jobs take what half of them take.
    pub p50: Duration,
    /// If they take what nine of ten take.
    pub p90: Duration,
}

/// One of thirteen, in the order in which they are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The forge does not say what it should, or is paused.
    WebhookMissing(ForgeWait),
    /// Jobs that it needs, or its matrix's `max-parallel`: which.
    Dependency(Arc<str>),
    /// Somebody must allow it: why, who may.
    Approval(Arc<str>),
    /// Its concurrency group is not its own.
    ConcurrencyGroup {
        /// The group.
        group: Arc<str>,
        /// Who holds it, or took its place in the queue.
        member: Member,
    },
    /// What opens the forge does not open it any more: what was seen.
    CredentialInvalid(Arc<str>),
    /// Nobody has its labels.
    NoMatchingLabel {
        /// What it asks for.
        labels: Labels,
        /// The nearest that its project may use.
        nearest: Option<Nearest>,
    },
    /// Somebody has its labels, and not for its project.
    NoPool(PermitWait),
    /// All that have its labels take no jobs now: who said so.
    PoolDisabled(Arc<str>),
    /// Its owner runs as much as it may.
    QuotaTeam {
        /// The owner.
        owner: Arc<str>,
        /// Its jobs that run.
        running: u32,
        /// So many may.
        max: u32,
    },
    /// Everything is in use.
    CapacityMax(CapacityLimit),
    /// A runner is being made: the phase.
    Provisioning(Arc<str>),
    /// No runner can be made: what was seen.
    ProvisionFailed(Arc<str>),
    /// A runner could take it and has not asked yet.
    NoIdleRunner(IdleWait),
}

/// What is wrong between the forge and us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForgeWait {
    /// Its webhook does not come: what was seen.
    Missing(Arc<str>),
    /// Somebody paused it: who, until when.
    Paused(Arc<str>),
}

/// Why nobody with its labels may take a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PermitWait {
    /// A pool's list does not name its project: the pool.
    NotListed(Arc<str>),
    /// The runners belong to other owners or repositories.
    Foreign,
    /// The runners name a pool that does not exist.
    NoSuchPool,
}

/// What is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CapacityLimit {
    /// Every runner that could take it.
    Runners {
        /// Jobs that they have.
        busy: u32,
        /// Jobs that they take.
        places: u32,
    },
    /// A pool runs as much as it may.
    Pool {
        /// The pool.
        pool: Arc<str>,
        /// Its jobs that run.
        running: u32,
    },
}

/// Who will take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdleWait {
    /// Runners with room, which ask soon.
    Free {
        /// So many jobs they could take.
        places: u32,
    },
    /// Runners that are not heard of.
    Offline {
        /// How many.
        runners: u32,
    },
    /// A fleet that has not said yet that it makes one.
    Fleet,
}

/// The thirteen, without their facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReasonKind {
    /// See [`Reason::WebhookMissing`].
    WebhookMissing,
    /// See [`Reason::Dependency`].
    Dependency,
    /// See [`Reason::Approval`].
    Approval,
    /// See [`Reason::ConcurrencyGroup`].
    ConcurrencyGroup,
    /// See [`Reason::CredentialInvalid`].
    CredentialInvalid,
    /// See [`Reason::NoMatchingLabel`].
    NoMatchingLabel,
    /// See [`Reason::NoPool`].
    NoPool,
    /// See [`Reason::PoolDisabled`].
    PoolDisabled,
    /// See [`Reason::QuotaTeam`].
    QuotaTeam,
    /// See [`Reason::CapacityMax`].
    CapacityMax,
    /// See [`Reason::Provisioning`].
    Provisioning,
    /// See [`Reason::ProvisionFailed`].
    ProvisionFailed,
    /// See [`Reason::NoIdleRunner`].
    NoIdleRunner,
}

impl ReasonKind {
    /// All, in the order in which they are looked at.
    pub const ALL: [Self; 13] = [
        Self::WebhookMissing,
        Self::Dependency,
        Self::Approval,
        Self::ConcurrencyGroup,
        Self::CredentialInvalid,
        Self::NoMatchingLabel,
        Self::NoPool,
        Self::PoolDisabled,
        Self::QuotaTeam,
        Self::CapacityMax,
        Self::Provisioning,
        Self::ProvisionFailed,
        Self::NoIdleRunner,
    ];

    /// The word in metrics and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebhookMissing => "webhook_missing",
            Self::Dependency => "dependency",
            Self::Approval => "approval",
            Self::ConcurrencyGroup => "concurrency_group",
            Self::CredentialInvalid => "credential_invalid",
            Self::NoMatchingLabel => "no_matching_label",
            Self::NoPool => "no_pool",
            Self::PoolDisabled => "pool_disabled",
            Self::QuotaTeam => "quota_team",
            Self::CapacityMax => "capacity_max",
            Self::Provisioning => "provisioning",
            Self::ProvisionFailed => "provision_failed",
            Self::NoIdleRunner => "no_idle_runner",
        }
    }
}

impl Reason {
    /// Which of the thirteen.
    #[must_use]
    pub const fn kind(&self) -> ReasonKind {
        match self {
            Self::WebhookMissing(_) => ReasonKind::WebhookMissing,
            Self::Dependency(_) => ReasonKind::Dependency,
            Self::Approval(_) => ReasonKind::Approval,
            Self::ConcurrencyGroup { .. } => ReasonKind::ConcurrencyGroup,
            Self::CredentialInvalid(_) => ReasonKind::CredentialInvalid,
            Self::NoMatchingLabel { .. } => ReasonKind::NoMatchingLabel,
            Self::NoPool(_) => ReasonKind::NoPool,
            Self::PoolDisabled(_) => ReasonKind::PoolDisabled,
            Self::QuotaTeam { .. } => ReasonKind::QuotaTeam,
            Self::CapacityMax(_) => ReasonKind::CapacityMax,
            Self::Provisioning(_) => ReasonKind::Provisioning,
            Self::ProvisionFailed(_) => ReasonKind::ProvisionFailed,
            Self::NoIdleRunner(_) => ReasonKind::NoIdleRunner,
        }
    }
}
