//! What bounds a plan.

use crate::yaml::Limits;

/// Budgets and settings of one plan; the defaults are the reference's, but for `jobs`, for which it names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Of each file; the bytes are those of all files of the run together, one for each call.
    pub limits: Limits,
    /// How deep reusable workflows may call each other below the first file.
    pub nesting: usize,
    /// How many different files a run may have, the first included.
    pub files: usize,
    /// How many jobs all files together may have, each call counted and no matrix expanded.
    pub jobs: usize,
    /// Whether to follow calls at all.
    pub calls: Calls,
    /// What a token may do when no file says.
    pub policy: TokenPolicy,
    /// The server that holds a called workflow which names none, as `https://host`; `None` for the default places.
    pub home: Option<String>,
}

/// Whether reusable workflows are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// They are read and checked.
    Follow,
    /// Jobs that call one stay without a callee: for looking at one file alone.
    Leave,
}

/// A repository's setting for the token of its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPolicy {
    /// Read and write everywhere.
    Write,
    /// Read contents and packages, nothing else.
    LimitedRead,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            nesting: 9,
            files: 51,
            jobs: 2_000,
            calls: Calls::Follow,
            policy: TokenPolicy::Write,
            home: None,
        }
    }
}
