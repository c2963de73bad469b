//! What the control plane remembers, as verbs over SQLite and PostgreSQL. Called by `server`; no SQL and no row is seen outside this crate.
//!
//! A verb is one transaction: what it says either happened or did not, whenever the process dies. The queries are written once, in
//! `queries/`, and compiled for each of the two databases.
#![expect(clippy::duplicate_mod, reason = "the queries are compiled once for each database")]

mod audit;
mod backup;
mod database;
mod error;
mod following;
mod groups;
mod holdings;
mod jobs;
mod leader;
mod listen;
mod narrow;
mod news;
mod postgres;
mod projects;
mod pushes;
mod reports;
mod retention;
mod runners;
mod runs;
mod scope;
mod sqlite;
mod statuses;
mod tasks;
mod tokens;
mod turns;
mod workflows;

pub use audit::{AuditEntry, AuditFilter, AuditRecord};
pub use backup::{Held, copy_sqlite, held_by_postgres, is_empty, newest_schema, ready_postgres, ready_sqlite};
pub use database::Store;
pub use error::StoreError;
pub use following::{Content, EndedJob, Ending, FreshEnd, JobRow, RunCancel, RunHead, Seen};
pub use groups::{GroupClaim, GroupHolder, GroupMember};
pub use holdings::{Holding, HoldingKind, NewHolding, Set};
pub use jobs::{ChangedJob, JobFilter, ListOrder, NewJob, StoredJob};
pub use leader::{Candidate, Leadership};
pub use news::{By, Change, Changes};
pub use projects::{NewProject, Project, RefChange, RefMove};
pub use pushes::{Push, PushId, Queue};
pub use reports::{Report, Reported};
pub use retention::StartedTask;
pub use runners::{KeyStanding, NewRunner, RunnerFacts, StoredRunner};
pub use runs::{Advance, Followed, Logs, NewRun, ReservedRun, RunCause, RunFilter, StoredAttempt, StoredRun};
pub use tasks::{StoredTask, Taker};
pub use tokens::{MayGo, NewToken, RotationAudit, StoredToken, TokenHash, TokenKind};
pub use workflows::{DisabledWorkflow, NewSchedule, Schedule, WorkflowState};
