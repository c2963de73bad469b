//! The placeholders of `format`: `{0}`, with `{{` and `}}` for the braces themselves.

use super::EvaluationError;

/// A part of a format text.
#[derive(Debug, PartialEq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Argument {
        index: usize,
        /// What follows a colon; only nothing is valid, which shows when the argument is used.
        specifiers: String,
    },
}

/// Takes a format text apart; `count` arguments were given.
pub(super) fn pieces(format: &str, count: usize) -> Result<Vec<Piece<'_>>, EvaluationError> {
    let invalid = || EvaluationError::Format { format: format.to_owned() };
    let mut pieces = Vec::new();
    let mut rest = format;
    while let Some(brace) = rest.find(['{', '}']) {
        let after = &rest[brace + 1..];
        let here = &rest[brace..=brace];
        if after.starts_with(here) {
            pieces.push(Piece::Text(&rest[..=brace]));
            rest = &after[1..];
            continue;
        }
        if here == "}" {
            return Err(invalid());
        }
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let index: u8 = after[..digits].parse().map_err(|_| invalid())?;
        let (specifiers, length) = specifiers(&after[digits..]).ok_or_else(invalid)?;
        let index = usize::from(index);
        if index >= count {
            return Err(EvaluationError::FormatArguments { format: format.to_owned() });
        }
        if brace > 0 {
            pieces.push(Piece::Text(&rest[..brace]));
        }
        pieces.push(Piece::Argument { index, specifiers });
        rest = &after[digits + length..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// What stands between the number and its closing brace, and how many bytes that is, with the brace.
fn specifiers(text: &str) -> Option<(String, usize)> {
    if text.starts_with('}') {
        return Some((String::new(), 1));
    }
    let mut rest = text.strip_prefix(':')?;
    let mut specifiers = String::new();
    loop {
        let brace = rest.find('}')?;
        specifiers.push_str(&rest[..brace]);
        rest = &rest[brace + 1..];
        match rest.strip_prefix('}') {
            Some(after) => {
                specifiers.push('}');
                rest = after;
            }
            None => return Some((specifiers, text.len() - rest.len())),
        }
    }
}
