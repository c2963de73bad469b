//! Why git did not do it, and how it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why git did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// There is no git.
    #[error("git is not installed; install it (Debian: apt-get install git)")]
    Missing,
    /// Git said no.
    #[error("git {command}: {message}")]
    Failed {
        /// The subcommand.
        command: String,
        /// The last lines that git said.
        message: String,
    },
    /// It took too long.
    #[error("git {command} gave no result in {seconds} s")]
    TimedOut {
        /// The subcommand.
        command: String,
        /// The limit.
        seconds: u64,
    },
    /// What it wrote grew past the limit.
    #[error("git {command} stopped: more than {limit} bytes")]
    TooLarge {
        /// The subcommand.
        command: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The caller asked to stop.
    #[error("git {command} was cancelled")]
    Cancelled {
        /// The subcommand.
        command: String,
    },
    /// The process could not be run.
    #[error("could not run git {command}")]
    Io {
        /// The subcommand.
        command: String,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
}

/// Stops running git commands from another thread.
#[derive(Debug, Clone, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Ends the commands that run with this flag, and those that start later.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
