//! A step of a job or of a composite action.

use crate::template::Template;
use crate::yaml::{Span, Spanned};
use domain::StepId;

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Given or generated.
    pub id: StepId,
    /// `name`.
    pub name: Option<Template>,
    /// `if`, already with its implicit `success() && (…)`; `success()` when absent.
    pub condition: Template,
    /// `env`.
    pub env: Option<Template>,
    /// `continue-on-error`.
    pub continue_on_error: Option<Template>,
    /// `timeout-minutes`.
    pub timeout_minutes: Option<Template>,
    /// `background: true`: the next step starts while this one runs.
    pub background: bool,
    /// What it does.
    pub kind: StepKind,
    /// Where it stands.
    pub span: Span,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum StepKind {
    /// `run`.
    Run {
        /// The script.
        script: Template,
        /// `shell`.
        shell: Option<Template>,
        /// `working-directory`.
        working_directory: Option<Template>,
    },
    /// `uses`.
    Uses {
        /// What.
        uses: Spanned<Uses>,
        /// The text as written.
        text: String,
        /// `with`: a mapping.
        with: Option<Template>,
    },
    /// `wait: id` or a list: until these background steps have ended.
    Wait(Vec<Spanned<StepId>>),
    /// `wait-all`: until every background step has ended.
    WaitAll,
    /// `cancel: id`: ends a background step.
    Cancel(Spanned<StepId>),
    /// `parallel`: these steps beside each other, then on.
    Parallel(Vec<Step>),
}

/// What `uses` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uses {
    /// `owner/repo[/path]@ref`, or its absolute URL form.
    Repository(crate::action_source::ActionRef),
    /// `./path`, relative to the workspace.
    Local(String),
    /// `$/path`: the same repository and commit as the file that says it.
    Same(String),
    /// `docker://image`.
    Docker(String),
}
