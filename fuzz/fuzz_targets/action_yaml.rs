//! An action file: parse, and render every finding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use workflow::diagnostic::{Colours, render};
use workflow::yaml::FileId;

fuzz_target!(|text: &str| {
    let parsed = workflow::parse::action(FileId(0), text);
    for diagnostic in parsed.diagnostics.iter().take(20) {
        let _ = render(diagnostic, "action.yml", text, Colours::None);
    }
    assert!(parsed.value.is_some() || !parsed.diagnostics.is_empty(), "refused without a reason");
});
