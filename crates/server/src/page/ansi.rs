//! Colours of terminals as classes of our own style sheet, and everything else escaped. Called by `rows`.
//!
//! A terminal's sequences are read as far as colours go; all others are left out, as are links and titles: what a job writes cannot become markup. The
//! colours of a row hold for the next one too, as in a terminal.

use super::colour::nearest;
use super::text::shown;
use std::fmt::Write as _;

/// What the text looks like from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Look {
    fore: Option<u8>,
    back: Option<u8>,
    marks: u8,
}

/// Bits of `marks`, and the class of each.
const MARKS: [(u8, &str); 5] = [(1, "b"), (2, "d"), (4, "i"), (8, "u"), (16, "s")];
const INVERSE: u8 = 32;

impl Look {
    fn is_plain(self) -> bool {
        self == Self::default()
    }

    /// The classes, parted by spaces.
    fn classes(self, out: &mut String) {
        let (fore, back) = if self.marks & INVERSE == 0 {
            (self.fore, self.back)
        } else {
            // What has no colour of its own has that of the page.
            out.push_str("inv ");
            (self.back, self.fore)
        };
        for (kind, colour) in [('f', fore), ('g', back)] {
            if let Some(colour) = colour {
                let _ = write!(out, "{kind}{colour} ");
            }
        }
        for (bit, class) in MARKS {
            if self.marks & bit != 0 {
                out.push_str(class);
                out.push(' ');
            }
        }
        out.truncate(out.trim_end().len());
    }

    /// Takes the numbers of one `ESC [ … m` in.
    fn take(&mut self, numbers: &str) {
        let mut parts = numbers.split(';');
        while let Some(part) = parts.next() {
            // A number may have parts of its own behind colons: a colour, the kind of a line.
            if let Some((part, more)) = part.split_once(':') {
                self.take_whole(part, more);
                continue;
            }
            let Some(part) = value(part) else { continue };
            match part {
                0 => *self = Self::default(),
                1..=4 => self.marks |= MARKS[usize::from(part - 1)].0,
                9 => self.marks |= MARKS[4].0,
                7 => self.marks |= INVERSE,
                22 => self.marks &= !3,
                23 => self.marks &= !4,
                24 => self.marks &= !8,
                27 => self.marks &= !INVERSE,
                29 => self.marks &= !16,
                30..=37 => self.fore = u8::try_from(part - 30).ok(),
                39 => self.fore = None,
                40..=47 => self.back = u8::try_from(part - 40).ok(),
                49 => self.back = None,
                90..=97 => self.fore = u8::try_from(part - 82).ok(),
                100..=107 => self.back = u8::try_from(part - 92).ok(),
                38 | 48 | 58 => self.put(part, colour(&mut parts)),
                _ => {}
            }
        }
    }

    /// Takes a number in whose parts stand behind colons.
    fn take_whole(&mut self, part: &str, more: &str) {
        match value(part) {
            Some(4) if value(more) == Some(0) => self.marks &= !8,
            Some(4) => self.marks |= 8,
            Some(part @ (38 | 48)) => {
                let mut parts: Vec<&str> = more.split(':').collect();
                // Which space of colours it is stands before them, where anything does.
                if parts[0] == "2" && parts.len() > 4 {
                    parts.remove(1);
                }
                self.put(part, colour(&mut parts.into_iter()));
            }
            _ => {}
        }
    }

    /// A colour of its own: of letters, or of their ground; lines below have none here.
    fn put(&mut self, part: u16, colour: Option<u8>) {
        match (part, colour) {
            (38, Some(_)) => self.fore = colour,
            (48, Some(_)) => self.back = colour,
            _ => {}
        }
    }
}

/// A number; none is zero.
fn value(part: &str) -> Option<u16> {
    if part.is_empty() { Some(0) } else { part.parse().ok() }
}

/// A colour by its number, or by its three parts.
fn colour<'a>(parts: &mut impl Iterator<Item = &'a str>) -> Option<u8> {
    let mut one = || parts.next().and_then(value);
    match one()? {
        5 => u8::try_from(one()?).ok(),
        2 => {
            let (red, green, blue) = (one(), one(), one());
            let part = |part: Option<u16>| part.and_then(|part| u8::try_from(part).ok());
            Some(nearest(part(red)?, part(green)?, part(blue)?))
        }
        _ => None,
    }
}

/// Writes a text as markup. What a `\r` went over is left out; `most`: so many characters at most.
pub(crate) fn paint(text: &str, most: usize, look: &mut Look, out: &mut String) {
    let text = text.trim_end_matches('\r');
    let mut left = most;
    let mut is_open = false;
    // What a carriage return goes over still changes the colours.
    if let Some((over, _)) = text.rsplit_once('\r') {
        for (_, piece) in Pieces(over) {
            if let Some(numbers) = piece {
                look.take(numbers);
            }
        }
    }
    let text = text.rsplit_once('\r').map_or(text, |(_, last)| last);
    for (plain, colours) in Pieces(text) {
        if !plain.is_empty() && left > 0 {
            if !is_open && !look.is_plain() {
                out.push_str("<span class=\"");
                look.classes(out);
                out.push_str("\">");
                is_open = true;
            }
            for (one, shown) in shown(plain).take(left) {
                escape(one, shown, out);
            }
            left = left.saturating_sub(plain.chars().count());
        }
        if let Some(numbers) = colours {
            let before = *look;
            look.take(numbers);
            if before != *look && is_open {
                out.push_str("</span>");
                is_open = false;
            }
        }
    }
    if is_open {
        out.push_str("</span>");
    }
    if left == 0 {
        out.push('…');
    }
}

fn escape(one: char, shown: char, out: &mut String) {
    match one {
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '&' => out.push_str("&amp;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        '\t' => out.push('\t'),
        _ => out.push(shown),
    }
}

/// Plain text, and the numbers of the colours behind it where there are some.
struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = (&'a str, Option<&'a str>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let Some((plain, rest)) = self.0.split_once('\u{1b}') else {
            return Some((std::mem::take(&mut self.0), None));
        };
        let (colours, rest) = sequence(rest);
        self.0 = rest;
        Some((plain, colours))
    }
}

/// What stands behind an ESC: the numbers of a colour, or nothing; and what follows it.
fn sequence(text: &str) -> (Option<&str>, &str) {
    if let Some(rest) = text.strip_prefix('[') {
        let end = rest.find(|one: char| !matches!(one, ' '..='?')).unwrap_or(rest.len());
        let (numbers, rest) = rest.split_at(end);
        let mut behind = rest.chars();
        return match behind.next() {
            Some('m') => (Some(numbers), behind.as_str()),
            // Another order of the terminal; or none at all, and then it is text.
            Some('@'..='~') => (None, behind.as_str()),
            _ => (None, rest),
        };
    }
    if let Some(rest) = text.strip_prefix([']', 'P', 'X', '^', '_']) {
        // A title, a link, or what only a terminal reads, up to ESC \; titles and links also up to BEL.
        let bell = rest.find('\u{7}').filter(|_| text.starts_with(']')).map(|at| (at, 1));
        let string = rest.find("\u{1b}\\").map(|at| (at, 2));
        let end = bell.into_iter().chain(string).min();
        return (None, end.map_or("", |(at, long)| &rest[at + long..]));
    }
    let mut rest = text.chars();
    match rest.next() {
        // `ESC ( B` and its kind have one more.
        Some('(' | ')' | '#') => {
            rest.next();
            (None, rest.as_str())
        }
        Some('0'..='~') => (None, rest.as_str()),
        _ => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::{Look, paint};
    use proptest::prelude::*;

    fn painted(text: &str) -> String {
        let mut out = String::new();
        paint(text, 1000, &mut Look::default(), &mut out);
        out
    }

    #[test]
    fn colours_become_classes_and_the_rest_is_escaped() {
        for (text, markup) in [
            ("a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;"),
            ("\u{1b}[31mred\u{1b}[0m ok", "<span class=\"f1\">red</span> ok"),
            ("\u{1b}[1;4;92mx\u{1b}[22my", "<span class=\"f10 b u\">x</span><span class=\"f10 u\">y</span>"),
            ("\u{1b}[38;5;208mx\u{1b}[39my", "<span class=\"f208\">x</span>y"),
            ("\u{1b}[48;2;255;0;0mx", "<span class=\"g196\">x</span>"),
            ("\u{1b}[7;31mx", "<span class=\"inv g1\">x</span>"),
            ("\u{1b}]8;;javascript:alert(1)\u{7}x\u{1b}]8;;\u{1b}\\y", "xy"),
            ("\u{1b}[2J\u{1b}[1;1Hx\u{1b}(By\u{1b}=", "xy"),
            ("\u{1b}[<script>m", "cript&gt;m"),
            ("10%\r50%\r100%\r", "100%"),
            ("\u{1b}[31mover\rnew", "<span class=\"f1\">new</span>"),
            ("a\u{202e}b\0", "a\u{fffd}b␀"),
            ("\u{1b}", ""),
            ("\u{1b}[38:2::255:0:0mx\u{1b}[m", "<span class=\"f196\">x</span>"),
            (
                "\u{1b}[38:2:255:0:0mx\u{1b}[38:5:2my\u{1b}[m",
                "<span class=\"f196\">x</span><span class=\"f2\">y</span>",
            ),
            ("\u{1b}[4:3mx\u{1b}[4:0my", "<span class=\"u\">x</span>y"),
            ("\u{1b}[58:2::1:2:3mx\u{1b}[58;5;1my", "xy"),
            ("a\u{1b}P1;2q#payload\u{1b}\\b\u{1b}Xno\u{7}\u{1b}\\c\u{1b}^no\u{1b}\\d\u{1b}_Gno\u{1b}\\e", "abcde"),
            ("a\u{200b}\u{2060}\u{feff}\u{61c}b\u{200d}c", "a\u{fffd}\u{fffd}\u{fffd}\u{fffd}b\u{fffd}c"),
            ("\u{1f469}\u{200d}\u{1f4bb}", "\u{1f469}\u{200d}\u{1f4bb}"),
            ("\u{1b}[38;5;999mx\u{1b}[38mx\u{1b}[38;2;1mx", "xxx"),
        ] {
            assert_eq!(painted(text), markup, "{text:?}");
        }
    }

    #[test]
    fn colours_go_on_in_the_next_row_and_long_rows_end() {
        let (mut look, mut out) = (Look::default(), String::new());
        paint("\u{1b}[32ma", 10, &mut look, &mut out);
        paint("b\u{1b}[m", 10, &mut look, &mut out);
        paint(&"c".repeat(11), 10, &mut look, &mut out);
        assert_eq!(out, "<span class=\"f2\">a</span><span class=\"f2\">b</span>cccccccccc…");
    }

    proptest! {
        #[test]
        fn whatever_comes_it_is_text_and_our_spans(rows in prop::collection::vec("(\\PC|\u{1b}\\[[0-9;:]{0,9}[a-z]|[<>&\"'\r\u{1b}\\[\\]]){0,40}", 1..4)) {
            let mut look = Look::default();
            for row in rows {
                let mut out = String::new();
                paint(&row, 30, &mut look, &mut out);
                let (mut depth, mut rest) = (0_i32, out.as_str());
                while let Some(at) = rest.find('<') {
                    rest = &rest[at..];
                    let end = rest.find('>').unwrap();
                    let tag = &rest[..=end];
                    if tag == "</span>" {
                        depth -= 1;
                    } else {
                        let classes = tag.strip_prefix("<span class=\"").and_then(|tag| tag.strip_suffix("\">")).unwrap();
                        prop_assert!(!classes.is_empty() && classes.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b' '));
                        depth += 1;
                    }
                    prop_assert!((0..=1).contains(&depth));
                    rest = &rest[end + 1..];
                }
                prop_assert_eq!(depth, 0);
            }
        }
    }
}
