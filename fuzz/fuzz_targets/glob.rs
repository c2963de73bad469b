//! A filter pattern and a name: check, compile, match.
#![no_main]

use libfuzzer_sys::fuzz_target;
use workflow::filters::{Pattern, PatternUse, check};

fuzz_target!(|input: (&str, &str)| {
    let (pattern, name) = input;
    let faults = check(pattern, PatternUse::Reference).len() + check(pattern, PatternUse::Path).len();
    match Pattern::compile(pattern) {
        Ok(compiled) => {
            let _ = compiled.is_match(name);
        }
        Err(_) => assert!(faults > 0, "a pattern without faults compiles"),
    }
});
