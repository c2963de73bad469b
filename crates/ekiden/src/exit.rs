//! What a command's end means to the shell: one total map, called by `main` alone.

use std::process::ExitCode;

/// How `ekiden` ended. The numbers are a promise to scripts; `docs/cli.md` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went well.
    Ok,
    /// What was asked about failed: a job, a lint finding, an expression, a check of `doctor`.
    Failed,
    /// The command line is wrong.
    Usage,
    /// A configuration or a workflow is invalid.
    Invalid,
    /// A token or a key is not good.
    Auth,
    /// What was asked for is not there.
    NotFound,
    /// A place on the network did not answer.
    Unreachable,
    /// The command itself waited too long.
    TimedOut,
    /// The machine or `ekiden` itself failed, not the user's work.
    Platform,
    /// Ctrl-C or SIGTERM.
    Interrupted,
}

impl Exit {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Invalid => 3,
            Self::Auth => 4,
            Self::NotFound => 5,
            Self::Unreachable => 6,
            Self::TimedOut => 7,
            Self::Platform => 8,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
