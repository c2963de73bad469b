//! Events of jobs and of their concurrency groups. Used by whoever keeps a [`Queue`].

use super::state::{Job, Place, Queue, Running, short};
use crate::groups::{Effects, Place as GroupPlace};
use crate::spec::{Claim, Hold, JobSpec, Member};
use domain::RunnerId;
use domain::control::{JobNumber, PoolId, ProjectId, RunId};

/// A job that the queue cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    /// Its project was never told.
    #[error("job {job} belongs to project {project}, which the queue does not know; tell the project first")]
    UnknownProject {
        /// The job.
        job: JobNumber,
        /// Its project.
        project: ProjectId,
    },
}

impl Queue {
    /// A job came, or changed while it waits: it keeps its age then. Jobs come in the order of their queueing. A job that runs is left as it is.
    ///
    /// # Errors
    /// When its project is unknown.
    pub fn put_job(&mut self, number: JobNumber, spec: JobSpec) -> Result<(), PutError> {
        let Some(seat) = self.place(number, spec)? else { return Ok(()) };
        self.advance(seat);
        Ok(())
    }

    /// A job runs already: the server was started again, or another one assigned it. It counts for its project, owner and pool and for the runner.
    ///
    /// # Errors
    /// When its project is unknown.
    pub fn put_running(&mut self, number: JobNumber, mut spec: JobSpec, runner: RunnerId) -> Result<(), PutError> {
        spec.hold = None;
        let (project, claims) = (spec.project, spec.claims.clone());
        let Some(seat) = self.place(number, spec)? else { return Ok(()) };
        self.begin(seat, runner);
        // It runs: what it needs is held for it.
        for (at, claim) in claims.iter().enumerate() {
            if !is_inner(&claims, at) {
                self.hold_group(project, &claim.group, &claim.member, claim.since);
            }
        }
        Ok(())
    }

    /// The store says who holds a group, and is not over: another server let it in, or this one before it was started again. Whoever was thought to hold it
    /// waits again; what was decided for it and not done yet is taken back.
    pub fn hold_group(&mut self, project: ProjectId, group: &str, member: &Member, since: u64) {
        let Some(ousted) = self.groups.seize(project, group, member, since) else { return };
        let key = group.to_lowercase();
        let is_theirs =
            |claim: &Claim| (claim.member == ousted || claim.member == *member) && claim.group.to_lowercase() == key;
        let is_due = |job: &Job| {
            let is_waiting = matches!(job.place, Place::Lined(_) | Place::Grouped(_) | Place::Lost(_));
            is_waiting && job.project == project && job.claims.iter().flatten().any(is_theirs)
        };
        let mut seats: Vec<u32> =
            self.jobs.iter().filter(|(_, job)| is_due(job)).map(|(seat, _)| short(seat)).collect();
        seats.sort_unstable_by_key(|seat| self.jobs[*seat as usize].came);
        for seat in &seats {
            self.displace(*seat);
        }
        for seat in seats {
            self.advance(seat);
        }
    }

    /// The seat of a job that waits nowhere yet; `None` when it runs.
    fn place(&mut self, number: JobNumber, spec: JobSpec) -> Result<Option<u32>, PutError> {
        let JobSpec { project, labels, priority, claims, hold } = spec;
        if !self.projects.contains_key(&project) {
            return Err(PutError::UnknownProject { job: number, project });
        }
        let mut came = self.came;
        if let Some(seat) = self.seats.get(&number).copied() {
            if let Place::Running(_) = self.jobs[seat as usize].place {
                return Ok(None);
            }
            self.displace(seat);
            came = self.jobs[seat as usize].came;
            self.remove_seat(seat);
        } else {
            self.came += 1;
        }
        let shape = self.use_shape(&labels);
        let claims = if claims.is_empty() { None } else { Some(claims.into_boxed_slice()) };
        let place = Place::Nowhere;
        let job = Job { number, came, project, shape, priority: priority.0, place, claims };
        let seat = short(self.jobs.insert(job));
        self.seats.insert(number, seat);
        self.put(seat, hold.map_or(Place::Nowhere, Place::Held));
        Ok(Some(seat))
    }

    /// Something keeps a waiting job back, or nothing does any more.
    pub fn hold(&mut self, number: JobNumber, hold: Option<Hold>) {
        let Some(seat) = self.seats.get(&number).copied() else { return };
        if let Place::Running(_) = self.jobs[seat as usize].place {
            return;
        }
        self.displace(seat);
        self.put(seat, hold.map_or(Place::Nowhere, Place::Held));
        self.advance(seat);
    }

    /// A job is over, whether it ran or not; a group that it held itself is free.
    pub fn drop_job(&mut self, number: JobNumber) {
        let Some(seat) = self.seats.get(&number).copied() else { return };
        self.displace(seat);
        self.remove_seat(seat);
        self.leave(&Member::Job(number));
    }

    /// A lease was not used, or lost to somebody else's decision: the job goes back to where it was.
    pub fn requeue(&mut self, number: JobNumber) {
        let Some(seat) = self.seats.get(&number).copied() else { return };
        if let Place::Running(_) = self.jobs[seat as usize].place {
            self.displace(seat);
            self.advance(seat);
        }
    }

    /// A run or a call wants its group, also before any of its jobs is there.
    pub fn enter(&mut self, project: ProjectId, claim: &Claim) {
        let mut effects = Effects::default();
        self.groups.enter(project, claim, None, &mut effects);
        self.apply(effects);
    }

    /// A run, a call or a job is over: what it held is free, and nobody waits for it. Its jobs are dropped before.
    pub fn leave(&mut self, member: &Member) {
        for seat in self.groups.leave(member) {
            // A job may wait with its member and be held from outside at the same time.
            if let Some(Place::Grouped(_)) = self.jobs.get(seat as usize).map(|job| &job.place) {
                self.put(seat, Place::Nowhere);
                self.advance(seat);
            }
        }
    }

    /// All that hold groups or wait for them.
    pub fn group_members(&self) -> impl Iterator<Item = &Member> {
        self.groups.members()
    }

    /// The calls of a run that hold groups or wait for them.
    #[must_use]
    pub fn calls_of(&self, run: RunId) -> Vec<Member> {
        self.groups.calls_of(run)
    }

    /// A job that waits nowhere goes as far as it can: through its groups, then into its line.
    fn advance(&mut self, seat: u32) {
        let Place::Nowhere = self.jobs[seat as usize].place else { return };
        match self.claim_all(seat) {
            None => self.line_up(seat),
            Some(place) => self.put(seat, place),
        }
    }

    /// A job waits here now, outside of lines, or nowhere.
    fn put(&mut self, seat: u32, place: Place) {
        match place {
            Place::Held(_) | Place::Grouped(_) | Place::Lost(_) => self.aside.insert(seat),
            Place::Nowhere | Place::Lined(_) | Place::Running(_) => self.aside.remove(&seat),
        };
        self.jobs[seat as usize].place = place;
    }

    /// Claims the job's groups, outermost first, up to the first that is not to be had.
    fn claim_all(&mut self, seat: u32) -> Option<Place> {
        let job = self.jobs.get(seat as usize)?;
        let claims = job.claims.as_deref()?;
        let mut effects = Effects::default();
        let mut found = None;
        for (at, claim) in claims.iter().enumerate() {
            if is_inner(claims, at) {
                continue;
            }
            match self.groups.enter(job.project, claim, Some(seat), &mut effects) {
                GroupPlace::Holds => {}
                GroupPlace::Waits => found = Some(Place::Grouped(short(at))),
                GroupPlace::Lost => found = Some(Place::Lost(short(at))),
            }
            if found.is_some() {
                break;
            }
        }
        self.apply(effects);
        found
    }

    fn apply(&mut self, effects: Effects) {
        self.cancellations.extend(effects.cancellations);
        for seat in effects.lost {
            if let Some(job) = self.jobs.get_mut(seat as usize)
                && let Place::Grouped(claim) = job.place
            {
                job.place = Place::Lost(claim);
            }
        }
    }

    /// Takes a job from where it is to nowhere; what it used of runner, pool and quota is free.
    fn displace(&mut self, seat: u32) {
        let before = std::mem::replace(&mut self.jobs[seat as usize].place, Place::Nowhere);
        self.aside.remove(&seat);
        match before {
            Place::Nowhere | Place::Held(_) | Place::Lost(_) => {}
            Place::Grouped(at) => {
                let job = &self.jobs[seat as usize];
                if let Some(claim) = job.claims.as_ref().and_then(|claims| claims.get(at as usize)) {
                    self.groups.forget(&claim.member, seat);
                }
            }
            Place::Lined(lane) => self.unline(seat, lane),
            Place::Running(running) => self.release(seat, *running),
        }
    }

    fn remove_seat(&mut self, seat: u32) {
        let job = self.jobs.remove(seat as usize);
        self.seats.remove(&job.number);
        self.unuse_shape(job.shape);
    }

    /// A job is with a runner from now on.
    pub(super) fn begin(&mut self, seat: u32, runner: RunnerId) {
        let pool = self.runners.get(&runner).and_then(|runner| runner.spec.pool);
        self.jobs[seat as usize].place = Place::Running(Box::new(Running { runner, pool }));
        self.count(seat, pool, 1);
        self.take_place(runner);
    }

    fn release(&mut self, seat: u32, running: Running) {
        self.count(seat, running.pool, -1);
        self.free_place(running.runner);
        if let Some(pool) = running.pool {
            self.wake_pool(pool);
        }
    }

    /// One job more or less runs.
    fn count(&mut self, seat: u32, pool: Option<PoolId>, by: i32) {
        let id = self.jobs[seat as usize].project;
        let Some(project) = self.projects.get_mut(&id) else { return };
        project.running = project.running.saturating_add_signed(by);
        let owner = project.spec.owner;
        let own = self.owners.entry(owner).or_default();
        let before = own.door();
        own.running = own.running.saturating_add_signed(by);
        self.show_owner(owner, before);
        self.shelve_project(id);
        if let Some(pool) = pool {
            let running = self.busy_pools.entry(pool).or_default();
            *running = running.saturating_add_signed(by);
            if *running == 0 {
                self.busy_pools.remove(&pool);
            }
        }
    }
}

/// Whether a job's own run or call holds the group of this claim: to wait for that would be for ever.
fn is_inner(claims: &[Claim], at: usize) -> bool {
    let group = claims[at].group.to_lowercase();
    claims[..at].iter().any(|outer| outer.group.to_lowercase() == group)
}
