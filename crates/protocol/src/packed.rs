//! Rows of a log, written for the wire as they come: one buffer for a batch, nothing else allocated for a row. Called by who sends much;
//! who takes much reads them with `rows`.
//!
//! The generated message holds a text and a boxed moment for every row, which is most of the cost of a log at full speed. A
//! [`PackedBatch`] is the same message as bytes.

mod rows;
mod view;

use crate::convert;
use crate::pb::runner as pb;
use buffa::{DecodeContext, DecodeError, EncodeSink, Message, SizeCache};
use bytes::Bytes;
use domain::{LogEnd, TaskId, Timestamp};
use serde::{Serialize, Serializer};

pub use rows::{PackedRows, Rows, both_readings};
pub(crate) use view::RowsView;

/// Tags of `UpdateLogRequest`: field number and wire type.
mod tag {
    pub(super) const TASK: u8 = 1 << 3;
    pub(super) const INDEX: u8 = 2 << 3;
    pub(super) const ROW: u8 = 3 << 3 | 2;
    pub(super) const NO_MORE: u8 = 4 << 3;
    pub(super) const ROW_TIME: u8 = 1 << 3 | 2;
    pub(super) const ROW_CONTENT: u8 = 2 << 3 | 2;
    pub(super) const SECONDS: u8 = 1 << 3;
    pub(super) const NANOS: u8 = 2 << 3;
}

/// Writes a batch row by row.
#[derive(Debug)]
pub struct BatchWriter {
    task: TaskId,
    index: u64,
    rows: u64,
    bytes: Vec<u8>,
    /// The moment of the last row and how it is written: rows come many to a moment.
    at: Option<Timestamp>,
    moment: Vec<u8>,
}

/// A batch as it goes over the wire. Cheap to clone, so that it can be sent again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackedBatch {
    bytes: Bytes,
    index: u64,
    rows: u64,
}

impl BatchWriter {
    /// Begins a batch whose first row is row `index` of the task's log. `room`: bytes that will be needed.
    #[must_use]
    pub fn new(task: TaskId, index: u64, room: usize) -> Self {
        let mut bytes = Vec::with_capacity(room);
        if task.0 != 0 {
            bytes.push(tag::TASK);
            // A negative number is written as the wire wants it: ten bytes.
            varint(&mut bytes, task.0.cast_unsigned());
        }
        if index != 0 {
            bytes.push(tag::INDEX);
            varint(&mut bytes, index);
        }
        Self { task, index, rows: 0, bytes, at: None, moment: Vec::new() }
    }

    /// The task whose log this is.
    #[must_use]
    pub fn task(&self) -> TaskId {
        self.task
    }

    /// Adds a row: a line without its newline.
    pub fn push(&mut self, at: Timestamp, line: &str) {
        if self.at != Some(at) {
            self.at = Some(at);
            self.moment.clear();
            let moment = convert::moment_to_wire(at).encode_to_vec();
            self.moment.push(tag::ROW_TIME);
            varint(&mut self.moment, moment.len() as u64);
            self.moment.extend_from_slice(&moment);
        }
        let content = if line.is_empty() { 0 } else { 1 + varint_len(line.len() as u64) + line.len() };
        let bytes = &mut self.bytes;
        bytes.push(tag::ROW);
        varint(bytes, (self.moment.len() + content) as u64);
        bytes.extend_from_slice(&self.moment);
        if !line.is_empty() {
            bytes.push(tag::ROW_CONTENT);
            varint(bytes, line.len() as u64);
            bytes.extend_from_slice(line.as_bytes());
        }
        self.rows += 1;
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How long the message is so far, in bytes; a row adds at most 40 bytes to its line.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The whole batch.
    #[must_use]
    pub fn finish(mut self, end: LogEnd) -> PackedBatch {
        if end == LogEnd::Last {
            self.bytes.extend_from_slice(&[tag::NO_MORE, 1]);
        }
        PackedBatch { bytes: self.bytes.into(), index: self.index, rows: self.rows }
    }
}

impl PackedBatch {
    /// The row of the log that the first of these is.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The row after the last of these.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.index + self.rows
    }

    /// How long the message is, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it holds no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

buffa::impl_default_instance!(PackedBatch);

/// A message that only goes out; what the library reads, it reads into generated ones.
impl Message for PackedBatch {
    fn compute_size(&self, _: &mut SizeCache) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    fn write_to(&self, _: &mut SizeCache, buffer: &mut impl EncodeSink) {
        buffer.put_slice(&self.bytes);
    }

    fn encode_to_bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    fn merge_field(
        &mut self,
        tag: buffa::encoding::Tag,
        from: &mut impl bytes::Buf,
        context: DecodeContext<'_>,
    ) -> Result<(), DecodeError> {
        buffa::encoding::skip_field_depth(tag, from, context.depth())
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// For the codec JSON, which is for people who look on: by way of the generated message.
impl Serialize for PackedBatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = pb::UpdateLogRequest::decode_from_slice(&self.bytes).map_err(serde::ser::Error::custom)?;
        message.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::BatchWriter;
    use crate::convert;
    use crate::pb::runner as pb;
    use buffa::Message;
    use domain::{LogBatch, LogEnd, LogRow, TaskId, Timestamp};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_packed_batch_is_the_generated_message(
            task in any::<i64>(),
            index in 0..i64::MAX as u64,
            rows in prop::collection::vec((prop::sample::select(vec![0, 1, 999, 1000, 1_795_000_000_123]), ".{0,200}"), 0..20),
            is_last in any::<bool>(),
        ) {
            let end = if is_last { LogEnd::Last } else { LogEnd::Open };
            let mut writer = BatchWriter::new(TaskId(task), index, 0);
            for (at, line) in &rows {
                let before = writer.len();
                writer.push(Timestamp(*at), line);
                prop_assert!(writer.len() - before <= line.len() + 40);
            }
            let rows = rows.into_iter().map(|(at, content)| LogRow { at: Timestamp(at), content });
            let batch = LogBatch { task: TaskId(task), index, rows: rows.collect(), end };
            let packed = writer.finish(end);
            prop_assert_eq!(packed.end(), index + batch.rows.len() as u64);
            let generated = convert::batch_to_wire(batch);
            prop_assert_eq!(&packed.encode_to_bytes()[..], &generated.encode_to_vec()[..]);
            prop_assert_eq!(serde_json::to_value(&packed).unwrap(), serde_json::to_value(&generated).unwrap());
        }
    }

    #[test]
    fn lengths_of_numbers() {
        for value in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            super::varint(&mut bytes, value);
            assert_eq!(bytes.len(), super::varint_len(value), "{value}");
        }
    }

    #[test]
    fn the_last_batch_may_be_empty() {
        let packed = BatchWriter::new(TaskId(3), 7, 0).finish(LogEnd::Last);
        let message = pb::UpdateLogRequest::decode_from_slice(&packed.encode_to_bytes()).unwrap();
        assert!(message.no_more && message.rows.is_empty() && packed.is_empty());
    }
}
