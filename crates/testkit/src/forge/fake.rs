//! The handle that tests hold: starts the forge, gives it work, asks what it saw.

use super::mischief::{Mischief, Plan};
use super::rules::{Entry, Rules, Standing};
use super::{service::Service, wire};
use domain::{LogRow, RunnerUuid, Task, TaskId, TaskResult, TaskState};
use protocol::{BASE_PATH, Dialect, Runner};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// A forge on loopback; ended when dropped.
#[derive(Debug)]
pub struct FakeForge {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

/// What connections and tests share.
#[derive(Debug)]
pub(super) struct Shared {
    rules: Mutex<Rules>,
    plan: Mutex<Plan>,
    calls: Mutex<Vec<String>>,
    clock: Mutex<Skew>,
    presence: Mutex<Presence>,
    changed: watch::Sender<u64>,
}

/// Whether anything gets through to the forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// Bodies up to this size do.
    UpTo(usize),
    /// Nothing does: every connection closes.
    Away,
}

/// How the forge's clock goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skew {
    Ahead(Duration),
    Behind(Duration),
}

impl Default for Skew {
    fn default() -> Self {
        Self::Ahead(Duration::ZERO)
    }
}

impl Default for Presence {
    fn default() -> Self {
        Self::UpTo(usize::MAX)
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Changes the forge and wakes whoever waits for a change.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Rules) -> T) -> T {
        let result = change(&mut lock(&self.rules));
        self.changed.send_modify(|count| *count += 1);
        result
    }

    /// Notes a call with a body of so many bytes; answers what goes wrong with it.
    pub(super) fn called(&self, method: &str, bytes: usize) -> Option<Mischief> {
        lock(&self.calls).push(method.to_owned());
        self.changed.send_modify(|count| *count += 1);
        match *lock(&self.presence) {
            Presence::Away => Some(Mischief::LoseRequest),
            Presence::UpTo(most) if bytes > most => Some(Mischief::Status(413)),
            Presence::UpTo(_) => lock(&self.plan).take(method),
        }
    }

    pub(super) fn now(&self) -> SystemTime {
        match *lock(&self.clock) {
            Skew::Ahead(by) => SystemTime::now() + by,
            Skew::Behind(by) => SystemTime::now() - by,
        }
    }
}

/// A task with a number and a workflow file, and nothing else.
#[must_use]
pub fn bare_task(id: i64, workflow: &str) -> Task {
    Task {
        id: TaskId(id),
        workflow: workflow.as_bytes().to_vec(),
        context: serde_json::Map::new(),
        secrets: BTreeMap::new(),
        vars: BTreeMap::new(),
        needs: BTreeMap::new(),
    }
}

impl FakeForge {
    /// The token with which runners register.
    pub const TOKEN: &'static str = "registration-token-of-the-fake-forge";

    /// Starts one, within a tokio runtime.
    ///
    /// # Errors
    /// When no port of loopback can be had.
    pub async fn start(dialect: Dialect) -> io::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            rules: Mutex::new(Rules::new(dialect, Self::TOKEN.to_owned())),
            plan: Mutex::default(),
            calls: Mutex::default(),
            clock: Mutex::default(),
            presence: Mutex::default(),
            changed: watch::Sender::new(0),
        });
        let service = Arc::new(Service(Arc::clone(&shared)));
        let router = axum::Router::new().nest_service(BASE_PATH, protocol::router(service));
        let server = tokio::spawn(wire::serve(listener, router, Arc::clone(&shared)));
        Ok(Self { address, shared, server })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port, for a proxy in front of it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A task for a runner with all of these labels.
    pub fn add(&self, task: Task, labels: &[&str]) {
        let entry = Entry {
            task,
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
            standing: Standing::Waiting,
            key: None,
            rows: Vec::new(),
            is_filed: false,
            outputs: BTreeMap::new(),
            reports: Vec::new(),
            handed: 0,
        };
        self.shared.change(|rules| {
            rules.entries.push(entry);
            rules.bump();
        });
    }

    /// Somebody cancels a task.
    pub fn cancel(&self, task: TaskId) {
        self.shared.change(|rules| rules.cancel(task));
    }

    /// The next fetch hands a task out that somebody has or had.
    pub fn hand_out_again(&self, task: TaskId) {
        self.shared.change(|rules| {
            rules.again = Some(task);
            rules.bump();
        });
    }

    /// Somebody removes a runner.
    pub fn remove_runner(&self, uuid: &RunnerUuid) {
        self.shared.change(|rules| rules.forget(uuid));
    }

    /// The next `times` calls of a method (`FetchTask`) go wrong so. What is planned first happens first.
    pub fn misbehave(&self, method: &str, mischief: Mischief, times: usize) {
        lock(&self.shared.plan).add(method, mischief, times);
    }

    /// Nothing goes wrong any more.
    pub fn behave(&self) {
        lock(&self.shared.plan).clear();
    }

    /// Nothing gets through any more, until [`FakeForge::come_back`].
    pub fn go_away(&self) {
        *lock(&self.shared.presence) = Presence::Away;
    }

    /// Everything gets through again.
    pub fn come_back(&self) {
        *lock(&self.shared.presence) = Presence::default();
    }

    /// A proxy before the forge takes no larger bodies.
    pub fn take_bodies_up_to(&self, bytes: usize) {
        *lock(&self.shared.presence) = Presence::UpTo(bytes);
    }

    /// The forge loses rows of a task's log and keeps so many.
    pub fn lose_rows(&self, task: TaskId, keep: usize) {
        self.shared.change(|rules| {
            rules.entries.iter_mut().filter(|entry| entry.task.id == task).for_each(|entry| entry.rows.truncate(keep));
        });
    }

    /// The forge's sweeper ends a task that it did not hear of: it failed, and its log is filed away.
    pub fn sweep(&self, task: TaskId) {
        self.shared.change(|rules| rules.sweep(task));
    }

    /// Sets the forge's clock ahead, which its header `Date` shows.
    pub fn set_clock_ahead(&self, by: Duration) {
        *lock(&self.shared.clock) = Skew::Ahead(by);
    }

    /// Sets the forge's clock back.
    pub fn set_clock_behind(&self, by: Duration) {
        *lock(&self.shared.clock) = Skew::Behind(by);
    }

    /// The method of every call that arrived, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        lock(&self.shared.calls).clone()
    }

    /// The runners that are registered.
    #[must_use]
    pub fn runners(&self) -> Vec<Runner> {
        lock(&self.shared.rules).runners()
    }

    fn entry<T>(&self, task: TaskId, read: impl FnOnce(&Entry) -> T) -> Option<T> {
        lock(&self.shared.rules).entries.iter().find(|entry| entry.task.id == task).map(read)
    }

    /// How a task ended; `None` while it has not, or is not known.
    #[must_use]
    pub fn result(&self, task: TaskId) -> Option<TaskResult> {
        self.entry(task, |entry| match &entry.standing {
            Standing::Ended { result, .. } => Some(*result),
            _ => None,
        })
        .flatten()
    }

    /// Every state that was reported of a task, the ignored ones too.
    #[must_use]
    pub fn reports(&self, task: TaskId) -> Vec<TaskState> {
        self.entry(task, |entry| entry.reports.clone()).unwrap_or_default()
    }

    /// The rows of a task's log.
    #[must_use]
    pub fn log(&self, task: TaskId) -> Vec<LogRow> {
        self.entry(task, |entry| entry.rows.clone()).unwrap_or_default()
    }

    /// Whether a task's log was closed and filed away.
    #[must_use]
    pub fn is_log_filed(&self, task: TaskId) -> bool {
        self.entry(task, |entry| entry.is_filed).unwrap_or_default()
    }

    /// The outputs that are stored.
    #[must_use]
    pub fn outputs(&self, task: TaskId) -> BTreeMap<String, String> {
        self.entry(task, |entry| entry.outputs.clone()).unwrap_or_default()
    }

    /// How often a task was handed out.
    #[must_use]
    pub fn handed_out(&self, task: TaskId) -> u32 {
        self.entry(task, |entry| entry.handed).unwrap_or_default()
    }

    /// Waits until something holds; looks after every call and every change.
    pub async fn until(&self, mut holds: impl FnMut(&Self) -> bool) {
        let mut changed = self.shared.changed.subscribe();
        while !holds(self) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Drop for FakeForge {
    fn drop(&mut self) {
        self.server.abort();
    }
}
