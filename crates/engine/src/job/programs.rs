//! Which programs a sandbox's root has, looked for once for all jobs that share it: Node.js ([`super::node`]) and shells.

use super::node::Node;
use super::running::Job;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use tokio::sync::OnceCell;

/// What was found; the same for all sandboxes with the same root.
#[derive(Debug, Default)]
pub struct Programs {
    pub(super) nodes: OnceCell<Vec<Node>>,
    /// Where a program lies in the sandbox's own `PATH`, by its name; what is not there may still come.
    found: Mutex<HashMap<String, String>>,
}

impl Programs {
    /// The path of a program, looked up as the reference looks shells up: in the directories of `GITHUB_PATH`, then in the
    /// sandbox's own `PATH`; what the step says of `PATH` does not matter. `None` when it is in none of them.
    pub(crate) async fn which(&self, job: &Job, name: &str) -> Option<String> {
        if name.contains('/') {
            return None;
        }
        // A step may have put it there a moment ago, so this is asked each time.
        if let Some(path) = first(job, job.state.path().iter().map(String::as_str), name).await {
            return Some(path);
        }
        let known = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if known.is_some() {
            return known;
        }
        let found = first(job, job.sandbox.layout().path.split(':'), name).await?;
        self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), found.clone());
        Some(found)
    }
}

async fn first(job: &Job, folders: impl Iterator<Item = &str>, name: &str) -> Option<String> {
    let places = folders.filter(|folder| folder.starts_with('/'));
    let paths: Vec<PathBuf> = places.map(|folder| format!("{}/{name}", folder.trim_end_matches('/')).into()).collect();
    if paths.is_empty() {
        return None;
    }
    job.sandbox.first_of(&paths).await.and_then(|path| path.into_os_string().into_string().ok())
}
