//! A queue without any index: lists, and loops over them. What the real one does is judged by it.

use domain::RunnerId;
use domain::control::{JobNumber, OwnerId, PoolId, ProjectId};
use scheduler::{
    Access, Assignment, Cancellation, CancellationCause, Claim, Credential, ForgeLine, GroupQueue, Hold, InProgress,
    JobSpec, Life, Member, OwnerSpec, PoolDoor, PoolSpec, ProjectSpec, ReasonKind, RunnerDoor, RunnerSpec, Supply,
};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) projects: BTreeMap<ProjectId, ProjectSpec>,
    pub(crate) owners: BTreeMap<OwnerId, OwnerSpec>,
    pub(crate) pools: BTreeMap<PoolId, PoolSpec>,
    pub(crate) runners: BTreeMap<RunnerId, Runner>,
    pub(crate) jobs: BTreeMap<JobNumber, Job>,
    pub(crate) came: u64,
    groups: Vec<Group>,
    lost: Vec<(Member, (ProjectId, String))>,
    pub(crate) cancellations: Vec<Cancellation>,
}

#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) spec: RunnerSpec,
    pub(crate) asks: u32,
    pub(crate) had_one: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) spec: JobSpec,
    pub(crate) came: u64,
    /// The runner, and its pool when it was given.
    pub(crate) runs: Option<(RunnerId, Option<PoolId>)>,
}

#[derive(Debug)]
struct Group {
    key: (ProjectId, String),
    holder: (u64, Member),
    told: bool,
    waiting: Vec<(u64, Member)>,
}

impl Model {
    pub(crate) fn running(&self, of: impl Fn(&Job) -> bool) -> u32 {
        self.jobs.values().filter(|job| job.runs.is_some() && of(job)).count() as u32
    }

    fn owner(&self, job: &Job) -> OwnerId {
        self.projects[&job.spec.project].owner
    }

    pub(crate) fn enter(&mut self, project: ProjectId, claim: &Claim) -> bool {
        let key = (project, claim.group.to_lowercase());
        if self.lost.contains(&(claim.member.clone(), key.clone())) {
            return false;
        }
        let own = (claim.since, claim.member.clone());
        let Some(group) = self.groups.iter_mut().find(|group| group.key == key) else {
            self.groups.push(Group { key, holder: own, told: false, waiting: Vec::new() });
            return true;
        };
        if group.holder.1 == claim.member {
            return true;
        }
        if group.waiting.iter().any(|(_, waiting)| *waiting == claim.member) {
            return false;
        }
        let most = if claim.queue == GroupQueue::Max && claim.in_progress == InProgress::Stays { 100 } else { 1 };
        let cancel = |member, cause| Cancellation { member, project, group: claim.group.clone(), cause };
        group.waiting.push(own.clone());
        group.waiting.sort();
        let mut stays = true;
        while group.waiting.len() > most {
            let (_, older) = group.waiting.remove(0);
            let newer = group.waiting.last().unwrap().1.clone();
            stays &= older != claim.member;
            self.cancellations.push(cancel(older.clone(), CancellationCause::GaveWay { newer }));
            self.lost.push((older, key.clone()));
        }
        if stays && claim.in_progress == InProgress::IsCancelled && !group.told && group.holder < own {
            group.told = true;
            let cause = CancellationCause::InProgress { newer: claim.member.clone() };
            self.cancellations.push(cancel(group.holder.1.clone(), cause));
        }
        false
    }

    /// A member holds a group; whoever was thought to comes again with all of its jobs that are not running.
    pub(crate) fn seize(&mut self, project: ProjectId, claim: &Claim) {
        let key = (project, claim.group.to_lowercase());
        self.lost.retain(|lost| *lost != (claim.member.clone(), key.clone()));
        let Some(group) = self.groups.iter_mut().find(|group| group.key == key) else {
            let holder = (claim.since, claim.member.clone());
            self.groups.push(Group { key, holder, told: false, waiting: Vec::new() });
            return;
        };
        if group.holder.1 == claim.member {
            return;
        }
        let at = group.waiting.iter().position(|(_, waiting)| *waiting == claim.member);
        let order = at.map_or((claim.since, claim.member.clone()), |at| group.waiting.remove(at));
        let (_, ousted) = std::mem::replace(&mut group.holder, order);
        group.told = false;
        let mut again: Vec<(u64, JobNumber)> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.spec.project == project && job.runs.is_none() && job.spec.hold.is_none())
            .filter(|(_, job)| {
                let of_these = |own: &Claim| own.member == claim.member || own.member == ousted;
                job.spec.claims.iter().any(|own| own.group.to_lowercase() == key.1 && of_these(own))
            })
            .map(|(number, job)| (job.came, *number))
            .collect();
        again.sort_unstable();
        for (_, number) in again {
            self.claim(number);
        }
    }

    /// Claims what a job may claim; whether it has all of its groups.
    pub(crate) fn claim(&mut self, number: JobNumber) -> bool {
        let job = self.jobs[&number].clone();
        let is_own = |at: usize| {
            let group = job.spec.claims[at].group.to_lowercase();
            job.spec.claims[..at].iter().any(|outer| outer.group.to_lowercase() == group)
        };
        (0..job.spec.claims.len()).all(|at| is_own(at) || self.enter(job.spec.project, &job.spec.claims[at]))
    }

    pub(crate) fn has_groups(&self, job: &Job) -> bool {
        let held = |claim: &Claim| {
            let key = (job.spec.project, claim.group.to_lowercase());
            self.groups.iter().any(|group| group.key == key && group.holder.1 == claim.member)
        };
        let first = |at: usize| {
            let group = job.spec.claims[at].group.to_lowercase();
            job.spec.claims[..at].iter().all(|outer| outer.group.to_lowercase() != group)
        };
        (0..job.spec.claims.len()).all(|at| !first(at) || held(&job.spec.claims[at]))
    }

    pub(crate) fn leave(&mut self, member: &Member) {
        self.lost.retain(|(lost, _)| lost != member);
        let mut woken = Vec::new();
        // In the order in which the member came to its groups.
        for group in &mut self.groups {
            group.waiting.retain(|(_, waiting)| waiting != member);
            if group.holder.1 == *member && !group.waiting.is_empty() {
                group.holder = group.waiting.remove(0);
                group.told = false;
                woken.push(group.holder.1.clone());
            }
        }
        self.groups.retain(|group| group.holder.1 != *member);
        let waiting: Vec<JobNumber> = self.jobs.keys().copied().collect();
        for number in waiting {
            let job = &self.jobs[&number];
            let is_woken = job.spec.claims.iter().any(|claim| woken.contains(&claim.member));
            if is_woken && job.runs.is_none() && job.spec.hold.is_none() {
                self.claim(number);
            }
        }
    }

    /// Whether nothing but a runner is missing.
    pub(crate) fn is_ready(&self, job: &Job) -> bool {
        let project = &self.projects[&job.spec.project];
        job.runs.is_none()
            && job.spec.hold.is_none()
            && project.forge == ForgeLine::Fine
            && project.credential == Credential::Valid
            && self.has_groups(job)
    }

    fn is_permitted(&self, job: &Job, runner: &RunnerSpec) -> bool {
        let owner = self.owner(job);
        let listed = runner.pool.is_none_or(|pool| {
            self.pools.get(&pool).is_some_and(|pool| match &pool.access {
                Access::Everybody => true,
                Access::Only(scopes) => scopes.iter().any(|scope| scope.holds(owner, job.spec.project)),
            })
        });
        listed && runner.scope.holds(owner, job.spec.project)
    }

    fn pool_is_open(&self, pool: Option<PoolId>) -> bool {
        pool.is_none_or(|pool| self.pools.get(&pool).is_some_and(|pool| pool.door == PoolDoor::Open))
    }

    fn pool_is_full(&self, pool: Option<PoolId>) -> bool {
        let Some(spec) = pool.and_then(|pool| self.pools.get(&pool)) else { return false };
        let running = self.running(|job| job.runs.is_some_and(|(_, of)| of == pool));
        spec.max_running.is_some_and(|max| running >= max)
    }

    fn quota_is_used(&self, job: &Job) -> bool {
        let owner = self.owner(job);
        let running = self.running(|other| self.owner(other) == owner);
        self.owners.get(&owner).and_then(|owner| owner.max_running).is_some_and(|max| running >= max)
    }

    fn capacity(&self, id: RunnerId) -> (u32, u32) {
        let (runner, has) = (&self.runners[&id], self.running(|job| job.runs.is_some_and(|(of, _)| of == id)));
        let capacity = match runner.spec.life {
            Life::Lasting => runner.spec.capacity,
            Life::Ephemeral if runner.had_one => has,
            Life::Ephemeral => 1,
        };
        (capacity, has)
    }

    /// Whether this runner may be given this job now.
    pub(crate) fn may_run(&self, job: &Job, id: RunnerId) -> bool {
        let runner = &self.runners[&id];
        let (capacity, has) = self.capacity(id);
        self.is_ready(job)
            && runner.asks > 0
            && runner.spec.door == RunnerDoor::Open
            && has < capacity
            && !job.spec.labels.is_empty()
            && runner.spec.labels.has_all(&job.spec.labels)
            && self.is_permitted(job, &runner.spec)
            && self.pool_is_open(runner.spec.pool)
            && !self.pool_is_full(runner.spec.pool)
            && !self.quota_is_used(job)
    }

    pub(crate) fn begin(&mut self, Assignment { job, runner }: Assignment) {
        let own = self.runners.get_mut(&runner).unwrap();
        own.asks = if own.spec.life == Life::Ephemeral { 0 } else { own.asks - 1 };
        own.had_one = true;
        self.jobs.get_mut(&job).unwrap().runs = Some((runner, own.spec.pool));
    }

    /// The one reason, by the rules one after the other.
    pub(crate) fn reason(&self, job: &Job) -> ReasonKind {
        let project = &self.projects[&job.spec.project];
        match (&project.forge, &job.spec.hold) {
            (ForgeLine::WebhookMissing(_) | ForgeLine::Paused(_), _) => return ReasonKind::WebhookMissing,
            (_, Some(Hold::Dependency(_))) => return ReasonKind::Dependency,
            (_, Some(Hold::Approval(_))) => return ReasonKind::Approval,
            _ if !self.has_groups(job) => return ReasonKind::ConcurrencyGroup,
            _ if project.credential != Credential::Valid => return ReasonKind::CredentialInvalid,
            _ => {}
        }
        // Runners that are there, and those that fleets would make, as (spec, supply, places, busy).
        let mut all: Vec<(RunnerSpec, Option<Supply>, u32, u32)> = Vec::new();
        for (id, runner) in &self.runners {
            let (capacity, has) = self.capacity(*id);
            if capacity > 0 || runner.spec.life == Life::Lasting {
                all.push((runner.spec.clone(), None, capacity, has.min(capacity)));
            }
        }
        for (id, pool) in self.pools.iter().filter(|(_, pool)| pool.supply != Supply::Fixed) {
            let spec = RunnerSpec {
                name: pool.name.clone(),
                labels: pool.labels.clone(),
                scope: pool.scope,
                pool: Some(*id),
                capacity: 0,
                life: Life::Ephemeral,
                door: RunnerDoor::Offline,
            };
            all.push((spec, Some(pool.supply.clone()), 0, 0));
        }
        all.retain(|(spec, ..)| !job.spec.labels.is_empty() && spec.labels.has_all(&job.spec.labels));
        if all.is_empty() {
            return ReasonKind::NoMatchingLabel;
        }
        all.retain(|(spec, ..)| self.is_permitted(job, spec));
        if all.is_empty() {
            return ReasonKind::NoPool;
        }
        all.retain(|(spec, ..)| {
            self.pool_is_open(spec.pool) && !matches!(spec.door, RunnerDoor::Draining | RunnerDoor::Disabled)
        });
        if all.is_empty() {
            return ReasonKind::PoolDisabled;
        }
        if self.quota_is_used(job) {
            return ReasonKind::QuotaTeam;
        }
        let is_online = |spec: &RunnerSpec| spec.door == RunnerDoor::Open;
        let is_pool_full = all.iter().any(|(spec, ..)| self.pool_is_full(spec.pool));
        let places: u32 = all.iter().filter(|(spec, ..)| is_online(spec)).map(|(_, _, places, _)| places).sum();
        all.retain(|(spec, ..)| !self.pool_is_full(spec.pool));
        let has = |wanted: fn(&Supply) -> bool| all.iter().any(|(_, supply, ..)| supply.as_ref().is_some_and(wanted));
        if all.iter().any(|(spec, _, places, busy)| is_online(spec) && busy < places) {
            ReasonKind::NoIdleRunner
        } else if has(|supply| matches!(supply, Supply::Provisioning(_))) {
            ReasonKind::Provisioning
        } else if has(|supply| *supply == Supply::OnDemand) {
            ReasonKind::NoIdleRunner
        } else if has(|supply| matches!(supply, Supply::Failed(_))) {
            ReasonKind::ProvisionFailed
        } else if is_pool_full || places > 0 {
            ReasonKind::CapacityMax
        } else {
            ReasonKind::NoIdleRunner
        }
    }
}
