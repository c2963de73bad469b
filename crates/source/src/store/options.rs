//! What a store is opened with. The command line and `ekiden.toml` fill it.

use crate::git::CancelFlag;
use domain::{Clock, Secret, SystemClock};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Whether places other than the store may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Yes. A branch or tag that was resolved less than `fresh` ago is not asked for again; zero asks once in each run.
    Online {
        /// How long an answer holds.
        fresh: Duration,
    },
    /// No: what is in the store is all there is.
    Offline,
}

/// What one fetched commit may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreLimits {
    /// Bytes of all files, and of the objects that git fetches.
    pub bytes: u64,
    /// Bytes of one file.
    pub file: u64,
    /// Files.
    pub files: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { bytes: 4 << 30, file: 1 << 30, files: 500_000 }
    }
}

/// How to open a [`crate::Store`].
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The store's folder.
    pub root: PathBuf,
    /// URL templates asked before the server, in order: `{owner}`, `{repo}`, `{repository}` (both) and `{host}` are replaced.
    /// `https`, `http`, `git`, `ssh` and `file` URLs may be named here.
    pub mirrors: Vec<String>,
    /// The server asked last, `https://github.com`; `None` asks only mirrors.
    pub server: Option<String>,
    /// Whether anything but the store is asked.
    pub access: Access,
    /// How long a place may take to say which commit a reference is.
    pub patience: Duration,
    /// How long a fetch may take.
    pub fetch_timeout: Duration,
    /// What a commit may hold.
    pub limits: StoreLimits,
    /// Tokens, each for one server (`https://host`), sent to it and nowhere else.
    pub tokens: Vec<(String, Secret)>,
    /// More settings of git, such as a file of certificates for one server.
    pub settings: Vec<(String, String)>,
    /// Stops what runs.
    pub cancel: CancelFlag,
    /// The time of entries.
    pub clock: Arc<dyn Clock>,
}

impl StoreOptions {
    /// A store in this folder with everything as usual.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            mirrors: Vec::new(),
            server: Some("https://github.com".to_owned()),
            access: Access::Online { fresh: Duration::ZERO },
            patience: Duration::from_secs(10),
            fetch_timeout: Duration::from_secs(600),
            limits: StoreLimits::default(),
            tokens: Vec::new(),
            settings: Vec::new(),
            cancel: CancelFlag::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Where the store is unless somebody says otherwise: `$XDG_CACHE_HOME/ekiden`, `/var/cache/ekiden` for root, `~/.cache/ekiden`.
    #[must_use]
    pub fn usual_root() -> PathBuf {
        let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        if let Some(cache) = absolute("XDG_CACHE_HOME") {
            return cache.join("ekiden");
        }
        let root = std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
        match absolute("HOME").filter(|_| !root) {
            Some(home) => home.join(".cache/ekiden"),
            None => PathBuf::from("/var/cache/ekiden"),
        }
    }
}
