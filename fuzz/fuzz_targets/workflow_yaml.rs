//! A workflow file: parse, lint, and render every finding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use workflow::diagnostic::{Colours, render};
use workflow::yaml::FileId;

fuzz_target!(|text: &str| {
    let parsed = workflow::parse::linted_workflow(FileId(0), "fuzz.yml", text, &|_| None);
    for diagnostic in parsed.diagnostics.iter().take(20) {
        let _ = render(diagnostic, "fuzz.yml", text, Colours::None);
    }
    assert!(parsed.value.is_some() || !parsed.diagnostics.is_empty(), "refused without a reason");
});
