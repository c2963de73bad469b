//! A filter pattern and a name: compile, match.
#![no_main]

use libfuzzer_sys::fuzz_target;
use workflow::filters::Pattern;

fuzz_target!(|input: (&str, &str)| {
    let (pattern, name) = input;
    if let Ok(compiled) = Pattern::compile(pattern) {
        let _ = compiled.is_match(name);
    }
});
