//! Secrets, then a text in chunks: no secret comes out, and chunks change nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mask::{Added, Masker};

fuzz_target!(|input: (Vec<&str>, Vec<&str>)| {
    let (secrets, chunks) = input;
    let masker = Masker::new();
    let masked: Vec<&str> = secrets.into_iter().filter(|secret| masker.add(secret) == Added::Masked).collect();
    let text = chunks.concat();
    let mut out = Vec::new();
    let mut stream = masker.stream();
    for chunk in &chunks {
        stream.push(chunk.as_bytes(), &mut out);
    }
    stream.finish(&mut out);
    let at_once = masker.mask_text(&text);
    assert_eq!(out, at_once.as_bytes());
    for secret in masked {
        let lines: Vec<&str> = secret.split(['\r', '\n']).map(str::trim).filter(|line| line.chars().count() > 1).collect();
        // `***` itself may be a secret, or a part of one.
        for line in lines.into_iter().filter(|line| !line.contains('*')) {
            assert!(!at_once.contains(line), "{line:?}");
        }
    }
});
