//! What a job may use.

/// Limits of one sandbox; `None` asks for no limit. Whoever asks gives the defaults.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// Bytes of memory, swap included.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub processes: Option<u64>,
    /// Thousandths of a processor.
    pub cpu_millis: Option<u64>,
    /// Bytes that the workspace and the throw-away layer may take.
    pub disk: Option<u64>,
    /// Files in the workspace and the throw-away layer.
    pub inodes: Option<u64>,
}
