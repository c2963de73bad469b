//! What the dispatcher knows of jobs beside the queue: whose they are, who has them, and how new that knowledge is. Owned by the actor.
//!
//! News may come late: what a server was told of itself directly is newer than what it hears of the same thing from the database. The epoch of a
//! job only grows, and tells.

use domain::RunnerId;
use domain::control::{Epoch, JobNumber, ProjectId, RunId};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use store::{GroupClaim, StoredJob};

/// A job that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) project: ProjectId,
    pub(super) run: RunId,
    pub(super) runner: Option<RunnerId>,
    /// The groups that it needs; most need none.
    pub(super) groups: Option<Arc<[GroupClaim]>>,
    epoch: Epoch,
}

/// The jobs that are not over.
#[derive(Debug, Default)]
pub(super) struct Book {
    jobs: HashMap<JobNumber, Entry>,
    runs: HashMap<RunId, Vec<JobNumber>>,
    /// Jobs that ended lately, of which late news may come.
    ended: HashSet<JobNumber>,
    order: VecDeque<JobNumber>,
}

/// So many ended jobs are remembered.
const ENDED: usize = 16_384;

/// Whether something said of a job is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// It is new, or as new as what is known.
    New,
    /// It was so before.
    Old,
}

impl Book {
    pub(super) fn get(&self, job: JobNumber) -> Option<Entry> {
        self.jobs.get(&job).cloned()
    }

    /// Whether what is said of a job is newer than what is known: a lease is counted as soon as it is decided.
    pub(super) fn age(&self, job: &StoredJob) -> Age {
        if self.ended.contains(&job.number) {
            return Age::Old;
        }
        match self.jobs.get(&job.number) {
            Some(known) if job.phase.end().is_none() && job.phase.epoch() < known.epoch => Age::Old,
            _ => Age::New,
        }
    }

    /// Notes a job as it is said to be; gives who was known to have it.
    pub(super) fn put(&mut self, job: &StoredJob) -> Option<RunnerId> {
        let runner = job.phase.lease().map(|lease| lease.runner);
        let groups = super::spec::groups(job);
        let groups = if groups.is_empty() { None } else { Some(groups.into()) };
        let entry = Entry { project: job.project, run: job.run, runner, groups, epoch: job.phase.epoch() };
        match self.jobs.insert(job.number, entry) {
            Some(before) => before.runner,
            None => {
                self.runs.entry(job.run).or_default().push(job.number);
                None
            }
        }
    }

    /// A lease is being written.
    pub(super) fn lease(&mut self, job: JobNumber, runner: RunnerId) {
        if let Some(entry) = self.jobs.get_mut(&job) {
            entry.runner = Some(runner);
            entry.epoch = Epoch::from_stored(entry.epoch.get().saturating_add(1));
        }
    }

    /// Nobody has it; gives who had. A lease that was not written did not count.
    pub(super) fn free(&mut self, job: JobNumber, written: Written) -> Option<RunnerId> {
        let entry = self.jobs.get_mut(&job)?;
        if written == Written::No {
            entry.epoch = Epoch::from_stored(entry.epoch.get().saturating_sub(1));
        }
        entry.runner.take()
    }

    pub(super) fn remove(&mut self, job: JobNumber) -> Option<Entry> {
        let entry = self.jobs.remove(&job)?;
        if let Some(jobs) = self.runs.get_mut(&entry.run) {
            jobs.retain(|other| *other != job);
            if jobs.is_empty() {
                self.runs.remove(&entry.run);
            }
        }
        Some(entry)
    }

    /// A job ended; no number comes twice.
    pub(super) fn end(&mut self, job: JobNumber) {
        if self.ended.insert(job) {
            self.order.push_back(job);
        }
        if self.order.len() > ENDED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }

    /// The jobs of a run that are known and not among these.
    pub(super) fn others(&self, run: RunId, among: &[StoredJob]) -> Vec<JobNumber> {
        let among: HashSet<JobNumber> = among.iter().map(|job| job.number).collect();
        self.runs.get(&run).into_iter().flatten().filter(|job| !among.contains(job)).copied().collect()
    }

    /// The runs of its jobs.
    pub(super) fn runs(&self) -> impl Iterator<Item = RunId> + '_ {
        self.runs.keys().copied()
    }

    pub(super) fn of_project(&self, project: ProjectId) -> Vec<JobNumber> {
        self.jobs.iter().filter(|(_, entry)| entry.project == project).map(|(job, _)| *job).collect()
    }
}

/// Whether a lease that is over was in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It was, and counts.
    Yes,
    /// It was not.
    No,
}

#[cfg(test)]
mod tests {
    use super::{Age, Book};
    use domain::control::{AttemptNumber, JobNumber, JobPhase, ProjectId, RunId, Tolerance};
    use domain::{JobId, Timestamp};
    use store::StoredJob;

    fn job(number: i64) -> StoredJob {
        StoredJob {
            number: JobNumber(number),
            run: RunId(1),
            project: ProjectId(1),
            attempt: AttemptNumber::FIRST,
            id: JobId::new("a"),
            name: "a".to_owned(),
            labels: Vec::new(),
            priority: 0,
            tolerance: Tolerance::FailsRun,
            document: String::new(),
            facts: serde_json::Value::Null,
            phase: JobPhase::queued(Timestamp(0)),
            outputs: Default::default(),
            end_order: None,
            kept_from: None,
            created: Timestamp(0),
            started: None,
            finished: None,
        }
    }

    #[test]
    fn late_news_of_a_leased_or_ended_job_is_old() {
        let mut book = Book::default();
        assert_eq!(book.age(&job(1)), Age::New);
        book.put(&job(1));
        assert_eq!(book.age(&job(1)), Age::New);
        book.lease(JobNumber(1), domain::RunnerId(1));
        assert_eq!(book.age(&job(1)), Age::Old);
        book.free(JobNumber(1), super::Written::No);
        assert_eq!(book.age(&job(1)), Age::New);
        book.remove(JobNumber(1));
        book.end(JobNumber(1));
        assert_eq!(book.age(&job(1)), Age::Old);
    }
}
