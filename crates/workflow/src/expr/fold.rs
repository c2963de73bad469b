//! Ordinal comparison ignoring case, as the reference runner's platform does it: one character maps to one character, by the simple
//! upper-case mapping, and `ı` and `ſ` stay themselves (they do not fold to ASCII letters).

use std::borrow::Cow;
use std::cmp::Ordering;

/// The simple upper-case form of a character.
fn upper(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_uppercase();
    }
    match c {
        // Their upper-case forms are ASCII letters: excluded from ordinal folding.
        '\u{131}' | '\u{17f}' => c,
        // Greek letters with iota: the full mapping has two characters, the simple one has one.
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
            char::from_u32(c as u32 + 8).unwrap_or(c)
        }
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => char::from_u32(c as u32 + 9).unwrap_or(c),
        _ => {
            let mut upper = c.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(one), None) => one,
                _ => c,
            }
        }
    }
}

/// The text with every character in its simple upper-case form; borrowed when nothing changes.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| b.is_ascii() && !b.is_ascii_lowercase()) {
        Cow::Borrowed(text)
    } else if text.is_ascii() {
        Cow::Owned(text.to_ascii_uppercase())
    } else {
        Cow::Owned(text.chars().map(upper).collect())
    }
}

/// Whether the texts are equal ignoring case.
pub(crate) fn eq(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() { a.eq_ignore_ascii_case(b) } else { a.chars().map(upper).eq(b.chars().map(upper)) }
}

/// The order of the texts ignoring case, by UTF-16 units as in the reference.
pub(crate) fn cmp(a: &str, b: &str) -> Ordering {
    units(a).cmp(units(b))
}

fn units(text: &str) -> impl Iterator<Item = u16> {
    text.chars().flat_map(|c| {
        let mut buffer = [0_u16; 2];
        let length = upper(c).encode_utf16(&mut buffer).len();
        buffer.into_iter().take(length)
    })
}

/// Whether `text` holds `part`, ignoring case.
pub(crate) fn contains(text: &str, part: &str) -> bool {
    fold(text).contains(fold(part).as_ref())
}

/// Whether `text` starts with `part`, ignoring case.
pub(crate) fn starts_with(text: &str, part: &str) -> bool {
    let mut chars = text.chars().map(upper);
    part.chars().map(upper).all(|c| chars.next() == Some(c))
}

/// Whether `text` ends with `part`, ignoring case.
pub(crate) fn ends_with(text: &str, part: &str) -> bool {
    let mut chars = text.chars().rev().map(upper);
    part.chars().rev().map(upper).all(|c| chars.next() == Some(c))
}

#[cfg(test)]
mod tests {
    use super::{contains, ends_with, eq, starts_with};

    #[test]
    fn characters_map_one_to_one() {
        assert!(eq("Straße", "STRAßE"));
        assert!(!eq("straße", "STRASSE"));
        assert!(eq("äöü", "ÄÖÜ"));
        assert!(!eq("ı", "I") && !eq("ı", "i") && !eq("ſ", "S"));
        assert!(eq("\u{1f80}", "\u{1f88}"));
        assert!(eq("σ", "ς"), "both have Σ as upper-case form");
    }

    #[test]
    fn parts_are_found() {
        assert!(contains("xAbCy", "aBc") && !contains("ab", "abc") && contains("", ""));
        assert!(starts_with("ÄB", "ä") && !starts_with("B", "Bc"));
        assert!(ends_with("abÄ", "bä") && !ends_with("b", "ab"));
    }
}
