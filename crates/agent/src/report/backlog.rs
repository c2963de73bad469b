//! The rows of a log that the forge does not have yet, with their numbers. Called by `reporter`.

use super::rows::Chunk;
use domain::TaskId;
use protocol::BatchWriter;
use std::collections::VecDeque;

/// A row adds so many bytes to its line at most.
const ROW_COST: usize = 40;

/// Rows in the order of the log. Every row has a number; those below `acked` are the forge's.
#[derive(Debug)]
pub(super) struct Backlog {
    /// Each with the number of its first row.
    chunks: VecDeque<(u64, Chunk)>,
    /// Bytes of text in `chunks`.
    bytes: usize,
    acked: u64,
    end: u64,
}

/// What an acknowledgement came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ack {
    /// The forge has so many rows now.
    Taken,
    /// It has fewer than it had: rows that are no longer here.
    Lost {
        /// How many.
        rows: u64,
    },
}

impl Backlog {
    /// A backlog for a forge that has so many rows.
    pub(super) fn after(rows: u64) -> Self {
        Self { chunks: VecDeque::new(), bytes: 0, acked: rows, end: rows }
    }

    /// The number of the next row.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Whether the forge has every row.
    pub(super) fn is_empty(&self) -> bool {
        self.acked == self.end
    }

    /// How many rows the forge does not have.
    pub(super) fn rows(&self) -> u64 {
        self.end - self.acked
    }

    /// Bytes of text that the forge does not have, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds rows; answers the number of the first.
    pub(super) fn push(&mut self, chunk: Chunk) -> u64 {
        let from = self.end;
        self.end += chunk.rows();
        self.bytes += chunk.text().len();
        self.chunks.push_back((from, chunk));
        from
    }

    /// The next rows that the forge wants, in a body of at most so many bytes, but one row at least.
    pub(super) fn pack(&self, task: TaskId, most: usize) -> BatchWriter {
        let mut writer = BatchWriter::new(task, self.acked, most.min(self.bytes + self.bytes / 4 + 1024));
        for (first, chunk) in &self.chunks {
            for row in chunk.iter(self.acked.saturating_sub(*first)) {
                if writer.rows() > 0 && writer.len() + row.len() + ROW_COST > most {
                    return writer;
                }
                writer.push(chunk.at, row);
            }
        }
        writer
    }

    /// The forge has `rows` rows.
    pub(super) fn ack(&mut self, rows: u64) -> Ack {
        if rows < self.acked {
            return Ack::Lost { rows: self.acked - rows };
        }
        self.acked = rows.min(self.end);
        while let Some((first, chunk)) = self.chunks.front() {
            if first + chunk.rows() > self.acked {
                break;
            }
            self.bytes -= chunk.text().len();
            self.chunks.pop_front();
        }
        Ack::Taken
    }
}
