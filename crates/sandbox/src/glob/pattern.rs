//! One pattern: absolute, cut into segments. Used by [`Globs`](super::Globs).

use super::Match;
use super::segment::Segment;

/// A pattern of `hashFiles` that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// `.` or `..` in the pattern.
    #[error("Invalid pattern '{0}'. Relative pathing '.' and '..' is not allowed.")]
    Relative(String),
    /// Nothing but `!`.
    #[error("Invalid pattern '{0}'. A pattern cannot be empty.")]
    Empty(String),
}

#[derive(Debug, Clone)]
pub(super) struct Pattern {
    negated: bool,
    /// Made from a pattern that names a directory, for what that holds.
    kind: Kind,
    texts: Vec<String>,
    segments: Vec<Segment>,
    trailing: Trailing,
    search_path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Written,
    Implied,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trailing {
    Slash,
    Nothing,
}

impl Pattern {
    pub(super) fn parse(line: &str, directory: &str, home: &str) -> Result<Self, GlobError> {
        let mut text = line.trim();
        let mut negated = false;
        while let Some(rest) = text.strip_prefix('!') {
            negated = !negated;
            text = rest.trim();
        }
        if text.is_empty() {
            return Err(GlobError::Empty(line.to_owned()));
        }
        let mut literals = text.split('/').filter(|part| !part.is_empty()).map(literal).enumerate();
        let rooted = text.starts_with('/');
        if literals.any(|(at, part)| part == ".." || (part == "." && (at > 0 || rooted))) {
            return Err(GlobError::Relative(text.to_owned()));
        }
        let after = |prefix: &str| text.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let absolute = if let Some(rest) = after(".") {
            format!("{}{rest}", escaped(directory))
        } else if let Some(rest) = after("~") {
            format!("{}{rest}", escaped(home))
        } else if text.starts_with('/') {
            text.to_owned()
        } else {
            format!("{}/{text}", escaped(directory))
        };
        let trailing = if absolute.ends_with('/') { Trailing::Slash } else { Trailing::Nothing };
        let texts = absolute.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        Ok(Self::new(negated, Kind::Written, texts, trailing))
    }

    fn new(negated: bool, kind: Kind, texts: Vec<String>, trailing: Trailing) -> Self {
        let segments = texts.iter().map(|text| Segment::parse(text)).collect();
        let mut search_path = String::new();
        for text in texts.iter().map(|text| literal(text)).take_while(|text| !text.is_empty()) {
            search_path.push('/');
            search_path.push_str(&text);
        }
        if search_path.is_empty() {
            search_path.push('/');
        }
        Self { negated, kind, texts, segments, trailing, search_path }
    }

    /// The pattern for what this one's directories hold, when it does not say so itself.
    pub(super) fn with_descendants(&self) -> Option<Self> {
        if self.trailing == Trailing::Nothing && self.texts.last().is_some_and(|text| text == "**") {
            return None;
        }
        let texts = self.texts.iter().cloned().chain(["**".to_owned()]).collect();
        Some(Self::new(self.negated, Kind::Implied, texts, Trailing::Nothing))
    }

    pub(super) fn negated(&self) -> bool {
        self.negated
    }

    pub(super) fn search_path(&self) -> &str {
        &self.search_path
    }

    pub(super) fn matches(&self, path: &str) -> Match {
        let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        // `dir/**` as written matches `dir` itself; implied, it does not.
        if self.segments.last() == Some(&Segment::Globstar) && self.kind == Kind::Written {
            parts.push("");
        }
        match (matches(&parts, &self.segments, Depth::Whole), self.trailing) {
            (false, _) => Match::Nothing,
            (true, Trailing::Slash) => Match::Directory,
            (true, Trailing::Nothing) => Match::All,
        }
    }

    pub(super) fn may_match_below(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        matches(&parts, &self.segments, Depth::Part)
    }
}

/// Whether a path must match wholly, or as the beginning of a longer one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Whole,
    Part,
}

/// Each `**` is tried once per position, so the time is the product of the lengths, whatever the pattern.
fn matches(parts: &[&str], segments: &[Segment], depth: Depth) -> bool {
    // `reached[at]`: the first `at` parts are matched by the segments so far.
    let mut reached = vec![false; parts.len() + 1];
    reached[0] = true;
    for (index, segment) in segments.iter().enumerate() {
        if depth == Depth::Part && reached[parts.len()] {
            return true;
        }
        let mut next = vec![false; parts.len() + 1];
        if *segment == Segment::Globstar {
            let last = index + 1 == segments.len();
            let first = reached.iter().position(|hit| *hit);
            if let Some(first) = first {
                // At the end, `**` stands for at least one part, be it the empty one after a slash.
                next[first + usize::from(last)..].fill(true);
            }
            if depth == Depth::Part && first.is_some() {
                return true;
            }
        } else {
            for at in 0..parts.len() {
                next[at + 1] = reached[at] && segment.matches(parts[at]);
            }
        }
        reached = next;
    }
    reached[parts.len()]
}

/// The text that a segment stands for, or nothing when it is a glob.
fn literal(segment: &str) -> String {
    let letters: Vec<char> = segment.chars().collect();
    let mut text = String::new();
    let mut at = 0;
    while at < letters.len() {
        match letters[at] {
            '\\' if at + 1 < letters.len() => {
                at += 1;
                text.push(letters[at]);
            }
            '*' | '?' => return String::new(),
            '[' if at + 1 < letters.len() => {
                let mut set = String::new();
                let mut inner = at + 1;
                let mut closed = None;
                while inner < letters.len() {
                    match letters[inner] {
                        '\\' if inner + 1 < letters.len() => {
                            inner += 1;
                            set.push(letters[inner]);
                        }
                        ']' => {
                            closed = Some(inner);
                            break;
                        }
                        letter => set.push(letter),
                    }
                    inner += 1;
                }
                match (closed, set.chars().count()) {
                    (Some(_), 2..) => return String::new(),
                    (Some(end), 1) => {
                        text.push_str(&set);
                        at = end;
                    }
                    _ => text.push('['),
                }
            }
            letter => text.push(letter),
        }
        at += 1;
    }
    text
}

/// A path as a pattern that matches only it.
fn escaped(path: &str) -> String {
    let mut text = String::new();
    for letter in path.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '[' | '?' | '*' => {
                text.push('[');
                text.push(letter);
                text.push(']');
            }
            letter => text.push(letter),
        }
    }
    text
}
