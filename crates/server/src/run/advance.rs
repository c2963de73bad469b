//! What follows when jobs of a run have ended or somebody cancelled it. One worker draws it for all runs of this server; another server that draws the
//! same writes it once (`Store::advance`). Rooms say which run to look at through an [`Advancer`]; a crash between an end and what follows is
//! found by the next [`Worker::tick`].

use super::difference;
use super::facts::{FactsError, RunFacts};
use super::follow::Follow;
use super::heard::Heard;
use super::live::{Cancelled, Live, Told, Undecided, told};
use crate::count::Counts;
use crate::dispatch::QueueHandle;
use domain::control::{AttemptNumber, CancelCause, JobChange, JobNumber, RunId, RunPhase};
use domain::{Clock, JobId, Timestamp};
use scheduler::{Cancellation, CancellationCause, Member};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{Advance, Content, Ending, Followed, FreshEnd, GroupMember, RunHead, Store, StoreError, StoredRun};
use tokio::sync::{mpsc, watch};

/// So many machines are kept in memory.
const LIVE: usize = 512;
/// So many runs that are behind are looked at in one tick: more than those that are so because nothing followed, of which the machines are in memory.
const BEHIND: u32 = 2048;
/// Runs that nobody told of are looked for so often.
const EVERY: Duration = Duration::from_secs(5);
/// A cancellation that the database did not take is tried again after so long.
const AGAIN: Duration = Duration::from_secs(1);

/// Says which runs to look at. Clones speak to one worker.
#[derive(Debug, Clone)]
pub struct Advancer {
    mailbox: mpsc::UnboundedSender<Message>,
    live: Arc<Mutex<LiveRuns>>,
}

#[derive(Debug)]
enum Message {
    Look(RunId),
    Ended(Box<FreshEnd>),
    Cancel(Box<Cancellation>),
}

/// The machines in memory; the oldest goes first.
#[derive(Debug, Default)]
struct LiveRuns {
    runs: HashMap<(RunId, AttemptNumber), Live>,
    order: VecDeque<(RunId, AttemptNumber)>,
}

/// Draws what follows.
#[derive(Debug)]
pub struct Worker {
    mailbox: mpsc::UnboundedReceiver<Message>,
    /// For what it tells itself later; it does not keep itself alive.
    again: mpsc::WeakUnboundedSender<Message>,
    live: Arc<Mutex<LiveRuns>>,
    store: Store,
    queue: QueueHandle,
    counts: Arc<Counts>,
    clock: Arc<dyn Clock>,
}

/// What a tick came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Advanced {
    /// Runs that went on.
    pub runs: usize,
    /// Runs that could not, with a fault that was told.
    pub faults: usize,
}

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
enum AdvanceError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Facts(#[from] FactsError),
}

impl Advancer {
    /// A worker and what speaks to it.
    #[must_use]
    pub fn new(store: Store, queue: QueueHandle, counts: Arc<Counts>, clock: Arc<dyn Clock>) -> (Self, Worker) {
        let (sender, mailbox) = mpsc::unbounded_channel();
        let (live, again) = (Arc::default(), sender.downgrade());
        (
            Self { mailbox: sender, live: Arc::clone(&live) },
            Worker { mailbox, again, live, store, queue, counts, clock },
        )
    }

    /// Something happened to a run.
    pub fn look(&self, run: RunId) {
        // Without a worker the server ends.
        let _ = self.mailbox.send(Message::Look(run));
    }

    /// A job of a run has ended. Where that is all that happened to the run since it was looked at last, nothing of it is read.
    pub fn ended(&self, end: FreshEnd) {
        let _ = self.mailbox.send(Message::Ended(Box::new(end)));
    }

    /// Something is to be cancelled for its concurrency group.
    pub fn cancel(&self, cancellation: Cancellation) {
        let _ = self.mailbox.send(Message::Cancel(Box::new(cancellation)));
    }

    /// Keeps the machine of a run that was just made.
    pub fn keep(&self, run: &StoredRun, live: Live) {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).put((run.id, run.attempt), live);
    }
}

impl LiveRuns {
    fn put(&mut self, key: (RunId, AttemptNumber), live: Live) {
        if self.runs.insert(key, live).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > LIVE {
            if let Some(oldest) = self.order.pop_front() {
                self.runs.remove(&oldest);
            }
        }
    }

    /// The last place that the machine of an end's run has heard of.
    fn heard(&self, end: &FreshEnd) -> Option<i64> {
        self.runs.get(&(end.run.id, end.run.attempt)).map(Live::heard)
    }

    fn take(&mut self, key: (RunId, AttemptNumber)) -> Option<Live> {
        let live = self.runs.remove(&key)?;
        self.order.retain(|other| *other != key);
        Some(live)
    }
}

impl Worker {
    /// Works until told to stop, or nobody speaks to it any more.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut ticker = tokio::time::interval(EVERY);
        ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = self.mailbox.recv() => match message {
                    Some(message) => self.hear(message).await,
                    None => return,
                },
                _ = ticker.tick() => if let Err(error) = self.tick().await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "runs that are behind could not be looked for; they are in {EVERY:?}");
                },
                _ = stop.changed() => return,
            }
        }
    }

    async fn hear(&mut self, message: Message) {
        let mut runs: HashMap<RunId, Heard> = HashMap::new();
        let mut next = Some(message);
        while let Some(message) = next {
            match message {
                Message::Look(run) => drop(runs.insert(run, Heard::Look)),
                Message::Ended(end) => runs.entry(end.run.id).or_default().take(*end),
                Message::Cancel(cancellation) => {
                    if let Some(run) = self.cancel(*cancellation).await {
                        runs.insert(run, Heard::Look);
                    }
                }
            }
            next = self.mailbox.try_recv().ok();
        }
        for (run, heard) in runs {
            self.all_of(run, heard).await;
        }
    }

    /// Looks at the runs that are behind, whoever told or did not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tick(&self) -> Result<Advanced, StoreError> {
        let mut report = Advanced::default();
        for run in self.store.runs_behind(BEHIND).await? {
            if self.all_of(run, Heard::Look).await {
                report.runs += 1;
            } else {
                report.faults += 1;
            }
        }
        Ok(report)
    }

    /// Draws all that follows for a run; false when something was at fault.
    async fn all_of(&self, run: RunId, mut heard: Heard) -> bool {
        loop {
            match self.advance(run, std::mem::take(&mut heard)).await {
                Ok(Next::More) => {}
                Ok(Next::Done) => return true,
                Err(AdvanceError::Facts(error)) => {
                    return self.give_up(run, &error).await;
                }
                Err(AdvanceError::Store(StoreError::Missing { .. })) => return true,
                // A change that came between the look and the writing: the next look sees it.
                Err(AdvanceError::Store(StoreError::Job(refusal))) => {
                    tracing::debug!(error = &refusal as &dyn std::error::Error, %run, "a run changed while it was looked at");
                }
                Err(AdvanceError::Store(error)) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, %run, "a run could not go on; it is looked at again in {EVERY:?}");
                    return false;
                }
            }
        }
    }

    /// A run that can have no more jobs fails, with its reason.
    async fn give_up(&self, run: RunId, error: &FactsError) -> bool {
        let Ok(seen) = self.store.run(run).await else { return false };
        let fault = Advance { fault: Some(error.to_string()), ..Advance::default() };
        let done = self.store.advance(&seen, &fault, self.clock.now()).await;
        if matches!(done, Ok(Some(_))) {
            tracing::warn!(error = error as &dyn std::error::Error, %run, "a run can have no more jobs");
        }
        done.is_ok()
    }

    async fn advance(&self, id: RunId, heard: Heard) -> Result<Next, AdvanceError> {
        let last = |end: &FreshEnd| self.live.lock().unwrap_or_else(PoisonError::into_inner).heard(end);
        let (run, heard) = match heard.next(last) {
            Some((run, ended)) => (run, Some(ended)),
            None => (self.store.run_head(id).await?, None),
        };
        if run.ends <= run.advanced {
            if let RunPhase::Finished(_) = run.phase {
                self.queue.run_left(run.id);
            }
            return Ok(Next::Done);
        }
        let now = self.clock.now();
        let key = (run.id, run.attempt);
        let kept = self.live.lock().unwrap_or_else(PoisonError::into_inner).take(key);
        let was_kept = kept.is_some();
        let (mut live, follow) = match kept {
            Some(live) if live.heard() == run.ends => (live, Follow::default()),
            Some(live) => {
                let ended = match heard {
                    Some(ended) => ended,
                    None => self.store.ended(run.id, run.attempt, live.heard()).await?,
                };
                hear(live, &run, &told(&run, ended), now)
            }
            None => self.again(&run, now).await?,
        };
        let calls_ended = follow.calls_ended.clone();
        let advance = match difference::unless_read(&live, &follow) {
            // A job that goes on ends too, and is looked at then: that nothing followed from the others before it need not be written until then.
            Some(_) if was_kept && calls_ended.is_empty() && goes_on(run.phase) => {
                self.live.lock().unwrap_or_else(PoisonError::into_inner).put(key, live);
                return Ok(Next::Done);
            }
            Some(advance) => advance,
            None => {
                let rows = self.store.job_rows(run.id, run.attempt).await?;
                difference::of(&rows, follow, &mut live, now)
            }
        };
        let written = self.store.advance(&run, &advance, now).await?;
        let Some(done) = written else { return Ok(Next::More) };
        self.live.lock().unwrap_or_else(PoisonError::into_inner).put(key, live);
        self.tell(&run, &advance, &done, calls_ended).await?;
        if done.ends > run.ends {
            return Ok(Next::More);
        }
        if let RunPhase::Finished(_) = done.phase {
            self.queue.run_left(run.id);
        }
        Ok(Next::Done)
    }

    /// The machine made again, and what follows from what nobody has drawn from yet.
    async fn again(&self, run: &RunHead, now: Timestamp) -> Result<(Live, Follow), AdvanceError> {
        let stored = self.store.run(run.id).await?;
        let facts = RunFacts::of(&stored)?;
        let ended = self.store.ended(run.id, run.attempt, 0).await?;
        let (live, first) = Live::again(&stored, &facts, cancelled(run), now)?;
        let (live, mut follow) = hear(live, run, &told(run, ended), now);
        if run.advanced < 0 {
            // Of a re-run not even the first jobs are there.
            let Follow { jobs, cancel, calls_ended } = first;
            follow.jobs.splice(0..0, jobs);
            follow.cancel.splice(0..0, cancel);
            follow.calls_ended.splice(0..0, calls_ended);
        }
        Ok((live, follow))
    }

    /// Tells the dispatcher what is new.
    async fn tell(
        &self,
        run: &RunHead,
        advance: &Advance,
        done: &Followed,
        calls_ended: Vec<JobId>,
    ) -> Result<(), StoreError> {
        done.changed.iter().for_each(|job| self.counts.changed(&job.before, &job.after));
        let made = advance.replaced.iter().map(|(_, job)| job).chain(&advance.jobs);
        made.for_each(|job| self.counts.made(&job.phase));
        let mut over: Vec<JobNumber> = advance.removed.clone();
        over.extend(done.changed.iter().filter(|job| job.after.end().is_some()).map(|job| job.number));
        if !over.is_empty() {
            self.queue.gone(over);
        }
        let new: Vec<JobNumber> =
            advance.replaced.iter().map(|(job, _)| *job).chain(done.made.iter().copied()).collect();
        if !new.is_empty() {
            let jobs = self.store.jobs_numbered(&new).await?;
            let open = jobs.into_iter().filter(|job| job.phase.end().is_none()).collect();
            self.queue.jobs(open);
        }
        self.queue.calls_left(run.id, calls_ended);
        Ok(())
    }

    /// Cancels something for its concurrency group; gives the run to look at then.
    async fn cancel(&self, cancellation: Cancellation) -> Option<RunId> {
        if self.is_in(&cancellation).await {
            return None;
        }
        let group = cancellation.group.to_string();
        // What waited has begun nothing: not even its jobs with `always()` are to run, which would want the group that it never gets.
        let (by, ending) = match cancellation.cause {
            CancellationCause::GaveWay { .. } => (CancelCause::GaveWay(group), Ending::All),
            CancellationCause::InProgress { .. } => (CancelCause::Concurrency(group), Ending::ByConditions),
        };
        let now = self.clock.now();
        let done = match &cancellation.member {
            Member::Run(run) => self.store.cancel_run(*run, &by, ending, now, None).await.map(|run| Some(run.id)),
            Member::Job(job) => self.cancel_job(*job, by).await,
            Member::Call(run, call) => self.cancel_call(*run, call, by).await,
        };
        match done {
            Ok(run) => run,
            // It has ended in between.
            Err(StoreError::Job(_) | StoreError::Run(_) | StoreError::Missing { .. }) => None,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "something could not be cancelled for its concurrency group; it is tried again in {AGAIN:?}"
                );
                let again = self.again.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(AGAIN).await;
                    // Who does not hear it any more has ended.
                    again.upgrade().map(|again| again.send(Message::Cancel(Box::new(cancellation))))
                });
                None
            }
        }
    }

    /// Whether who was to give way has its group by now: another server let it in.
    async fn is_in(&self, cancellation: &Cancellation) -> bool {
        let CancellationCause::GaveWay { .. } = cancellation.cause else { return false };
        let member = match &cancellation.member {
            Member::Run(run) => GroupMember::Run(*run),
            Member::Call(run, call) => GroupMember::Call(*run, call.clone()),
            Member::Job(job) => match self.store.job(*job).await {
                Ok(stored) => GroupMember::Job(stored.run, *job),
                Err(_) => return false,
            },
        };
        self.store.holds_group(cancellation.project, &cancellation.group, &member).await.unwrap_or(false)
    }

    async fn cancel_job(&self, job: JobNumber, by: CancelCause) -> Result<Option<RunId>, StoreError> {
        let change = JobChange::CancelAsked { by, at: self.clock.now() };
        let changed = self.store.change_job(job, change, self.clock.now()).await?;
        self.counts.changed(&changed.before, &changed.after);
        if changed.after.end().is_some() {
            self.queue.gone(vec![job]);
        }
        Ok(Some(changed.run))
    }

    async fn cancel_call(&self, run: RunId, call: &JobId, by: CancelCause) -> Result<Option<RunId>, StoreError> {
        let head = self.store.run_head(run).await?;
        let inside = format!("{call} / ");
        for job in self.store.job_rows(run, head.attempt).await? {
            let is_open = job.phase.end().is_none() && job.content == Content::Decided;
            if job.id.as_str().starts_with(&inside) && is_open {
                self.cancel_job(job.number, by.clone()).await?;
            }
        }
        Ok(Some(run))
    }
}

/// Whether jobs of a run are queued or with runners.
const fn goes_on(phase: RunPhase) -> bool {
    matches!(phase, RunPhase::Waiting | RunPhase::Running)
}

/// Whether a run is to be looked at again.
enum Next {
    More,
    Done,
}

fn hear(mut live: Live, run: &RunHead, told: &[Told], now: Timestamp) -> (Live, Follow) {
    let cancelled = cancelled(run);
    if live.heard() < run.advanced {
        // What was written already was heard by another, and is heard here for nothing.
        live.undecided = Undecided::Unknown;
        live.hear(cancelled, now, told, run.advanced);
    }
    let follow = live.hear(cancelled, now, told, run.ends);
    (live, follow)
}

fn cancelled(run: &RunHead) -> Cancelled<'_> {
    run.cancelled.as_ref().map(|asked| &asked.by)
}
