//! From positions counted in characters, which the YAML parser gives, to byte offsets.

/// Every how many characters the byte offset is kept.
const STRIDE: usize = 64;

/// The byte offset of each character of a text.
pub(super) struct Positions<'a> {
    text: &'a str,
    /// The offset of each `STRIDE`th character; empty when the text is ASCII and the two are the same.
    marks: Vec<u32>,
}

impl<'a> Positions<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let marks = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().step_by(STRIDE).map(|(at, _)| u32::try_from(at).unwrap_or(u32::MAX)).collect()
        };
        Self { text, marks }
    }

    /// How many characters a part of the text has.
    pub(super) fn characters(&self, part: &str) -> usize {
        if self.marks.is_empty() { part.len() } else { part.chars().count() }
    }

    /// The byte offset of a character; the end of the text for one past it.
    pub(super) fn byte(&self, character: usize) -> u32 {
        let end = self.text.len();
        let at = if self.marks.is_empty() {
            character.min(end)
        } else if let Some(&mark) = self.marks.get(character / STRIDE) {
            let from = mark as usize;
            self.text
                .get(from..)
                .and_then(|rest| rest.char_indices().nth(character % STRIDE))
                .map_or(end, |(at, _)| from + at)
        } else {
            end
        };
        u32::try_from(at).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::Positions;

    #[test]
    fn characters_become_bytes() {
        let ascii = Positions::new("abc");
        assert_eq!((ascii.byte(0), ascii.byte(2), ascii.byte(9)), (0, 2, 3));
        let text = "é".repeat(100) + "x";
        let wide = Positions::new(&text);
        assert_eq!(
            (wide.byte(0), wide.byte(63), wide.byte(64), wide.byte(100), wide.byte(101)),
            (0, 126, 128, 200, 201)
        );
    }
}
