//! Lines of output as rows of a log, kept as the texts that they came in. Pure; called by `backlog`.

use domain::Timestamp;
use memchr::memchr;
use protocol::quirks::LOG_LINE_MAX;
use std::sync::Arc;

/// Whole lines that were said at the same moment.
///
/// A row is a line, or a part of one: the forges cut a line at [`LOG_LINE_MAX`] bytes, so a longer one becomes several rows and nothing is
/// lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) at: Timestamp,
    text: Arc<str>,
    /// How many rows the text is.
    rows: u64,
}

impl Chunk {
    /// `None` when the text is empty.
    pub(super) fn new(at: Timestamp, text: Arc<str>) -> Option<Self> {
        let rows = count(&text);
        (rows > 0).then_some(Self { at, text, rows })
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The chunk without its first rows; `None` when no row is left.
    pub(super) fn without(self, rows: u64) -> Option<Self> {
        if rows == 0 {
            return Some(self);
        }
        let rest = self.iter(rows).0.into();
        Self::new(self.at, rest)
    }

    /// Its rows from row `skip` on.
    pub(super) fn iter(&self, skip: u64) -> Rows<'_> {
        let mut rows = Rows(&self.text);
        for _ in 0..skip {
            rows.next();
        }
        rows
    }
}

/// The rows of a text.
#[derive(Debug, Clone)]
pub(super) struct Rows<'a>(&'a str);

impl<'a> Iterator for Rows<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let (line, after) = match memchr(b'\n', self.0.as_bytes()) {
            Some(at) => (&self.0[..at], at + 1),
            None => (self.0, self.0.len()),
        };
        if line.len() <= LOG_LINE_MAX {
            self.0 = &self.0[after..];
            return Some(line);
        }
        let cut = line.floor_char_boundary(LOG_LINE_MAX);
        self.0 = &self.0[cut..];
        Some(&line[..cut])
    }
}

fn count(text: &str) -> u64 {
    // No line of a short text is too long.
    if text.len() <= LOG_LINE_MAX {
        let lines = memchr::memchr_iter(b'\n', text.as_bytes()).count();
        return (lines + usize::from(!text.is_empty() && !text.ends_with('\n'))) as u64;
    }
    Rows(text).count() as u64
}

#[cfg(test)]
mod tests {
    use super::{Chunk, Rows, count};
    use domain::Timestamp;
    use proptest::prelude::*;
    use protocol::quirks::LOG_LINE_MAX;

    proptest! {
        #[test]
        fn rows_are_the_lines_and_nothing_is_lost(text in "([a-zé]{0,9}\n?){0,40}", long in 0_usize..3) {
            let text = format!("{text}{}", "é".repeat(long * LOG_LINE_MAX / 3));
            let rows: Vec<&str> = Rows(&text).collect();
            prop_assert_eq!(rows.len() as u64, count(&text));
            prop_assert_eq!(rows.concat(), text.replace('\n', ""));
            prop_assert!(rows.iter().all(|row| row.len() <= LOG_LINE_MAX && !row.contains('\n')));
            if let Some(chunk) = Chunk::new(Timestamp(1), text.as_str().into()) {
                for skip in 0..=rows.len() {
                    prop_assert!(chunk.iter(skip as u64).eq(rows[skip..].iter().copied()));
                }
            } else {
                prop_assert!(text.is_empty());
            }
        }
    }

    #[test]
    fn a_line_of_the_longest_length_is_one_row() {
        let line = "x".repeat(LOG_LINE_MAX);
        assert_eq!(count(&format!("{line}\n{line}y\n\n")), 4);
    }
}
