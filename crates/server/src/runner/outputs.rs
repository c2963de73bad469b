//! Which outputs of a job are kept: none that is too long, and none that holds a secret (`execution-semantics` 3.7): they are stored as they are, and stand in names
//! of jobs. Our agent looks itself; others do not. What is left out is named at the end of the job's log, where that is still to come. Called by `report` and `log`.

use super::service::{Runners, refused_stop};
use crate::logs::NewRows;
use domain::{LogEnd, TaskId, Timestamp};
use protocol::{Refusal, quirks};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use store::StoredRunner;

/// Of so many tasks it is remembered what was left out.
const MOST: usize = 10_000;
/// So many outputs are named.
const NAMED: usize = 20;
/// Outputs with more bytes than this are looked through where nothing else waits.
const LARGE: usize = 64 * 1024;

/// Outputs that may be kept, and the names of those that may not.
#[derive(Debug, Default)]
pub(super) struct Sifted {
    pub(super) outputs: BTreeMap<String, String>,
    pub(super) left_out: Vec<String>,
}

/// What logs that have not ended are to say at their end.
#[derive(Debug, Default)]
pub(super) struct LastRows(Mutex<HashMap<TaskId, Arc<Vec<String>>>>);

impl LastRows {
    fn add(&self, task: TaskId, rows: impl IntoIterator<Item = String>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        let known = Arc::make_mut(all.entry(task).or_default());
        for row in rows {
            if known.len() < NAMED && !known.contains(&row) {
                known.push(row);
            }
        }
    }

    pub(super) fn of(&self, task: TaskId) -> Option<Arc<Vec<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&task).cloned()
    }
}

impl Runners {
    /// The outputs that a runner sends, without those that may not be kept.
    pub(super) async fn sifted(
        &self,
        runner: &StoredRunner,
        task: TaskId,
        outputs: BTreeMap<String, String>,
    ) -> Result<Sifted, Refusal> {
        if outputs.is_empty() {
            return Ok(Sifted::default());
        }
        let masks = self.masks(runner, task).await?;
        let (outputs, mut left_out) = quirks::storable_outputs(outputs);
        let too_long = left_out.iter().map(|name| format!("##[warning]Skip output '{name}': it is longer than 1 MiB"));
        self.last_rows.add(task, too_long);
        let bytes: usize = outputs.values().map(String::len).sum();
        let look = move || outputs.into_iter().partition(|(name, value)| !masks.find_in(name) && !masks.find_in(value));
        let (good, bad): (BTreeMap<_, _>, BTreeMap<_, _>) = if bytes <= LARGE {
            look()
        } else {
            tokio::task::spawn_blocking(look).await.map_err(|_| refused_stop())?
        };
        if !bad.is_empty() {
            let rows = bad.keys().map(|name| format!("##[warning]Skip output '{name}' since it may contain secret."));
            self.last_rows.add(task, rows);
            tracing::info!(%task, outputs = bad.len(), "outputs that hold a secret were left out");
            left_out.extend(bad.into_keys());
        }
        Ok(Sifted { outputs: good, left_out })
    }

    /// Notes outputs for which there is no room.
    pub(super) fn tell_left_out(&self, task: TaskId, left_out: &mut Vec<String>, more: Vec<String>) {
        if more.is_empty() {
            return;
        }
        tracing::info!(%task, outputs = more.len(), "outputs for which the run has no room were left out");
        let row = |name: &String| {
            format!("##[warning]Skip output '{name}': a job has 1000 outputs, and a run 50 MiB of them at most")
        };
        self.last_rows.add(task, more.iter().map(row));
        left_out.extend(more);
    }
}

/// Rows of a runner with those that the server says at the end of the log.
#[derive(Debug)]
pub(super) struct WithLast<R> {
    rows: R,
    last: Arc<Vec<String>>,
    at: Timestamp,
}

impl<R: NewRows> WithLast<R> {
    pub(super) fn new(rows: R, last: Arc<Vec<String>>, at: Timestamp) -> Self {
        let last = if rows.end() == LogEnd::Last { last } else { Arc::default() };
        Self { rows, last, at }
    }
}

impl<R: NewRows> NewRows for WithLast<R> {
    fn task(&self) -> TaskId {
        self.rows.task()
    }

    fn index(&self) -> u64 {
        self.rows.index()
    }

    fn end(&self) -> LogEnd {
        self.rows.end()
    }

    fn count(&self) -> usize {
        self.rows.count() + self.last.len()
    }

    fn bytes(&self) -> usize {
        self.rows.bytes() + self.last.iter().map(String::len).sum::<usize>()
    }

    fn rows(&self) -> impl Iterator<Item = (Timestamp, &[u8])> + Send {
        let at = self.at;
        self.rows.rows().chain(self.last.iter().map(move |row| (at, row.as_bytes())))
    }
}
