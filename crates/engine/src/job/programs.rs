//! Which programs a sandbox's root has, looked for once for all jobs that share it: Node.js ([`super::node`]) and shells.

use super::node::Node;
use super::running::Job;
use sandbox::SandboxError;
use std::collections::HashMap;
use std::path::Path;
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
        for folder in job.state.path() {
            // A step may have put it there a moment ago, so this is asked each time.
            if let Some(path) = there(job, &folder, name).await {
                return Some(path);
            }
        }
        let known = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if known.is_some() {
            return known;
        }
        for folder in job.sandbox.layout().path.split(':') {
            if let Some(path) = there(job, folder, name).await {
                self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), path.clone());
                return Some(path);
            }
        }
        None
    }
}

async fn there(job: &Job, folder: &str, name: &str) -> Option<String> {
    if !folder.starts_with('/') {
        return None;
    }
    let path = format!("{}/{name}", folder.trim_end_matches('/'));
    match job.sandbox.read(Path::new(&path), 0).await {
        // Too large to read is there.
        Ok(Some(_)) | Err(SandboxError::Invalid(_)) => Some(path),
        Ok(None) | Err(_) => None,
    }
}
