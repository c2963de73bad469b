//! The receipt of a job: where it ran, how isolated, on what, and what it used.

use serde::{Deserialize, Serialize};

/// What ran a job and what that cost; shown by `exec`, the log's head and `whoami`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The backend: `namespaces`, `host`, later `docker`, `kubernetes`.
    pub backend: String,
    /// The profile: `hardened`, `root`; `none` on the host backend.
    pub profile: String,
    /// The network mode: `outbound`, `none`, `host`.
    pub network: String,
    /// The root that the job saw: `host` or a directory or image.
    pub root: String,
    /// The machine's host name.
    pub machine: String,
    /// Each protection and whether it was in force.
    pub isolation: Vec<Isolation>,
    /// From the request to the sandbox's first instruction, microseconds.
    pub start_micros: u64,
    /// Peak memory of the job in bytes, when the kernel counts it.
    pub peak_memory: Option<u64>,
    /// CPU time in microseconds, when the kernel counts it.
    pub cpu_micros: Option<u64>,
    /// Targets that the job's way out refused: `HOST:PORT`, or `HOST` for a name that leads nowhere else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    /// A limit that ended or throttled the job.
    pub limit_reached: Option<LimitReached>,
    /// The name of the sandbox, or the place of its files, when they were to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

/// One protection of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolation {
    /// Its name: `user namespace`, `seccomp`, `memory limit`, …
    pub name: String,
    /// Whether it holds.
    pub enforcement: Enforcement,
}

/// Whether a protection is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Enforcement {
    /// The kernel enforces it; the text gives the value, such as `8.0 GiB`.
    On {
        /// The value in force, or empty.
        value: String,
    },
    /// A watcher enforces it after the fact.
    Soft {
        /// The value in force, and what makes it soft.
        value: String,
    },
    /// It is not in force.
    Off {
        /// Why, and what would change that.
        reason: String,
    },
}

/// A resource limit that a job ran into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "limit", rename_all = "snake_case")]
pub enum LimitReached {
    /// The memory limit; the kernel killed something.
    Memory {
        /// The limit in bytes.
        bytes: u64,
    },
    /// The disk limit.
    Disk {
        /// The limit in bytes.
        bytes: u64,
    },
    /// The limit on files.
    Inodes {
        /// The limit.
        count: u64,
    },
    /// The limit on processes.
    Processes {
        /// The limit.
        count: u64,
    },
}

impl LimitReached {
    /// The flag of `ekiden exec` that raises it.
    #[must_use]
    pub const fn flag(&self) -> &'static str {
        match self {
            Self::Memory { .. } => "--memory",
            Self::Disk { .. } | Self::Inodes { .. } => "--disk",
            Self::Processes { .. } => "--processes",
        }
    }
}

/// `memory limit of 95.4 MiB`.
impl std::fmt::Display for LimitReached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
        let mebibytes = |bytes: u64| bytes as f64 / (1024.0 * 1024.0);
        match self {
            Self::Memory { bytes } => write!(f, "memory limit of {:.1} MiB", mebibytes(*bytes)),
            Self::Disk { bytes } => write!(f, "disk limit of {:.1} MiB", mebibytes(*bytes)),
            Self::Inodes { count } => write!(f, "limit of {count} files"),
            Self::Processes { count } => write!(f, "limit of {count} processes"),
        }
    }
}
