//! The fork server: a process of the same binary, with one thread and no secret, from which the processes of an agent's jobs are forked.
//!
//! What the program needs before it can run a job (its own relocations, the seccomp filters, the control groups of this machine, the layer
//! over its root) is there once, in the fork server; a fork costs a tenth of what starting the program anew costs. The agent starts it (`client`) and speaks to it
//! on its stdin; `main` hands over to [`serve`] first of all. It ends with the agent; the processes it forked hear of that by the end of
//! their own stdin.

mod client;
mod serve;

pub use client::{ForkServer, Forked};
pub use serve::{Served, serve};

use crate::namespaces::Wanted;
use serde::{Deserialize, Serialize};

/// What the agent asks. The new process's stdin, stdout and stderr come along.
#[derive(Debug, Serialize, Deserialize)]
struct Fork {
    /// What it shall have ready.
    wanted: Option<Wanted>,
}

/// What the fork server says.
#[derive(Debug, Serialize, Deserialize)]
enum Said {
    /// To a request, with a pidfd.
    Forked { pid: u32 },
    /// To a request: an errno.
    Failed(i32),
    /// Of its own accord: a process that it forked has ended, with this wait status.
    Gone { pid: u32, status: i32 },
}
