//! A matcher file, then lines: matching ends, whatever the expressions.
#![no_main]

use engine::commands::matchers::{MatcherList, config};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, bool, Vec<&str>)| {
    let (file, expression, whole_file, lines) = input;
    let json = if whole_file {
        file.to_owned()
    } else {
        let quoted: String = expression
            .encode_utf16()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect();
        format!(r#"{{"problemMatcher":[{{"owner":"o","pattern":[{{"regexp":"{quoted}","message":0}}]}}]}}"#)
    };
    if let Ok(configs) = config::parse(json.as_bytes()) {
        let mut list = MatcherList::default();
        list.add(&configs);
        for line in lines {
            list.line(line, |_| true);
        }
    }
});
