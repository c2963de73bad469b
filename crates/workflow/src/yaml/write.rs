//! A tree → YAML text that every parser reads alike: block collections, strings in double quotes, nothing that YAML 1.1 and 1.2 or
//! two libraries see differently (`on`, `yes`, `0o7`, dates, `<<`, anchors, folded lines). `document` writes one-job documents so.

use super::{Limits, Node, NodeKind};
use std::fmt::Write as _;

/// Collections that lie deeper are written in one line: the blanks before each line would add up.
const BLOCK_DEPTH: usize = 10;
/// Libraries look so many characters ahead for the `:` of a key; a longer key gets a `?`.
const LONGEST_KEY: usize = 1000;
/// Words that are no strings to somebody.
const WORDS: &[&str] = &["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// A tree that cannot be written so that [`super::read`] takes it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Too long.
    #[error("it would have more than {0} characters; make it smaller, or move long scripts to files of the repository")]
    Characters(usize),
    /// Too many nodes.
    #[error("it would have more than {0} YAML nodes; make it smaller")]
    Events(u32),
    /// Too deep.
    #[error("its lists and mappings lie more than {0} deep in each other; make it flatter")]
    Depth(u32),
}

/// Writes a tree. What comes out is read by [`super::read`] within the same budgets, as the same tree.
///
/// # Errors
/// When the text would not be within the budgets.
pub fn write(root: &Node<'_>, limits: &Limits) -> Result<String, WriteError> {
    let mut writer = Writer { out: String::new(), events: 0, limits: *limits };
    match &root.kind {
        NodeKind::Mapping(pairs) if !pairs.is_empty() => writer.entries(pairs, 0, 1)?,
        NodeKind::Sequence(items) if !items.is_empty() => writer.items(items, 0, 1)?,
        _ => writer.flow(root, 0)?,
    }
    writer.out.push('\n');
    if writer.out.chars().count() > limits.characters {
        return Err(WriteError::Characters(limits.characters));
    }
    Ok(writer.out)
}

struct Writer {
    out: String,
    events: u32,
    limits: Limits,
}

impl Writer {
    /// The entries of a mapping, one a line; the first begins where the text ends.
    fn entries(&mut self, pairs: &[(Node<'_>, Node<'_>)], level: usize, depth: usize) -> Result<(), WriteError> {
        self.collection(depth)?;
        for (n, (key, value)) in pairs.iter().enumerate() {
            if n > 0 {
                self.line(level);
            }
            if self.key(key, depth)? {
                self.line(level);
            }
            self.out.push(':');
            match &value.kind {
                NodeKind::Mapping(inner) if !inner.is_empty() && depth < BLOCK_DEPTH => {
                    self.line(level + 1);
                    self.entries(inner, level + 1, depth + 1)?;
                }
                NodeKind::Sequence(inner) if !inner.is_empty() && depth < BLOCK_DEPTH => {
                    self.line(level + 1);
                    self.items(inner, level + 1, depth + 1)?;
                }
                _ => {
                    self.out.push(' ');
                    self.flow(value, depth)?;
                }
            }
        }
        Ok(())
    }

    /// The items of a sequence, one a line; the first begins where the text ends.
    fn items(&mut self, items: &[Node<'_>], level: usize, depth: usize) -> Result<(), WriteError> {
        self.collection(depth)?;
        for (n, item) in items.iter().enumerate() {
            if n > 0 {
                self.line(level);
            }
            self.out.push_str("- ");
            match &item.kind {
                NodeKind::Mapping(inner) if !inner.is_empty() && depth < BLOCK_DEPTH => {
                    self.entries(inner, level + 1, depth + 1)?;
                }
                NodeKind::Sequence(inner) if !inner.is_empty() && depth < BLOCK_DEPTH => {
                    self.items(inner, level + 1, depth + 1)?;
                }
                _ => self.flow(item, depth)?,
            }
        }
        Ok(())
    }

    /// A node within a line; `depth` collections lie around it.
    fn flow(&mut self, node: &Node<'_>, depth: usize) -> Result<(), WriteError> {
        match &node.kind {
            NodeKind::Null => self.scalar("null"),
            NodeKind::Bool(true) => self.scalar("true"),
            NodeKind::Bool(false) => self.scalar("false"),
            NodeKind::Number(_, text) => self.scalar(text),
            NodeKind::String(text) => {
                self.quoted(text);
                self.scalar("")
            }
            NodeKind::Sequence(items) => {
                self.collection(depth + 1)?;
                self.out.push('[');
                for (n, item) in items.iter().enumerate() {
                    if n > 0 {
                        self.out.push_str(", ");
                    }
                    self.flow(item, depth + 1)?;
                }
                self.out.push(']');
                Ok(())
            }
            NodeKind::Mapping(pairs) => {
                self.collection(depth + 1)?;
                self.out.push('{');
                for (n, (key, value)) in pairs.iter().enumerate() {
                    if n > 0 {
                        self.out.push_str(", ");
                    }
                    if self.key(key, depth + 1)? {
                        self.out.push(' ');
                    }
                    self.out.push_str(": ");
                    self.flow(value, depth + 1)?;
                }
                self.out.push('}');
                Ok(())
            }
        }
    }

    /// A key; says whether it needed a `?`.
    fn key(&mut self, key: &Node<'_>, depth: usize) -> Result<bool, WriteError> {
        if let NodeKind::String(text) = &key.kind
            && is_plain(text)
        {
            return self.scalar(text).map(|()| false);
        }
        let start = self.out.len();
        self.flow(key, depth)?;
        let long = self.out.len() - start > LONGEST_KEY;
        let explicit = long || matches!(key.kind, NodeKind::Sequence(_) | NodeKind::Mapping(_));
        if explicit {
            self.out.insert_str(start, "? ");
        }
        Ok(explicit)
    }

    fn scalar(&mut self, text: &str) -> Result<(), WriteError> {
        self.out.push_str(text);
        self.count(1)
    }

    fn collection(&mut self, depth: usize) -> Result<(), WriteError> {
        if depth > self.limits.depth as usize {
            return Err(WriteError::Depth(self.limits.depth));
        }
        self.count(2)
    }

    fn count(&mut self, events: u32) -> Result<(), WriteError> {
        self.events = self.events.saturating_add(events);
        if self.events > self.limits.events {
            return Err(WriteError::Events(self.limits.events));
        }
        // No character has more than four bytes.
        if self.out.len() / 4 > self.limits.characters {
            return Err(WriteError::Characters(self.limits.characters));
        }
        Ok(())
    }

    fn line(&mut self, level: usize) {
        self.out.push('\n');
        for _ in 0..level {
            self.out.push_str("  ");
        }
    }

    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\t' => self.out.push_str("\\t"),
                '\r' => self.out.push_str("\\r"),
                // Control characters, and what YAML 1.1 takes for line breaks or refuses.
                '\0'..' ' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                    // Writing to a string does not fail.
                    let _never = write!(self.out, "\\u{:04x}", u32::from(c));
                }
                _ => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}

/// Whether a key is a string to everybody without quotes.
fn is_plain(key: &str) -> bool {
    let mut bytes = key.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        && key.len() <= LONGEST_KEY
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(key))
}

#[cfg(test)]
mod tests {
    use super::{WriteError, write};
    use crate::yaml::{FileId, Limits, Node, NodeKind, Span, read};
    use proptest::prelude::*;

    fn node(kind: NodeKind<'static>) -> Node<'static> {
        Node { kind, span: Span::default() }
    }

    fn string(text: impl Into<String>) -> Node<'static> {
        node(NodeKind::String(text.into().into()))
    }

    fn mapping(pairs: Vec<(Node<'static>, Node<'static>)>) -> Node<'static> {
        node(NodeKind::Mapping(pairs.into()))
    }

    /// Without places.
    fn bare(from: &Node<'_>) -> Node<'static> {
        node(match &from.kind {
            NodeKind::Null => NodeKind::Null,
            NodeKind::Bool(value) => NodeKind::Bool(*value),
            NodeKind::Number(value, text) => NodeKind::Number(*value, text.clone().into_owned().into()),
            NodeKind::String(text) => NodeKind::String(text.clone().into_owned().into()),
            NodeKind::Sequence(items) => NodeKind::Sequence(items.iter().map(bare).collect()),
            NodeKind::Mapping(pairs) => {
                NodeKind::Mapping(pairs.iter().map(|(key, value)| (bare(key), bare(value))).collect())
            }
        })
    }

    fn back(root: &Node<'_>) -> Node<'static> {
        let text = write(root, &Limits::default()).unwrap();
        match read(FileId::default(), &text, &Limits::default()) {
            Ok(document) => bare(&document.root),
            Err(fault) => panic!("{fault:?} in\n{text}"),
        }
    }

    #[test]
    fn the_form_is_block_with_quoted_strings() {
        let steps = NodeKind::Sequence(
            [mapping(vec![(string("run"), string("a\n\tb \"c\"\n")), (string("env"), mapping(vec![]))])].into(),
        );
        let root = mapping(vec![
            (string("on"), string("push")),
            (string("steps"), node(steps)),
            (string("n"), node(NodeKind::Number(1.5, "1.5".into()))),
            (string("a b"), node(NodeKind::Null)),
        ]);
        let wanted =
            "\"on\": \"push\"\nsteps:\n  - run: \"a\\n\\tb \\\"c\\\"\\n\"\n    env: {}\n\"n\": 1.5\n\"a b\": null\n";
        assert_eq!(write(&root, &Limits::default()).unwrap(), wanted);
        assert_eq!(back(&root), root);
    }

    #[test]
    fn odd_texts_stay_what_they_are() {
        let odd = [
            "",
            " ",
            "  lead",
            "trail \n",
            "\n\n",
            "\r\n",
            "a\rb",
            "\t",
            "yes",
            "on",
            "~",
            "null",
            "1",
            "0x1f",
            "1e3",
            ".inf",
            "2001-01-01",
            "12:30:45",
            "- a",
            "a: b",
            "# c",
            "&a *b",
            "<<",
            "!!int 3",
            "|",
            "%YAML",
            "---",
            "...",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "\u{0}",
            "é😀",
            "\u{a0}",
            "\\n",
            "${{ a }}",
            "'",
            "\"",
            "{}",
            "[",
            ",",
            "?",
            "\u{fffe}",
        ];
        for text in odd {
            let long = format!("{text}{}", "x".repeat(3000));
            let root = mapping(vec![
                (string(text), string(text)),
                (string(long.clone()), string(long.clone())),
                (string("in"), node(NodeKind::Sequence([mapping(vec![(string(long), string(text))])].into()))),
            ]);
            assert_eq!(back(&root), root, "{text:?}");
        }
    }

    #[test]
    fn budgets_hold() {
        let mut deep = string("x");
        for _ in 0..50 {
            deep = node(NodeKind::Sequence([deep].into()));
        }
        assert_eq!(back(&deep), deep);
        let deeper = mapping(vec![(string("a"), deep)]);
        assert_eq!(write(&deeper, &Limits::default()), Err(WriteError::Depth(50)));
        let wide = node(NodeKind::Sequence(vec![node(NodeKind::Null); 49_998].into()));
        assert_eq!(back(&wide), wide);
        let wider = node(NodeKind::Sequence(vec![node(NodeKind::Null); 49_999].into()));
        assert_eq!(write(&wider, &Limits::default()), Err(WriteError::Events(50_000)));
        let long = string("x".repeat(1024 * 1024));
        assert_eq!(write(&long, &Limits::default()), Err(WriteError::Characters(1024 * 1024)));
    }

    fn trees() -> impl Strategy<Value = Node<'static>> {
        let leaf = prop_oneof![
            Just(node(NodeKind::Null)),
            any::<bool>().prop_map(|value| node(NodeKind::Bool(value))),
            (-1_000_000i32..1_000_000).prop_map(|n| node(NodeKind::Number(f64::from(n), n.to_string().into()))),
            any::<String>().prop_map(string),
            "[ \\t\\n\\r:#a'\"\\\\{}\\[\\],&*!|>?%@-]{0,12}".prop_map(string),
        ];
        leaf.prop_recursive(14, 60, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| node(NodeKind::Sequence(items.into()))),
                proptest::collection::vec((any::<String>().prop_map(string), inner), 0..4).prop_map(mapping),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn what_is_written_is_read_as_the_same(tree in trees()) {
            prop_assert_eq!(back(&tree), tree);
        }
    }
}
