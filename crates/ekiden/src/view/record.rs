//! What is known of a run so far: the fold of its events. Every view reads it; the summary is made of it.

use domain::{Annotation, Conclusion, JobEvent, JobEventKind, JobId, Outcome, Receipt, StepPhase, StepRef, Timestamp};
use engine::local::JobWeight;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// More annotations of a job than this are counted, not kept.
const KEPT_ANNOTATIONS: usize = 50;

/// A run.
#[derive(Debug, Default)]
pub(crate) struct RunRecord {
    /// In the order in which they were first heard of.
    pub(crate) jobs: Vec<JobRecord>,
    by_id: HashMap<JobId, usize>,
    /// The first step of each job that failed, in the order in which they did.
    failures: Vec<(JobId, usize)>,
}

/// A job.
#[derive(Debug)]
pub(crate) struct JobRecord {
    /// Its id.
    pub(crate) id: JobId,
    /// The name that people see.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) state: JobState,
    /// What its failure means for the run; known when the run has ended.
    pub(crate) weight: JobWeight,
    /// Its steps, in the order in which they were first heard of.
    pub(crate) steps: Vec<StepRecord>,
    /// The first annotations.
    pub(crate) annotations: Vec<(StepRef, Annotation)>,
    /// Annotations that were not kept.
    pub(crate) more_annotations: usize,
    /// Step summaries, in order.
    pub(crate) summaries: Vec<String>,
    /// Where and how it ran.
    pub(crate) receipt: Option<Receipt>,
    /// Its outputs.
    pub(crate) outputs: BTreeMap<String, String>,
}

/// Where a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobState {
    /// It runs.
    Running {
        /// Since when.
        since: Timestamp,
    },
    /// It never ran.
    Skipped {
        /// Why.
        reason: String,
    },
    /// It ended.
    Finished {
        /// How.
        conclusion: Conclusion,
        /// How long it took.
        micros: u64,
    },
}

/// A step.
#[derive(Debug)]
pub(crate) struct StepRecord {
    /// Its place.
    pub(crate) step: StepRef,
    /// Its name.
    pub(crate) name: String,
    /// Its part of the job.
    pub(crate) phase: StepPhase,
    /// Where it is.
    pub(crate) state: StepState,
    /// The last lines that it said; dropped when it ends well.
    pub(crate) tail: Tail,
}

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepState {
    /// It runs.
    Running {
        /// Since when.
        since: Timestamp,
    },
    /// It ended.
    Finished {
        /// Before `continue-on-error`.
        outcome: Outcome,
        /// After it.
        conclusion: Conclusion,
        /// How long it took.
        micros: u64,
    },
}

/// The last two pieces of a step's output: shared with the event, so that keeping them copies nothing.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    before: Option<Arc<str>>,
    last: Option<Arc<str>>,
}

impl Tail {
    fn push(&mut self, text: &Arc<str>) {
        // A small last piece is joined to its predecessor, so that many short lines do not push the tail out.
        match (&self.before, &self.last) {
            (Some(before), Some(last)) if before.len() + last.len() < 8192 => {
                self.before = Some(format!("{before}{last}").into());
            }
            _ => self.before = self.last.take(),
        }
        self.last = Some(Arc::clone(text));
    }

    /// The last `count` lines.
    pub(crate) fn lines(&self, count: usize) -> Vec<&str> {
        let mut lines: Vec<&str> = Vec::new();
        for piece in [&self.last, &self.before].into_iter().flatten() {
            lines.extend(piece.lines().rev().take(count - lines.len().min(count)));
        }
        lines.reverse();
        lines
    }
}

impl JobRecord {
    /// The step at a place.
    pub(crate) fn step(&self, step: StepRef) -> Option<&StepRecord> {
        self.steps.iter().rev().find(|known| known.step == step)
    }

    /// Steps that run now.
    pub(crate) fn running(&self) -> impl Iterator<Item = &StepRecord> {
        self.steps.iter().filter(|step| matches!(step.state, StepState::Running { .. }))
    }

    /// How it ended, if it did.
    pub(crate) const fn conclusion(&self) -> Option<Conclusion> {
        match &self.state {
            JobState::Running { .. } => None,
            JobState::Skipped { .. } => Some(Conclusion::Skipped),
            JobState::Finished { conclusion, .. } => Some(*conclusion),
        }
    }
}

impl RunRecord {
    /// Takes one event.
    pub(crate) fn apply(&mut self, event: &JobEvent) {
        let at = event.at;
        let index = self.index(&event.job, at);
        let job = &mut self.jobs[index];
        match &event.kind {
            JobEventKind::JobStarted { name } => name.clone_into(&mut job.name),
            JobEventKind::StepStarted { step, name, phase, .. } => job.steps.push(StepRecord {
                step: *step,
                name: name.clone(),
                phase: *phase,
                state: StepState::Running { since: at },
                tail: Tail::default(),
            }),
            JobEventKind::Output { step, text } => {
                if let Some(step) = job.steps.iter_mut().rev().find(|known| known.step == *step) {
                    step.tail.push(text);
                }
            }
            JobEventKind::Annotation { step, annotation } => {
                if job.annotations.len() < KEPT_ANNOTATIONS {
                    job.annotations.push((*step, annotation.clone()));
                } else {
                    job.more_annotations += 1;
                }
            }
            JobEventKind::Summary { markdown, .. } => job.summaries.push(markdown.clone()),
            JobEventKind::StepFinished { step, name, phase, outcome, conclusion, micros, .. } => {
                let state = StepState::Finished { outcome: *outcome, conclusion: *conclusion, micros: *micros };
                let place = job.steps.iter().rposition(|known| known.step == *step).unwrap_or_else(|| {
                    let tail = Tail::default();
                    job.steps.push(StepRecord { step: *step, name: name.clone(), phase: *phase, state, tail });
                    job.steps.len() - 1
                });
                let known = &mut job.steps[place];
                known.state = state;
                name.clone_into(&mut known.name);
                if *conclusion == Conclusion::Failure {
                    if !self.failures.iter().any(|(job, _)| *job == event.job) {
                        self.failures.push((event.job.clone(), place));
                    }
                } else {
                    known.tail = Tail::default();
                }
            }
            JobEventKind::JobSkipped { name, reason } => {
                name.clone_into(&mut job.name);
                job.state = JobState::Skipped { reason: reason.clone() };
            }
            JobEventKind::Receipt { receipt } => job.receipt = Some(receipt.clone()),
            JobEventKind::JobFinished { conclusion, outputs, micros } => {
                job.outputs.clone_from(outputs);
                job.state = JobState::Finished { conclusion: *conclusion, micros: *micros };
            }
        }
    }

    fn index(&mut self, id: &JobId, at: Timestamp) -> usize {
        *self.by_id.entry(id.clone()).or_insert_with(|| {
            self.jobs.push(JobRecord {
                id: id.clone(),
                name: id.to_string(),
                state: JobState::Running { since: at },
                weight: JobWeight::Counts,
                steps: Vec::new(),
                annotations: Vec::new(),
                more_annotations: 0,
                summaries: Vec::new(),
                receipt: None,
                outputs: BTreeMap::new(),
            });
            self.jobs.len() - 1
        })
    }

    /// Puts the jobs into the order of their ranks; those of one rank stay in the order in which they were heard of.
    pub(crate) fn arrange<R: Ord>(&mut self, rank: impl Fn(&JobId) -> R) {
        self.jobs.sort_by_key(|job| rank(&job.id));
        self.by_id = self.jobs.iter().enumerate().map(|(place, job)| (job.id.clone(), place)).collect();
    }

    /// Takes in what the failures of jobs mean for their runs.
    pub(crate) fn weigh(&mut self, weight: impl Fn(&JobId) -> JobWeight) {
        for job in &mut self.jobs {
            job.weight = weight(&job.id);
        }
    }

    /// A job by its id.
    pub(crate) fn job(&self, id: &JobId) -> Option<&JobRecord> {
        self.by_id.get(id).and_then(|index| self.jobs.get(*index))
    }

    /// The step that failed first, with its job: of those that made the run fail, or else of those that may fail.
    pub(crate) fn first_failure(&self) -> Option<(&JobRecord, &StepRecord)> {
        let counts = |job: &JobId| self.job(job).is_some_and(|job| job.weight == JobWeight::Counts);
        let (job, step) = self.failures.iter().find(|(job, _)| counts(job)).or_else(|| self.failures.first())?;
        let job = self.job(job)?;
        Some((job, job.steps.get(*step)?))
    }
}

#[cfg(test)]
mod tests {
    use super::{JobWeight, RunRecord};
    use domain::{Conclusion, JobEvent, JobEventKind, JobId, StepPhase, StepRef, Timestamp};

    #[test]
    fn the_first_failure_is_one_that_counts() {
        let mut record = RunRecord::default();
        for name in ["may", "fine", "bad", "bad-too"] {
            let conclusion = if name == "fine" { Conclusion::Success } else { Conclusion::Failure };
            let kind = JobEventKind::StepFinished {
                step: StepRef(1),
                name: format!("step of {name}"),
                phase: StepPhase::Main,
                index: None,
                outcome: conclusion,
                conclusion,
                micros: 1,
            };
            record.apply(&JobEvent { job: JobId::new(name), at: Timestamp(0), kind });
        }
        let first = |record: &RunRecord| record.first_failure().unwrap().1.name.clone();
        assert_eq!(first(&record), "step of may");
        let tolerated = |job: &JobId| match job.as_str() {
            "may" => JobWeight::Tolerated,
            _ => JobWeight::Counts,
        };
        record.weigh(tolerated);
        record.arrange(|job| std::cmp::Reverse(job.as_str().len()));
        assert_eq!(first(&record), "step of bad");
        record.weigh(|_| JobWeight::Tolerated);
        assert_eq!(first(&record), "step of may");
    }
}
