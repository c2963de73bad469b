//! The public files of actionlint: clean ones stay clean, and every wrong line of the others is named.

use super::conformance::{files, folder};
use std::collections::BTreeSet;
use std::path::Path;
use workflow::diagnostic::Diagnostic;
use workflow::parse;
use workflow::yaml::FileId;

fn lint(path: &Path) -> Vec<Diagnostic> {
    let text = std::fs::read_to_string(path).unwrap();
    parse::linted_workflow(FileId::default(), ".github/workflows/test.yaml", &text).diagnostics
}

#[test]
fn clean_files_stay_clean() {
    let Some(folder) = folder() else { return };
    let mut wrong = Vec::new();
    for path in files(&folder.join("lint/ok"), "yaml") {
        for finding in lint(&path) {
            wrong.push(format!("{}:{}: {} [{}]", path.display(), finding.span.line, finding.message, finding.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The lines that an expectation names: `test.yaml:12:5: …`, or the same as a pattern between slashes.
fn named_lines(expected: &str) -> BTreeSet<u32> {
    expected
        .lines()
        .filter_map(|line| {
            let (_, rest) = line.split_once(":")?;
            rest.split_once(':')?.0.parse().ok()
        })
        .collect()
}

#[test]
fn nearly_every_wrong_line_is_named() {
    let Some(folder) = folder() else { return };
    let (mut good, mut total, mut report) = (0, 0, Vec::new());
    for path in files(&folder.join("lint/err"), "yaml") {
        let expected = std::fs::read_to_string(path.with_extension("out")).unwrap();
        let wanted = named_lines(&expected);
        if wanted.is_empty() {
            continue;
        }
        total += 1;
        let findings = lint(&path);
        let found: BTreeSet<u32> = findings.iter().map(|finding| finding.span.line).collect();
        let missed: Vec<_> = wanted.difference(&found).collect();
        if missed.is_empty() && found.len() <= 2 * wanted.len() + 3 {
            good += 1;
        } else {
            report.push(format!(
                "{}: missed {missed:?}, {} lines found, {} wanted",
                path.display(),
                found.len(),
                wanted.len()
            ));
        }
    }
    println!("{}", report.join("\n"));
    assert!(good * 10 >= total * 9, "{good} of {total}\n{}", report.join("\n"));
}
