//! Events of the YAML parser → a tree. Pulls one event at a time and stops at the first fault or budget that is used up.

use super::anchors::Anchors;
use super::ascii::Ascii;
use super::fault::fault;
use super::position::Positions;
use super::scalar::{self, NotOfType, Plain, Tag};
use super::tree::{Collection, NODE_COST, TOO_DEEP, Tree};
use super::{Anchor, FaultKind, FileId, Limits, Node, NodeKind, Span, YamlFault};
use saphyr_parser::{Event, Input, Marker, Parser, ScalarStyle, StrInput};
use std::borrow::Cow;

/// Indicators of flow style that one file may hold: the parser keeps all tokens of a flow collection until it ends.
const FLOW_INDICATORS: usize = 64_000;
/// A file longer than this may hold only so many of all the characters that tokens start with, for the same reason.
const LONG: usize = 512 * 1024;
const TOKEN_STARTS: usize = 200_000;

/// How many glued comments one file may hold: each is another pass over it.
const GLUED_COMMENTS: u32 = 16;

struct Reader<'a> {
    file: FileId,
    text: &'a str,
    positions: Positions<'a>,
    tree: Tree<'a>,
    anchors: Anchors,
}

/// A document that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Document<'a> {
    /// Its node; null when there is none.
    pub root: Node<'a>,
    /// What it counts for against [`Limits::bytes`].
    pub bytes: usize,
    /// Aliases that stand inside the node which they name; null stands in their place.
    pub circles: Vec<YamlFault>,
    /// Anchors that no alias names.
    pub unused: Vec<Anchor>,
}

/// Reads one document.
///
/// # Errors
/// The first thing wrong with the text as YAML, or the first budget that it exceeds.
pub fn read<'a>(file: FileId, text: &'a str, limits: &Limits) -> Result<Document<'a>, YamlFault> {
    let start = Span { file, start: 0, end: 0, line: 1, column: 1 };
    let limit = |message: String| YamlFault { kind: FaultKind::Limit, message, span: start };
    if text.len() > limits.characters && text.chars().count() > limits.characters {
        return Err(limit(format!("The maximum file size of {} characters has been exceeded", limits.characters)));
    }
    let count = |of: &[u8]| text.bytes().filter(|b| of.contains(b)).count();
    if text.len() > FLOW_INDICATORS && count(b",[]{}") > FLOW_INDICATORS {
        return Err(limit(format!("More than {FLOW_INDICATORS} of the characters '[]{{}},' in one file")));
    }
    if text.len() > LONG && count(b",[]{}:?!&*\"'") > TOKEN_STARTS {
        return Err(limit(format!("More than {TOKEN_STARTS} of the characters '[]{{}},:?!&*\"'' in one file")));
    }
    if let Some(tree) = super::simple::read(file, text, limits) {
        return Ok(document(file, tree, Vec::new()));
    }
    match read_once(file, text, limits) {
        Err(Stop::GluedComment(_)) => read_unglued(file, text, limits).map_err(Stop::into_fault),
        other => other.map_err(Stop::into_fault),
    }
}

/// Why reading stopped.
enum Stop {
    /// For good.
    Fault(YamlFault),
    /// At a comment without white space before it, behind a flow collection: the reference reads over it, the parser does not.
    GluedComment(YamlFault),
}

impl Stop {
    fn into_fault(self) -> YamlFault {
        match self {
            Self::Fault(fault) | Self::GluedComment(fault) => fault,
        }
    }
}

impl From<YamlFault> for Stop {
    fn from(fault: YamlFault) -> Self {
        Self::Fault(fault)
    }
}

/// Blanks such comments one after the other, which moves nothing.
fn read_unglued(file: FileId, text: &str, limits: &Limits) -> Result<Document<'static>, Stop> {
    let mut text = text.to_owned();
    let mut left = GLUED_COMMENTS;
    loop {
        match read_once(file, &text, limits) {
            Ok(Document { root, bytes, circles, unused }) => {
                return Ok(Document { root: root.into_owned(), bytes, circles, unused });
            }
            Err(Stop::GluedComment(fault)) if left > 0 => {
                left -= 1;
                let from = fault.span.start as usize;
                let Some(rest) = text.get(from..) else { return Err(Stop::Fault(fault)) };
                let to = from + rest.find(['\n', '\r']).unwrap_or(rest.len());
                text.replace_range(from..to, &" ".repeat(to - from));
            }
            Err(stop) => return Err(stop),
        }
    }
}

fn read_once<'a>(file: FileId, text: &'a str, limits: &Limits) -> Result<Document<'a>, Stop> {
    let (positions, tree) = (Positions::new(text), Tree::new(*limits));
    let mut reader = Reader { file, text, positions, tree, anchors: Anchors::default() };
    match Ascii::new(text) {
        Some(ascii) => reader.run(ascii)?,
        None => reader.run(StrInput::new(text))?,
    }
    let unused = reader.anchors.unused(file, text);
    Ok(document(file, reader.tree, unused))
}

fn document<'a>(file: FileId, tree: Tree<'a>, unused: Vec<Anchor>) -> Document<'a> {
    let (root, bytes, circles) = tree.finish();
    let nothing = || Node { kind: NodeKind::Null, span: Span { file, start: 0, end: 0, line: 1, column: 1 } };
    Document { root: root.unwrap_or_else(nothing), bytes, circles, unused }
}

/// What the parser of the whole language makes of a text.
#[cfg(test)]
pub(super) fn read_by_parser<'a>(file: FileId, text: &'a str, limits: &Limits) -> Result<Document<'a>, YamlFault> {
    read_once(file, text, limits).map_err(Stop::into_fault)
}

/// What the reader of simple YAML makes of it, where it does.
#[cfg(test)]
pub(super) fn read_simply<'a>(file: FileId, text: &'a str, limits: &Limits) -> Option<Document<'a>> {
    super::simple::read(file, text, limits).map(|tree| document(file, tree, Vec::new()))
}

impl<'a> Reader<'a> {
    fn run(&mut self, input: impl Input) -> Result<(), Stop> {
        let mut parser = Parser::new(input).keep_tags(false);
        let mut documents = 0_u32;
        while let Some(next) = parser.next_event() {
            let (event, at) = next.map_err(|error| {
                let span = self.within(self.span(error.marker(), error.marker()));
                // The parser's own bound on flow collections; ours is lower, but it looks ahead.
                if error.info() == "recursion limit exceeded" {
                    return Stop::Fault(fault(FaultKind::Limit, TOO_DEEP, span));
                }
                let fault = fault(FaultKind::Syntax, sentence(error.info()), span);
                let before = self.text.get(..span.start as usize).unwrap_or_default();
                let glued = before.ends_with([']', '}']) && self.text[before.len()..].starts_with('#');
                if glued { Stop::GluedComment(fault) } else { Stop::Fault(fault) }
            })?;
            let span = self.span(&at.start, &at.end);
            match event {
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        let message = "A second document is not allowed: a file holds one".to_owned();
                        return Err(fault(FaultKind::SecondDocument, message, span).into());
                    }
                }
                Event::Scalar(text, style, anchor, tag) => {
                    self.anchors.declared(anchor, span);
                    let tag = tag.as_deref().map(name);
                    let span =
                        if text.is_empty() && style == ScalarStyle::Plain { self.empty_span(span) } else { span };
                    let text = self.borrowed(text, style, span);
                    let span = match style {
                        ScalarStyle::Literal | ScalarStyle::Folded => self.with_header(span),
                        _ => span,
                    };
                    let kind = self.scalar(text, style, tag.as_deref(), span)?;
                    let bytes = self.cost(&kind);
                    self.tree.scalar(Node { kind, span }, bytes, anchor)?;
                }
                Event::SequenceStart(anchor, tag) => {
                    self.anchors.declared(anchor, span);
                    collection_tag(tag.as_deref(), span)?;
                    self.tree.open(Collection::Sequence, span, anchor)?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.anchors.declared(anchor, span);
                    collection_tag(tag.as_deref(), span)?;
                    self.tree.open(Collection::Mapping, span, anchor)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.tree.close(span)?,
                Event::Alias(anchor) => {
                    self.anchors.used(anchor);
                    self.tree.alias(anchor, span)?;
                }
            }
        }
        Ok(())
    }

    fn scalar(
        &self,
        text: Cow<'a, str>,
        style: ScalarStyle,
        tag: Option<&str>,
        span: Span,
    ) -> Result<NodeKind<'a>, YamlFault> {
        let of = match tag {
            None => None,
            // The non-specific tag makes a string of whatever it stands before.
            Some("!") => Some(Tag::Str),
            Some(name) => Some(
                Tag::from_name(name).ok_or_else(|| fault(FaultKind::Tag, format!("Unexpected tag '{name}'"), span))?,
            ),
        };
        if style != ScalarStyle::Plain {
            return match (of, tag) {
                (None | Some(Tag::Str), _) => Ok(NodeKind::String(text)),
                (Some(_), tag) => {
                    let message = format!(
                        "The scalar style '{style:?}' on line {} and column {} is not valid with the tag '{}'",
                        span.line,
                        span.column,
                        tag.unwrap_or_default()
                    );
                    Err(fault(FaultKind::Tag, message, span))
                }
            };
        }
        match scalar::plain(&text, of) {
            Ok(Plain::Null) => Ok(NodeKind::Null),
            Ok(Plain::Bool(value)) => Ok(NodeKind::Bool(value)),
            Ok(Plain::Number(value)) => Ok(NodeKind::Number(value, text)),
            Ok(Plain::String) => Ok(NodeKind::String(text)),
            Err(NotOfType(tag)) => {
                let message = format!(
                    "The value '{text}' on line {} and column {} is invalid for the type '{tag}'",
                    span.line, span.column
                );
                Err(fault(FaultKind::Tag, message, span))
            }
        }
    }

    /// The parser copies every scalar; what stands in the text as it is need not stay a copy.
    fn borrowed(&self, value: Cow<'_, str>, style: ScalarStyle, span: Span) -> Cow<'a, str> {
        let quotes = match style {
            ScalarStyle::Plain => 0,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => 1,
            ScalarStyle::Literal | ScalarStyle::Folded => return self.without_invented_break(value, span),
        };
        let (from, to) = (span.start as usize + quotes, (span.end as usize).saturating_sub(quotes));
        match self.text.get(from..to) {
            Some(written) if *written == *value => Cow::Borrowed(written),
            _ => Cow::Owned(value.into_owned()),
        }
    }

    /// The parser ends a block scalar with a line break even where the text ends without one.
    fn without_invented_break(&self, value: Cow<'_, str>, span: Span) -> Cow<'a, str> {
        let mut value = value.into_owned();
        if (span.end as usize) >= self.text.len() && !self.text.ends_with(['\n', '\r']) && value.ends_with('\n') {
            value.pop();
        }
        Cow::Owned(value)
    }

    fn cost(&self, kind: &NodeKind<'_>) -> usize {
        match kind {
            NodeKind::String(text) => NODE_COST + 26 + 2 * self.positions.characters(text),
            _ => NODE_COST,
        }
    }

    /// A block scalar stands where its `|` or `>` does; the parser gives the first line of its text.
    fn with_header(&self, span: Span) -> Span {
        let before = self.text.get(..span.start as usize).unwrap_or_default().trim_end();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = &before[line_start..];
        let header = line.find(" #").map_or(line, |comment| &line[..comment]).trim_end();
        let indicator = header.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
        if !indicator.ends_with(['|', '>']) {
            return span;
        }
        let at = line_start + indicator.len() - 1;
        let lines = self.text.get(at..span.start as usize).unwrap_or_default().bytes().filter(|b| *b == b'\n').count();
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Span {
            start: narrow(at),
            line: span.line.saturating_sub(narrow(lines)),
            column: narrow(self.text[line_start..at].chars().count() + 1),
            ..span
        }
    }

    /// Where a value stands that is not there: behind its `:` or `-`.
    fn empty_span(&self, span: Span) -> Span {
        let indicator = self.text.as_bytes().get(span.start as usize).is_some_and(|b| matches!(b, b':' | b'-' | b'?'));
        if indicator {
            Span { start: span.start + 1, end: span.start + 1, column: span.column + 1, ..span }
        } else {
            Span { end: span.start, ..span }
        }
    }

    /// The parser puts faults at the end of a text on a line of their own, which may not be there.
    fn within(&self, span: Span) -> Span {
        if (span.start as usize) < self.text.len() || self.text.ends_with(['\n', '\r']) {
            return span;
        }
        let last = self.text.rfind('\n').map_or(0, |at| at + 1);
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let line = narrow(self.text.bytes().filter(|b| *b == b'\n').count() + 1);
        Span { line, column: narrow(self.text[last..].chars().count() + 1), ..span }
    }

    fn span(&self, start: &Marker, end: &Marker) -> Span {
        Span {
            file: self.file,
            start: self.positions.byte(start.index()),
            end: self.positions.byte(end.index()),
            line: u32::try_from(start.line()).unwrap_or(u32::MAX),
            column: u32::try_from(start.col() + 1).unwrap_or(u32::MAX),
        }
    }
}

/// The full name of a tag.
fn name(tag: &saphyr_parser::Tag) -> String {
    format!("{}{}", tag.handle, tag.suffix)
}

/// Collections may carry the tag they have anyway.
fn collection_tag(tag: Option<&saphyr_parser::Tag>, span: Span) -> Result<(), YamlFault> {
    match tag.map(name) {
        Some(tag) if !matches!(tag.as_str(), "!" | "tag:yaml.org,2002:seq" | "tag:yaml.org,2002:map") => {
            Err(fault(FaultKind::Tag, format!("Unexpected tag '{tag}'"), span))
        }
        _ => Ok(()),
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
