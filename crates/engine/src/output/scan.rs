//! Finding the lines of a chunk that may be commands, without looking at every line. Used by `output::step`.

use memchr::memmem::Finder;
use std::sync::LazyLock;

static NEW: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("::"));
static OLD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("##["));

/// Walks over the lines of a text that begin with `::` (after blanks) or hold `##[`, in order.
#[derive(Debug)]
pub(crate) struct Suspects<'text> {
    text: &'text str,
    /// The next line that begins with `::`, and where to look on.
    new: Next,
    old: Next,
}

/// Start and end of a line (without its `\n`), or no more.
type Next = Option<(usize, usize)>;

impl<'text> Suspects<'text> {
    pub(crate) fn new(text: &'text str) -> Self {
        Self { text, new: new_from(text, 0), old: old_from(text, 0) }
    }

    /// The first suspicious line that starts at `from` or later: its start and its end without the `\n`.
    pub(crate) fn from(&mut self, from: usize) -> Next {
        if self.new.is_some_and(|(start, _)| start < from) {
            self.new = new_from(self.text, from);
        }
        if self.old.is_some_and(|(start, _)| start < from) {
            self.old = old_from(self.text, from);
        }
        match (self.new, self.old) {
            (Some(new), Some(old)) => Some(new.min(old)),
            (new, old) => new.or(old),
        }
    }
}

fn line_around(bytes: &[u8], from: usize, at: usize) -> (usize, usize) {
    let start = memchr::memrchr(b'\n', &bytes[from..at]).map_or(from, |before| from + before + 1);
    let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |after| at + after);
    (start, end)
}

/// `from` is the start of a line.
fn new_from(text: &str, mut from: usize) -> Next {
    let bytes = text.as_bytes();
    while let Some(found) = NEW.find(bytes.get(from..)?) {
        let at = from + found;
        let (start, end) = line_around(bytes, from, at);
        if text[start..at].trim_start().is_empty() {
            return Some((start, end));
        }
        // No other `::` of this line stands at its beginning.
        from = end + 1;
    }
    None
}

fn old_from(text: &str, from: usize) -> Next {
    let bytes = text.as_bytes();
    let found = OLD.find(bytes.get(from..)?)?;
    Some(line_around(bytes, from, from + found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::line::may_be_command;

    #[test]
    fn exactly_the_lines_that_may_be_commands_are_found() {
        let texts = [
            "",
            "a\nb\n",
            "::error::x\na::b\n\t ::x\n##[y\nz ##[y]\n::",
            "a::b::c\n::x\na::b",
            "\u{2003}::x\nfoo ::bar\n\n\n::y",
            "##[a]##[b]\n::x##[c]\nx\n##[",
        ];
        for text in texts {
            let mut suspects = Suspects::new(text);
            let (mut got, mut from) = (Vec::new(), 0);
            while let Some((start, end)) = suspects.from(from) {
                got.push(&text[start..end]);
                from = end + 1;
            }
            let wanted: Vec<&str> = text.split('\n').filter(|line| may_be_command(line)).collect();
            assert_eq!(got, wanted, "{text:?}");
        }
    }
}
