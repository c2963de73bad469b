//! A job of a workflow file, before its matrix is expanded.

use super::Step;
use crate::template::Template;
use crate::yaml::{Span, Spanned};

/// One entry of `jobs`.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The key in `jobs`.
    pub id: Spanned<String>,
    /// `name`.
    pub name: Option<Template>,
    /// `needs`, literal ids, each known to exist.
    pub needs: Vec<Spanned<String>>,
    /// `if`, already with its implicit `success() && (…)`; `success()` when absent.
    pub condition: Template,
    /// `permissions`.
    pub permissions: Option<Permissions>,
    /// `concurrency`.
    pub concurrency: Option<Concurrency>,
    /// `strategy`.
    pub strategy: Option<Strategy>,
    /// What the job does.
    pub kind: JobKind,
}

/// What a job does.
#[derive(Debug, Clone, PartialEq)]
pub enum JobKind {
    /// It runs steps.
    Normal(Box<NormalJob>),
    /// It calls a reusable workflow.
    Reusable(Box<ReusableJob>),
}

/// A job with steps.
#[derive(Debug, Clone, PartialEq)]
pub struct NormalJob {
    /// `runs-on`.
    pub runs_on: RunsOn,
    /// `environment`.
    pub environment: Option<Environment>,
    /// `env`.
    pub env: Option<Template>,
    /// `defaults.run`.
    pub defaults: Defaults,
    /// `outputs`: a mapping.
    pub outputs: Option<Template>,
    /// `timeout-minutes`; 360 when absent.
    pub timeout_minutes: Option<Template>,
    /// `cancel-timeout-minutes`; 5 when absent.
    pub cancel_timeout_minutes: Option<Template>,
    /// `continue-on-error`.
    pub continue_on_error: Option<Template>,
    /// `container`, as written: an image or a mapping.
    pub container: Option<Container>,
    /// `services`, in order; none while the whole is one expression.
    pub services: Vec<Service>,
    /// `services` as written.
    pub services_written: Option<Template>,
    /// `snapshot`, accepted and ignored.
    pub snapshot: Option<Template>,
    /// `steps`.
    pub steps: Vec<Step>,
}

/// A job that calls a reusable workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct ReusableJob {
    /// `uses`, literal: `./.github/workflows/f.yml` or `owner/repo/.github/workflows/f.yml@ref`.
    pub uses: Spanned<String>,
    /// `with`: a mapping.
    pub with: Option<Template>,
    /// `secrets`.
    pub secrets: SecretsGiven,
}

/// `secrets` of a reusable job.
#[derive(Debug, Clone, PartialEq)]
pub enum SecretsGiven {
    /// None.
    None,
    /// `inherit`.
    Inherit(Span),
    /// A mapping.
    Given(Template),
}

/// `runs-on`.
#[derive(Debug, Clone, PartialEq)]
pub struct RunsOn {
    /// The labels: a string, a sequence or an expression that gives either.
    pub labels: Option<Template>,
    /// `group`.
    pub group: Option<Template>,
    /// Where it stands.
    pub span: Span,
    /// The whole as written.
    pub written: Template,
}

/// `strategy`; may as a whole be one expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Strategy {
    /// `matrix`.
    pub matrix: Option<Matrix>,
    /// `fail-fast`; true when absent.
    pub fail_fast: Option<Template>,
    /// `max-parallel`.
    pub max_parallel: Option<Template>,
    /// The whole mapping as written, when it is one expression.
    pub whole: Option<Template>,
    /// Where it stands.
    pub span: Span,
    /// The whole as written.
    pub written: Template,
}

/// `matrix`: vectors, `include`, `exclude`, each possibly an expression; evaluated when the needs are done.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// The mapping or the expression, as written.
    pub template: Template,
}

/// `environment`.
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    /// `name`.
    pub name: Template,
    /// `url`.
    pub url: Option<Template>,
    /// `deployment`: whether a deployment is recorded; true when absent.
    pub deployment: Option<Template>,
    /// The whole as written.
    pub written: Template,
}

/// `concurrency`.
#[derive(Debug, Clone, PartialEq)]
pub struct Concurrency {
    /// `group`.
    pub group: Template,
    /// `cancel-in-progress`.
    pub cancel_in_progress: Option<Template>,
    /// `queue`: `single` or `max`.
    pub queue: Option<Template>,
    /// Where it stands.
    pub span: Span,
    /// The whole as written.
    pub written: Template,
}

/// `defaults.run`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Defaults {
    /// `shell`.
    pub shell: Option<Template>,
    /// `working-directory`.
    pub working_directory: Option<Template>,
    /// `defaults` as written.
    pub written: Option<Template>,
}

/// `container`.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// The image string or the mapping, as written.
    pub template: Template,
}

/// One entry of `services`.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its key.
    pub id: Spanned<String>,
    /// The image string or the mapping, as written.
    pub template: Template,
}

/// `permissions`.
#[derive(Debug, Clone, PartialEq)]
pub enum Permissions {
    /// `read-all` or `write-all`.
    All(Spanned<PermissionLevel>),
    /// One level a scope; scopes that are not named get none.
    Scopes(Vec<(Spanned<String>, Spanned<PermissionLevel>)>, Span),
}

/// How much a token may do in a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PermissionLevel {
    /// Nothing.
    None,
    /// Read.
    Read,
    /// Read and write.
    Write,
}
