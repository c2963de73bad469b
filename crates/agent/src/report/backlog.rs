//! The rows of a log that the forge does not have yet, with their numbers: the oldest in memory, the rest in the spool once there are many.
//! Called by `reporter`.

use super::rows::Chunk;
use super::spool::Spool;
use domain::{TaskId, Timestamp};
use protocol::BatchWriter;
use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

/// A row adds so many bytes to its line at most.
const ROW_COST: usize = 40;
/// What a chunk costs beside its text.
const CHUNK_COST: usize = 64;

/// Rows in the order of the log. Every row has a number, which is the forge's too; those below `acked` are the forge's.
#[derive(Debug)]
pub(super) struct Backlog {
    /// Each with the number of its first row; the first ones may be acknowledged.
    chunks: VecDeque<(u64, Chunk)>,
    /// What `chunks` costs.
    bytes: usize,
    /// What those of `chunks` cost that are acknowledged as a whole.
    kept: usize,
    /// How many of `chunks` these are.
    kept_chunks: usize,
    /// The rows after those of `chunks`.
    spool: Spool,
    /// The number of the first row in the spool; `end` when it is empty.
    spooled_from: u64,
    acked: u64,
    end: u64,
    limits: Limits,
    /// Rows that were left out since the last that were taken.
    left_out: u64,
    disk: Disk,
    shifts: Vec<Shift>,
    /// What of memory was last saved: the rows between these two.
    saved: Option<(u64, u64)>,
}

/// What the disk did last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    Takes,
    /// It took nothing; so many bytes are in memory instead, though that is full.
    Refuses {
        kept: usize,
    },
}

/// What became of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Put {
    Taken,
    Refused,
}

/// How much there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// In memory.
    pub(super) window: usize,
    /// In memory after the forge took them, in case it forgets them.
    pub(super) kept: usize,
    /// In the spool.
    pub(super) spool: u64,
    /// In memory beyond `window` where the disk takes nothing: what is under way already when whoever says it is held up.
    pub(super) late: usize,
}

/// Rows `from..to` became one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Shift {
    /// The new number of a row, or of the place between two rows.
    pub(super) fn moved(self, number: u64) -> u64 {
        if number <= self.from {
            number
        } else if number < self.to {
            self.from + 1
        } else {
            self.from + 1 + (number - self.to)
        }
    }
}

impl Backlog {
    /// A backlog for a forge that has so many rows.
    pub(super) fn after(rows: u64, spool: Spool, limits: Limits) -> Self {
        Self {
            chunks: VecDeque::new(),
            bytes: 0,
            kept: 0,
            kept_chunks: 0,
            spool,
            spooled_from: rows,
            acked: rows,
            end: rows,
            limits,
            left_out: 0,
            disk: Disk::Takes,
            shifts: Vec::new(),
            saved: None,
        }
    }

    /// The number of the next row.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Whether the forge has every row.
    pub(super) fn is_empty(&self) -> bool {
        self.acked == self.end
    }

    /// How many rows the forge has.
    pub(super) fn acked(&self) -> u64 {
        self.acked
    }

    /// Forgets the rows that the forge does not have; it takes no more.
    pub(super) fn clear(&mut self) {
        self.chunks.clear();
        self.spool.clear();
        (self.bytes, self.kept, self.kept_chunks) = (0, 0, 0);
        (self.acked, self.spooled_from) = (self.end, self.end);
    }

    /// How many rows the forge does not have.
    pub(super) fn rows(&self) -> u64 {
        self.end - self.acked
    }

    /// Bytes that the forge does not have, about.
    pub(super) fn bytes(&self) -> usize {
        (self.bytes - self.kept).saturating_add(usize::try_from(self.spool.bytes()).unwrap_or(usize::MAX))
    }

    /// Whether there is no room in memory for more.
    pub(super) fn is_full(&self) -> bool {
        !self.spool.is_empty() || self.bytes - self.kept >= self.limits.window
    }

    /// Whether rows can be taken: in memory or in the spool, as far as is known before it is tried.
    pub(super) fn has_room(&self) -> bool {
        self.spool.size() < self.limits.spool
    }

    /// Whether memory is full and the disk takes nothing.
    pub(super) fn is_stuck(&self) -> bool {
        self.disk != Disk::Takes && self.is_full()
    }

    /// Adds rows. Some that the disk does not take are kept in memory all the same, since whoever says them hears of it too late; more are
    /// left out.
    pub(super) fn push(&mut self, chunk: Chunk) {
        let rows = chunk.rows();
        if self.left_out > 0 {
            let line = format!("##[warning]{} rows are missing here: there was no room to keep them.\n", self.left_out);
            match Chunk::new(chunk.at, line.into()).map(|mark| self.put(mark)) {
                Some(Put::Taken) => self.left_out = 0,
                Some(Put::Refused) | None => {
                    self.left_out += rows;
                    return;
                }
            }
        }
        if let Put::Refused = self.put(chunk) {
            self.left_out += rows;
        }
    }

    fn put(&mut self, chunk: Chunk) -> Put {
        let rows = chunk.rows();
        if !self.is_full() {
            self.disk = Disk::Takes;
        } else if self.spool.push(self.end, &chunk).is_ok() {
            self.disk = Disk::Takes;
            self.end += rows;
            return Put::Taken;
        } else {
            let before = if let Disk::Refuses { kept } = self.disk { kept } else { 0 };
            let kept = before + chunk.text().len();
            if kept > self.limits.late {
                return Put::Refused;
            }
            self.disk = Disk::Refuses { kept };
            if !self.spool.is_empty() {
                self.spool.hold(&chunk);
                self.end += rows;
                return Put::Taken;
            }
        }
        self.remember(self.end, chunk);
        self.end += rows;
        self.spooled_from = self.end;
        Put::Taken
    }

    fn remember(&mut self, number: u64, chunk: Chunk) {
        self.bytes += chunk.text().len() + CHUNK_COST;
        self.chunks.push_back((number, chunk));
    }

    /// Leaves rows out; the log says so where they are missing.
    pub(super) fn leave_out(&mut self, rows: u64) {
        self.left_out += rows;
    }

    /// Says how many rows were left out, at the log's end.
    pub(super) fn close(&mut self, at: Timestamp) {
        if self.left_out > 0
            && let Some(nothing) = Chunk::new(at, "\n".into())
        {
            self.push(nothing);
        }
    }

    /// Puts what is meant for the disk onto it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.spool.flush()
    }

    /// Puts a copy of the rows that are only in memory into a file of their own, for the agent that starts after a crash. What is in the file
    /// already is not written again.
    pub(super) fn save(&mut self, path: &Path) -> io::Result<()> {
        let rows = (self.acked, self.spooled_from);
        if self.saved == Some(rows) {
            return Ok(());
        }
        let unsent = self.chunks.iter().skip(self.kept_chunks);
        if unsent.len() > 0 {
            // A file without anything needs none in its place.
            let is_new = fs_err::metadata(path).map_or(true, |file| file.len() == 0);
            let new = if is_new { path.to_owned() } else { path.with_extension("new") };
            let mut copy = Spool::new(new.clone());
            unsent.clone().try_for_each(|(first, chunk)| copy.push(*first, chunk))?;
            copy.flush()?;
            if !is_new {
                fs_err::rename(new, path)?;
            }
        }
        self.saved = Some(rows);
        Ok(())
    }

    /// The next rows that the forge wants, in a body of at most so many bytes, but one row at least.
    pub(super) fn pack(&mut self, task: TaskId, most: usize, at: Timestamp) -> BatchWriter {
        self.load(most, at);
        let unsent = self.bytes - self.kept;
        let mut writer = BatchWriter::new(task, self.acked, most.min(unsent + unsent / 4 + 1024));
        self.offer(|at, row| {
            if !writer.is_empty() && writer.len() + row.len() + ROW_COST > most {
                return ControlFlow::Break(());
            }
            writer.push(at, row);
            ControlFlow::Continue(())
        });
        writer
    }

    /// Offers the rows that the forge does not have and that are in memory, as long as they are taken.
    fn offer(&self, mut take: impl FnMut(Timestamp, &str) -> ControlFlow<()>) {
        for (first, chunk) in self.chunks.iter().skip(self.kept_chunks) {
            for row in chunk.iter(self.acked.saturating_sub(*first)) {
                if take(chunk.at, row).is_break() {
                    return;
                }
            }
        }
    }

    /// Gets so many bytes into memory, where there are so many.
    fn load(&mut self, most: usize, at: Timestamp) {
        while self.bytes - self.kept < most && !self.spool.is_empty() {
            self.refill(most, at);
        }
    }

    /// Reads from the spool.
    fn refill(&mut self, most: usize, at: Timestamp) {
        match self.spool.take(most) {
            Ok(chunks) => {
                for chunk in chunks {
                    let number = self.spooled_from;
                    self.spooled_from += chunk.rows();
                    self.remember(number, chunk);
                }
            }
            Err(error) => {
                self.spool.clear();
                self.lose(self.spooled_from, self.end, at, &format!("the disk lost them ({error})"));
            }
        }
        if self.spool.is_empty() {
            // A cut file holds fewer rows than were put there.
            self.end = self.spooled_from;
        }
    }

    /// Puts one row in the place of rows that are gone. None of them is in `chunks`.
    fn lose(&mut self, from: u64, to: u64, at: Timestamp, why: &str) {
        let shift = Shift { from, to };
        self.saved = None;
        let place = self.chunks.partition_point(|(first, _)| *first < from);
        for (first, _) in self.chunks.range_mut(place..) {
            *first = shift.moved(*first);
        }
        self.spooled_from = shift.moved(self.spooled_from.max(to));
        self.end = shift.moved(self.end);
        // Only who reads it after a crash looks at this number.
        let _unused = self.spool.set_number(self.spooled_from);
        let line = format!("##[warning]{} rows are missing here: {why}.\n", to - from);
        if let Some(mark) = Chunk::new(at, line.into()) {
            self.bytes += mark.text().len() + CHUNK_COST;
            self.chunks.insert(place, (from, mark));
        }
        self.shifts.push(shift);
    }

    /// Nobody has the rows up to row `to` that the forge does not have: one row says so.
    pub(super) fn miss(&mut self, to: u64, at: Timestamp) -> Shift {
        let shift = Shift { from: self.end, to };
        let line =
            format!("##[warning]{} rows are missing here: the agent ended before it sent them.\n", to - self.end);
        if let Some(mark) = Chunk::new(at, line.into()) {
            self.push(mark);
        }
        shift
    }

    /// The rows that have new numbers since the last question.
    pub(super) fn shifts(&mut self) -> Vec<Shift> {
        std::mem::take(&mut self.shifts)
    }

    /// The forge has `rows` rows; `at`: now.
    pub(super) fn ack(&mut self, rows: u64, at: Timestamp) {
        if rows < self.acked {
            (self.kept, self.kept_chunks) = (0, 0);
            self.acked = rows;
            let oldest = self.chunks.front().map_or(self.spooled_from, |(first, _)| *first);
            if rows < oldest {
                self.lose(rows, oldest, at, "the forge lost them");
            }
        }
        self.acked = rows.min(self.end);
        while let Some((first, chunk)) = self.chunks.get(self.kept_chunks) {
            if first + chunk.rows() > self.acked {
                break;
            }
            self.kept += chunk.text().len() + CHUNK_COST;
            self.kept_chunks += 1;
        }
        while self.kept > self.limits.kept
            && let Some((_, chunk)) = self.chunks.pop_front()
        {
            let cost = chunk.text().len() + CHUNK_COST;
            self.bytes -= cost;
            self.kept -= cost;
            self.kept_chunks -= 1;
        }
    }
}

#[cfg(test)]
mod tests;
