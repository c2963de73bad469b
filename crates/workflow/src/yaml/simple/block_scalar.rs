//! Literal and folded scalars.

use super::structure::{Lines, Scalar, narrow};
use crate::yaml::{NodeKind, Span};
use std::borrow::Cow;

/// What becomes of the line breaks at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chomping {
    /// One stays.
    Clip,
    /// All go.
    Strip,
    /// All stay.
    Keep,
}

/// The lines of a block scalar as they are joined.
struct Content {
    text: String,
    folded: bool,
    /// Whether there was a line, and whether it began with white space.
    last: Option<Blank>,
    /// Empty lines since then.
    empty: usize,
}

/// Whether a line begins with white space: such a line is not folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blank {
    Yes,
    No,
}

impl Content {
    fn line(&mut self, line: &str) {
        let blank = if line.starts_with([' ', '\t']) { Blank::Yes } else { Blank::No };
        let joined = self.folded && self.last == Some(Blank::No) && blank == Blank::No;
        match self.last {
            Some(_) if joined && self.empty == 0 => self.text.push(' '),
            Some(_) if !joined => self.text.push('\n'),
            _ => {}
        }
        self.breaks();
        self.text.push_str(line);
        self.last = Some(blank);
    }

    fn breaks(&mut self) {
        for _ in 0..std::mem::take(&mut self.empty) {
            self.text.push('\n');
        }
    }
}

impl Lines<'_> {
    /// The block scalar whose `|` or `>` stands here.
    pub(super) fn block_scalar(&mut self) -> Option<()> {
        let text = self.text;
        let bytes = text.as_bytes();
        let header = self.span(self.at, self.at + 1);
        // What looks like a comment before the header confuses those who look for it.
        if text[self.line_start..self.at].contains('#') {
            return None;
        }
        let folded = self.byte(0) == b'>';
        self.at += 1;
        let chomping = match self.byte(0) {
            b'+' => Chomping::Keep,
            b'-' => Chomping::Strip,
            _ => Chomping::Clip,
        };
        if chomping != Chomping::Clip {
            self.at += 1;
        }
        self.skip_spaces();
        if self.byte(0) != b'\n' {
            return None;
        }
        self.next();
        let mut content = Content { text: String::new(), folded, last: None, empty: 0 };
        let mut widest = 0;
        let indent = loop {
            self.skip_spaces();
            let spaces = self.at - self.line_start;
            match self.byte(0) {
                b'\n' => {
                    widest = widest.max(spaces);
                    content.empty += 1;
                    self.next();
                }
                0 | b'\t' => return None,
                _ => break spaces,
            }
        };
        if indent == 0 || indent < widest || self.column().is_some_and(|column| indent <= column) {
            return None;
        }
        let start = self.at;
        let end = loop {
            // At most the indentation was passed over.
            match self.byte(0) {
                b'\n' => {
                    content.empty += 1;
                    self.next();
                }
                _ if self.at - self.line_start == indent => {
                    let length = bytes[self.at..].iter().position(|byte| *byte == b'\n')?;
                    content.line(&text[self.at..self.at + length]);
                    self.at += length;
                    self.next();
                }
                b'\t' => return None,
                0 if self.at > self.line_start => return None,
                _ => break self.at,
            }
            while self.byte(0) == b' ' && self.at - self.line_start < indent {
                self.at += 1;
            }
        };
        self.at = self.line_start;
        if chomping != Chomping::Strip {
            content.text.push('\n');
        }
        if chomping == Chomping::Keep {
            content.breaks();
        }
        let value = match text.get(start..start + content.text.len()) {
            // A single line.
            Some(written) if written == content.text => Cow::Borrowed(written),
            _ => Cow::Owned(content.text),
        };
        let span = Span { end: narrow(end), ..header };
        self.place(Scalar { kind: NodeKind::String(value), span })
    }

    fn next(&mut self) {
        self.at += 1;
        self.line += 1;
        self.line_start = self.at;
    }
}
