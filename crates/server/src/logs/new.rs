//! Rows that come in, whatever form they come in. Called by `store` and `log`.

use domain::{LogBatch, LogEnd, TaskId, Timestamp};
use protocol::PackedRows;

/// Rows that are to stand at one place of a log.
pub trait NewRows: Send + 'static {
    /// Whose log.
    fn task(&self) -> TaskId;
    /// The row that the first of these is, from 0.
    fn index(&self) -> u64;
    /// Whether more will come.
    fn end(&self) -> LogEnd;
    /// How many there are.
    fn count(&self) -> usize;
    /// How many bytes their texts have together, at most.
    fn bytes(&self) -> usize;
    /// What they came in, where they did so together: what stands in a row stands there in one piece.
    fn body(&self) -> Option<&[u8]> {
        None
    }
    /// Each with its moment and its text, which is UTF-8.
    fn rows(&self) -> impl Iterator<Item = (Timestamp, &[u8])> + Send;
}

impl NewRows for LogBatch {
    fn task(&self) -> TaskId {
        self.task
    }

    fn index(&self) -> u64 {
        self.index
    }

    fn end(&self) -> LogEnd {
        self.end
    }

    fn count(&self) -> usize {
        self.rows.len()
    }

    fn bytes(&self) -> usize {
        self.rows.iter().map(|row| row.content.len()).sum()
    }

    fn rows(&self) -> impl Iterator<Item = (Timestamp, &[u8])> + Send {
        self.rows.iter().map(|row| (row.at, row.content.as_bytes()))
    }
}

impl NewRows for PackedRows {
    fn task(&self) -> TaskId {
        self.task()
    }

    fn index(&self) -> u64 {
        self.index()
    }

    fn end(&self) -> LogEnd {
        self.end()
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn bytes(&self) -> usize {
        self.bytes()
    }

    fn body(&self) -> Option<&[u8]> {
        Some(self.body())
    }

    fn rows(&self) -> impl Iterator<Item = (Timestamp, &[u8])> + Send {
        self.iter()
    }
}
