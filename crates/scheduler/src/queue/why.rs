//! Why a job waits, by the first of thirteen rules that fails; from counts, without a look at other jobs. Used by whoever shows a job, and by metrics.

use super::state::{Job, Place, Queue};
use crate::class::{Class, Tally};
use crate::hint;
use crate::reason::{CapacityLimit, Estimate, ForgeWait, IdleWait, PermitWait, Position, Reason, ReasonKind, Wait};
use crate::shelf::Door;
use crate::spec::{Credential, ForgeLine, Hold, PoolDoor, Supply};
use domain::control::{JobNumber, OwnerId, PoolId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

impl Queue {
    /// Why a job waits; `None` when it does not, or is unknown.
    #[must_use]
    pub fn why(&self, number: JobNumber) -> Option<Wait> {
        let job = self.jobs.get(*self.seats.get(&number)? as usize)?;
        if let Place::Running(_) = job.place {
            return None;
        }
        let reason = self.reason(job)?;
        let kind = reason.kind();
        let passed = ReasonKind::ALL.into_iter().take_while(|passed| *passed != kind).collect();
        let position = self.position(job);
        let estimate = position.and_then(|position| self.estimate(job, position));
        Some(Wait { reason, passed, position, estimate })
    }

    fn reason(&self, job: &Job) -> Option<Reason> {
        let project = self.projects.get(&job.project)?;
        let found = match &project.spec.forge {
            ForgeLine::WebhookMissing(seen) => Some(Reason::WebhookMissing(ForgeWait::Missing(seen.clone()))),
            ForgeLine::Paused(who) => Some(Reason::WebhookMissing(ForgeWait::Paused(who.clone()))),
            ForgeLine::Fine => self.held(job),
        };
        let credential = || match &project.spec.credential {
            Credential::Invalid(seen) => Some(Reason::CredentialInvalid(seen.clone())),
            Credential::Valid => None,
        };
        found.or_else(credential).or_else(|| self.by_runners(job, project.spec.owner))
    }

    /// Rules 2 to 4: what keeps it out of its line.
    fn held(&self, job: &Job) -> Option<Reason> {
        match &job.place {
            Place::Held(Hold::Dependency(on)) => Some(Reason::Dependency(on.clone())),
            Place::Held(Hold::Approval(why)) => Some(Reason::Approval(why.clone())),
            Place::Grouped(at) | Place::Lost(at) => {
                let claim = job.claims.as_ref()?.get(*at as usize)?;
                let member = self.groups.in_the_way(job.project, claim)?.clone();
                Some(Reason::ConcurrencyGroup { group: claim.group.clone(), member })
            }
            Place::Nowhere | Place::Lined(_) | Place::Running(_) => None,
        }
    }

    /// The classes that have the labels of a job: a runner that may be given one, or a pool that makes such.
    fn matching(&self, job: &Job) -> impl Iterator<Item = &Class> {
        let classes = self.shapes.get(job.shape as usize).map(|shape| &shape.classes);
        classes.into_iter().flatten().filter_map(|at| self.classes.get(*at)).filter(|class| self.is_there(class))
    }

    fn is_there(&self, class: &Class) -> bool {
        class.tally.known > 0 || self.supply(class).is_some()
    }

    /// What a fleet says of the class of runners that it makes.
    fn supply(&self, class: &Class) -> Option<&Supply> {
        let pool = self.pools.get(&class.key.pool?)?;
        let is_own = pool.own_class.and_then(|at| self.classes.get(at)).is_some_and(|own| own.key == class.key);
        is_own.then_some(&pool.spec.supply)
    }

    /// Rules 6 to 13: who could run it.
    fn by_runners(&self, job: &Job, owner: OwnerId) -> Option<Reason> {
        if self.matching(job).next().is_none() {
            return Some(self.no_label(job, owner));
        }
        let permitted: Vec<&Class> =
            self.matching(job).filter(|class| self.permits(&class.key, owner, job.project)).collect();
        if permitted.is_empty() {
            return Some(Reason::NoPool(self.no_permit(job, owner)));
        }
        let is_open = |class: &&&Class| {
            self.pool_is_open(class.key.pool) && (class.tally.open > 0 || self.supply(class).is_some())
        };
        let open: Vec<&Class> = permitted.iter().filter(is_open).copied().collect();
        if open.is_empty() {
            return Some(Reason::PoolDisabled(self.shut_by(&permitted)));
        }
        if let Some(own) = self.owners.get(&owner).filter(|own| own.door() == Door::Shut)
            && let Some(spec) = &own.spec
        {
            let max = spec.max_running.unwrap_or(u32::MAX);
            return Some(Reason::QuotaTeam { owner: spec.name.clone(), running: own.running, max });
        }
        Some(self.by_room(&open))
    }

    /// Rules 10 to 13, for the classes that would take it.
    fn by_room(&self, open: &[&Class]) -> Reason {
        let total = open.iter().fold(Tally::default(), |total, class| total.plus(class.tally));
        let with_room: Vec<&&Class> = open.iter().filter(|class| !self.pool_is_full(class.key.pool)).collect();
        let free: u32 = with_room.iter().map(|class| class.tally.places.saturating_sub(class.tally.busy)).sum();
        if free > 0 {
            return Reason::NoIdleRunner(IdleWait::Free { places: free });
        }
        let supplies: Vec<&Supply> = with_room.iter().filter_map(|class| self.supply(class)).collect();
        for supply in &supplies {
            if let Supply::Provisioning(phase) = supply {
                return Reason::Provisioning(phase.clone());
            }
        }
        if supplies.contains(&&Supply::OnDemand) {
            return Reason::NoIdleRunner(IdleWait::Fleet);
        }
        for supply in &supplies {
            if let Supply::Failed(seen) = supply {
                return Reason::ProvisionFailed(seen.clone());
            }
        }
        let full = open.iter().find(|class| self.pool_is_full(class.key.pool));
        match full.and_then(|class| self.pools.get(&class.key.pool?).zip(Some(class.key.pool))) {
            Some((pool, id)) => {
                let (pool, running) = (pool.spec.name.clone(), self.running_in(id));
                Reason::CapacityMax(CapacityLimit::Pool { pool, running })
            }
            None if total.places > 0 => {
                Reason::CapacityMax(CapacityLimit::Runners { busy: total.busy, places: total.places })
            }
            None => Reason::NoIdleRunner(IdleWait::Offline { runners: total.open }),
        }
    }

    fn no_label(&self, job: &Job, owner: OwnerId) -> Reason {
        let labels = self.shapes[job.shape as usize].labels.clone();
        // Labels of runners that others own are not told.
        let usable = self
            .classes
            .iter()
            .map(|(_, class)| class)
            .filter(|class| self.is_there(class) && self.permits(&class.key, owner, job.project));
        let nearest = hint::nearest(&labels, usable.map(|class| (class.name.clone(), class.key.labels.clone())));
        let nearest = nearest.filter(|nearest| nearest.slip.is_some() || nearest.missing.len() < labels.len());
        Reason::NoMatchingLabel { labels, nearest }
    }

    fn no_permit(&self, job: &Job, owner: OwnerId) -> PermitWait {
        let holds = |class: &&Class| class.key.scope.holds(owner, job.project);
        match self.matching(job).find(holds).and_then(|class| class.key.pool) {
            Some(pool) => match self.pools.get(&pool) {
                Some(pool) => PermitWait::NotListed(pool.spec.name.clone()),
                None => PermitWait::NoSuchPool,
            },
            None => PermitWait::Foreign,
        }
    }

    /// Who shut the pools or runners that have the labels.
    fn shut_by(&self, permitted: &[&Class]) -> Arc<str> {
        let doors = permitted.iter().filter_map(|class| self.pools.get(&class.key.pool?));
        for pool in doors {
            let name = &pool.spec.name;
            match &pool.spec.door {
                PoolDoor::Open => {}
                PoolDoor::Disabled(who) => return format!("pool {name} is disabled: {who}").into(),
                PoolDoor::Maintenance(who) => return format!("pool {name} is being worked on: {who}").into(),
            }
        }
        "every one of them is draining or disabled".into()
    }

    /// Its place: those before it in its line; of higher priorities all; of each other line with its priority as many as go before it when lines take turns.
    fn position(&self, job: &Job) -> Option<Position> {
        let Place::Lined(lane) = job.place else { return None };
        let line = &self.lanes.get(lane as usize)?.line;
        let before = line.before(job.came, |seat| self.jobs[seat as usize].came) as u64;
        let counts = &self.shapes.get(job.shape as usize)?.counts;
        let higher: u64 = counts.range(job.priority.saturating_add(1)..).map(|(_, count)| count.jobs).sum();
        let same = counts.get(&job.priority).copied().unwrap_or_default();
        let others = same.jobs.saturating_sub(line.len() as u64);
        let beside = others.min(same.lanes.saturating_sub(1).saturating_mul(before + 1));
        let higher = if job.priority == i16::MAX { 0 } else { higher };
        let of = counts.values().map(|count| count.jobs).sum();
        Some(Position { place: 1 + before + higher + beside, of })
    }

    /// Position × duration / places.
    fn estimate(&self, job: &Job, position: Position) -> Option<Estimate> {
        let owner = self.projects.get(&job.project)?.spec.owner;
        let mut places: BTreeMap<Option<PoolId>, u32> = BTreeMap::new();
        for class in self.matching(job).filter(|class| self.permits(&class.key, owner, job.project)) {
            *places.entry(class.key.pool).or_default() += class.tally.places;
        }
        let (pool, _) = places.iter().max_by_key(|(_, places)| **places)?;
        let durations = self.durations.get(pool).or_else(|| self.durations.get(&None))?;
        let places = places.values().sum::<u32>();
        let after = |one: Duration| {
            let millis = u64::try_from(one.as_millis()).unwrap_or(u64::MAX).saturating_mul(position.place);
            (places > 0).then(|| Duration::from_millis(millis / u64::from(places)))
        };
        Some(Estimate { p50: after(durations.p50)?, p90: after(durations.p90)? })
    }

    /// How many jobs wait for which reason: each line is looked at as a whole, and each job that is in none.
    #[must_use]
    pub fn census(&self) -> BTreeMap<ReasonKind, u64> {
        let mut census = BTreeMap::new();
        for (_, lane) in &self.lanes {
            let reason = lane.line.first().and_then(|seat| self.reason(&self.jobs[seat as usize]));
            if let Some(reason) = reason {
                *census.entry(reason.kind()).or_default() += lane.line.len() as u64;
            }
        }
        for reason in self.aside.iter().filter_map(|seat| self.reason(self.jobs.get(*seat as usize)?)) {
            *census.entry(reason.kind()).or_default() += 1;
        }
        census
    }
}
