//! What a log has in the object store: the list of its chunks. Called by `recover`, `seal` and `read`.
//!
//! Most logs are short: one whose only chunk is small has it in the list, and is one object.

use super::error::LogError;
use super::objects::{LogObjects, chunk_path, manifest_path};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::{LogEnd, TaskId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Of a list of objects.
const VERSION: u32 = 1;
/// Of a list that holds its only chunk.
const WITH_CHUNK: u32 = 2;
/// A chunk is put into the list when it is no longer than this.
pub(super) const SMALL: usize = 16 * 1024;

/// The object that lists the chunks of a log.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u32,
    task: TaskId,
    /// Whether more will come.
    pub(super) end: Filed,
    /// In the order of their rows, without a gap.
    pub(super) chunks: Vec<Chunk>,
    /// The only chunk itself, in base64, where it is small.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    chunk: Option<String>,
}

/// Where a chunk is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kept {
    /// As an object of its own.
    #[default]
    Apart,
    /// In the list.
    Listed,
}

impl Kept {
    fn is_apart(&self) -> bool {
        *self == Self::Apart
    }
}

/// Whether all of a log is in the object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Filed {
    /// More may come.
    Open,
    /// This is all.
    Ended,
}

/// One chunk of a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Chunk {
    /// The number of its first row.
    pub(super) first: u64,
    /// How many rows are in it.
    pub(super) rows: u64,
    /// How many bytes of text are in it.
    pub(super) text: u64,
    /// How many bytes at its end are the index of its blocks.
    pub(super) index: u64,
    /// When its first row was written.
    pub(super) from: Timestamp,
    /// When its last row was written.
    pub(super) to: Timestamp,
    /// SHA-256 over this field of the chunk before, and the object.
    pub(super) chain: String,
    /// Where it is.
    #[serde(skip_serializing_if = "Kept::is_apart", default)]
    pub(super) kept: Kept,
}

impl Chunk {
    /// The number of the row after its last.
    pub(super) const fn end(&self) -> u64 {
        self.first.saturating_add(self.rows)
    }

    /// Its bytes, where they are there.
    pub(super) async fn bytes(&self, objects: &LogObjects, task: TaskId) -> Result<Option<Bytes>, LogError> {
        match self.kept {
            Kept::Apart => objects.get(&chunk_path(task, self.first)).await,
            Kept::Listed => {
                let Some(list) = objects.get(&manifest_path(task)).await? else { return Ok(None) };
                let chunk = Manifest::read(task, &list)?.chunk.and_then(|chunk| STANDARD.decode(chunk).ok());
                Ok(chunk.map(Bytes::from))
            }
        }
    }
}

impl Manifest {
    pub(super) const fn new(task: TaskId, end: Filed, chunks: Vec<Chunk>) -> Self {
        Self { version: VERSION, task, end, chunks, chunk: None }
    }

    /// That of a log that has ended and is one small chunk.
    pub(super) fn of_small(task: TaskId, chunk: Chunk, bytes: &[u8]) -> Self {
        let chunks = vec![Chunk { kept: Kept::Listed, ..chunk }];
        Self { version: WITH_CHUNK, task, end: Filed::Ended, chunks, chunk: Some(STANDARD.encode(bytes)) }
    }

    pub(super) fn write(&self) -> Result<Vec<u8>, LogError> {
        serde_json::to_vec(self).map_err(|error| LogError::damaged(self.task, "the list of chunks", error))
    }

    /// Reads what [`Self::write`] wrote, and checks that the chunks follow each other.
    pub(super) fn read(task: TaskId, bytes: &[u8]) -> Result<Self, LogError> {
        let damaged = |fact: &dyn std::fmt::Display| LogError::damaged(task, "the list of chunks", fact);
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
        if ![VERSION, WITH_CHUNK].contains(&manifest.version) {
            return Err(damaged(&format_args!("its version is {}, this server knows {WITH_CHUNK}", manifest.version)));
        }
        if manifest.task != task {
            return Err(damaged(&format_args!("it is that of task {}", manifest.task)));
        }
        let mut next = 0;
        for chunk in &manifest.chunks {
            if chunk.first != next || chunk.rows == 0 {
                return Err(damaged(&format_args!("row {next} is in no chunk")));
            }
            next = chunk.end();
        }
        Ok(manifest)
    }

    /// Whether a log goes on after what is listed here.
    pub(super) const fn log_end(&self) -> LogEnd {
        match self.end {
            Filed::Open => LogEnd::Open,
            Filed::Ended => LogEnd::Last,
        }
    }
}

/// The link of a chunk in the chain over all chunks: nobody changes, drops or exchanges one unseen.
pub(super) fn chain(before: Option<&Chunk>, object: &[u8]) -> String {
    let mut sum = Sha256::new();
    sum.update(before.map_or("", |before| before.chain.as_str()));
    sum.update(object);
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{Chunk, Filed, Kept, Manifest};
    use domain::{TaskId, Timestamp};

    #[test]
    fn a_list_with_a_gap_of_another_log_or_version_is_refused() {
        let chunk = |first, rows| Chunk {
            first,
            rows,
            text: 1,
            index: 1,
            from: Timestamp(1),
            to: Timestamp(2),
            chain: String::new(),
            kept: Kept::Apart,
        };
        let good = Manifest::new(TaskId(7), Filed::Ended, vec![chunk(0, 3), chunk(3, 1)]).write().unwrap();
        assert_eq!(Manifest::read(TaskId(7), &good).unwrap().chunks, [chunk(0, 3), chunk(3, 1)]);
        assert!(Manifest::read(TaskId(8), &good).is_err());
        let gap = Manifest::new(TaskId(7), Filed::Open, vec![chunk(0, 3), chunk(4, 1)]).write().unwrap();
        let error = Manifest::read(TaskId(7), &gap).unwrap_err().to_string();
        assert!(error.contains("row 3 is in no chunk"), "{error}");
        let newer = String::from_utf8(good).unwrap().replace(r#""version":1"#, r#""version":3"#);
        assert!(Manifest::read(TaskId(7), newer.as_bytes()).is_err());
        assert!(Manifest::read(TaskId(7), b"{").is_err());
    }
}
