//! Regular expressions of problem matchers: .NET's in ECMAScript mode, run by `fancy-regex` with a limit on backtracking.
//!
//! `config` compiles, `list` matches.

use fancy_regex::{Captures, Regex, RegexBuilder};

/// Steps of backtracking before a match is given up; a few milliseconds.
const BACKTRACK_LIMIT: usize = 100_000;
/// Bytes that a compiled expression may have.
const SIZE_LIMIT: usize = 4 * 1024 * 1024;

/// A compiled expression for single lines.
#[derive(Debug)]
pub struct LineRegex(Regex);

/// An expression that cannot be compiled.
#[derive(Debug, thiserror::Error)]
#[error("the regular expression '{expression}' is not valid: {source}")]
pub struct RegexError {
    expression: String,
    #[source]
    source: Box<fancy_regex::Error>,
}

/// A match was given up: it took too many steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenUp;

impl LineRegex {
    /// Compiles an expression.
    ///
    /// # Errors
    /// When it is wrong, or larger than is sensible.
    pub fn new(expression: &str) -> Result<Self, RegexError> {
        let mut builder = RegexBuilder::new(&translate(expression));
        builder.backtrack_limit(BACKTRACK_LIMIT).delegate_size_limit(SIZE_LIMIT).delegate_dfa_size_limit(SIZE_LIMIT);
        let wrong = |source| RegexError { expression: expression.to_owned(), source: Box::new(source) };
        builder.build().map(Self).map_err(wrong)
    }

    /// How many groups there are, the whole match among them.
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.0.captures_len()
    }

    /// The groups of the first match.
    ///
    /// # Errors
    /// When the match took too many steps.
    pub fn captures<'line>(&self, line: &'line str) -> Result<Option<Captures<'line, str>>, GivenUp> {
        self.0.captures(line).map_err(|_| GivenUp)
    }
}

/// Writes an ECMAScript expression for `fancy-regex`: `\d`, `\w`, `\s` know ASCII only, `[` within a class, `{` without a number
/// and `\<` mean themselves.
fn translate(expression: &str) -> String {
    let mut out = String::with_capacity(expression.len() + 16);
    let mut chars = expression.chars().peekable();
    let mut class = Class::Outside;
    while let Some(c) = chars.next() {
        match (c, class) {
            ('\\', _) => {
                let Some(escaped) = chars.next() else {
                    out.push('\\');
                    break;
                };
                escape(escaped, class, &mut out);
                class = class.after();
            }
            ('[', Class::Outside) => {
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                class = Class::Start;
            }
            (']', Class::Start) => {
                out.push_str("\\]");
                class = Class::Within;
            }
            (']', Class::Within) => {
                out.push(']');
                class = Class::Outside;
            }
            // Operators of class sets there, themselves here.
            ('[' | '&' | '~', Class::Start | Class::Within) => {
                out.push('\\');
                out.push(c);
                class = Class::Within;
            }
            ('-', Class::Within) if chars.peek() == Some(&'-') => {
                out.push_str("\\-");
            }
            ('{', Class::Outside) if !is_repetition(chars.clone()) => out.push_str("\\{"),
            _ => {
                out.push(c);
                class = class.after();
            }
        }
    }
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Outside,
    /// Just behind `[` or `[^`.
    Start,
    Within,
}

impl Class {
    const fn after(self) -> Self {
        match self {
            Self::Outside => Self::Outside,
            Self::Start | Self::Within => Self::Within,
        }
    }
}

fn escape(escaped: char, class: Class, out: &mut String) {
    const DIGIT: &str = "0-9";
    const WORD: &str = "a-zA-Z0-9_";
    const SPACE: &str = " \\t\\n\\x0B\\x0C\\r";
    let set = match escaped {
        'd' | 'D' => DIGIT,
        'w' | 'W' => WORD,
        's' | 'S' => SPACE,
        '<' | '>' | '"' | '\'' | ' ' | '/' | ':' | ',' | ';' | '=' | '!' | '@' | '%' | '`' | '_' => {
            out.push(escaped);
            return;
        }
        // ASCII word borders
        'b' if class == Class::Outside => {
            out.push_str("(?-u:\\b)");
            return;
        }
        'b' => {
            out.push_str("\\x08");
            return;
        }
        _ => {
            out.push('\\');
            out.push(escaped);
            return;
        }
    };
    match (class, escaped.is_ascii_uppercase()) {
        (Class::Outside, false) => out.push_str(&format!("[{set}]")),
        (_, true) => out.push_str(&format!("[^{set}]")),
        (_, false) => out.push_str(set),
    }
}

/// Whether `{` begins `{n}`, `{n,}` or `{n,m}`.
fn is_repetition(chars: std::iter::Peekable<std::str::Chars<'_>>) -> bool {
    let inside: String = chars.take_while(|c| *c != '}').take(12).collect();
    let (from, to) = inside.split_once(',').unwrap_or((&inside, ""));
    !from.is_empty() && from.bytes().chain(to.bytes()).all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(expression: &str, line: &str, number: usize) -> Option<String> {
        let captures = LineRegex::new(expression).unwrap().captures(line).unwrap()?;
        captures.get(number).map(|found| found.as_str().to_owned())
    }

    #[test]
    fn published_expressions_match_as_in_the_reference() {
        let eslint = r"^\s+(\d+):(\d+)\s+(error|warning|info)\s+(.*)\s\s+(.*)$";
        assert_eq!(group(eslint, "  12:5  error  Missing semicolon  semi", 4).as_deref(), Some("Missing semicolon"));
        let tsc = r"^([^\s].*)[\(:](\d+)[,:](\d+)(?:\):\s+|\s+-\s+)(error|warning|info)\s+TS(\d+)\s*:\s*(.*)$";
        assert_eq!(group(tsc, "src/a.ts(1,2): error TS2304: Cannot find name", 6).as_deref(), Some("Cannot find name"));
        let go = r"^\s*(\.{0,2}[\/\\].+\.go):(?:(\d+):(\d+):)? (.*)";
        assert_eq!(group(go, "./main.go:3:1: bad", 4).as_deref(), Some("bad"));
        let gcc = r"^(.*?):(\d+):(\d*):?\s+(?:fatal\s+)?(warning|error):\s+(.*)$";
        assert_eq!(group(gcc, "a.c:1:2: fatal error: x", 5).as_deref(), Some("x"));
        let ahead = r"^(?!warning)(\w+): (?<text>.*)(?<=d)\1?$";
        assert_eq!(group(ahead, "error: bad", 1).as_deref(), Some("error"));
        assert_eq!(group(ahead, "warning: bad", 1), None);
    }

    #[test]
    fn classes_and_escapes_mean_what_they_mean_in_ecmascript() {
        assert_eq!(group(r"([[&&~~]+)", "x[&~", 1).as_deref(), Some("[&~"));
        assert_eq!(group(r"([^\]\s]+)\]", "[a-b]", 1).as_deref(), Some("[a-b"));
        assert_eq!(group(r"\<([\w-]+)\>", "<a-b>", 1).as_deref(), Some("a-b"));
        assert_eq!(group(r"a{x} {1,2} ({)", "a{x}  {", 1).as_deref(), Some("{"));
        assert_eq!(group(r"(\d+)", "٣", 1), None);
        assert_eq!(group(r"(\w+)", "é", 1), None);
        assert_eq!(group(r"[\S]+([\D])", "ab", 1).as_deref(), Some("b"));
    }

    #[test]
    fn evil_expressions_are_given_up() {
        let regex = LineRegex::new(r"^((a+)\2?)+c$").unwrap();
        assert_eq!(regex.captures(&"a".repeat(60)).err(), Some(GivenUp));
    }
}
