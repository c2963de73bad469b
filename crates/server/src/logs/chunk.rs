//! A sealed part of a log as an object: zstd frames, one for each block of lines, then an index of the blocks in a frame that zstd skips; so
//! `zstdcat` shows the lines. Called by `seal` to pack, by `read` to open.
//!
//! For each block the index says (little-endian): rows (4 bytes), bytes of text (4), bytes in the object (4), when its first row was
//! written (8).

use super::line::Stamps;
use bytes::Bytes;
use domain::Timestamp;
use std::io;
use std::ops::Range;

/// A block holds about so much text.
const BLOCK: usize = 128 * 1024;
/// A frame of zstd that holds no text begins so.
const SKIP: u32 = 0x184D_2A5E;
const SKIP_HEAD: usize = 8;
const ENTRY: usize = 20;
const LEVEL: i32 = 1;

/// A chunk that was just made.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) bytes: Vec<u8>,
    /// Bytes of the index.
    pub(super) index: u64,
    pub(super) rows: u64,
    /// When its first and its last row were written.
    pub(super) span: (Timestamp, Timestamp),
}

/// Packs lines, of which there is one at least.
pub(super) fn pack(text: &[u8]) -> io::Result<Packed> {
    let mut stamps = Stamps::default();
    let mut time = |line: &[u8]| match stamps.read(line.split(|byte| *byte == b'\n').next().unwrap_or_default()) {
        Some((at, _)) => Ok(at),
        None => Err(io::Error::other("a line has no time")),
    };
    let mut packer = zstd::bulk::Compressor::new(LEVEL)?;
    let (mut bytes, mut index) = (Vec::with_capacity(text.len() / 4), Vec::new());
    let (mut rest, mut rows) = (text, 0);
    let mut span = None;
    while !rest.is_empty() {
        let enough = rest.get(BLOCK - 1..).and_then(|after| memchr::memchr(b'\n', after));
        let (block, after) = rest.split_at(enough.map_or(rest.len(), |newline| BLOCK + newline));
        rest = after;
        let count = memchr::memchr_iter(b'\n', block).count();
        let from = time(block)?;
        let last = block.strip_suffix(b"\n").ok_or_else(|| io::Error::other("a line does not end"))?;
        let to = time(&last[memchr::memrchr(b'\n', last).map_or(0, |newline| newline + 1)..])?;
        span = Some((span.map_or(from, |(first, _)| first), to));
        let stored = packer.compress(block)?;
        for number in [count, block.len(), stored.len()] {
            index.extend_from_slice(&u32::try_from(number).map_err(io::Error::other)?.to_le_bytes());
        }
        index.extend_from_slice(&from.0.to_le_bytes());
        bytes.extend_from_slice(&stored);
        rows += count as u64;
    }
    bytes.extend_from_slice(&SKIP.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(index.len()).map_err(io::Error::other)?.to_le_bytes());
    bytes.extend_from_slice(&index);
    let span = span.ok_or_else(|| io::Error::other("there are no lines"))?;
    Ok(Packed { bytes, index: (SKIP_HEAD + index.len()) as u64, rows, span })
}

/// A chunk that is read.
#[derive(Debug)]
pub(super) struct Opened {
    bytes: Bytes,
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    /// The number of its first row in the chunk.
    first: u64,
    rows: u64,
    text: usize,
    stored: Range<usize>,
}

impl Opened {
    /// Reads the index, of `index` bytes. `None`: it does not fit.
    pub(super) fn new(bytes: Bytes, index: u64) -> Option<Self> {
        let index = bytes.len().checked_sub(usize::try_from(index).ok()?)?;
        let (head, entries) = bytes.get(index..)?.split_first_chunk::<SKIP_HEAD>()?;
        let [s0, s1, s2, s3, ..] = *head;
        if u32::from_le_bytes([s0, s1, s2, s3]) != SKIP || entries.len() % ENTRY != 0 {
            return None;
        }
        let (mut first, mut place) = (0, 0);
        let mut blocks = Vec::new();
        for entry in entries.chunks_exact(ENTRY) {
            let [r0, r1, r2, r3, t0, t1, t2, t3, z0, z1, z2, z3, ..] = *entry else { return None };
            let rows = u64::from(u32::from_le_bytes([r0, r1, r2, r3]));
            let end = place + u32::from_le_bytes([z0, z1, z2, z3]) as usize;
            let text = u32::from_le_bytes([t0, t1, t2, t3]) as usize;
            blocks.push(Block { first, rows, text, stored: place..end });
            (first, place) = (first + rows, end);
        }
        (place == index).then_some(Self { bytes, blocks })
    }

    /// The lines of the block with a row of the chunk, and the number of the first of them.
    pub(super) fn block(&self, row: u64) -> io::Result<(u64, Bytes)> {
        let after = self.blocks.partition_point(|block| block.first <= row);
        let block = after.checked_sub(1).and_then(|block| self.blocks.get(block));
        let Some(block) = block.filter(|block| row < block.first + block.rows) else {
            return Err(io::Error::other(format!("it has no row {row}")));
        };
        let text = zstd::bulk::decompress(&self.bytes[block.stored.clone()], block.text)?;
        Ok((block.first, text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Opened, pack};
    use crate::logs::line::Stamps;
    use bytes::Bytes;
    use domain::Timestamp;

    #[test]
    fn every_row_of_a_chunk_is_found_by_its_index() {
        let (mut text, mut stamps) = (Vec::new(), Stamps::default());
        let mut starts = Vec::new();
        for row in 0..5000_u64 {
            starts.push(text.len());
            let length = usize::try_from(row * 7919 % 300).unwrap();
            stamps.write(Timestamp(1_000_000 + row), "y".repeat(length).as_bytes(), &mut text);
        }
        let packed = pack(&text).unwrap();
        assert_eq!((packed.rows, packed.span), (5000, (Timestamp(1_000_000), Timestamp(1_004_999))));
        assert_eq!(zstd::decode_all(packed.bytes.as_slice()).unwrap(), text, "zstdcat shows the lines");
        let opened = Opened::new(packed.bytes.clone().into(), packed.index).unwrap();
        assert!(opened.blocks.len() > text.len() / BLOCK);
        for (row, start) in starts.iter().enumerate() {
            let (first, block) = opened.block(row as u64).unwrap();
            let begin = starts[usize::try_from(first).unwrap()];
            assert!(text[begin..].starts_with(&block) && (begin..begin + block.len()).contains(start));
        }
        assert!(opened.block(5000).is_err());
        assert!(Opened::new(packed.bytes.clone().into(), packed.index - 1).is_none());
        assert!(Opened::new(Bytes::from_static(b"x"), 90).is_none());
        assert!(pack(b"").is_err() && pack(b"no time\n").is_err());
    }
}
