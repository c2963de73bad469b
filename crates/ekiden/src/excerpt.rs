//! A piece of source with a pointer under it: how `lint`, `exec` and `eval` show where something is wrong.

use crate::style::{Ink, Palette};
use std::fmt::Write as _;

/// Longer lines are cut around the pointer.
const WIDTH: usize = 100;

/// The line of `text` that holds byte `start`, with a pointer under `start..end`; `place` is what to write above it, such as
/// `ci.yml:3:5`. Empty when the byte lies outside.
pub(crate) fn excerpt(palette: Palette, text: &str, start: usize, end: usize, place: &str) -> String {
    let Some(before) = text.get(..start.min(text.len())) else { return String::new() };
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[line_start..].find(['\n', '\r']).map_or(text.len(), |at| line_start + at);
    let number = before.matches('\n').count() + 1;
    let line = &text[line_start..line_end];
    let column = before[line_start..].chars().count();
    let marked = text.get(start..end.min(line_end).max(start)).map_or(1, |part| part.chars().count().max(1));

    let (shown, column, marked) = cut(line, column, marked);
    let gutter = " ".repeat(number.to_string().len());
    let bar = palette.paint(Ink::Dim, "|");
    let arrow = palette.paint(Ink::Dim, "-->");
    let mut out = String::new();
    if !place.is_empty() {
        let _never = writeln!(out, "{gutter}{arrow} {place}");
    }
    // A pointer under a tab must stand where the terminal puts it: both lines keep their tabs.
    let pad: String = shown.chars().take(column).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let pointer = palette.paint(Ink::Mark, "^".repeat(marked));
    let _never = writeln!(out, "{gutter} {bar}");
    let _never = writeln!(out, "{} {bar} {shown}", palette.paint(Ink::Dim, number));
    let _never = writeln!(out, "{gutter} {bar} {pad}{pointer}");
    out
}

/// A window of the line around the pointer; control characters are made visible.
fn cut(line: &str, column: usize, marked: usize) -> (String, usize, usize) {
    let visible = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
    let length = line.chars().count();
    if length <= WIDTH {
        return (line.chars().map(visible).collect(), column, marked);
    }
    let from = column.saturating_sub(WIDTH / 2).min(length.saturating_sub(WIDTH));
    let mut shown: String = line.chars().skip(from).take(WIDTH).map(visible).collect();
    let mut column = column - from;
    if from > 0 {
        shown.insert(0, '…');
        column += 1;
    }
    if from + WIDTH < length {
        shown.push('…');
    }
    (shown, column, marked.min(WIDTH))
}

#[cfg(test)]
mod tests {
    use super::excerpt;
    use crate::style::Palette;

    #[test]
    fn the_pointer_stands_under_the_word() {
        let text = "on: push\njobs:\n  a:\n    runs_on: x\n";
        let at = text.find("runs_on").unwrap();
        let shown = excerpt(Palette::Plain, text, at, at + 7, "ci.yml:4:5");
        assert_eq!(shown, " --> ci.yml:4:5\n  |\n4 |     runs_on: x\n  |     ^^^^^^^\n");
    }

    #[test]
    fn a_long_line_is_cut_around_the_pointer() {
        let text = format!("{}here{}", "é".repeat(500), "b".repeat(500));
        let at = text.find("here").unwrap();
        let shown = excerpt(Palette::Plain, &text, at, at + 4, "");
        let lines: Vec<&str> = shown.lines().collect();
        let column = lines[1].chars().collect::<Vec<_>>().windows(4).position(|w| w == ['h', 'e', 'r', 'e']).unwrap();
        assert_eq!(lines[2].chars().position(|c| c == '^'), Some(column));
    }

    #[test]
    fn places_outside_the_text_are_no_fault() {
        assert!(excerpt(Palette::Plain, "ab", 9, 12, "").contains("ab"));
        assert!(excerpt(Palette::Plain, "", 0, 0, "").contains('^'));
    }
}
