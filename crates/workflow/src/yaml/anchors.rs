//! Which anchors of a text no alias names. The reader tells of both as it meets them.

use super::{Anchor, FileId, Span};
use std::collections::BTreeMap;

/// So many anchors that were not named yet are kept; who wrote more hears of the first.
const MOST: usize = 100;

/// The nodes of the anchors that no alias has named so far, by the parser's numbers, which grow through the file.
#[derive(Debug, Default)]
pub(super) struct Anchors(BTreeMap<usize, Span>);

impl Anchors {
    /// A node begins; number 0 is that of nodes without an anchor.
    pub(super) fn declared(&mut self, number: usize, node: Span) {
        if number != 0 && self.0.len() < MOST {
            self.0.insert(number, node);
        }
    }

    /// An alias names an anchor.
    pub(super) fn used(&mut self, number: usize) {
        self.0.remove(&number);
    }

    /// Those that are left, in the order of the file.
    pub(super) fn unused(&self, file: FileId, text: &str) -> Vec<Anchor> {
        self.0.values().filter_map(|node| find(file, text, *node)).collect()
    }
}

/// The anchor of a node: it stands where the node does, or before it with nothing but a tag, white space and comments between them.
fn find(file: FileId, text: &str, node: Span) -> Option<Anchor> {
    let start = node.start as usize;
    let at = if text.get(start..)?.starts_with('&') { start } else { before(text, start)? };
    let name: String = text[at + 1..].chars().take_while(|c| !c.is_whitespace() && !",[]{}".contains(*c)).collect();
    let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let lines = text.get(at..start)?.bytes().filter(|byte| *byte == b'\n').count();
    let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let span = Span {
        file,
        start: narrow(at),
        end: narrow(at + 1 + name.len()),
        line: node.line.saturating_sub(narrow(lines)),
        column: narrow(text[line_start..at].chars().count() + 1),
    };
    Some(Anchor { name, span })
}

/// The place of the last `&` before a node, with no comment before it on its line. Anchors stand on the line of their node or shortly
/// above it.
fn before(text: &str, start: usize) -> Option<usize> {
    let mut end = start;
    for _ in 0..16 {
        let line_start = text[..end].rfind('\n').map_or(0, |at| at + 1);
        let line = &text[line_start..end];
        let line = line.find(" #").map_or(line, |comment| &line[..comment]);
        if let Some(at) = line.rfind('&')
            && !line.trim_start().starts_with('#')
        {
            return Some(line_start + at);
        }
        end = line_start.checked_sub(1)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::yaml::{FileId, Limits, read};

    fn unused(text: &str) -> Vec<(String, u32, u32)> {
        let document = read(FileId::default(), text, &Limits::default()).unwrap();
        document.unused.into_iter().map(|anchor| (anchor.name, anchor.span.line, anchor.span.column)).collect()
    }

    #[test]
    fn anchors_without_an_alias_are_found_where_they_stand() {
        let text = "a: &x 1\nb: &y\n  # & a comment\n  c: &z [1]\nd: *y\ne: &é !!str 2 # &no\nf: &x {g: *x}\n";
        let found = unused(text);
        assert_eq!(found, [("x".to_owned(), 1, 4), ("z".to_owned(), 4, 6), ("é".to_owned(), 6, 4)]);
        assert_eq!(unused("- &a b\n- *a\n"), []);
    }
}
