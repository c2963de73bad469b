//! Takes secrets out of what was recorded, and keeps every length, so that messages stay what they were: each value gets the same stand-in
//! wherever it occurs.

use anyhow::{Result, ensure};
use std::collections::BTreeMap;

const TOKEN: usize = 40;
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Values that were replaced, and by what.
pub(super) struct Scrub {
    stand_ins: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The forge's port of this run, which says nothing.
    port: Vec<u8>,
}

impl Scrub {
    pub(super) fn new(address: &str) -> Self {
        let port = address.rsplit(':').next().unwrap_or_default();
        Self { stand_ins: BTreeMap::new(), port: port.as_bytes().to_vec() }
    }

    /// A value that is to be replaced wherever it stands.
    pub(super) fn knows(&mut self, value: &str) {
        self.stand_in(value.as_bytes());
    }

    fn stand_in(&mut self, value: &[u8]) -> Vec<u8> {
        let number = self.stand_ins.len() + 1;
        let fresh = || format!("{number:0width$}", width = value.len()).into_bytes();
        self.stand_ins.entry(value.to_vec()).or_insert_with(fresh).clone()
    }

    /// The bytes without what is secret: known values, everything of the length and letters of a forge's token, signatures of web tokens.
    /// Commits look like tokens and go too.
    pub(super) fn clean(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut clean = bytes.to_vec();
        let known: Vec<Vec<u8>> = self.stand_ins.keys().cloned().collect();
        for value in known {
            let by = self.stand_in(&value);
            replace(&mut clean, &value, &by);
        }
        let mut at = 0;
        while at + TOKEN < clean.len() {
            // As a field of a message, or as a string of JSON.
            let is_field = usize::from(clean[at]) == TOKEN || clean[at] == b'"';
            let value = clean[at + 1..=at + TOKEN].to_vec();
            if is_field && value.iter().all(u8::is_ascii_alphanumeric) && !value.starts_with(b"00000000") {
                let by = self.stand_in(&value);
                clean[at + 1..=at + TOKEN].copy_from_slice(&by);
            }
            at += 1;
        }
        sign_off(&mut clean);
        let (port, none) =
            ([b":", self.port.as_slice()].concat(), format!(":{:0<width$}", "3", width = self.port.len()));
        replace(&mut clean, &port, none.as_bytes());
        clean
    }

    /// Fails where something that was known is still there.
    pub(super) fn must_be_gone(&self, text: &str) -> Result<()> {
        for value in self.stand_ins.keys() {
            let value = String::from_utf8_lossy(value);
            ensure!(!text.contains(&*value), "a secret of {} letters is still there", value.len());
        }
        Ok(())
    }
}

fn replace(bytes: &mut [u8], value: &[u8], by: &[u8]) {
    let mut at = 0;
    while at + value.len() <= bytes.len() {
        if bytes[at..].starts_with(value) {
            bytes[at..at + value.len()].copy_from_slice(by);
        }
        at += 1;
    }
}

/// Web tokens (`eyJ….….…`) lose their signature.
fn sign_off(bytes: &mut [u8]) {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let mut at = 0;
    while at + 3 < bytes.len() {
        if bytes[at..].starts_with(b"eyJ") {
            let head = bytes[at..].iter().take_while(|byte| is_letter(byte)).count();
            let rest = bytes.get(at + head + 1..).unwrap_or_default();
            let middle = rest.iter().take_while(|byte| is_letter(byte)).count();
            let from = at + head + middle + 2;
            if bytes.get(at + head) == Some(&b'.') && bytes.get(from - 1) == Some(&b'.') {
                let signature = bytes[from..].iter_mut().take_while(|byte| is_letter(byte));
                // 43 letters are the 32 bytes of HMAC-SHA256; a letter after them is the next field's.
                signature.take(43).for_each(|byte| *byte = b'x');
                at = from;
            }
        }
        at += 1;
    }
}

pub(super) fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three.iter().chain([0, 0].iter()).take(3).fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        for place in 0..4 {
            let letter = LETTERS[number >> (18 - 6 * place) & 63];
            text.push(if place > three.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Scrub, base64};

    #[test]
    fn secrets_go_and_lengths_stay() {
        let mut scrub = Scrub::new("127.0.0.1:4711");
        scrub.knows("registration");
        let token = "0123456789abcdef0123456789abcdef01234567";
        let jwt = format!("eyJhbGciOi.eyJleHAi.{}", "s".repeat(43));
        let text = format!("\n\x28{token}\x32 registration \"{token}\" {jwt}2 http://127.0.0.1:4711/");
        let clean = scrub.clean(text.as_bytes());
        assert_eq!(clean.len(), text.len());
        let clean = String::from_utf8(clean).unwrap();
        assert!(!clean.contains(token) && !clean.contains("registration") && !clean.contains("4711"), "{clean}");
        assert!(clean.contains(&format!("eyJhbGciOi.eyJleHAi.{}2", "x".repeat(43))), "{clean}");
        let stand_in = format!("{:040}", 2);
        assert_eq!(clean.matches(&stand_in).count(), 2, "{clean}");
        scrub.must_be_gone(&clean).unwrap();
        assert!(scrub.must_be_gone(&text).is_err());
    }

    #[test]
    fn base64_has_its_padding() {
        for (plain, coded) in [("", ""), ("M", "TQ=="), ("Ma", "TWE="), ("Man", "TWFu"), ("Many", "TWFueQ==")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
