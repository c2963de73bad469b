//! Plain and quoted scalars that begin and end on one line.

use super::structure::{Lines, Scalar};
use crate::yaml::NodeKind;
use std::borrow::Cow;

impl<'a> Lines<'a> {
    /// The scalar that begins here, outside flow collections.
    pub(super) fn scalar(&mut self) -> Option<Scalar<'a>> {
        match self.byte(0) {
            b'"' | b'\'' => self.quoted(),
            _ => self.plain(),
        }
    }

    /// A quoted scalar.
    pub(super) fn quoted(&mut self) -> Option<Scalar<'a>> {
        let text = self.text;
        let from = self.at;
        let (value, length) = match self.byte(0) {
            b'\'' => single(&text[from + 1..])?,
            _ => double(&text[from + 1..])?,
        };
        self.at = from + 2 + length;
        self.skip_blank()?;
        Some(Scalar { kind: NodeKind::String(value), span: self.span(from, self.at) })
    }

    fn plain(&mut self) -> Option<Scalar<'a>> {
        let bytes = self.text.as_bytes();
        let from = self.at;
        match self.byte(0) {
            b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>' | b'%' | b'@' | b'`' | b'?'
            | b':' | b'\t' => return None,
            b'-' if self.next_is_alone() => return None,
            _ => {}
        }
        let mut at = from;
        // Up to and with the last byte that is no space.
        let mut end = from;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'\n' => break,
                b'\t' => return None,
                b':' if matches!(bytes.get(at + 1), None | Some(b' ' | b'\n')) => break,
                b'#' if bytes[at - 1] == b' ' => break,
                b' ' => at += 1,
                _ => {
                    at += 1;
                    end = at;
                }
            }
        }
        self.at = end;
        Some(Scalar { kind: self.plain_kind(&self.text[from..end])?, span: self.span(from, end) })
    }

    /// A plain scalar within a flow collection.
    pub(super) fn plain_in_flow(&mut self) -> Option<Scalar<'a>> {
        let bytes = self.text.as_bytes();
        let from = self.at;
        match self.byte(0) {
            b'#' | b'&' | b'*' | b'!' | b'|' | b'>' | b'%' | b'@' | b'`' | b'?' | b':' | b'\t' => return None,
            b'-' if matches!(self.byte(1), b' ' | b'\n' | b'\t' | b',' | b'[' | b']' | b'{' | b'}' | 0) => return None,
            _ => {}
        }
        let mut at = from;
        let mut end = from;
        loop {
            match bytes.get(at)? {
                b'\n' | b'\t' | b'#' | b'[' | b'{' => return None,
                b',' | b']' | b'}' => break,
                b':' => match bytes.get(at + 1)? {
                    b' ' => break,
                    b'\n' | b'\t' | b',' | b'[' | b']' | b'{' | b'}' => return None,
                    _ => {
                        at += 1;
                        end = at;
                    }
                },
                // The parser looks at each word's first characters anew.
                b'-' if bytes[at - 1] == b' ' => return None,
                b' ' => at += 1,
                _ => {
                    at += 1;
                    end = at;
                }
            }
        }
        if end == from {
            return None;
        }
        self.at = end;
        Some(Scalar { kind: self.plain_kind(&self.text[from..end])?, span: self.span(from, end) })
    }
}

/// The text behind a `'` up to the next, and how many bytes it takes; a doubled one stands for itself.
fn single(rest: &str) -> Option<(Cow<'_, str>, usize)> {
    let mut length = 0;
    let mut doubled = false;
    loop {
        match rest.as_bytes().get(length)? {
            b'\n' | b'\t' => return None,
            b'\'' if rest.as_bytes().get(length + 1) == Some(&b'\'') => {
                doubled = true;
                length += 2;
            }
            b'\'' => break,
            _ => length += 1,
        }
    }
    let text = &rest[..length];
    Some((if doubled { Cow::Owned(text.replace("''", "'")) } else { Cow::Borrowed(text) }, length))
}

/// The text behind a `"` up to the next, and how many bytes it takes; of the escapes, those that scripts need.
fn double(rest: &str) -> Option<(Cow<'_, str>, usize)> {
    let mut value = String::new();
    let mut copied = 0;
    let mut length = 0;
    loop {
        match rest.as_bytes().get(length)? {
            b'\n' | b'\t' => return None,
            b'"' => break,
            b'\\' => {
                value.push_str(&rest[copied..length]);
                value.push(match rest.as_bytes().get(length + 1)? {
                    b'n' => '\n',
                    b't' => '\t',
                    b'"' => '"',
                    b'\\' => '\\',
                    _ => return None,
                });
                length += 2;
                copied = length;
            }
            _ => length += 1,
        }
    }
    let text = &rest[copied..length];
    if copied == 0 {
        return Some((Cow::Borrowed(text), length));
    }
    value.push_str(text);
    Some((Cow::Owned(value), length))
}
