//! Faults of a pattern that still runs, or never can: for the linter.

use super::PatternFault;

/// What a pattern is for: names of branches and tags cannot hold some characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternUse {
    /// `branches`, `tags`
    Reference,
    /// `paths`
    Path,
}

const REFERENCE: &str = "names of branches and tags cannot hold spaces, ~, ^, :, [, ?, *";
const QUANTIFIER: &str = "stands after a character or a [class], not at the start or after a special character";

/// All faults of a pattern, in order. A pattern without faults compiles.
#[must_use]
pub fn check(pattern: &str, of: PatternUse) -> Vec<PatternFault> {
    let mut checker = Checker { of, faults: Vec::new(), chars: pattern.char_indices().collect(), at: 0 };
    if pattern.is_empty() {
        checker.fault(0, "the pattern is empty");
        return checker.faults;
    }
    if of == PatternUse::Path && checker.path(pattern) {
        return checker.faults;
    }
    checker.run();
    checker.faults
}

struct Checker {
    of: PatternUse,
    faults: Vec<PatternFault>,
    chars: Vec<(usize, char)>,
    at: usize,
}

impl Checker {
    fn fault(&mut self, position: usize, message: impl Into<String>) {
        self.faults.push(PatternFault { position, message: message.into() });
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).map(|(_, c)| *c)
    }

    /// The byte of a character by its index; the end's when there is none.
    fn byte(&self, index: usize) -> usize {
        self.chars.get(index).or(self.chars.last()).map_or(0, |(byte, _)| *byte)
    }

    /// Faults of paths as a whole, which make the rest pointless.
    fn path(&mut self, pattern: &str) -> bool {
        let trimmed = pattern.trim();
        if trimmed != pattern {
            self.fault(0, "a path begins and ends without spaces");
        }
        let path = trimmed.strip_prefix('!').unwrap_or(trimmed);
        if matches!(path, "." | "..") || path.starts_with("./") || path.starts_with("../") {
            self.fault(0, "paths are relative to the repository: '.' and '..' never match");
        }
        !self.faults.is_empty()
    }

    fn reference_fault(&mut self, index: usize, why: &str) {
        if self.of == PatternUse::Reference {
            let c = self.chars.get(index).map_or(' ', |(_, c)| *c);
            self.fault(self.byte(index), format!("'{}' cannot match: {why}", c.escape_debug()));
        }
    }

    fn run(&mut self) {
        let mut quantifiable = false;
        match self.peek() {
            Some('/') if self.of == PatternUse::Reference => {
                self.at += 1;
                self.reference_fault(0, "such a name does not start with '/'");
                quantifiable = true;
            }
            Some('!') => {
                self.at += 1;
                if self.chars.len() == 1 {
                    return self.fault(0, "'!' takes out what the pattern after it matches, and there is none");
                }
            }
            _ => {}
        }
        while let Some(c) = self.peek() {
            let index = self.at;
            self.at += 1;
            let mut next = true;
            match c {
                '\\' => self.escape(index),
                '?' | '+' => {
                    if !quantifiable {
                        self.fault(self.byte(index), format!("'{c}' {QUANTIFIER}"));
                    }
                    next = false;
                }
                '*' => next = false,
                // The rest of the pattern belongs to a class that never ends.
                '[' if !self.class(index) => return,
                '\r' | '\n' => {
                    if c == '\r' && self.peek() == Some('\n') {
                        self.at += 1;
                    }
                    self.fault(self.byte(index), "a pattern has no line breaks");
                }
                ' ' | '\t' | '~' | '^' | ':' => self.reference_fault(index, REFERENCE),
                _ => {}
            }
            quantifiable = next;
        }
        let last = self.chars.len() - 1;
        let escaped = last > 0 && self.chars[last - 1].1 == '\\';
        if matches!(self.chars[last].1, '/' | '.') && !escaped && self.chars.len() > 1 {
            self.reference_fault(last, "such a name does not end with '/' or '.'");
        }
    }

    fn escape(&mut self, index: usize) {
        match self.peek() {
            Some('[' | '?' | '*') => {
                self.at += 1;
                self.reference_fault(index + 1, REFERENCE);
            }
            Some('+' | '\\' | '!') => self.at += 1,
            Some(_) => {
                self.at += usize::from(self.of == PatternUse::Reference);
                self.reference_fault(index, "'\\' escapes only [, ?, +, *, \\ and !");
            }
            None => self.fault(self.byte(index), "'\\' at the end escapes nothing"),
        }
    }

    /// Reads to the end of a class; false when the pattern ends before it.
    fn class(&mut self, start: usize) -> bool {
        if self.peek() == Some(']') {
            self.fault(self.byte(self.at), "'[]' names no character");
            self.at += 1;
            return true;
        }
        let mut characters = 0;
        loop {
            let Some(c) = self.peek() else {
                self.fault(self.byte(start), "']' is missing after '['");
                return false;
            };
            self.at += 1;
            if c == ']' {
                break;
            }
            characters += 1;
            if self.peek() != Some('-') {
                continue;
            }
            self.at += 1;
            characters += 1;
            match self.peek() {
                Some(']') => {
                    self.fault(self.byte(self.at), "the end of the range is missing");
                    self.at += 1;
                    return true;
                }
                Some(end) => {
                    let same = (c.is_ascii_lowercase() && end.is_ascii_lowercase())
                        || (c.is_ascii_uppercase() && end.is_ascii_uppercase())
                        || (c.is_ascii_digit() && end.is_ascii_digit());
                    if c > end {
                        self.fault(self.byte(self.at), format!("the range starts at '{c}', after its end '{end}'"));
                    } else if !same {
                        self.fault(self.byte(self.at), "ranges go upwards within a-z, A-Z or 0-9");
                    }
                    self.at += 1;
                }
                None => {}
            }
        }
        if characters == 1 {
            let c = self.chars[start + 1].1;
            self.fault(self.byte(start), format!("[{c}] is only '{c}': write it without brackets"));
        }
        true
    }
}
