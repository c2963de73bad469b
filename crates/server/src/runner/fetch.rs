//! A runner asks for work. One of ours leaves its question open until there is some; others are answered at once (`runner-protocol` 3.3).

use super::caller::BELIEVED;
use super::masks::Masks;
use super::service::{Runners, refused};
use crate::dispatch::{Ask, Given, Manner};
use crate::task::{self, Progress, Receiver, RunnerKind};
use domain::control::{Admission, JobChange};
use domain::{RunnerId, Task, TasksVersion};
use protocol::{Asked, Caller, Fetch, Fetched, MESSAGE_MAX, Refusal, Want};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use store::StoreError;

/// A question is left open for so long at most: proxies end calls of a minute.
const LONGEST: Duration = Duration::from_secs(50);
/// An answer leaves so long before its caller stops to wait.
const MARGIN: Duration = Duration::from_secs(2);
/// So many jobs at once are the most that one answer holds.
const MOST: i64 = 64;

/// Tells the dispatcher when the caller goes away without an answer.
struct Open<'a> {
    runners: &'a Runners,
    runner: RunnerId,
}

impl Open<'_> {
    /// It was answered: the dispatcher knows.
    fn end(self) {
        std::mem::forget(self);
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.runners.plane.queue.asks_ended(self.runner);
    }
}

impl Runners {
    /// `caller` is on the heap, and so is what is only there before and after the wait: it does not lie in each of thousands of open questions.
    pub(super) async fn fetch_tasks(&self, caller: Box<Caller>, fetch: Fetch) -> Result<Fetched, Refusal> {
        let runner = Box::pin(self.caller(&caller)).await?;
        // Ours asks for a time, for none at all when it looks once.
        let (kind, manner) = match caller.wait {
            Some(wait) => (RunnerKind::Ekiden, if wait.is_zero() { Manner::Polls } else { Manner::Holds }),
            None if runner.capabilities.is_empty() => (RunnerKind::Other, Manner::Polls),
            None => (RunnerKind::Gitea, Manner::Polls),
        };
        let receiver = Receiver { kind, labels: &runner.labels };
        let nothing = Fetched { tasks: Vec::new(), version: TasksVersion::UNKNOWN };
        let request = fetch.key.map(|key| key.0);
        if let (Some(request), Asked::Maybe) = (&request, caller.asked) {
            let given = Box::pin(self.plane.store.given_for(runner.id, request)).await.map_err(refused)?;
            if !given.is_empty() {
                let given = given.into_iter().map(|(task, job)| Given { task, job }).collect();
                return Ok(Fetched { tasks: Box::pin(self.tasks(given, receiver)).await, ..nothing });
            }
        }
        if runner.phase.admission() != Admission::Open {
            return Ok(nothing);
        }
        let places = match fetch.want {
            Want::One | Want::Handle(None) => 1,
            // No job here has a handle: another one than was asked for is not what the runner is for.
            Want::Handle(Some(_)) => return Ok(nothing),
            Want::UpTo(places) => u32::try_from(places.clamp(1, MOST)).unwrap_or(1),
        };
        let outcome = self.plane.queue.ask(Ask { runner: runner.id, request, places, manner });
        let wait = caller.wait.unwrap_or_default().min(LONGEST);
        let wait = caller.patience.map_or(wait, |patience| wait.min(patience.saturating_sub(MARGIN)));
        let open = Open { runners: self, runner: runner.id };
        let asked = Instant::now();
        let given = outcome.within(wait, || self.plane.queue.flush(runner.id)).await;
        open.end();
        // Its key may have been taken back while the question was open (`security` R10).
        let ended_early = asked.elapsed() < wait;
        if (!given.is_empty() || ended_early)
            && asked.elapsed() >= BELIEVED
            && let Err(refusal) = Box::pin(self.anew(&caller)).await
        {
            Box::pin(self.give_back(given)).await;
            return Err(refusal);
        }
        Ok(Fetched { tasks: Box::pin(self.tasks(given, receiver)).await, ..nothing })
    }

    /// Jobs that their runner is not to have after all wait again.
    async fn give_back(&self, given: Vec<Given>) {
        for given in given {
            let (now, task) = (self.plane.now(), given.task.id);
            let change = JobChange::Expired { task, at: now };
            match self.plane.store.change_by_task(task, change, &BTreeMap::new(), now).await {
                Ok(changed) => {
                    self.plane.counts.changed(&changed.before, &changed.after);
                    self.plane.queue.requeued(given.job.number);
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, %task, "a job waits again only when its lease is over");
                }
            }
        }
    }

    /// Puts tasks together; one that cannot be ends its job, which says why. What one answer cannot hold waits again.
    async fn tasks(&self, given: Vec<Given>, receiver: Receiver<'_>) -> Vec<Task> {
        let (mut tasks, mut weight, mut back) = (Vec::with_capacity(given.len()), 0, Vec::new());
        for given in given {
            match self.made(&given, receiver).await {
                Ok((_, own)) if weight + own > MESSAGE_MAX => back.push(given),
                Ok((task, own)) => {
                    weight += own;
                    // It speaks of it next.
                    let masks = Masks::of(task.secrets.values().cloned());
                    self.logs.put(given.task.id, given.task.runner, masks);
                    self.tasks.put(given.task.id, given.task.runner, &given.job, Progress::of(&given.task));
                    tasks.push(task);
                }
                Err(fault) => {
                    if let Err(error) = self.void(&given, fault).await {
                        tracing::warn!(error = &error as &dyn std::error::Error, task = %given.task.id, "a task that cannot be made stays leased until its time is over");
                    }
                }
            }
        }
        if !back.is_empty() {
            self.give_back(back).await;
        }
        tasks
    }

    /// A task and how long it is, or why it cannot be handed out.
    async fn made(&self, given: &Given, receiver: Receiver<'_>) -> Result<(Task, usize), String> {
        let task = task::make(&self.plane, &self.runs, given, receiver).await.map_err(|error| error.to_string())?;
        match protocol::weight(&task) {
            weight if weight <= MESSAGE_MAX => Ok((task, weight)),
            // No agent would take the answer, and the job would be leased again for ever.
            weight => Err(format!(
                "what the job needs is longer than {} MiB, its runner gets no more: {} MiB of outputs of other jobs, of its event, variables and secrets",
                MESSAGE_MAX >> 20,
                weight >> 20
            )),
        }
    }

    async fn void(&self, given: &Given, fault: String) -> Result<(), StoreError> {
        let (now, task) = (self.plane.now(), given.task.id);
        let change = JobChange::GivenUp { task, fault, at: now };
        let changed = self.plane.store.change_by_task(task, change, &BTreeMap::new(), now).await?;
        self.plane.counts.changed(&changed.before, &changed.after);
        self.plane.queue.gone(vec![given.job.number]);
        self.plane.runs.look(changed.run);
        Ok(())
    }
}
