//! Bytes of a pipe into lines. Pure; `output::step` pushes what it was given and takes what is complete.
//!
//! A line ends at `\n`, `\r\n` or `\r`, as the reference's reader ends it, and every end becomes `\n`. A line that grows too long is
//! given out in pieces, so that memory stays bounded.

use std::borrow::Cow;

/// A line longer than this is given out in pieces. It may be a command up to [`LONGEST_COMMAND`].
pub const LONGEST_LINE: usize = 256 * 1024;
/// A line that begins like a command is kept together up to this length.
pub const LONGEST_COMMAND: usize = 16 * 1024 * 1024;

/// What can be given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'buffer> {
    /// One or more whole lines, each ending in `\n`.
    Lines(&'buffer [u8]),
    /// A piece of a long line; more of it follows. It is no command.
    Piece(&'buffer [u8]),
    /// The last piece of a long line; ends in `\n`.
    LastPiece(&'buffer [u8]),
}

/// Collects bytes until there is something to give out.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Everything before this was looked at, and holds no line end.
    seen: usize,
    ending: Ending,
    line: Line,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The last byte was `\r`: a `\n` that follows belongs to it.
    Return,
    #[default]
    Other,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Line {
    #[default]
    Start,
    /// The buffer begins within a line of which pieces were given out.
    Within,
}

impl Framer {
    /// Takes the next bytes.
    pub fn push(&mut self, mut bytes: &[u8]) {
        if self.ending == Ending::Return && bytes.first() == Some(&b'\n') {
            bytes = &bytes[1..];
            self.ending = Ending::Other;
        }
        let Some(last) = bytes.last() else { return };
        self.ending = if *last == b'\r' { Ending::Return } else { Ending::Other };
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        if let Some(first) = memchr::memchr(b'\r', bytes) {
            self.unify(start + first);
        }
    }

    /// Makes every line end from `from` on a `\n`.
    fn unify(&mut self, from: usize) {
        let mut to = from;
        let mut at = from;
        while let Some(byte) = self.buffer.get(at).copied() {
            at += 1;
            if byte == b'\r' && self.buffer.get(at) == Some(&b'\n') {
                continue;
            }
            self.buffer[to] = if byte == b'\r' { b'\n' } else { byte };
            to += 1;
        }
        self.buffer.truncate(to);
    }

    /// What is complete, if anything. Call [`Framer::consume`] with its length before asking again.
    #[must_use]
    pub fn frame(&mut self) -> Option<Frame<'_>> {
        if self.line == Line::Within {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer) {
                return Some(Frame::LastPiece(&self.buffer[..=at]));
            }
        } else if let Some(at) = memchr::memrchr(b'\n', &self.buffer[self.seen..]) {
            return Some(Frame::Lines(&self.buffer[..=self.seen + at]));
        }
        self.seen = self.buffer.len();
        let longest = if self.line == Line::Start && self.may_be_command() { LONGEST_COMMAND } else { LONGEST_LINE };
        (self.buffer.len() >= longest).then(|| Frame::Piece(&self.buffer[..whole_characters(&self.buffer)]))
    }

    fn may_be_command(&self) -> bool {
        let head = &self.buffer[..self.buffer.len().min(64)];
        let head = String::from_utf8_lossy(head);
        head.trim_start().starts_with("::") || head.contains("##[")
    }

    /// Forgets the frame that was given out last.
    pub fn consume(&mut self, length: usize) {
        let length = length.min(self.buffer.len());
        self.line = match self.buffer.get(..length).and_then(<[u8]>::last) {
            Some(b'\n') => Line::Start,
            Some(_) => Line::Within,
            None => self.line,
        };
        self.buffer.drain(..length);
        self.seen = 0;
        // After a very long line, the room is given back.
        if self.buffer.is_empty() && self.buffer.capacity() > 2 * LONGEST_LINE {
            self.buffer = Vec::new();
        }
    }

    /// The end: what is left becomes a line.
    #[must_use]
    pub fn finish(&mut self) -> Option<Frame<'_>> {
        match (self.buffer.is_empty(), self.line) {
            (true, Line::Start) => None,
            (_, line) => {
                self.buffer.push(b'\n');
                self.seen = 0;
                Some(if line == Line::Start { Frame::Lines(&self.buffer) } else { Frame::LastPiece(&self.buffer) })
            }
        }
    }
}

/// The bytes as text; what is none becomes U+FFFD. Text that is whole is checked at the speed of memory, which
/// `String::from_utf8_lossy` alone does not do.
#[must_use]
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// The length without a character at the end that is not yet complete.
pub(super) fn whole_characters(bytes: &[u8]) -> usize {
    for back in 1..=3.min(bytes.len()) {
        let byte = bytes[bytes.len() - back];
        let length = match byte {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            0x80..=0xbf => continue,
            _ => 1,
        };
        return if length > back { bytes.len() - back } else { bytes.len() };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(chunks: &[&[u8]]) -> Vec<String> {
        let mut framer = Framer::default();
        let mut out = Vec::new();
        for chunk in chunks {
            framer.push(chunk);
            while let Some(frame) = framer.frame() {
                let length = note(frame, &mut out);
                framer.consume(length);
            }
        }
        if let Some(frame) = framer.finish() {
            note(frame, &mut out);
        }
        out
    }

    fn note(frame: Frame<'_>, out: &mut Vec<String>) -> usize {
        let (tag, bytes) = match frame {
            Frame::Lines(bytes) => ("", bytes),
            Frame::Piece(bytes) => ("piece ", bytes),
            Frame::LastPiece(bytes) => ("last ", bytes),
        };
        out.push(format!("{tag}{}", String::from_utf8_lossy(bytes)));
        bytes.len()
    }

    #[test]
    fn every_kind_of_line_end_is_one() {
        assert_eq!(run(&[b"a\nb\r\nc\rd"]), ["a\nb\nc\n", "d\n"]);
        assert_eq!(run(&[b"a\r", b"\nb\r", b"c\r", b"", b"\n\n"]), ["a\n", "b\n", "c\n", "\n"]);
        assert_eq!(run(&[b"a", b"b\nc", b""]), ["ab\n", "c\n"]);
        assert_eq!(run(&[b"\r\r\n\n"]), ["\n\n\n"]);
    }

    #[test]
    fn long_lines_come_in_pieces_that_break_no_character() {
        let long = "é".repeat(2 * LONGEST_LINE);
        let chunks: Vec<&[u8]> = long.as_bytes().chunks(1001).chain([&b"\nnext\n"[..]]).collect();
        let got = run(&chunks);
        let text: String = got[..got.len() - 1]
            .iter()
            .map(|piece| piece.trim_start_matches("piece ").trim_start_matches("last "))
            .collect();
        assert_eq!(text.trim_end(), long);
        assert!(got.iter().all(|piece| piece.len() < LONGEST_LINE + 2000) && got.last().unwrap() == "next\n");
        assert!(got.iter().filter(|piece| piece.starts_with("piece ")).count() >= 2);
    }

    #[test]
    fn a_long_command_stays_whole() {
        let long = format!("  ::set-output name=x::{}", "y".repeat(2 * LONGEST_LINE));
        let chunks: Vec<&[u8]> = long.as_bytes().chunks(4096).chain([&b"\n"[..]]).collect();
        assert_eq!(run(&chunks), [format!("{long}\n")]);
    }

    #[test]
    fn characters_are_cut_at_their_borders() {
        for text in ["a", "é", "€", "😀"] {
            for cut in 0..text.len() {
                let bytes = [b"xx", &text.as_bytes()[..cut]].concat();
                assert_eq!(whole_characters(&bytes), if cut == 0 { bytes.len() } else { 2 }, "{text} {cut}");
            }
            let bytes = [b"xx", text.as_bytes()].concat();
            assert_eq!(whole_characters(&bytes), bytes.len());
        }
    }
}
