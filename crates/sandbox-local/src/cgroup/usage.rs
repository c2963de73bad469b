//! What a group used and which limits it ran into. Called through [`Group`](super::Group).

use std::path::Path;

/// What a group used so far. The counters only grow, so two readings tell what a step did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// The most memory in use at once, bytes; page cache included, as the kernel counts.
    pub peak_memory: Option<u64>,
    /// CPU time of all its processes, microseconds.
    pub cpu_micros: Option<u64>,
    /// How many processes the kernel killed for memory.
    pub memory_kills: u64,
    /// How many forks were refused.
    pub refused_forks: u64,
}

/// The value of `key` in a file of `key value` lines.
pub(super) fn keyed(file: &Path, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// A file that holds one number.
pub(super) fn number(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}
