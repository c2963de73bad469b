//! The agent's room and what is in it: takes what the poll loop brings, starts an attempt for each task, keeps the journal, and ends
//! when there is neither room nor work any more. One loop; `run` starts it.

use crate::job::payload::Outline;
use crate::journal::{Journal, Open};
use crate::label_use::LabelNotes;
use crate::poll::{Given, Room};
use crate::status::{AttemptStatus, Work};
use crate::stop::{Stop, Stopper};
use crate::supervise::{self, Supervisor};
use domain::{
    Attempt, AttemptChange, AttemptEnd, Clock, Delivery, Slot, SlotChange, StopCause, SystemClock, Task, TaskId,
};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::File;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};

/// Something that happened to an attempt.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) task: TaskId,
    pub(crate) change: AttemptChange,
    /// Dropped when it stands in the journal.
    pub(crate) noted: Option<oneshot::Sender<()>>,
}

/// What the loop is made from.
pub(crate) struct SlotsSettings {
    pub(crate) supervisor: Arc<Supervisor>,
    pub(crate) journal: Journal,
    pub(crate) label_notes: LabelNotes,
    pub(crate) capacity: NonZeroUsize,
    /// How many jobs there will be.
    pub(crate) jobs: Jobs,
    pub(crate) room: watch::Sender<Room>,
    pub(crate) nudge: Arc<Notify>,
    pub(crate) work: watch::Sender<Work>,
    pub(crate) stop: Stopper,
    pub(crate) drain_timeout: Option<Duration>,
}

/// How many jobs there will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Jobs {
    /// As many as come.
    Any,
    /// One.
    One,
}

/// What came of it all.
#[derive(Debug, Default)]
pub(crate) struct SlotsEnd {
    /// How the last attempt that ran ended.
    pub(crate) last: Option<AttemptEnd>,
    /// Attempts whose end the forge was not told: they were killed with the agent.
    pub(crate) left: usize,
}

/// Between two times that the disk is told what the journal says: a job has two changes, and many jobs may run.
const GAP: Duration = Duration::from_millis(50);

/// The loop.
pub(crate) struct Slots {
    settings: SlotsSettings,
    slots: Vec<Slot>,
    /// Tasks beyond the room that was asked for: a forge gave too many.
    waiting: VecDeque<Task>,
    attempts: BTreeMap<TaskId, AttemptStatus>,
    running: JoinSet<()>,
    ids: HashMap<Id, TaskId>,
    said: mpsc::UnboundedSender<Said>,
    end: SlotsEnd,
    flush: Flush,
}

/// Whether the disk knows what the journal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flush {
    /// It does, or will be told with the next change.
    Done,
    /// It is being told.
    Running,
}

impl Slots {
    /// Runs until no task can come any more (`given` is closed) and none is in hand.
    pub(crate) async fn run(settings: SlotsSettings, mut given: mpsc::Receiver<Given>) -> SlotsEnd {
        let (said, mut heard) = mpsc::unbounded_channel();
        let slots = vec![Slot::Free; settings.capacity.get()];
        settings.work.send_modify(|work| work.capacity = slots.len());
        let mut this = Self {
            settings,
            slots,
            waiting: VecDeque::new(),
            attempts: BTreeMap::new(),
            running: JoinSet::new(),
            ids: HashMap::new(),
            said,
            end: SlotsEnd::default(),
            flush: Flush::Done,
        };
        this.sweep();
        this.publish();
        let flushed = Arc::new(Notify::new());
        let stop = this.settings.stop.clone();
        let (mut can_come, mut is_draining) = (true, false);
        while can_come || !this.running.is_empty() || !this.waiting.is_empty() {
            tokio::select! {
                more = given.recv(), if can_come => match more {
                    Some(given) => this.take(given),
                    None => can_come = false,
                },
                Some(said) = heard.recv() => this.hear(said),
                Some(joined) = this.running.join_next_with_id() => {
                    // What it said before it ended comes first.
                    while let Ok(said) = heard.try_recv() {
                        this.hear(said);
                    }
                    this.joined(joined);
                }
                () = stop.reached(Stop::Drain), if !is_draining => {
                    is_draining = true;
                    this.drain();
                }
                () = flushed.notified() => this.flush = Flush::Done,
            }
            if !can_come && this.waiting.is_empty() {
                this.change_slots(|_| Some(SlotChange::Retired));
            }
            this.publish();
            this.flush(&flushed);
        }
        // Nobody comes back to it.
        if let Some(file) = this.settings.journal.unflushed() {
            tell_disk(file).await;
        }
        this.end.left = this.settings.journal.in_hand().count();
        this.end
    }

    /// Tells the forge of what a crash left.
    fn sweep(&mut self) {
        let left: Vec<Open> = self.settings.journal.in_hand().cloned().collect();
        for open in left {
            tracing::warn!(task = %open.task, state = open.attempt.word(), "an attempt was left by an agent that was killed; the forge is told");
            self.attempts.insert(
                open.task,
                AttemptStatus {
                    task: open.task.0,
                    repository: None,
                    job: String::new(),
                    taken: open.taken,
                    attempt: open.attempt.clone(),
                },
            );
            let (supervisor, said) = (Arc::clone(&self.settings.supervisor), self.said.clone());
            let task = open.task;
            let handle = self.running.spawn(supervise::abandon(supervisor, open, said, self.settings.stop.clone()));
            self.ids.insert(handle.id(), task);
        }
    }

    fn take(&mut self, given: Given) {
        for task in given.tasks {
            let now = SystemClock.now();
            if self.settings.journal.knows(task.id, now) || self.waiting.iter().any(|one| one.id == task.id) {
                tracing::warn!(task = %task.id, "the forge gave a task again; it is not run again");
                self.settings.work.send_modify(|work| work.counts.repeated += 1);
                continue;
            }
            self.settings.work.send_modify(|work| work.counts.taken += 1);
            if self.settings.jobs == Jobs::One {
                self.settings.room.send_replace(Room::Closed);
            }
            self.waiting.push_back(task);
        }
        self.start_waiting();
        self.publish();
        // The poll loop may be gone by now.
        let _ = given.noted.send(());
    }

    fn start_waiting(&mut self) {
        while let Some(slot) = self.slots.iter().position(|slot| *slot == Slot::Free) {
            let Some(task) = self.waiting.pop_front() else { return };
            self.start(slot, task);
        }
    }

    fn start(&mut self, slot: usize, task: Task) {
        let (id, now) = (task.id, SystemClock.now());
        // The payload is the forge's users' text; whatever it does to the reader, the agent goes on.
        let outline =
            std::panic::catch_unwind(|| Outline::read(&task.workflow).unwrap_or_default()).unwrap_or_default();
        if let Ok(next) = self.slots[slot].after(SlotChange::Given { task: id, at: now }) {
            self.slots[slot] = next;
        }
        let served = |name: &&str| self.settings.supervisor.labels.iter().any(|label| label.name == *name);
        self.settings.label_notes.seen(outline.runs_on.iter().map(String::as_str).filter(served), now);
        let repository = task.context.get("repository").and_then(|name| name.as_str()).map(str::to_owned);
        let job = outline.name.clone().unwrap_or_else(|| outline.job.clone());
        tracing::info!(task = %id, repository = repository.as_deref().unwrap_or("-"), %job, "taken");
        self.attempts
            .insert(id, AttemptStatus { task: id.0, repository, job, taken: now, attempt: Attempt::Taken { at: now } });
        let steps = outline.steps as usize;
        let dialect = self.settings.supervisor.dialect_of(&task);
        let fault = self.settings.journal.taken(id, steps, dialect, now).err().map(|error| {
            tracing::error!("{error}; the task is not run");
            error.to_string()
        });
        let attempt = supervise::NewAttempt { task, outline, fault };
        let supervisor = Arc::clone(&self.settings.supervisor);
        let handle =
            self.running.spawn(supervise::attempt(supervisor, attempt, self.said.clone(), self.settings.stop.clone()));
        self.ids.insert(handle.id(), id);
    }

    fn hear(&mut self, said: Said) {
        // `_noted` tells whoever waits when this is through.
        let Said { task, change, noted: _noted } = said;
        let now = SystemClock.now();
        let Some(status) = self.attempts.get_mut(&task) else { return };
        let next = match status.attempt.after(change.clone()) {
            Ok(next) => next,
            Err(error) => {
                tracing::debug!(%task, %error, "a change came late");
                return;
            }
        };
        match &next {
            Attempt::Taken { .. } | Attempt::Running { .. } => {}
            Attempt::Stopping { by: StopCause::Forge, .. } => tracing::info!(%task, "the forge wants it to stop"),
            Attempt::Stopping { by: StopCause::Agent, .. } => tracing::info!(%task, "cancelled with the agent"),
            Attempt::Ended { end, at } => {
                let took = at.since(status.taken).as_secs_f64();
                match end {
                    AttemptEnd::Concluded(conclusion) => tracing::info!(%task, "{conclusion} after {took:.1} s"),
                    AttemptEnd::Fault(text) => {
                        tracing::error!(%task, "the platform failed it after {took:.1} s: {text}");
                    }
                }
                self.settings.work.send_modify(|work| work.counts.ended(end));
                self.end.last = Some(end.clone());
            }
            Attempt::Closed { delivery, .. } => {
                if let Delivery::GivenUp(why) = delivery {
                    tracing::error!(%task, "the forge does not know its whole end: {why}");
                }
                self.settings.work.send_modify(|work| work.counts.closed(delivery));
            }
        }
        let is_over = matches!(next, Attempt::Ended { .. });
        let is_closed = next.is_closed();
        status.attempt = next;
        if let Err(error) = self.settings.journal.change(task, change, now) {
            tracing::error!("{error}");
        }
        if is_over {
            self.change_slots(|slot| (slot.task() == Some(task)).then_some(SlotChange::Freed));
            self.start_waiting();
        }
        if is_closed {
            self.attempts.remove(&task);
        }
        // A free slot is worth a fetch, and so is an end that the forge knows: jobs that needed this one wait now.
        if is_over || is_closed {
            self.publish();
            self.settings.nudge.notify_one();
        }
    }

    /// An attempt's task ended; one that panicked has said nothing of it.
    fn joined(&mut self, joined: Result<(Id, ()), JoinError>) {
        let (id, panicked) = match &joined {
            Ok((id, ())) => (*id, None),
            Err(error) => (error.id(), Some(error.to_string())),
        };
        let Some(task) = self.ids.remove(&id) else { return };
        if let Some(panic) = panicked {
            let end = AttemptEnd::Fault(format!("the agent's own part for this job failed: {panic}"));
            self.hear(Said { task, change: AttemptChange::Ended { end, at: SystemClock.now() }, noted: None });
            // Still in the journal: it is swept like what a crash leaves.
            if let Some(open) = self.settings.journal.in_hand().find(|open| open.task == task).cloned() {
                let (supervisor, said) = (Arc::clone(&self.settings.supervisor), self.said.clone());
                let handle = self.running.spawn(supervise::abandon(supervisor, open, said, self.settings.stop.clone()));
                self.ids.insert(handle.id(), task);
            }
        }
    }

    fn drain(&mut self) {
        self.settings.room.send_replace(Room::Closed);
        if let Some(timeout) = self.settings.drain_timeout {
            let stop = self.settings.stop.clone();
            tokio::spawn(async move {
                tokio::time::sleep(timeout).await;
                stop.ask(Stop::Cancel);
            });
        }
    }

    fn change_slots(&mut self, change: impl Fn(Slot) -> Option<SlotChange>) {
        for slot in &mut self.slots {
            if let Some(Ok(next)) = change(*slot).map(|change| slot.after(change)) {
                *slot = next;
            }
        }
    }

    /// Says how much room there is, and what is in hand.
    fn publish(&mut self) {
        let free = self.slots.iter().filter(|slot| **slot == Slot::Free).count().saturating_sub(self.waiting.len());
        // Ends that the forge does not take must not pile up without bound.
        let undelivered = self.attempts.values().filter(|one| matches!(one.attempt, Attempt::Ended { .. })).count();
        let free = if undelivered > self.slots.len() * 4 + 16 { 0 } else { free };
        self.settings.room.send_if_modified(|room| match room {
            Room::Open(known) if *known != free => {
                *known = free;
                true
            }
            Room::Open(_) | Room::Closed => false,
        });
        let attempts: Vec<AttemptStatus> = self.attempts.values().cloned().collect();
        self.settings.work.send_if_modified(|work| {
            let is_new = work.free != free || work.attempts != attempts;
            work.free = free;
            work.attempts = attempts;
            is_new
        });
    }

    /// Tells the disk what the journal says, one call at a time and [`GAP`] apart, aside of this loop.
    fn flush(&mut self, done: &Arc<Notify>) {
        if self.flush == Flush::Running {
            return;
        }
        let Some(file) = self.settings.journal.unflushed() else { return };
        self.flush = Flush::Running;
        let done = Arc::clone(done);
        tokio::spawn(async move {
            tell_disk(file).await;
            tokio::time::sleep(GAP).await;
            done.notify_one();
        });
    }
}

async fn tell_disk(file: Arc<File>) {
    if let Ok(Err(error)) = tokio::task::spawn_blocking(move || file.sync_data()).await {
        tracing::warn!(%error, "the journal may not survive a loss of power");
    }
}
