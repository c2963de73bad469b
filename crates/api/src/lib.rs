//! The REST API of the control plane: the shapes of what it says and takes, and a typed client. Used by `server`, which answers, and by the
//! commands that ask.
//!
//! Where Gitea has a route, path, shape and status are Gitea's (`modules/structs/repo_actions.go` of 1.27.3), so that its clients work; what is
//! ours beside them is additive. Changes here only add: nothing is renamed, removed or given another meaning.

mod artifact;
mod audit;
mod client;
mod fault;
mod holding;
mod job;
mod page;
mod place;
mod project;
mod query;
mod queue;
mod run;
mod runner;
mod status;
mod token;
mod user;
mod version;
pub mod when;
mod workflow;

pub use artifact::{Artifact, ArtifactList};
pub use audit::{Audit, AuditEntry, AuditQuery};
pub use client::{Authority, Client, ClientError, ClientSettings, Counted, FaultKind, LogText};
pub use fault::Fault;
pub use holding::{CreateVariable, Secret, SetSecret, UpdateVariable, Variable};
pub use job::{Job, JobList, Step, Task, TaskList};
pub use page::{Page, PageQuery};
pub use place::{InvalidPlace, Place, ProjectName};
pub use project::{
    Heard, Hook, MadeHook, NewProject, Project, ProjectForge, ProjectList, Readers, SetForge, SetReaders,
};
pub use query::{ArtifactQuery, DispatchQuery, JobQuery, LogQuery, RunnerQuery, TokenQuery};
pub use queue::{Estimate, Position, Queue, QueuedJob, ReasonCount, Why};
pub use run::{Run, RunList, RunQuery};
pub use runner::{Admission, EditRunner, NewRunnerKey, RegistrationToken, Runner, RunnerKey, RunnerLabel, RunnerList};
pub use status::Status;
pub use token::{MadeToken, NewToken, Right, RotateToken, Token, TokenKind, TokenList, TokenState, UnknownRight};
pub use user::{Repository, User};
pub use version::{GITEA_LEVEL, Version};
pub use workflow::{Dispatch, RunDetails, RunInfo, Workflow, WorkflowList, WorkflowState};
