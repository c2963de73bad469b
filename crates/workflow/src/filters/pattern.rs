//! One pattern, compiled, and the verdict of a list.

use crate::model::Filter;
use regex::Regex;

/// A fault of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternFault {
    /// The byte of the pattern where it shows.
    pub position: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    negates: bool,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// When it is no pattern.
    pub fn compile(pattern: &str) -> Result<Self, PatternFault> {
        let (negates, body, offset) = match pattern.strip_prefix('!') {
            Some(body) => (true, body, 1),
            None => (false, pattern, 0),
        };
        let at = |fault: PatternFault| PatternFault { position: fault.position + offset, ..fault };
        let regex = Regex::new(&translate(body).map_err(at)?).map_err(|_| PatternFault {
            position: 0,
            message: "the pattern is too large; split it into several".to_owned(),
        })?;
        Ok(Self { regex, negates })
    }

    /// Whether it matches the whole text; a leading `!` plays no part.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// Whether it begins with `!`.
    #[must_use]
    pub const fn negates(&self) -> bool {
        self.negates
    }
}

fn fault(position: usize, message: &str) -> PatternFault {
    PatternFault { position, message: message.to_owned() }
}

/// The anchored regular expression of a pattern.
fn translate(pattern: &str) -> Result<String, PatternFault> {
    let mut out = String::from("(?s)^");
    let mut chars = pattern.char_indices().peekable();
    // What may stand before a quantifier: a single character or a class.
    let mut quantifiable = false;
    // Whether a path segment begins here.
    let mut fresh = true;
    if pattern.is_empty() {
        return Err(fault(0, "the pattern is empty"));
    }
    while let Some((at, c)) = chars.next() {
        let mut next_quantifiable = true;
        match c {
            '*' if chars.next_if(|(_, c)| *c == '*').is_some() => {
                next_quantifiable = false;
                if fresh && chars.next_if(|(_, c)| *c == '/').is_some() {
                    out.push_str("(?:.*/)?");
                    fresh = true;
                    quantifiable = false;
                    continue;
                }
                out.push_str(".*");
            }
            '*' => {
                next_quantifiable = false;
                out.push_str("[^/]*");
            }
            '?' | '+' if quantifiable => {
                next_quantifiable = false;
                out.push(c);
            }
            '?' => return Err(fault(at, "'?' means zero or one of the character before it, and there is none here")),
            '+' => return Err(fault(at, "'+' means one or more of the character before it, and there is none here")),
            '[' => class(at, &mut chars, &mut out)?,
            '\\' => match chars.next() {
                Some((_, escaped)) => out.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4]))),
                None => return Err(fault(at, "'\\' at the end escapes nothing")),
            },
            _ => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
        quantifiable = next_quantifiable;
        fresh = c == '/';
    }
    out.push('$');
    Ok(out)
}

/// `[…]`: single characters, and ranges of letters or of digits.
fn class(
    start: usize,
    chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
    out: &mut String,
) -> Result<(), PatternFault> {
    out.push('[');
    let mut empty = true;
    loop {
        let Some((at, c)) = chars.next() else { return Err(fault(start, "']' is missing after '['")) };
        if c == ']' {
            if empty {
                return Err(fault(at, "'[]' names no character"));
            }
            out.push(']');
            return Ok(());
        }
        empty = false;
        literal(c, out);
        let range = chars.peek().is_some_and(|(_, next)| *next == '-');
        if !range {
            continue;
        }
        chars.next();
        match chars.next() {
            Some((_, end)) if is_range(c, end) => {
                out.push('-');
                out.push(end);
            }
            Some((at, ']')) => return Err(fault(at, "the end of the range is missing")),
            Some((at, _)) => return Err(fault(at, "ranges go upwards within a-z, A-Z or 0-9")),
            None => return Err(fault(start, "']' is missing after '['")),
        }
    }
}

const fn is_range(start: char, end: char) -> bool {
    let same = (start.is_ascii_lowercase() && end.is_ascii_lowercase())
        || (start.is_ascii_uppercase() && end.is_ascii_uppercase())
        || (start.is_ascii_digit() && end.is_ascii_digit());
    same && start as u32 <= end as u32
}

/// A character of a class, escaped where a class gives it a meaning.
fn literal(c: char, out: &mut String) {
    if c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_' && !c.is_ascii_control() && c != ' ' {
        out.push('\\');
    }
    out.push(c);
}

/// What a filter says of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It lets it through.
    Passes,
    /// It holds it back.
    Held,
}

/// Reads the patterns in order; the last that matches decides. Of a `…-ignore` list, what is matched is held back and `!` takes it
/// out again.
///
/// # Errors
/// When a pattern is none: its index and fault.
pub fn judge(filter: &Filter, text: &str) -> Result<Verdict, (usize, PatternFault)> {
    let mut matched = false;
    for (i, written) in filter.patterns.iter().enumerate() {
        let pattern = Pattern::compile(&written.value).map_err(|fault| (i, fault))?;
        if pattern.is_match(text) {
            matched = !pattern.negates();
        }
    }
    Ok(if matched == filter.ignore { Verdict::Held } else { Verdict::Passes })
}
