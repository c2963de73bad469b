//! What starts a workflow.

use crate::template::Template;
use crate::yaml::{Span, Spanned};

/// One entry of `on`.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// The event's name, such as `push`.
    pub event: Spanned<String>,
    /// What it asks for.
    pub kind: TriggerKind,
}

/// What a trigger asks of its event.
#[derive(Debug, Clone, PartialEq)]
pub enum TriggerKind {
    /// Events of a forge: activity types and filters (each absent when not written).
    Event {
        /// `types`; `None` means the event's default types.
        types: Option<Vec<Spanned<String>>>,
        /// `branches` or `branches-ignore`.
        branches: Option<Filter>,
        /// `tags` or `tags-ignore`.
        tags: Option<Filter>,
        /// `paths` or `paths-ignore`.
        paths: Option<Filter>,
        /// `workflows` of `workflow_run`.
        workflows: Vec<Spanned<String>>,
    },
    /// `schedule`.
    Schedule(Vec<Cron>),
    /// `workflow_dispatch`.
    Dispatch(Vec<DispatchInput>),
    /// `workflow_call`.
    Call {
        /// `inputs`.
        inputs: Vec<CallInput>,
        /// `outputs`.
        outputs: Vec<CallOutput>,
        /// `secrets`.
        secrets: Vec<CallSecret>,
        /// The whole as written; absent when there is nothing.
        written: Option<Template>,
    },
}

/// A list of patterns (`execution-semantics` 2.3), in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// Whether it was written as `…-ignore`.
    pub ignore: bool,
    /// The patterns as written.
    pub patterns: Vec<Spanned<String>>,
}

/// One `cron` of `schedule`.
#[derive(Debug, Clone, PartialEq)]
pub struct Cron {
    /// Five fields.
    pub cron: Spanned<String>,
    /// IANA name; UTC when absent.
    pub timezone: Option<Spanned<String>>,
}

/// The type of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputType {
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// One of `options`.
    Choice,
    /// The name of an environment.
    Environment,
}

impl std::fmt::Display for InputType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Choice => "choice",
            Self::Environment => "environment",
        })
    }
}

/// One input of `workflow_dispatch`.
#[derive(Debug, Clone, PartialEq)]
pub struct DispatchInput {
    /// Its key.
    pub id: Spanned<String>,
    /// `type`; string when absent.
    pub kind: InputType,
    /// `required`.
    pub required: bool,
    /// `default`, literal.
    pub default: Option<Template>,
    /// `options` of a choice.
    pub options: Vec<Spanned<String>>,
    /// `description`.
    pub description: Option<String>,
    /// Where it stands.
    pub span: Span,
}

/// One input of `workflow_call`.
#[derive(Debug, Clone, PartialEq)]
pub struct CallInput {
    /// Its key.
    pub id: Spanned<String>,
    /// `type`: string, boolean or number.
    pub kind: InputType,
    /// `required`.
    pub required: bool,
    /// `default`: may hold expressions over G I V.
    pub default: Option<Template>,
    /// Where it stands.
    pub span: Span,
}

/// One output of `workflow_call`.
#[derive(Debug, Clone, PartialEq)]
pub struct CallOutput {
    /// Its key.
    pub id: Spanned<String>,
    /// `value`.
    pub value: Template,
}

/// One secret of `workflow_call`.
#[derive(Debug, Clone, PartialEq)]
pub struct CallSecret {
    /// Its key.
    pub id: Spanned<String>,
    /// `required`.
    pub required: bool,
}
