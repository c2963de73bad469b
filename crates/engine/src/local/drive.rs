//! The loop of a local run: decisions of the machine become jobs, ends of jobs become changes.

use super::groups::{Entered, InProgress, Member, Word};
use super::jobs::{self, Shared};
use super::request::{JobSummary, LocalRun, RunReport};
use crate::cancel::{self, Cancel, CancelSignal, Canceller};
use crate::job::JobReport;
use domain::{Conclusion, JobId};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use workflow::run::{Decision, ReadyJob, Run, RunChange, RunInputs};

/// Runs all jobs of a plan on this machine; every event is on the stream before this returns.
pub async fn run(run: LocalRun) -> RunReport {
    let inputs = RunInputs {
        github: run.github.clone(),
        vars: run.vars.clone(),
        inputs: run.inputs.clone(),
        cells: run.cells.clone(),
    };
    let (machine, decisions) = Run::start(Arc::clone(&run.plan), inputs);
    let cancel = run.cancel.clone();
    let (tell, words) = mpsc::unbounded_channel();
    let drive = Drive {
        machine,
        number: run.room.number(),
        tell,
        shared: Arc::new(Shared::new(run)),
        running: JoinSet::new(),
        cancellers: HashMap::new(),
        waiting: HashSet::new(),
        summaries: Vec::new(),
        decided: HashMap::new(),
        conclusion: None,
    };
    drive.until_the_end(decisions, cancel, words).await
}

struct Drive {
    machine: Run,
    /// Of this run among those that share its room.
    number: u32,
    /// Reaches this run.
    tell: mpsc::UnboundedSender<Word>,
    shared: Arc<Shared>,
    running: JoinSet<(String, JobReport)>,
    cancellers: HashMap<JobId, Canceller>,
    /// Jobs that wait for another of their group, maybe of another run.
    waiting: HashSet<JobId>,
    summaries: Vec<JobSummary>,
    /// The place of each job in the order in which the machine decided about them.
    decided: HashMap<JobId, usize>,
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
            if self.running.is_empty() && self.waiting.is_empty() && !self.give_up().await {
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
        let mut jobs = self.summaries;
        jobs.sort_by_key(|job| self.decided.get(&job.id).copied().unwrap_or(usize::MAX));
        RunReport { conclusion: self.conclusion.unwrap_or(Conclusion::Failure), jobs }
    }

    /// Nothing runs, and the machine still waits: what was given out and never ended has failed. False when there is nothing.
    async fn give_up(&mut self) -> bool {
        let Some(id) = self.cancellers.keys().next().cloned() else { return false };
        self.cancellers.remove(&id);
        self.leave_group(&id);
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

    async fn ended(&mut self, name: String, report: JobReport) {
        self.cancellers.remove(&report.id);
        self.leave_group(&report.id);
        let JobReport { id, conclusion, outputs, receipt, fault, wall } = report;
        self.summaries.push(JobSummary {
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
                Decision::Cancel { .. } | Decision::Finished { .. } => None,
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
                    self.never_ran(job, name, Conclusion::Cancelled, reason).await;
                }
                Decision::Failed { job, name, message } => {
                    jobs::failed(&self.shared, &job, &name, &message).await;
                    let message = self.shared.masker.mask_text(&message).into_owned();
                    self.summaries.push(summary(job, name, Conclusion::Failure, Some(message)));
                }
                Decision::Cancel { job, reason } => {
                    let withdrawn = self.shared.room.groups().withdraw(&self.member(job.clone()));
                    if let Some(waiting) = withdrawn {
                        decisions.extend(self.gave_way(*waiting, reason).await);
                    } else if self.waiting.remove(&job) {
                        // The word that it may start is on the way; it ends there.
                    } else if let Some(canceller) = self.cancellers.get(&job) {
                        canceller.ask(Cancel::Gracefully { reason: reason.into() });
                    }
                }
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
        // Only a group of its own: those of its callers were entered with them.
        let own = ready.job().and_then(|job| job.concurrency.as_ref()).and(ready.concurrency.last()).cloned();
        let Some(own) = own else {
            return self.start(ready);
        };
        let in_progress = if own.cancel_in_progress { InProgress::IsCancelled } else { InProgress::Stays };
        let (id, member) = (ready.id.clone(), self.member(ready.id.clone()));
        let entered = self.shared.room.groups().enter(&own.group, member, ready, in_progress, own.queue);
        match entered {
            Entered::Runs(ready) => self.start(ready),
            Entered::Waits { displaced, cancel } => {
                self.waiting.insert(id);
                let reason = format!("a newer job of the concurrency group '{}' takes its place", own.group);
                // A run that has ended has no job that anybody could end.
                if let Some(holder) = cancel {
                    let _ended = holder.run_hears.send(Word::End(holder.job, reason.clone()));
                }
                if let Some((member, displaced)) = displaced {
                    let _ended = member.run_hears.send(Word::GaveWay(displaced, reason));
                }
                Vec::new()
            }
        }
    }

    fn member(&self, job: JobId) -> Member {
        Member { run: self.number, job, run_hears: self.tell.clone() }
    }

    /// A run beside this one, or this one, says something about a job of this one.
    async fn told(&mut self, word: Word) {
        let decisions = match word {
            Word::Start(ready) if self.waiting.remove(&ready.id) => self.start(ready),
            // It was cancelled while its turn was on the way.
            Word::Start(ready) => {
                self.leave_group(&ready.id);
                self.gave_way(*ready, "the run was cancelled".to_owned()).await
            }
            Word::GaveWay(ready, reason) => self.gave_way(*ready, reason).await,
            Word::End(job, reason) => {
                if let Some(canceller) = self.cancellers.get(&job) {
                    canceller.ask(Cancel::Gracefully { reason: reason.into() });
                }
                Vec::new()
            }
        };
        self.follow(decisions).await;
    }

    /// A job that waited for its group and never runs.
    async fn gave_way(&mut self, ready: ReadyJob, reason: String) -> Vec<Decision> {
        self.waiting.remove(&ready.id);
        self.never_ran(ready.id.clone(), ready.name, Conclusion::Cancelled, reason).await;
        self.machine.apply(RunChange::Ended {
            job: ready.id,
            conclusion: Conclusion::Cancelled,
            outputs: BTreeMap::new(),
        })
    }

    /// The job that waited for an ended one's group runs now, in whatever run.
    fn leave_group(&self, ended: &JobId) {
        let mut groups = self.shared.room.groups();
        let mut left = self.member(ended.clone());
        while let Some((next, ready)) = groups.left(&left) {
            // A run that is gone has left its place in the group.
            let sent = next.run_hears.send(Word::Start(ready));
            if sent.is_ok() {
                break;
            }
            left = next;
        }
    }

    fn start(&mut self, ready: Box<ReadyJob>) -> Vec<Decision> {
        let (canceller, signal) = cancel::channel();
        self.cancellers.insert(ready.id.clone(), canceller);
        let decisions = self.machine.apply(RunChange::Started { job: ready.id.clone() });
        let (shared, name) = (Arc::clone(&self.shared), ready.name.clone());
        self.running.spawn(async move { (name, jobs::run(&shared, *ready, signal).await) });
        decisions
    }

    async fn never_ran(&mut self, job: JobId, name: String, conclusion: Conclusion, reason: String) {
        jobs::never_ran(&self.shared, &job, &name, &reason).await;
        self.summaries.push(summary(job, name, conclusion, Some(reason)));
    }
}

fn summary(id: JobId, name: String, conclusion: Conclusion, reason: Option<String>) -> JobSummary {
    let (outputs, receipt, fault, wall) = (BTreeMap::new(), None, None, Duration::ZERO);
    JobSummary { id, name, conclusion, reason, fault, outputs, receipt, wall }
}
