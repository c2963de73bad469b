//! How rooms speak to the dispatcher. A clone costs nothing; messages are taken in order.

use domain::RunnerId;
use domain::control::{JobNumber, ProjectId, RunId};
use scheduler::{Member, ReasonKind, Wait};
use std::collections::BTreeMap;
use std::time::Duration;
use store::{Project, StoredJob, StoredRunner, StoredTask};
use tokio::sync::{mpsc, oneshot};

/// A task for a runner that asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// The lease.
    pub task: StoredTask,
    /// Its job.
    pub job: StoredJob,
}

/// What a runner asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Who.
    pub runner: RunnerId,
    /// Its key, to be given the same again.
    pub request: Option<String>,
    /// How many jobs it has room for.
    pub places: u32,
    /// How it asks.
    pub manner: Manner,
}

/// How a runner asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Its question stays open while it has room: one that asks for nothing is full.
    Holds,
    /// Now and then: between two questions nothing is known of its room.
    Polls,
}

/// What comes of a question.
#[derive(Debug)]
pub struct AskOutcome {
    pub(super) answer: oneshot::Receiver<Vec<Given>>,
}

impl AskOutcome {
    /// Waits for tasks, so long at most; then `flush` is called, and what there is is the answer. Nothing when the server ends.
    pub async fn within(mut self, wait: Duration, flush: impl FnOnce()) -> Vec<Given> {
        if !wait.is_zero()
            && let Ok(given) = tokio::time::timeout(wait, &mut self.answer).await
        {
            return given.unwrap_or_default();
        }
        flush();
        self.answer.await.unwrap_or_default()
    }
}

/// What the dispatcher is told.
#[derive(Debug)]
pub(super) enum Message {
    Jobs(Vec<StoredJob>),
    /// All jobs of a run that are not over.
    Run(RunId, Vec<StoredJob>),
    Gone(Vec<JobNumber>),
    Requeued(JobNumber),
    Left(Vec<Member>),
    Runner(Box<StoredRunner>),
    RunnerGone(RunnerId),
    Project(Box<Project>),
    ProjectGone(ProjectId),
    Ask(Ask, oneshot::Sender<Vec<Given>>),
    /// Somebody who asked may have gone away.
    AsksEnded(RunnerId),
    /// Answers those who do not wait.
    Flush(RunnerId),
    /// The server stops: nobody waits any longer.
    Close,
    Why(JobNumber, oneshot::Sender<Option<Wait>>),
    Runs(oneshot::Sender<Vec<RunId>>),
    Census(oneshot::Sender<BTreeMap<ReasonKind, u64>>),
}

/// Speaks to the dispatcher.
#[derive(Debug, Clone)]
pub struct QueueHandle(pub(super) mpsc::UnboundedSender<Message>);

impl QueueHandle {
    /// A handle and its mailbox.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Message>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    // A dispatcher that has ended hears nothing: the server ends.
    fn tell(&self, message: Message) {
        let _ = self.0.send(message);
    }

    /// Jobs of a project are new or others than before: held, queued or with a runner; those that are over are forgotten.
    pub fn jobs(&self, jobs: Vec<StoredJob>) {
        self.tell(Message::Jobs(jobs));
    }

    /// These are all jobs of a run's last try; others of it are none any more.
    pub(super) fn run(&self, run: RunId, jobs: Vec<StoredJob>) {
        self.tell(Message::Run(run, jobs));
    }

    /// Jobs are over, or no jobs any more.
    pub fn gone(&self, jobs: Vec<JobNumber>) {
        self.tell(Message::Gone(jobs));
    }

    /// A lease was not used: the job waits again.
    pub fn requeued(&self, job: JobNumber) {
        self.tell(Message::Requeued(job));
    }

    /// A run is over: its groups are free.
    pub fn run_left(&self, run: RunId) {
        self.tell(Message::Left(vec![Member::Run(run)]));
    }

    /// Calls of reusable workflows are over: their groups are free.
    pub fn calls_left(&self, run: RunId, calls: impl IntoIterator<Item = domain::JobId>) {
        let left: Vec<Member> = calls.into_iter().map(|call| Member::Call(run, call)).collect();
        if !left.is_empty() {
            self.tell(Message::Left(left));
        }
    }

    /// A runner is new, or another than before.
    pub fn runner(&self, runner: StoredRunner) {
        self.tell(Message::Runner(Box::new(runner)));
    }

    /// A runner is none any more.
    pub fn runner_gone(&self, runner: RunnerId) {
        self.tell(Message::RunnerGone(runner));
    }

    /// A project is new, or another than before.
    pub fn project(&self, project: Project) {
        self.tell(Message::Project(Box::new(project)));
    }

    /// A project is none any more, nor are its jobs.
    pub fn project_gone(&self, project: ProjectId) {
        self.tell(Message::ProjectGone(project));
    }

    /// A runner asks. Whoever drops the outcome asks no more.
    #[must_use]
    pub fn ask(&self, ask: Ask) -> AskOutcome {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Ask(ask, reply));
        AskOutcome { answer }
    }

    /// The runner does not wait any longer: it is answered with what there is, which may be nothing.
    pub fn flush(&self, runner: RunnerId) {
        self.tell(Message::Flush(runner));
    }

    /// Questions of a runner may have been dropped.
    pub fn asks_ended(&self, runner: RunnerId) {
        self.tell(Message::AsksEnded(runner));
    }

    /// Answers all who wait, and lets the dispatcher end: nothing is given any more.
    pub fn close(&self) {
        self.tell(Message::Close);
    }

    /// Until the dispatcher has ended: whoever answers for as long as the server runs, ends then.
    pub async fn closed(&self) {
        self.0.closed().await;
    }

    /// Why a job waits; nothing when it does not.
    pub async fn why(&self, job: JobNumber) -> Option<Wait> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Why(job, reply));
        answer.await.ok().flatten()
    }

    /// The runs of which the queue knows anything.
    pub(super) async fn runs(&self) -> Vec<RunId> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Runs(reply));
        answer.await.unwrap_or_default()
    }

    /// How many jobs wait for which reason.
    pub async fn census(&self) -> BTreeMap<ReasonKind, u64> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Census(reply));
        answer.await.unwrap_or_default()
    }
}
