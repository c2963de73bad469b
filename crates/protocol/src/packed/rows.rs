//! Rows of a log as they came over the wire, read where they lie: nothing is allocated for a row. Called by who takes much.
//!
//! This reads what peers send, field after field in the order of their numbers; whatever else the wire allows is for the generated reader,
//! which `view` asks then. Where both read a message, they read the same.

use super::tag;
use crate::convert;
use bytes::Bytes;
use domain::{LogBatch, LogEnd, LogRow, TaskId, Timestamp};

/// A batch of rows in the body that brought it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PackedRows {
    body: Bytes,
    head: Head,
}

/// What a batch says beside its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    task: TaskId,
    index: u64,
    rows: usize,
    end: LogEnd,
}

impl PackedRows {
    pub(crate) fn new(body: Bytes, head: Head) -> Self {
        Self { body, head }
    }

    /// Whose log.
    #[must_use]
    pub fn task(&self) -> TaskId {
        self.head.task
    }

    /// The row that the first of these is, from 0.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.head.index
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.head.rows
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.rows == 0
    }

    /// How long the message is, in bytes: no shorter than its rows together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.body.len()
    }

    /// The message. What stands in a row stands there in one piece.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether more will come.
    #[must_use]
    pub fn end(&self) -> LogEnd {
        self.head.end
    }

    /// The rows, each with its moment and its text, which is UTF-8.
    #[must_use]
    pub fn iter(&self) -> Rows<'_> {
        Rows(&self.body)
    }

    /// The same as a batch of texts.
    #[must_use]
    pub fn to_batch(&self) -> LogBatch {
        let row = |(at, text)| LogRow { at, content: String::from_utf8_lossy(text).into_owned() };
        let Head { task, index, end, .. } = self.head;
        LogBatch { task, index, rows: self.iter().map(row).collect(), end }
    }
}

impl<'a> IntoIterator for &'a PackedRows {
    type Item = (Timestamp, &'a [u8]);
    type IntoIter = Rows<'a>;

    fn into_iter(self) -> Rows<'a> {
        self.iter()
    }
}

/// The rows of a [`PackedRows`].
#[derive(Debug, Clone)]
pub struct Rows<'a>(&'a [u8]);

impl<'a> Iterator for Rows<'a> {
    type Item = (Timestamp, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.is_empty() {
            // The message was read once before.
            if let Field::Row(at, text) = field(&mut self.0)? {
                return Some((at, text));
            }
        }
        None
    }
}

impl Head {
    /// Looks through a message. `None`: it is for the generated reader, which takes it or says what is wrong with it.
    pub(crate) fn read(mut message: &[u8]) -> Option<Self> {
        let mut head = Self { task: TaskId(0), index: 0, rows: 0, end: LogEnd::Open };
        while !message.is_empty() {
            match field(&mut message)? {
                Field::Row(_, text) => {
                    std::str::from_utf8(text).ok()?;
                    head.rows += 1;
                }
                Field::Task(task) => head.task = TaskId(task),
                Field::Index(index) => head.index = convert::unsigned(index),
                Field::NoMore(is_last) => head.end = if is_last { LogEnd::Last } else { LogEnd::Open },
            }
        }
        Some(head)
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }
}

/// A field of the message.
enum Field<'a> {
    Task(i64),
    Index(i64),
    Row(Timestamp, &'a [u8]),
    NoMore(bool),
}

fn field<'a>(message: &mut &'a [u8]) -> Option<Field<'a>> {
    let (tag, rest) = message.split_first()?;
    *message = rest;
    Some(match *tag {
        tag::ROW => {
            let (at, text) = row(piece(message)?)?;
            Field::Row(at, text)
        }
        tag::TASK => Field::Task(number(message)?.cast_signed()),
        tag::INDEX => Field::Index(number(message)?.cast_signed()),
        tag::NO_MORE => Field::NoMore(number(message)? != 0),
        _ => return None,
    })
}

fn row(mut row: &[u8]) -> Option<(Timestamp, &[u8])> {
    let at = match optional(&mut row, tag::ROW_TIME)? {
        Some(moment) => self::moment(moment)?,
        None => Timestamp(0),
    };
    let text = optional(&mut row, tag::ROW_CONTENT)?.unwrap_or_default();
    row.is_empty().then_some((at, text))
}

fn moment(mut moment: &[u8]) -> Option<Timestamp> {
    let mut part = |tag| match moment.split_first() {
        Some((first, mut rest)) if *first == tag => {
            let part = number(&mut rest)?;
            moment = rest;
            Some(part)
        }
        _ => Some(0),
    };
    let (seconds, nanos) = (part(tag::SECONDS)?.cast_signed(), part(tag::NANOS)?);
    let nanos = i32::try_from(nanos).ok()?;
    moment.is_empty().then(|| convert::moment_of(seconds, nanos))
}

/// The bytes of the field with this tag, where it comes next.
fn optional<'a>(message: &mut &'a [u8], tag: u8) -> Option<Option<&'a [u8]>> {
    match message.split_first() {
        Some((first, rest)) if *first == tag => {
            *message = rest;
            piece(message).map(Some)
        }
        _ => Some(None),
    }
}

/// Bytes that begin with their length.
fn piece<'a>(message: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(number(message)?).ok()?;
    let (piece, rest) = message.split_at_checked(length)?;
    *message = rest;
    Some(piece)
}

fn number(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (at, byte) in message.iter().take(10).enumerate() {
        // The tenth byte holds one bit.
        if at == 9 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            *message = &message[at + 1..];
            return Some(value);
        }
    }
    None
}

/// What this reader and the generated one make of a message, each where it takes it; for whoever compares them (`fuzz/`).
#[doc(hidden)]
#[must_use]
pub fn both_readings(message: Bytes) -> (Option<LogBatch>, Option<LogBatch>) {
    let generated = buffa::MessageView::decode_view(&message).ok().map(|view| convert::batch_from_wire(&view));
    let packed = Head::read(&message).map(|head| PackedRows::new(message, head).to_batch());
    (packed, generated)
}

#[cfg(test)]
mod tests {
    use super::{Head, PackedRows, both_readings};
    use crate::convert;
    use buffa::Message;
    use domain::{LogBatch, LogEnd, LogRow, TaskId, Timestamp};
    use proptest::prelude::*;

    fn batches() -> impl Strategy<Value = LogBatch> {
        let moments = prop::sample::select(vec![0, 1, 999, 1000, 1_795_000_000_123, 253_402_300_799_999]);
        let rows = prop::collection::vec((moments, ".{0,200}"), 0..20);
        (any::<i64>(), 0..i64::MAX as u64, rows, any::<bool>()).prop_map(|(task, index, rows, is_last)| LogBatch {
            task: TaskId(task),
            index,
            rows: rows.into_iter().map(|(at, content)| LogRow { at: Timestamp(at), content }).collect(),
            end: if is_last { LogEnd::Last } else { LogEnd::Open },
        })
    }

    /// Something that was done to a message on its way.
    #[derive(Debug, Clone)]
    enum Harm {
        Set(prop::sample::Index, u8),
        Insert(prop::sample::Index, Vec<u8>),
        Cut(prop::sample::Index),
        Twice,
    }

    fn harms() -> impl Strategy<Value = Harm> {
        // Tags, lengths, ends of numbers, what is no text.
        let byte =
            || prop_oneof![any::<u8>(), prop::sample::select(vec![0, 1, 2, 8, 10, 16, 18, 26, 32, 127, 128, 255])];
        prop_oneof![
            (any::<prop::sample::Index>(), byte()).prop_map(|(at, byte)| Harm::Set(at, byte)),
            (any::<prop::sample::Index>(), prop::collection::vec(byte(), 1..12))
                .prop_map(|(at, new)| Harm::Insert(at, new)),
            any::<prop::sample::Index>().prop_map(Harm::Cut),
            Just(Harm::Twice),
        ]
    }

    proptest! {
        #[test]
        fn what_peers_send_is_read_where_it_lies(batch in batches()) {
            let message = convert::batch_to_wire(batch.clone()).encode_to_vec();
            let head = Head::read(&message).expect("the usual form");
            let packed = PackedRows::new(message.into(), head);
            prop_assert_eq!((packed.task(), packed.index(), packed.end()), (batch.task, batch.index, batch.end));
            prop_assert_eq!((packed.len(), packed.is_empty()), (batch.rows.len(), batch.rows.is_empty()));
            prop_assert!(packed.bytes() >= batch.rows.iter().map(|row| row.content.len()).sum::<usize>());
            prop_assert_eq!(packed.to_batch(), batch);
        }

        #[test]
        fn what_is_read_here_the_generated_reader_reads_the_same(
            batch in batches(),
            harms in prop::collection::vec(harms(), 1..5),
        ) {
            let mut message = convert::batch_to_wire(batch).encode_to_vec();
            for harm in harms {
                match harm {
                    Harm::Set(at, byte) if !message.is_empty() => {
                        let at = at.index(message.len());
                        message[at] = byte;
                    }
                    Harm::Set(..) => {}
                    Harm::Insert(at, new) => {
                        let at = at.index(message.len() + 1);
                        message.splice(at..at, new);
                    }
                    Harm::Cut(at) => message.truncate(at.index(message.len() + 1)),
                    Harm::Twice => message.extend_from_within(..),
                }
            }
            let (packed, generated) = both_readings(message.into());
            if packed.is_some() {
                prop_assert_eq!(packed, generated);
            }
        }

        #[test]
        fn the_same_for_any_bytes(message in prop::collection::vec(any::<u8>(), 0..60)) {
            let (packed, generated) = both_readings(message.into());
            if packed.is_some() {
                prop_assert_eq!(packed, generated);
            }
        }
    }

    #[test]
    fn what_is_unusual_is_left_to_the_generated_reader() {
        // A row of an unknown field, a moment after its text, a text that is none, a number without end.
        for message in
            [&b"\x1a\x02\x18\x01"[..], b"\x1a\x05\x12\x01a\x0a\x00", b"\x1a\x03\x12\x01\xff", &[0x08; 1], &[0x88; 30]]
        {
            assert_eq!(Head::read(message), None, "{message:?}");
        }
        // Numbers that are longer than they need to be are numbers.
        let (packed, generated) = both_readings((&b"\x08\x83\x80\x00\x10\x87\x00"[..]).into());
        assert_eq!(packed, generated);
        assert_eq!(packed.map(|batch| (batch.task, batch.index)), Some((TaskId(3), 7)));
    }
}
