//! Files of `NAME=VALUE` lines: `--secret-file`, `--var-file`, `--env-file`, `--input-file`. The form that shells and act's dotenv
//! reader share: comments, `export`, single quotes as they stand, double quotes with escapes and over several lines.

use crate::failure::Failure;
use std::path::Path;

/// Reads a file as the forges' own runners do: as [`read`], and `$NAME`, `${NAME}` outside single quotes stand for what the file said before.
pub(crate) fn read_expanded(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    read_with(path, Dollars::Expand)
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    read_with(path, Dollars::Keep)
}

/// What `$NAME` in a value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dollars {
    /// Itself.
    Keep,
    /// What the file said of NAME before; nothing where it did not.
    Expand,
}

fn read_with(path: &Path, dollars: Dollars) -> Result<Vec<(String, String)>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let failure = Failure::new(
            if error.kind() == std::io::ErrorKind::NotFound {
                crate::exit::Exit::NotFound
            } else {
                crate::exit::Exit::Invalid
            },
            format!("could not read {}", path.display()),
        );
        failure.cause(&error)
    })?;
    // The line's text may be a secret: only its number is said.
    parse(&text, dollars)
        .map_err(|line| Failure::invalid(format!("{}:{line}: not of the form NAME=VALUE", path.display())))
}

/// Reads the text; the error is the number of the wrong line.
fn parse(text: &str, dollars: Dollars) -> Result<Vec<(String, String)>, usize> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while !rest.is_empty() {
        // Counted for the one wrong line, not for each.
        let before = text.len() - rest.len();
        let number = || text[..before].matches('\n').count() + 1;
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            rest = after;
            continue;
        }
        let trimmed = trimmed.strip_prefix("export ").map_or(trimmed, str::trim_start);
        let (name, value) = trimmed.split_once('=').ok_or_else(number)?;
        let name = name.trim_end();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(number());
        }
        let value = value.trim_start();
        let is_literal = dollars == Dollars::Keep || value.starts_with('\'');
        let (value, next) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                // The value may go on over the end of the line.
                let start = rest.len() - after.len() - usize::from(rest.len() != line.len());
                let opened = line.rfind(value).ok_or_else(number)? + 1;
                debug_assert!(start >= opened);
                quoted(&rest[opened..], quote).ok_or_else(number)?
            }
            _ => (value.split(" #").next().unwrap_or_default().trim_end().to_owned(), after),
        };
        let value = if is_literal { value } else { expand(&value, &pairs) };
        pairs.push((name.to_owned(), value));
        rest = next;
    }
    Ok(pairs)
}

/// The value with what was said of each name; `\$` is a dollar.
fn expand(value: &str, pairs: &[(String, String)]) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('$') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        if let Some(plain) = before.strip_suffix('\\') {
            out.push_str(plain);
            out.push('$');
            rest = after;
            continue;
        }
        out.push_str(before);
        let inner = after.strip_prefix('{').and_then(|braced| braced.split_once('}'));
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, next) = match inner {
            Some((name, next)) => (name, next),
            None => after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len())),
        };
        if name.is_empty() || !name.chars().all(is_name) {
            out.push('$');
            rest = after;
            continue;
        }
        out.push_str(pairs.iter().rev().find(|(known, _)| known == name).map_or("", |(_, value)| value));
        rest = next;
    }
    out + rest
}

/// The quoted value, and what follows the line that closes it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => {
                let after = &text[at + 1..];
                return Some((value, after.split_once('\n').map_or("", |(_, next)| next)));
            }
            '\\' if quote == '"' => match chars.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                other => value.push(other),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Dollars;

    fn parse(text: &str) -> Result<Vec<(String, String)>, usize> {
        super::parse(text, Dollars::Keep)
    }

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap()
    }

    #[test]
    fn names_stand_for_what_was_said_before() {
        let text = "A=1\nB=$A-${A}x$NONE.\nC='$A'\nD=\"${B} \\\\$A\"\nE=5$ ${ $-\n";
        let values = |dollars| -> Vec<String> {
            super::parse(text, dollars).unwrap().into_iter().map(|(_, value)| value).collect()
        };
        assert_eq!(values(Dollars::Expand), ["1", "1-1x.", "$A", "1-1x. $A", "5$ ${ $-"]);
        assert_eq!(values(Dollars::Keep)[1], "$A-${A}x$NONE.");
    }

    #[test]
    fn all_forms_are_read() {
        let text = "# a comment\nA=1\nexport B = two words # not this\nC='it''s\\n'\nD=\"line\\nbreak \\\"q\\\"\"\n\nE=\"over\ntwo lines\"\nF=a=b#c\nG=";
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "it"),
            ("D", "line\nbreak \"q\""),
            ("E", "over\ntwo lines"),
            ("F", "a=b#c"),
            ("G", ""),
        ];
        let expected: Vec<(String, String)> = expected.map(|(n, v)| (n.to_owned(), v.to_owned())).into();
        assert_eq!(pairs(text), expected);
        assert_eq!(pairs("A=1\r\nB='x'\r\n"), [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "x".to_owned())]);
    }

    #[test]
    fn a_wrong_line_is_named_by_its_number() {
        assert_eq!(parse("A=1\n\nno sign here\n"), Err(3));
        assert_eq!(parse("A=\"open\n"), Err(1));
        assert_eq!(parse("=x"), Err(1));
    }
}
