//! The loop of a local run: decisions of the machine become jobs, ends of jobs become changes.

use super::groups::Word;
use super::jobs::{self, Shared};
use super::request::{JobSummary, JobWeight, LocalRun, RootEnd, RunReport};
use super::slots::{Slots, Turn};
use crate::cancel::{self, Cancel, CancelSignal, Canceller};
use crate::job::JobReport;
use domain::{Conclusion, JobId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use workflow::plan::Plan;
use workflow::run::{Decision, ReadyJob, Run, RunChange, RunInputs};

/// Runs all jobs of a plan on this machine; every event is on the stream before the future is done. The run enters its workflow's
/// concurrency group when this is called: call it for the runs that share a room in the order in which they come.
pub fn run(run: LocalRun) -> impl Future<Output = RunReport> + Send {
    let inputs = RunInputs {
        github: run.github.clone(),
        vars: run.vars.clone(),
        inputs: run.inputs.clone(),
        cells: run.cells.clone(),
        place: None,
    };
    let plan = Arc::clone(&run.plan);
    let (machine, decisions) = Run::start_after(Arc::clone(&plan), inputs, run.ended.clone());
    let cancel = run.cancel.clone();
    let (tell, words) = mpsc::unbounded_channel();
    let drive = Drive {
        machine,
        plan,
        slots: Slots::new(&run.room, tell, run.concurrency.clone()),
        shared: Arc::new(Shared::new(run)),
        running: JoinSet::new(),
        cancellers: HashMap::new(),
        summaries: Vec::new(),
        decided: HashMap::new(),
        ended_for: None,
        conclusion: None,
    };
    drive.until_the_end(decisions, cancel, words)
}

struct Drive {
    machine: Run,
    plan: Arc<Plan>,
    /// Its concurrency groups.
    slots: Slots,
    shared: Arc<Shared>,
    /// With the name that people see and what a failure means.
    running: JoinSet<((String, JobWeight), JobReport)>,
    cancellers: HashMap<JobId, Canceller>,
    summaries: Vec<JobSummary>,
    /// The place of each job in the order in which the machine decided about them.
    decided: HashMap<JobId, usize>,
    /// Why the whole run ends, when that is for a newer one of its group.
    ended_for: Option<String>,
    conclusion: Option<Conclusion>,
}

impl Drive {
    async fn until_the_end(
        mut self,
        decisions: Vec<Decision>,
        mut cancel: CancelSignal,
        mut words: mpsc::UnboundedReceiver<Word>,
    ) -> RunReport {
        self.follow(decisions).await;
        let mut known = Cancel::None;
        while self.conclusion.is_none() || !self.running.is_empty() {
            if self.running.is_empty() && !self.slots.is_waiting() && !self.give_up().await {
                break;
            }
            tokio::select! {
                biased;
                asked = cancel.graver_than(&known) => {
                    self.cancelled(&asked).await;
                    known = asked;
                }
                Some(word) = words.recv() => self.told(word).await,
                // A job that panicked: the machine hears of its end above, with all that never ended.
                Some(ended) = self.running.join_next() => if let Ok((name, report)) = ended {
                    self.ended(name, report).await;
                },
            }
        }
        self.slots.left(None);
        let mut jobs = self.summaries;
        jobs.sort_by_key(|job| self.decided.get(&job.id).copied().unwrap_or(usize::MAX));
        let of = |id: &String| {
            let (conclusion, outputs) = self.machine.root_end(id)?;
            Some((id.clone(), RootEnd { conclusion, outputs }))
        };
        let root = self.plan.root.workflow.jobs.iter().filter_map(|job| of(&job.id.value)).collect();
        RunReport { conclusion: self.conclusion.unwrap_or(Conclusion::Failure), jobs, root }
    }

    /// Nothing runs, and the machine still waits: what was given out and never ended has failed. False when there is nothing.
    async fn give_up(&mut self) -> bool {
        let Some(id) = self.cancellers.keys().next().cloned() else { return false };
        self.cancellers.remove(&id);
        self.slots.left(Some(&id));
        let fault = "the job ended without a report; this is a fault of ekiden".to_owned();
        self.summaries
            .push(JobSummary { fault: Some(fault), ..summary(id.clone(), id.to_string(), Conclusion::Failure, None) });
        let ended = RunChange::Ended { job: id, conclusion: Conclusion::Failure, outputs: BTreeMap::new() };
        let decisions = self.machine.apply(ended);
        self.follow(decisions).await;
        true
    }

    async fn cancelled(&mut self, asked: &Cancel) {
        let decisions = self.machine.apply(RunChange::CancelRequested);
        self.follow(decisions).await;
        if *asked == Cancel::Now {
            for canceller in self.cancellers.values() {
                canceller.ask(Cancel::Now);
            }
        }
    }

    async fn ended(&mut self, (name, weight): (String, JobWeight), report: JobReport) {
        self.cancellers.remove(&report.id);
        self.slots.left(Some(&report.id));
        let JobReport { id, conclusion, outputs, receipt, fault, wall } = report;
        self.summaries.push(JobSummary {
            weight,
            outputs: outputs.clone(),
            receipt,
            fault,
            wall,
            ..summary(id.clone(), name, conclusion, None)
        });
        let decisions = self.machine.apply(RunChange::Ended { job: id, conclusion, outputs });
        self.follow(decisions).await;
    }

    async fn follow(&mut self, decisions: Vec<Decision>) {
        self.shared.begin(decisions.iter().filter(|decision| matches!(decision, Decision::Ready(_))).count());
        let mut decisions: std::collections::VecDeque<Decision> = decisions.into();
        while let Some(decision) = decisions.pop_front() {
            let about = match &decision {
                Decision::Ready(ready) => Some(&ready.id),
                Decision::Skipped { job, .. } | Decision::Cancelled { job, .. } | Decision::Failed { job, .. } => {
                    Some(job)
                }
                Decision::Cancel { .. } | Decision::CallEnded { .. } | Decision::Finished { .. } => None,
            };
            if let Some(job) = about {
                let place = self.decided.len();
                self.decided.entry(job.clone()).or_insert(place);
            }
            match decision {
                Decision::Ready(ready) => decisions.extend(self.ready(ready).await),
                Decision::Skipped { job, name, reason } => {
                    self.never_ran(job, name, Conclusion::Skipped, reason).await;
                }
                Decision::Cancelled { job, name, reason } => {
                    let reason = self.ended_for.clone().unwrap_or(reason);
                    self.never_ran(job, name, Conclusion::Cancelled, reason).await;
                }
                Decision::Failed { job, name, message } => {
                    jobs::failed(&self.shared, &job, &name, &message).await;
                    let message = self.shared.masker.mask_text(&message).into_owned();
                    self.summaries.push(summary(job, name, Conclusion::Failure, Some(message)));
                }
                Decision::Cancel { job, reason } => {
                    let reason = self.ended_for.clone().unwrap_or(reason);
                    if let Some(waiting) = self.slots.withdraw(&job) {
                        decisions.extend(self.gave_way(waiting, reason).await);
                    } else if let Some(canceller) = self.cancellers.get(&job) {
                        canceller.ask(Cancel::Gracefully { reason: reason.into() });
                    }
                }
                Decision::CallEnded { call } => self.slots.left(Some(&call)),
                Decision::Finished { conclusion } => self.conclusion = Some(conclusion),
            }
        }
    }

    async fn ready(&mut self, ready: Box<ReadyJob>) -> Vec<Decision> {
        if let Some(reason) = self.shared.labels.refusal(&ready) {
            let (job, name) = (ready.id.clone(), ready.name.clone());
            self.never_ran(job.clone(), name, Conclusion::Skipped, reason).await;
            return self.machine.apply(RunChange::Ended {
                job,
                conclusion: Conclusion::Skipped,
                outputs: BTreeMap::new(),
            });
        }
        self.enter(ready).await
    }

    /// A job runs as soon as it and all around it hold their groups.
    async fn enter(&mut self, ready: Box<ReadyJob>) -> Vec<Decision> {
        match self.slots.enter(ready) {
            Turn::Runs(ready) => self.start(ready),
            Turn::Waits => Vec::new(),
            Turn::GaveWay(ready, reason) => self.gave_way(*ready, reason).await,
            Turn::Never(ready, message) => {
                let ReadyJob { id: job, name, .. } = *ready;
                jobs::failed(&self.shared, &job, &name, &message).await;
                self.summaries.push(summary(job.clone(), name, Conclusion::Failure, Some(message)));
                self.machine.apply(RunChange::Ended { job, conclusion: Conclusion::Failure, outputs: BTreeMap::new() })
            }
        }
    }

    /// A run beside this one, or this one, says something about a group.
    async fn told(&mut self, word: Word) {
        let mut decisions = Vec::new();
        match word {
            Word::Start(slot) => {
                for ready in self.slots.turn(slot) {
                    decisions.extend(self.enter(Box::new(ready)).await);
                }
            }
            Word::GaveWay(slot, reason) | Word::End(slot, reason) if slot.holder.is_none() => {
                self.ended_for.get_or_insert_with(|| reason.clone());
                decisions = self.machine.apply(RunChange::CancelRequested);
                if !self.slots.holds(&slot) {
                    for ready in self.slots.give_way(slot, reason.clone()) {
                        decisions.extend(self.gave_way(ready, reason.clone()).await);
                    }
                }
            }
            Word::GaveWay(slot, reason) | Word::End(slot, reason) => {
                for job in self.slots.running_in(&slot) {
                    if let Some(canceller) = self.cancellers.get(&job) {
                        canceller.ask(Cancel::Gracefully { reason: reason.as_str().into() });
                    }
                }
                for ready in self.slots.give_way(slot, reason.clone()) {
                    decisions.extend(self.gave_way(ready, reason.clone()).await);
                }
            }
        }
        self.follow(decisions).await;
    }

    /// A job whose turn in a group never comes.
    async fn gave_way(&mut self, ready: ReadyJob, reason: String) -> Vec<Decision> {
        self.never_ran(ready.id.clone(), ready.name, Conclusion::Cancelled, reason).await;
        self.machine.apply(RunChange::Ended {
            job: ready.id,
            conclusion: Conclusion::Cancelled,
            outputs: BTreeMap::new(),
        })
    }

    fn start(&mut self, ready: Box<ReadyJob>) -> Vec<Decision> {
        let (canceller, signal) = cancel::channel();
        self.cancellers.insert(ready.id.clone(), canceller);
        let decisions = self.machine.apply(RunChange::Started { job: ready.id.clone() });
        let (shared, known) = (Arc::clone(&self.shared), (ready.name.clone(), JobWeight::from(&*ready)));
        self.running.spawn(async move { (known, jobs::run(&shared, *ready, signal).await) });
        decisions
    }

    async fn never_ran(&mut self, job: JobId, name: String, conclusion: Conclusion, reason: String) {
        jobs::never_ran(&self.shared, &job, &name, &reason).await;
        self.summaries.push(summary(job, name, conclusion, Some(reason)));
    }
}

fn summary(id: JobId, name: String, conclusion: Conclusion, reason: Option<String>) -> JobSummary {
    let (outputs, receipt, fault, wall) = (BTreeMap::new(), None, None, Duration::ZERO);
    JobSummary { id, name, conclusion, weight: JobWeight::Counts, reason, fault, outputs, receipt, wall }
}
