//! An action's manifest (`action.yml`).

use super::Step;
use crate::template::Template;
use crate::yaml::Spanned;

/// One manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// `name`.
    pub name: Option<String>,
    /// `inputs`, in order.
    pub inputs: Vec<ActionInput>,
    /// `outputs`, in order.
    pub outputs: Vec<ActionOutput>,
    /// `runs`.
    pub runs: Runs,
}

/// One input.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionInput {
    /// Its key as written.
    pub id: Spanned<String>,
    /// `required` (not enforced by the reference runner).
    pub required: bool,
    /// `default`; may hold expressions.
    pub default: Option<Template>,
    /// `deprecationMessage`.
    pub deprecation: Option<String>,
}

/// One output.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionOutput {
    /// Its key as written.
    pub id: Spanned<String>,
    /// `value`, of composite actions.
    pub value: Option<Template>,
}

/// `runs`.
#[derive(Debug, Clone, PartialEq)]
pub enum Runs {
    /// `using: node…`
    Node(NodeRuns),
    /// `using: docker`
    Docker(DockerRuns),
    /// `using: composite`
    Composite(CompositeRuns),
}

/// A JavaScript action.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeRuns {
    /// The major version asked for: 12, 16, 20, 24.
    pub major: u32,
    /// `main`.
    pub main: String,
    /// `pre`.
    pub pre: Option<String>,
    /// `pre-if`; `always()` when absent.
    pub pre_if: Option<Template>,
    /// `post`.
    pub post: Option<String>,
    /// `post-if`; `always()` when absent.
    pub post_if: Option<Template>,
}

/// A container action.
#[derive(Debug, Clone, PartialEq)]
pub struct DockerRuns {
    /// `image`.
    pub image: String,
    /// `entrypoint`.
    pub entrypoint: Option<String>,
    /// `pre-entrypoint`.
    pub pre_entrypoint: Option<String>,
    /// `pre-if`.
    pub pre_if: Option<Template>,
    /// `post-entrypoint`.
    pub post_entrypoint: Option<String>,
    /// `post-if`.
    pub post_if: Option<Template>,
    /// `args`: a sequence.
    pub args: Option<Template>,
    /// `env`: a mapping.
    pub env: Option<Template>,
}

/// A composite action.
#[derive(Debug, Clone, PartialEq)]
pub struct CompositeRuns {
    /// `steps`.
    pub steps: Vec<Step>,
}
