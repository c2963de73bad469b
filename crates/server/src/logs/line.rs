//! A row as a line of text, in the form of the reference: `2006-01-02T15:04:05.0000000Z content`. Called by `log` to write, by `read` to read.

use domain::Timestamp;

/// A row is cut at so many bytes, as Gitea does.
pub(super) const MOST: usize = 64 * 1024;
/// What stands before the content.
pub(super) const HEAD: usize = 29;
/// What stands around the content.
pub(super) const AROUND: usize = HEAD + 1;
/// `2006-01-02T15:04:05`.
const SECOND: usize = 19;

/// Turns moments into text and back. Rows of one second come together, so the last second is remembered.
#[derive(Debug)]
pub(super) struct Stamps {
    second: i64,
    text: [u8; SECOND],
}

impl Default for Stamps {
    fn default() -> Self {
        Self { second: 0, text: *b"1970-01-01T00:00:00" }
    }
}

/// The last second whose year has four digits everywhere.
fn last_second() -> i64 {
    jiff::Timestamp::MAX.as_second() - 1
}

impl Stamps {
    /// Adds a row, whose content is UTF-8, as a line with its newline. Newlines inside become `\n`; what is longer than [`MOST`] is cut.
    pub(super) fn write(&mut self, at: Timestamp, content: &[u8], out: &mut Vec<u8>) {
        let (second, milli) = i64::try_from(at.0 / 1000)
            .ok()
            .filter(|second| *second <= last_second())
            .map_or((last_second(), 999), |second| (second, at.0 % 1000));
        if second != self.second
            && let Ok(moment) = jiff::Timestamp::from_second(second)
        {
            for (to, from) in self.text.iter_mut().zip(moment.to_string().bytes()) {
                *to = from;
            }
            self.second = second;
        }
        let mut head = *b"2006-01-02T15:04:05.0000000Z ";
        head[..SECOND].copy_from_slice(&self.text);
        for (place, digit) in [milli / 100, milli / 10 % 10, milli % 10].into_iter().enumerate() {
            head[SECOND + 1 + place] += u8::try_from(digit).unwrap_or_default();
        }
        out.extend_from_slice(&head);
        let content = cut(content);
        if memchr::memchr(b'\n', content).is_some() {
            let lines: Vec<&[u8]> = content.split(|byte| *byte == b'\n').collect();
            out.extend_from_slice(cut(&lines.join(&b"\\n"[..])));
        } else {
            out.extend_from_slice(content);
        }
        out.push(b'\n');
    }

    /// Takes a line without its newline apart. `None`: it is none of ours.
    pub(super) fn read<'line>(&mut self, line: &'line [u8]) -> Option<(Timestamp, &'line str)> {
        let (head, content) = line.split_at_checked(HEAD)?;
        let (second, rest) = head.split_first_chunk::<SECOND>()?;
        let [b'.', digits @ .., b'0', b'0', b'0', b'0', b'Z', b' '] = rest else { return None };
        if *second != self.text {
            let text = std::str::from_utf8(second).ok()?;
            self.second = format!("{text}Z").parse::<jiff::Timestamp>().ok()?.as_second();
            self.text = *second;
        }
        let mut milli = 0;
        for digit in digits {
            milli = milli * 10 + u64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        }
        let at = Timestamp(u64::try_from(self.second).ok()? * 1000 + milli);
        Some((at, std::str::from_utf8(content).ok()?))
    }
}

/// So much of a text as a row takes, and no half of a letter.
fn cut(text: &[u8]) -> &[u8] {
    if text.len() <= MOST {
        return text;
    }
    let is_begin = |at: &usize| text[*at] & 0xC0 != 0x80;
    &text[..(0..=MOST).rev().find(is_begin).unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::{MOST, Stamps};
    use domain::Timestamp;

    fn line(at: u64, content: &str) -> String {
        let mut out = Vec::new();
        Stamps::default().write(Timestamp(at), content.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_is_the_line_that_gitea_writes() {
        assert_eq!(line(1_136_214_245_678, "hé llo"), "2006-01-02T15:04:05.6780000Z hé llo\n");
        assert_eq!(line(0, ""), "1970-01-01T00:00:00.0000000Z \n");
        assert_eq!(line(7, "a\nb\r\n"), "1970-01-01T00:00:00.0070000Z a\\nb\r\\n\n");
    }

    #[test]
    fn a_long_row_is_cut_after_its_newlines_are_written_out() {
        assert_eq!(line(0, &"x".repeat(MOST + 5)).len(), MOST + 30);
        assert_eq!(line(0, &"\n".repeat(MOST)).len(), MOST + 30);
        // Two bytes a letter, and no half of one.
        assert_eq!(line(0, &format!("x{}", "é".repeat(MOST))).len(), MOST - 1 + 30);
    }

    #[test]
    fn what_is_written_is_read() {
        let mut stamps = Stamps::default();
        for at in [0, 1, 999, 1000, 1_700_000_000_123, 1_700_000_000_124, 4_102_444_800_000] {
            let line = line(at, "content ");
            assert_eq!(stamps.read(line.trim_end_matches('\n').as_bytes()), Some((Timestamp(at), "content ")));
        }
        // A clock that went mad does not make lines of another form.
        let far = line(u64::MAX, "x");
        assert_eq!(far.len(), 31);
        let (at, _) = stamps.read(far.trim_end().as_bytes()).unwrap();
        assert_eq!(line(at.0, "x"), far);
        for bad in ["", "x", "2006-01-02T15:04:05.678Z hello, this is long enough", "2006-13-02T15:04:05.6780000Z x"] {
            assert_eq!(stamps.read(bad.as_bytes()), None);
        }
    }
}
