//! Lines in a part's file: a head with a checksum, then the lines. A frame that a crash cut off is seen by its checksum. Called by `log` to
//! write, by `part` to read.
//!
//! The head, little-endian: CRC-32 of all that follows (4 bytes), length of the lines (4), number of the first row (8), rows (4), 1 when the
//! log ends here (4).

use domain::LogEnd;
use std::ops::Range;

/// What stands before the lines.
pub(super) const HEAD: usize = 24;

/// A frame in a buffer.
#[derive(Debug, PartialEq)]
pub(super) struct Frame {
    /// The number of its first row.
    pub(super) first: u64,
    /// How many rows are in it.
    pub(super) rows: u64,
    /// Whether the log ends with it.
    pub(super) end: LogEnd,
    /// Where its lines are in the buffer.
    pub(super) text: Range<usize>,
}

/// Makes room for the head; the lines are added behind it.
pub(super) fn begin(frame: &mut Vec<u8>) {
    frame.clear();
    frame.resize(HEAD, 0);
}

/// Fills the head in.
pub(super) fn close(frame: &mut [u8], first: u64, rows: u32, end: LogEnd) {
    let length = u32::try_from(frame.len().saturating_sub(HEAD)).unwrap_or(u32::MAX);
    let end = match end {
        LogEnd::Open => 0_u32,
        LogEnd::Last => 1,
    };
    frame[4..8].copy_from_slice(&length.to_le_bytes());
    frame[8..16].copy_from_slice(&first.to_le_bytes());
    frame[16..20].copy_from_slice(&rows.to_le_bytes());
    frame[20..24].copy_from_slice(&end.to_le_bytes());
    let sum = crc32fast::hash(&frame[4..]);
    frame[..4].copy_from_slice(&sum.to_le_bytes());
}

/// The frame that begins there. `None`: there is no whole and sound one.
pub(super) fn read(bytes: &[u8], from: usize) -> Option<Frame> {
    let here = bytes.get(from..)?;
    let (head, after) = here.split_first_chunk::<HEAD>()?;
    let [s0, s1, s2, s3, l0, l1, l2, l3, number @ .., r0, r1, r2, r3, e0, e1, e2, e3] = *head;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    after.get(..length)?;
    let sum = crc32fast::hash(&here[4..HEAD + length]);
    let end = match u32::from_le_bytes([e0, e1, e2, e3]) {
        0 => LogEnd::Open,
        1 => LogEnd::Last,
        _ => return None,
    };
    (sum == u32::from_le_bytes([s0, s1, s2, s3])).then(|| Frame {
        first: u64::from_le_bytes(number),
        rows: u64::from(u32::from_le_bytes([r0, r1, r2, r3])),
        end,
        text: from + HEAD..from + HEAD + length,
    })
}

#[cfg(test)]
mod tests {
    use super::{Frame, HEAD, begin, close, read};
    use domain::LogEnd;

    #[test]
    fn a_frame_is_read_whole_or_not_at_all() {
        let mut frame = vec![9; 3];
        begin(&mut frame);
        frame.extend_from_slice(b"a\nb\n");
        close(&mut frame, 41, 2, LogEnd::Last);
        let expected = Frame { first: 41, rows: 2, end: LogEnd::Last, text: HEAD..HEAD + 4 };
        assert_eq!(read(&frame, 0), Some(expected));
        for cut in 0..frame.len() {
            assert_eq!(read(&frame[..cut], 0), None);
        }
        for bit in 0..frame.len() * 8 {
            let mut flipped = frame.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&flipped, 0), None, "bit {bit}");
        }
        assert_eq!(read(&[0; 100], 0), None);
        assert_eq!(read(&frame, 1000), None);
    }
}
