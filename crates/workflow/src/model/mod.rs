//! What a workflow and an action are, typed, with a place for everything.

mod action;
mod job;
mod step;
mod trigger;
mod workflow;

pub use action::{Action, ActionInput, ActionOutput, CompositeRuns, DockerRuns, NodeRuns, Runs};
pub use job::{
    Concurrency, Container, Defaults, Environment, Job, JobKind, Matrix, NormalJob, PermissionLevel, Permissions,
    ReusableJob, RunsOn, SecretsGiven, Service, Strategy,
};
pub use step::{Step, StepKind, Uses};
pub use trigger::{CallInput, CallOutput, CallSecret, Cron, DispatchInput, Filter, InputType, Trigger, TriggerKind};
pub use workflow::Workflow;
