//! Everything a job says: one typed, versioned stream. The terminal view, JSON lines and uploads are readers of it.
//!
//! Nothing unmasked ever enters an event: the engine masks before it builds one.

use crate::{Conclusion, JobId, Outcome, Receipt, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The version that `-o jsonl` and stored events carry; additions keep it, changes raise it.
pub const EVENT_VERSION: u32 = 1;

/// One thing that happened in a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEvent {
    /// Which job.
    pub job: JobId,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: JobEventKind,
}

/// Which step of a job, in the order that steps appear in the log. Pre and post steps and the set-up have places of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepRef(pub u32);

/// Which part of a job a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepPhase {
    /// "Set up job": the sandbox, the actions.
    SetUp,
    /// A `pre` of an action.
    Pre,
    /// A step of the workflow file.
    Main,
    /// A `post` of an action.
    Post,
    /// "Complete job": outputs, clean-up.
    Complete,
}

/// How grave an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnnotationLevel {
    /// For information.
    Notice,
    /// Should be looked at.
    Warning,
    /// Went wrong.
    Error,
}

/// A message bound to a place in the repository, or to the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// How grave.
    pub level: AnnotationLevel,
    /// The text, masked, at most 4,096 characters.
    pub message: String,
    /// A title, when given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The file, relative to the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// First line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Last line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u32>,
    /// First column, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Last column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_column: Option<u32>,
}

/// What happened. Steps run one after the other, or beside each other where the workflow says `background` or `parallel`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum JobEventKind {
    /// The job began on this machine.
    JobStarted {
        /// The name that people see.
        name: String,
    },
    /// A step began.
    StepStarted {
        /// Which.
        step: StepRef,
        /// The evaluated, masked name.
        name: String,
        /// The part of the job.
        phase: StepPhase,
        /// Its place in the file's list of steps, from 0; absent for what is no step of the file. The inner steps of `parallel` carry
        /// the place of their block.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        index: Option<u32>,
    },
    /// Lines that a step said: whole lines, each ending in `\n`, masked, in order. Groups appear as `##[group]name` and `##[endgroup]`.
    Output {
        /// Which step.
        step: StepRef,
        /// One or more whole lines.
        text: Arc<str>,
    },
    /// An annotation (also present as a line of output).
    Annotation {
        /// Which step.
        step: StepRef,
        /// The annotation.
        annotation: Annotation,
    },
    /// A step's summary (Markdown, masked).
    Summary {
        /// Which step.
        step: StepRef,
        /// The text.
        markdown: String,
    },
    /// A step ended, or was skipped (then it never started).
    StepFinished {
        /// Which.
        step: StepRef,
        /// The evaluated, masked name (a skipped step has no `StepStarted`).
        name: String,
        /// The part of the job.
        phase: StepPhase,
        /// Its place in the file's list of steps, from 0; absent for what is no step of the file. The inner steps of `parallel` carry
        /// the place of their block.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        index: Option<u32>,
        /// Before `continue-on-error`.
        outcome: Outcome,
        /// After it.
        conclusion: Conclusion,
        /// How long it took, microseconds.
        micros: u64,
    },
    /// A job that never ran: a condition, a need, a label that this machine cannot serve.
    JobSkipped {
        /// The name that people see.
        name: String,
        /// Why, in words.
        reason: String,
    },
    /// Where and how the job ran; comes before `JobFinished`.
    Receipt {
        /// The receipt.
        receipt: Receipt,
    },
    /// The end; exactly one for each job that started.
    JobFinished {
        /// How.
        conclusion: Conclusion,
        /// The outputs of the job that hold no secret.
        outputs: BTreeMap<String, String>,
        /// How long it took, microseconds.
        micros: u64,
    },
}
