//! What a forge does with runners, tasks, logs and states. No IO: `service` calls it under a lock.

use domain::{
    Conclusion, LogBatch, LogEnd, LogRow, RunnerCapability, RunnerId, RunnerKey, RunnerLife, RunnerStatus, RunnerUuid,
    Secret, Task, TaskId, TaskPhase, TaskResult, TaskState, TasksVersion, Timestamp,
};
use protocol::{
    Code, Declaration, Declared, Dialect, Fetch, Fetched, Refusal, Registration, Report, Reported, RequestKey, Runner,
    Want,
};
use std::collections::{BTreeMap, BTreeSet};

const CANCELLED: TaskResult = TaskResult::Concluded(Conclusion::Cancelled);

/// Where a task is, as the forge sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    Waiting,
    Given {
        to: RunnerUuid,
    },
    /// Cancelled, and its runner said that it goes on reporting.
    Cancelling {
        by: RunnerUuid,
    },
    Ended {
        result: TaskResult,
        by: RunnerUuid,
    },
}

/// A task and all that was said about it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) task: Task,
    pub(super) labels: Vec<String>,
    pub(super) standing: Standing,
    pub(super) key: Option<RequestKey>,
    pub(super) rows: Vec<LogRow>,
    pub(super) is_filed: bool,
    pub(super) outputs: BTreeMap<String, String>,
    pub(super) reports: Vec<TaskState>,
    /// How often it was handed out.
    pub(super) handed: u32,
}

#[derive(Debug)]
struct Registered {
    runner: Runner,
    is_cancelling: bool,
}

/// The whole forge.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) dialect: Dialect,
    pub(super) tokens: BTreeSet<String>,
    runners: Vec<Registered>,
    pub(super) entries: Vec<Entry>,
    pub(super) version: i64,
    next_runner: i64,
    /// The next fetch hands this task out although somebody has it.
    pub(super) again: Option<TaskId>,
}

type Answer<T> = Result<T, Refusal>;

impl Rules {
    pub(super) fn new(dialect: Dialect, token: String) -> Self {
        Self {
            dialect,
            tokens: BTreeSet::from([token]),
            runners: Vec::new(),
            entries: Vec::new(),
            version: 1,
            next_runner: 1,
            again: None,
        }
    }

    /// A refusal as this forge says it: Gitea's leave as `unknown` with the code of gRPC in the text.
    fn refuse(&self, code: Code, grpc: &str, text: &str) -> Refusal {
        match self.dialect {
            Dialect::Forgejo => Refusal::new(code, text),
            Dialect::Gitea => Refusal::new(Code::Unknown, format!("rpc error: code = {grpc} desc = {text}")),
        }
    }

    fn caller(&mut self, key: Option<&RunnerKey>) -> Answer<&mut Registered> {
        let at = key.and_then(|key| self.runners.iter().position(|known| known.runner.key() == *key));
        match at {
            Some(at) => Ok(&mut self.runners[at]),
            None => Err(self.refuse(Code::Unauthenticated, "Unauthenticated", "unregistered runner")),
        }
    }

    pub(super) fn runners(&self) -> Vec<Runner> {
        self.runners.iter().map(|known| known.runner.clone()).collect()
    }

    pub(super) fn forget(&mut self, uuid: &RunnerUuid) {
        self.runners.retain(|known| known.runner.uuid != *uuid);
    }

    pub(super) fn register(&mut self, from: Registration) -> Answer<Runner> {
        let plain = |text: &str| match self.dialect {
            Dialect::Forgejo => Refusal::new(Code::InvalidArgument, text),
            Dialect::Gitea => Refusal::new(Code::Unknown, text),
        };
        if from.name.is_empty() || from.token.expose().is_empty() {
            return Err(plain("missing runner token, name"));
        }
        if !self.tokens.contains(from.token.expose()) {
            return Err(plain("runner registration token not found"));
        }
        let number = self.next_runner;
        self.next_runner += 1;
        let runner = Runner {
            id: RunnerId(number),
            uuid: RunnerUuid(format!("00000000-0000-4000-8000-{number:012}")),
            token: Secret::new(format!("{number:040x}")),
            name: from.name,
            status: RunnerStatus::Unsaid,
            version: from.version,
            labels: from.labels,
            life: from.life,
        };
        let is_cancelling = from.capabilities.contains(&RunnerCapability::Cancelling);
        self.runners.push(Registered { runner: runner.clone(), is_cancelling });
        Ok(runner)
    }

    pub(super) fn declare(&mut self, key: Option<&RunnerKey>, from: Declaration) -> Answer<Declared> {
        let dialect = self.dialect;
        let known = self.caller(key)?;
        known.runner.version = from.version;
        known.runner.labels = from.labels;
        known.is_cancelling = from.capabilities.contains(&RunnerCapability::Cancelling);
        let capabilities = if dialect == Dialect::Gitea { vec!["job-summary".to_owned()] } else { Vec::new() };
        let runner = Runner { token: Secret::new(""), ..known.runner.clone() };
        Ok(Declared { runner: Some(runner), capabilities })
    }

    pub(super) fn fetch(&mut self, key: Option<&RunnerKey>, fetch: &Fetch) -> Answer<Fetched> {
        let runner = self.caller(key)?.runner.clone();
        if let (Dialect::Forgejo, Some(request)) = (self.dialect, &fetch.key) {
            let again: Vec<Task> = self
                .entries
                .iter()
                .filter(|entry| entry.key.as_ref() == Some(request))
                .map(|e| e.task.clone())
                .collect();
            if !again.is_empty() {
                return Ok(Fetched { tasks: again, version: TasksVersion::UNKNOWN });
            }
        }
        if runner.life == RunnerLife::Ephemeral {
            let theirs: Vec<&Standing> = self
                .entries
                .iter()
                .map(|entry| &entry.standing)
                .filter(|one| one.holder() == Some(&runner.uuid))
                .collect();
            if theirs.iter().any(|standing| matches!(standing, Standing::Ended { .. })) {
                self.forget(&runner.uuid);
                return Err(self.refuse(Code::Unauthenticated, "Unknown", "pick task: runner has been removed"));
            }
            if !theirs.is_empty() {
                return Ok(Fetched { tasks: Vec::new(), version: TasksVersion(self.version) });
            }
        }
        if let Some(again) = self.again.take() {
            let tasks = self.entries.iter_mut().filter(|entry| entry.task.id == again);
            let tasks = tasks
                .map(|entry| {
                    entry.handed += 1;
                    entry.task.clone()
                })
                .collect();
            return Ok(Fetched { tasks, version: TasksVersion(self.version) });
        }
        let version = TasksVersion(self.version);
        if fetch.version == version {
            return Ok(Fetched { tasks: Vec::new(), version });
        }
        let most = match (self.dialect, &fetch.want) {
            (Dialect::Forgejo, Want::UpTo(count)) => usize::try_from(*count).unwrap_or(0),
            (Dialect::Gitea, Want::Handle(_)) => {
                return Err(Refusal::new(Code::Unimplemented, "404 page not found"));
            }
            _ => 1,
        };
        let dialect = self.dialect;
        let fits = |entry: &&mut Entry| {
            entry.standing == Standing::Waiting
                && entry.labels.iter().all(|label| runner.labels.contains(label))
                // Without labels, Gitea's jobs run anywhere and Forgejo's nowhere.
                && (dialect == Dialect::Gitea || !entry.labels.is_empty())
        };
        let mut tasks = Vec::new();
        for entry in self.entries.iter_mut().filter(fits).take(most) {
            entry.standing = Standing::Given { to: runner.uuid.clone() };
            entry.key.clone_from(&fetch.key);
            entry.handed += 1;
            tasks.push(entry.task.clone());
        }
        Ok(Fetched { tasks, version })
    }

    fn entry(&mut self, key: Option<&RunnerKey>, task: TaskId) -> Answer<&mut Entry> {
        let uuid = self.caller(key)?.runner.uuid.clone();
        let fault = self.refuse(Code::Internal, "Internal", "invalid runner for task");
        let entry = self.entries.iter_mut().find(|entry| entry.task.id == task);
        entry.filter(|entry| entry.standing.holder() == Some(&uuid)).ok_or(fault)
    }

    pub(super) fn report(&mut self, key: Option<&RunnerKey>, report: Report) -> Answer<Reported> {
        let entry = self.entry(key, report.state.id)?;
        let ended = report.state.phase.result();
        entry.reports.push(report.state);
        for (name, value) in report.outputs {
            if name.len() <= 255 && value.len() <= 1024 * 1024 {
                entry.outputs.entry(name).or_insert(value);
            }
        }
        match (&entry.standing, ended) {
            (Standing::Given { to }, Some(result)) => {
                entry.standing = Standing::Ended { result, by: to.clone() };
            }
            (Standing::Cancelling { by }, Some(_)) => {
                entry.standing = Standing::Ended { result: CANCELLED, by: by.clone() };
            }
            _ => {}
        }
        let view = match &entry.standing {
            Standing::Ended { result, .. } => Some(*result),
            Standing::Cancelling { .. } => Some(CANCELLED),
            Standing::Given { .. } | Standing::Waiting => None,
        };
        let phase =
            view.map_or(TaskPhase::Waiting, |result| TaskPhase::Ended { result, started: None, stopped: Timestamp(0) });
        let stored = entry.outputs.keys().cloned().collect();
        // With the result of its task, Forgejo forgets an ephemeral runner.
        if let (Dialect::Forgejo, Some(_), Some(key)) = (self.dialect, ended, key) {
            self.runners.retain(|known| known.runner.key() != *key || known.runner.life != RunnerLife::Ephemeral);
        }
        // A job that ends while others wait makes runners look again.
        if ended.is_some() && self.entries.iter().any(|entry| entry.standing == Standing::Waiting) {
            self.bump();
        }
        Ok(Reported { phase, stored_outputs: stored })
    }

    pub(super) fn log(&mut self, key: Option<&RunnerKey>, mut batch: LogBatch) -> Answer<u64> {
        let closed = self.refuse(Code::AlreadyExists, "AlreadyExists", "log file has been archived");
        let dialect = self.dialect;
        let entry = self.entry(key, batch.task)?;
        let (have, count) = (entry.rows.len() as u64, batch.rows.len() as u64);
        if batch.index > have {
            return Ok(have);
        }
        let known = usize::try_from((have - batch.index).min(count)).unwrap_or(usize::MAX);
        let mut new = batch.rows.split_off(known);
        // Forgejo goes home early from a call without rows that it lacks, and files nothing away.
        if new.is_empty() && dialect == Dialect::Forgejo {
            return Ok(have);
        }
        if entry.is_filed {
            return if new.is_empty() { Ok(have) } else { Err(closed) };
        }
        entry.rows.append(&mut new);
        entry.is_filed = batch.end == LogEnd::Last;
        Ok(entry.rows.len() as u64)
    }

    pub(super) fn cancel(&mut self, task: TaskId) {
        let holder = self.entries.iter().find(|entry| entry.task.id == task).and_then(|e| e.standing.holder().cloned());
        let goes_on = self.dialect == Dialect::Gitea
            && self.runners.iter().any(|known| Some(&known.runner.uuid) == holder.as_ref() && known.is_cancelling);
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.task.id == task) {
            let by = holder.unwrap_or(RunnerUuid(String::new()));
            entry.standing = match entry.standing {
                Standing::Ended { .. } => return,
                Standing::Given { .. } if goes_on => Standing::Cancelling { by },
                _ => Standing::Ended { result: CANCELLED, by },
            };
        }
        self.bump();
    }

    pub(super) fn sweep(&mut self, task: TaskId) {
        for entry in self.entries.iter_mut().filter(|entry| entry.task.id == task) {
            if let Standing::Given { to } = &entry.standing {
                let result = TaskResult::Concluded(Conclusion::Failure);
                entry.standing = Standing::Ended { result, by: to.clone() };
                entry.is_filed = true;
            }
        }
        self.bump();
    }

    pub(super) fn bump(&mut self) {
        self.version += 1;
    }
}

impl Standing {
    fn holder(&self) -> Option<&RunnerUuid> {
        match self {
            Self::Waiting => None,
            Self::Given { to } => Some(to),
            Self::Cancelling { by } | Self::Ended { by, .. } => Some(by),
        }
    }
}
