//! Runners that are heard of once more: noted together. Ten thousand that ask once a minute cost a write every two seconds, not two hundred a second.
//! Called by `caller`.

use domain::{RunnerId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::Store;

/// So long a runner waits to be noted. A server that dies meanwhile forgets a call; the next one is noted.
const TOGETHER: Duration = Duration::from_secs(2);

/// Who was heard of, and is to be noted.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Arc<Mutex<BTreeMap<RunnerId, Timestamp>>>);

impl Heard {
    /// A runner called.
    pub(super) fn note(&self, store: &Store, runner: RunnerId, now: Timestamp) {
        let is_first = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.insert(runner, now);
            all.len() == 1
        };
        if is_first {
            let (heard, store) = (self.clone(), store.clone());
            tokio::spawn(async move {
                tokio::time::sleep(TOGETHER).await;
                heard.write(&store).await;
            });
        }
    }

    async fn write(&self, store: &Store) {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let all: Vec<(RunnerId, Timestamp)> = all.into_iter().collect();
        if let Err(error) = store.hear(&all).await {
            // They call again before their silence is too long; all of them look silent where this goes on.
            tracing::warn!(error = &error as &dyn std::error::Error, runners = all.len(), "could not note who called");
        }
    }
}
