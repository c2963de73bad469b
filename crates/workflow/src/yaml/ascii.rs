//! ASCII text as the YAML parser reads it: a character is a byte, so that looking at one costs no decoding. The reader takes it for
//! every file that holds nothing else; what it answers is what the parser's own input for strings answers.

use saphyr_parser::{Input, input::SkipTabs};

/// The parser reserves so much room each time that it begins a word; texts of workflows are short.
const LOOKAHEAD: usize = 16;

const BLANK: u8 = 1;
const BREAK: u8 = 2;
const NUL: u8 = 4;
const FLOW: u8 = 8;
const WORD: u8 = 16;

/// What each character counts as.
static CLASSES: [u8; 128] = {
    let mut classes = [0; 128];
    let mut at = 0;
    while at < 128 {
        classes[at] = match at as u8 {
            b' ' | b'\t' => BLANK,
            b'\n' | b'\r' => BREAK,
            0 => NUL,
            b',' | b'[' | b']' | b'{' | b'}' => FLOW,
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'-' => WORD,
            _ => 0,
        };
        at += 1;
    }
    classes
};

const fn is(byte: u8, classes: u8) -> bool {
    CLASSES[(byte & 127) as usize] & classes != 0
}

/// An ASCII text and how far it was read.
#[derive(Debug)]
pub(super) struct Ascii<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Ascii<'a> {
    /// `None` for a text with other characters.
    pub(super) fn new(text: &'a str) -> Option<Self> {
        text.is_ascii().then_some(Self { text, at: 0 })
    }

    /// A byte of what is left; NUL behind its end, as the parser asks of inputs.
    #[inline]
    fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    #[inline]
    fn next_is(&self, classes: u8) -> bool {
        is(self.byte(0), classes)
    }

    /// Three times this byte, and white space or the end behind.
    fn next_is_marker(&self, byte: u8) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        rest.starts_with(&[byte; 3]) && rest.get(3).is_none_or(|next| is(*next, BLANK | BREAK | NUL))
    }

    /// Passes over bytes as long as they are wanted.
    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let text = self.text;
        let rest = &text.as_bytes()[self.at..];
        let length = rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len());
        let from = self.at;
        self.at += length;
        &text[from..self.at]
    }
}

impl Input for Ascii<'_> {
    #[inline]
    fn lookahead(&mut self, _: usize) {}

    #[inline]
    fn buflen(&self) -> usize {
        LOOKAHEAD
    }

    #[inline]
    fn bufmaxlen(&self) -> usize {
        LOOKAHEAD
    }

    #[inline]
    fn raw_read_ch(&mut self) -> char {
        let next = self.peek();
        self.skip();
        next
    }

    #[inline]
    fn raw_read_non_breakz_ch(&mut self) -> Option<char> {
        if self.next_is(BREAK | NUL) { None } else { Some(self.raw_read_ch()) }
    }

    #[inline]
    fn skip(&mut self) {
        if self.at < self.text.len() {
            self.at += 1;
        }
    }

    #[inline]
    fn skip_n(&mut self, count: usize) {
        self.at = self.text.len().min(self.at + count);
    }

    #[inline]
    fn peek(&self) -> char {
        char::from(self.byte(0))
    }

    #[inline]
    fn peek_nth(&self, n: usize) -> char {
        char::from(self.byte(n))
    }

    #[inline]
    fn peek_opt(&self) -> Option<char> {
        self.text.as_bytes().get(self.at).copied().map(char::from)
    }

    #[inline]
    fn next_is_document_indicator(&self) -> bool {
        self.next_is_marker(b'-') || self.next_is_marker(b'.')
    }

    #[inline]
    fn next_is_document_start(&self) -> bool {
        self.next_is_marker(b'-')
    }

    #[inline]
    fn next_is_document_end(&self) -> bool {
        self.next_is_marker(b'.')
    }

    fn skip_ws_to_eol(&mut self, skip_tabs: SkipTabs) -> (usize, Result<SkipTabs, &'static str>) {
        let tabs = skip_tabs == SkipTabs::Yes;
        let blanks = self.take_while(|byte| byte == b' ' || tabs && byte == b'\t');
        let (spaces, tabs) = (blanks.contains(' '), blanks.contains('\t'));
        let mut passed = blanks.len();
        if self.byte(0) == b'#' {
            if blanks.is_empty() {
                return (passed, Err("comments must be separated from other tokens by whitespace"));
            }
            passed += self.skip_while_non_breakz();
        }
        (passed, Ok(SkipTabs::Result(tabs, spaces)))
    }

    #[inline]
    fn next_can_be_plain_scalar(&self, in_flow: bool) -> bool {
        let flow = if in_flow { FLOW } else { 0 };
        match self.byte(0) {
            b':' => !is(self.byte(1), BLANK | BREAK | NUL | flow),
            other => !is(other, flow),
        }
    }

    #[inline]
    fn next_is_blank_or_break(&self) -> bool {
        self.next_is(BLANK | BREAK)
    }

    #[inline]
    fn next_is_blank_or_breakz(&self) -> bool {
        self.next_is(BLANK | BREAK | NUL)
    }

    #[inline]
    fn next_is_blank(&self) -> bool {
        self.next_is(BLANK)
    }

    #[inline]
    fn next_is_break(&self) -> bool {
        self.next_is(BREAK)
    }

    #[inline]
    fn next_is_breakz(&self) -> bool {
        self.next_is(BREAK | NUL)
    }

    #[inline]
    fn next_is_flow(&self) -> bool {
        self.next_is(FLOW)
    }

    fn skip_while_non_breakz(&mut self) -> usize {
        self.take_while(|byte| !is(byte, BREAK | NUL)).len()
    }

    fn skip_while_blank(&mut self) -> usize {
        self.take_while(|byte| is(byte, BLANK)).len()
    }

    fn fetch_while_is_alpha(&mut self, out: &mut String) -> usize {
        let taken = self.take_while(|byte| is(byte, WORD));
        out.push_str(taken);
        taken.len()
    }

    fn fetch_while_is_yaml_non_space(&mut self, out: &mut String) -> usize {
        let taken = self.take_while(|byte| !is(byte, BLANK | BREAK | NUL));
        out.push_str(taken);
        taken.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Ascii;
    use proptest::prelude::*;
    use saphyr_parser::{Event, Input, Parser, ScanError, Span, StrInput};

    fn events<I: Input>(input: I) -> Vec<Result<(Event<'static>, Span), ScanError>> {
        let mut parser = Parser::new(input);
        let mut all = Vec::new();
        while let Some(next) = parser.next_event() {
            let failed = next.is_err();
            all.push(next);
            if failed || all.len() > 5_000 {
                break;
            }
        }
        all
    }

    fn same(text: &str) {
        assert_eq!(events(Ascii::new(text).unwrap()), events(StrInput::new(text)), "{text:?}");
    }

    #[test]
    fn other_characters_are_refused() {
        assert!(Ascii::new("a: é").is_none());
    }

    #[test]
    fn the_parser_sees_what_it_sees_of_a_string() {
        for text in [
            "",
            "a",
            "---",
            "--- ",
            "...",
            "--- a\n...\n",
            "%YAML 1.2\n---\na: b\n",
            "a: &x [1, {b: c}, 'd''e', \"f\\tg\\u00e9\"] # h\nb: *x\n",
            "a: |2-\n   b\n  c\n\n\nd: >+\n  e\n  f\n\n   g\n",
            "a:\tb\n\t# c\n",
            "- a\n-\tb\n - c\n",
            "a: b#c #d\n? e\n: f\n",
            "a\0b: c",
            "!!str a: !<tag:x> b\r\nc: !d e\r",
            "a: 'b\n\n  c'\nd: \"e \\\n  f\"\n",
            "plain with  words\n  that: go on\n",
        ] {
            same(text);
        }
    }

    proptest! {
        #[test]
        fn whatever_the_text(text in "[-a-c:#\\[\\]{}, \t\n\r|>'\"&*!%?.\\\\0\u{0}]{0,60}") {
            same(&text);
        }

        #[test]
        fn whatever_the_lines(lines in prop::collection::vec("( {0,6}(- |a: |b:|\\? |- - |\"|'|\\[|# ).{0,12}|[ -~]{0,20})", 0..8)) {
            let text = lines.join("\n");
            if text.is_ascii() {
                same(&text);
            }
        }
    }
}
