//! Files of real projects, and those of a linter's own tests.

use crate::conformance;
use std::path::Path;
use workflow::diagnostic::{Colours, Severity, render};
use workflow::parse;
use workflow::yaml::FileId;

/// The errors of a file, as text.
fn errors(path: &Path, text: &str) -> Vec<String> {
    let name = path.display().to_string();
    parse::workflow(FileId::default(), &name, text)
        .diagnostics
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| render(finding, &name, text, Colours::None))
        .collect()
}

#[test]
fn starter_workflows_are_accepted() {
    let Some(folder) = conformance::folder() else { return };
    let words = [
        ("$default-branch", "main"),
        ("$protected-branches", "main"),
        ("$cron-daily", "\"23 4 * * *\""),
        ("$cron-weekly", "\"23 4 * * 1\""),
    ];
    let mut refused = Vec::new();
    let mut seen = 0;
    let folder = folder.join("starter-workflows");
    for path in conformance::files(&folder, "yml").into_iter().chain(conformance::files(&folder, "yaml")) {
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (word, value) in words {
            for quoted in [format!("'{word}'"), format!("\"{word}\""), word.to_owned()] {
                text = text.replace(&quoted, value);
            }
        }
        seen += 1;
        refused.extend(errors(&path, &text));
    }
    println!("{seen} real files, {} errors", refused.len());
    // One of them has `{{ words }}` without quotes where a text must stand, to be replaced by hand.
    assert!(seen > 0 && refused.len() <= seen / 100, "{}", refused.join("\n\n"));
}

#[test]
fn clean_files_have_no_findings() {
    let Some(folder) = conformance::folder() else { return };
    let mut found = Vec::new();
    let mut seen = 0;
    for path in conformance::files(&folder.join("lint/ok"), "yaml") {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        seen += 1;
        let diagnostics = parse::workflow(FileId::default(), &name, &text).diagnostics;
        found.extend(diagnostics.iter().map(|finding| render(finding, &name, &text, Colours::None)));
    }
    assert!(seen > 0 && found.is_empty(), "{}", found.join("\n\n"));
}
