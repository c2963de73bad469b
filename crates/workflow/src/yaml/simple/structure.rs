//! Lines → the tree: who belongs to whom follows from where a line begins.

use super::super::scalar::{Plain, plain};
use super::super::tree::{Collection, NODE_COST, Tree};
use super::super::{FileId, Limits, Node, NodeKind, Span};
use std::borrow::Cow;

/// The parser gives up keys that are longer than 1,024 characters.
const LONGEST_KEY: usize = 1_000;

/// A block collection that is not complete, and the column of what it holds.
#[derive(Debug, Clone, Copy)]
enum Level {
    Mapping(usize),
    Sequence(usize),
}

impl Level {
    const fn column(self) -> usize {
        match self {
            Self::Mapping(column) | Self::Sequence(column) => column,
        }
    }
}

/// What the next line may hold beside what belongs to an open collection.
#[derive(Debug, Clone, Copy)]
enum Expected {
    /// The document itself.
    Root,
    /// The value of a key, or an item; where it is not there, null stands here.
    Node(Span),
    /// Nothing.
    Nothing,
}

/// What stands before a place on its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// White space and `-`: a block collection may begin here.
    Indentation,
    /// A key of the mapping that is open.
    Key,
}

/// A scalar and where it stands.
pub(super) struct Scalar<'a> {
    pub(super) kind: NodeKind<'a>,
    pub(super) span: Span,
}

/// How far a text was read.
pub(super) struct Lines<'a> {
    pub(super) file: FileId,
    pub(super) text: &'a str,
    /// The next byte, its line from 1, and where that line begins.
    pub(super) at: usize,
    pub(super) line: u32,
    pub(super) line_start: usize,
    pub(super) tree: Tree<'a>,
    ascii: bool,
    open: Vec<Level>,
    expected: Expected,
}

/// The tree of a text that holds nothing but simple YAML and exceeds no budget.
pub(in super::super) fn read<'a>(file: FileId, text: &'a str, limits: &Limits) -> Option<Tree<'a>> {
    // Without a way out of the loop, many bytes are looked at at once.
    let control = |byte: u8| (byte < b' ') & (byte != b'\n') & (byte != b'\t') | (byte == 127);
    if text.bytes().fold(false, |found, byte| found | control(byte)) {
        return None;
    }
    let ascii = text.is_ascii();
    // A byte order mark.
    if !ascii && text.contains('\u{feff}') {
        return None;
    }
    let mut lines = Lines {
        file,
        text,
        at: 0,
        line: 1,
        line_start: 0,
        tree: Tree::new(*limits),
        ascii,
        open: Vec::with_capacity(16),
        expected: Expected::Root,
    };
    lines.run()?;
    Some(lines.tree)
}

impl<'a> Lines<'a> {
    /// A byte of what is left; NUL, which the text does not hold, behind its end.
    #[inline]
    pub(super) fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    #[inline]
    pub(super) fn skip_spaces(&mut self) {
        while self.byte(0) == b' ' {
            self.at += 1;
        }
    }

    /// Passes over white space and a comment behind a quoted scalar or a flow collection; the parser takes them for a part of it.
    pub(super) fn skip_blank(&mut self) -> Option<()> {
        let from = self.at;
        self.skip_spaces();
        if self.byte(0) == b'#' {
            if self.at == from {
                return None;
            }
            self.at += self.left_on_line();
        }
        Some(())
    }

    fn left_on_line(&self) -> usize {
        let rest = &self.text[self.at..];
        rest.find('\n').unwrap_or(rest.len())
    }

    /// Whether the next byte stands alone: white space that can follow an indicator, or the end, is behind it.
    #[inline]
    pub(super) fn next_is_alone(&self) -> bool {
        matches!(self.byte(1), b' ' | b'\n' | 0)
    }

    /// The span of bytes of this line.
    pub(super) fn span(&self, from: usize, to: usize) -> Span {
        let before = if self.ascii {
            from - self.line_start
        } else {
            self.text.get(self.line_start..from).map_or(0, |before| before.chars().count())
        };
        Span {
            file: self.file,
            start: narrow(from),
            end: narrow(to),
            line: self.line,
            column: narrow(before).saturating_add(1),
        }
    }

    /// A plain scalar's node; nothing where its text is not of the type that its form asks for.
    pub(super) fn plain_kind(&self, text: &'a str) -> Option<NodeKind<'a>> {
        Some(match plain(text, None).ok()? {
            Plain::Null => NodeKind::Null,
            Plain::Bool(value) => NodeKind::Bool(value),
            Plain::Number(value) => NodeKind::Number(value, Cow::Borrowed(text)),
            Plain::String => NodeKind::String(Cow::Borrowed(text)),
        })
    }

    pub(super) fn place(&mut self, scalar: Scalar<'a>) -> Option<()> {
        let bytes = match &scalar.kind {
            NodeKind::String(text) => NODE_COST + 26 + 2 * if self.ascii { text.len() } else { text.chars().count() },
            _ => NODE_COST,
        };
        self.tree.scalar(Node { kind: scalar.kind, span: scalar.span }, bytes, 0).ok()
    }

    /// The column of the innermost open collection.
    pub(super) fn column(&self) -> Option<usize> {
        self.open.last().map(|level| level.column())
    }

    fn run(&mut self) -> Option<()> {
        while let Some(column) = self.next_line()? {
            self.content(column)?;
        }
        match self.expected {
            Expected::Root => return None,
            Expected::Node(absent) => self.empty(absent)?,
            Expected::Nothing => {}
        }
        while self.open.pop().is_some() {
            self.close()?;
        }
        Some(())
    }

    /// Goes to the next line that holds more than a comment, and gives the column of its first byte that is no space; none at the end.
    fn next_line(&mut self) -> Option<Option<usize>> {
        loop {
            self.line_start = self.at;
            self.skip_spaces();
            match self.byte(0) {
                0 => return Some(None),
                b'\n' | b'#' => self.end_of_line(),
                b'%' | b'.' if self.at == self.line_start => return None,
                b'-' if self.at == self.line_start && self.text[self.at..].starts_with("---") => {
                    // The mark before the only document changes nothing.
                    let alone = self.byte(3) == b'\n' && matches!(self.expected, Expected::Root);
                    if !alone || self.text[..self.at].contains("---\n") {
                        return None;
                    }
                    self.end_of_line();
                }
                _ => return Some(Some(self.at - self.line_start)),
            }
        }
    }

    /// Passes over the rest of the line.
    fn end_of_line(&mut self) {
        self.at += self.left_on_line();
        if self.byte(0) == b'\n' {
            self.at += 1;
            self.line += 1;
        }
        self.line_start = self.at;
    }

    /// Passes over the rest of a line that holds nothing more than a comment.
    fn nothing_more(&mut self) -> Option<()> {
        let from = self.at;
        self.skip_spaces();
        match self.byte(0) {
            b'\n' | 0 => {}
            b'#' if self.at > from || self.text.as_bytes()[self.at - 1] == b' ' => {}
            _ => return None,
        }
        self.end_of_line();
        Some(())
    }

    fn content(&mut self, column: usize) -> Option<()> {
        match self.expected {
            Expected::Root => return self.node(),
            Expected::Node(absent) => match self.open.last()? {
                level if column > level.column() => return self.node(),
                Level::Mapping(of) if column == *of && self.byte(0) == b'-' && self.next_is_alone() => {
                    // The items of a sequence may stand below its key.
                    return self.indentless();
                }
                _ => self.empty(absent)?,
            },
            Expected::Nothing => {}
        }
        while self.column()? > column {
            self.open.pop();
            self.close()?;
        }
        if self.column()? < column {
            return None;
        }
        let item = self.byte(0) == b'-' && self.next_is_alone();
        match self.open.last()? {
            Level::Sequence(_) if item => self.item(),
            Level::Mapping(_) if !item => self.key(),
            Level::Sequence(_) => {
                self.open.pop();
                self.close()?;
                // One whose items stand below its key ends at the next key.
                match self.open.last()? {
                    Level::Mapping(of) if *of == column => self.key(),
                    _ => None,
                }
            }
            Level::Mapping(_) => None,
        }
    }

    /// The node that begins here, behind nothing but indentation.
    fn node(&mut self) -> Option<()> {
        let column = self.at - self.line_start;
        if self.byte(0) == b'-' && self.next_is_alone() {
            self.open_sequence(column, self.at)?;
            return self.item();
        }
        self.value(Before::Indentation)
    }

    /// A sequence whose items stand where the key does: the parser says that it begins at what its first item holds.
    fn indentless(&mut self) -> Option<()> {
        let column = self.at - self.line_start;
        self.at += 1;
        self.skip_spaces();
        let first = match self.byte(0) {
            b'#' => self.at + self.left_on_line(),
            _ => self.at,
        };
        self.open_sequence(column, first)?;
        self.behind_dash()
    }

    fn open_sequence(&mut self, column: usize, start: usize) -> Option<()> {
        let start = self.span(start, start);
        self.open.push(Level::Sequence(column));
        self.tree.open(Collection::Sequence, start, 0).ok()
    }

    /// `- ` and what follows it on the line.
    fn item(&mut self) -> Option<()> {
        self.at += 1;
        self.skip_spaces();
        self.behind_dash()
    }

    fn behind_dash(&mut self) -> Option<()> {
        if matches!(self.byte(0), b'\n' | b'#' | 0) {
            // The parser passes over a comment before it looks where it is.
            let at = self.at + self.left_on_line();
            let absent = self.span(at, at);
            return self.wait(absent);
        }
        self.node()
    }

    /// A key of the open mapping, and its value.
    fn key(&mut self) -> Option<()> {
        let from = self.at;
        let key = self.scalar()?;
        if !self.is_key(from) {
            return None;
        }
        self.place(key)?;
        self.behind_key()
    }

    /// Whether a `:` follows, so that what began at a byte and ends here is a key.
    fn is_key(&mut self, from: usize) -> bool {
        self.skip_spaces();
        self.byte(0) == b':' && self.next_is_alone() && self.at - from <= LONGEST_KEY
    }

    /// `:` and what follows it on the line.
    fn behind_key(&mut self) -> Option<()> {
        self.at += 1;
        let absent = self.span(self.at, self.at);
        self.skip_spaces();
        match self.byte(0) {
            b'\n' | b'#' | 0 => self.wait(absent),
            _ => self.value(Before::Key),
        }
    }

    fn wait(&mut self, absent: Span) -> Option<()> {
        self.expected = Expected::Node(absent);
        self.nothing_more()
    }

    fn value(&mut self, before: Before) -> Option<()> {
        self.expected = Expected::Nothing;
        let from = self.at;
        match self.byte(0) {
            b'[' | b'{' => self.flow()?,
            b'|' | b'>' => return self.block_scalar(),
            _ => {
                let scalar = self.scalar()?;
                if self.is_key(from) {
                    if before == Before::Key {
                        return None;
                    }
                    let start = Span { end: scalar.span.start, ..scalar.span };
                    self.tree.open(Collection::Mapping, start, 0).ok()?;
                    self.open.push(Level::Mapping(from - self.line_start));
                    self.place(scalar)?;
                    return self.behind_key();
                }
                self.place(scalar)?;
            }
        }
        self.nothing_more()
    }

    /// The value that is not there.
    fn empty(&mut self, span: Span) -> Option<()> {
        self.expected = Expected::Nothing;
        self.place(Scalar { kind: NodeKind::Null, span })
    }

    /// Ends the innermost block collection: where its last value ended.
    fn close(&mut self) -> Option<()> {
        self.tree.close(Span::default()).ok()
    }
}

pub(super) fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
