//! A local repository, read from its files: where it lies, what is checked out, where it comes from.
//!
//! `ekiden exec` takes the facts of its run from here; [`crate::checkout`] makes views of it. A run's start may cost no process,
//! so that nothing here starts git but what says so.

mod commit;
mod config;
mod discover;
mod head;
mod objects;
mod remote;

pub use commit::{Commit, CommitId, InvalidCommitId, Signature};
pub use config::{Config, Entry};
pub use discover::{Repository, RepositoryError, RepositoryKind};
pub use head::{Head, HeadReference};
pub use remote::Remote;

pub(crate) use discover::read_config;
pub(crate) use head::{PackedRef, is_plain_reference, packed_refs};
pub(crate) use objects::{Kind, Objects};
pub(crate) use remote::without_credentials;
