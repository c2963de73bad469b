//! The public files of actionlint: clean ones stay clean, and every wrong line of the others is named.

use super::conformance::{files, folder};
use std::collections::BTreeSet;
use std::path::Path;
use workflow::diagnostic::Diagnostic;
use workflow::parse;
use workflow::yaml::FileId;

fn lint(path: &Path) -> Vec<Diagnostic> {
    let text = std::fs::read_to_string(path).unwrap();
    parse::linted_workflow(FileId::default(), ".github/workflows/test.yaml", &text, &|_| None).diagnostics
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

/// What the linter says beyond faults, as `line code`.
fn warned(text: &str, local: &parse::LocalActions<'_>) -> Vec<String> {
    let found = parse::linted_workflow(FileId::default(), "ci.yml", text, local).diagnostics;
    found.iter().map(|finding| format!("{} {}", finding.span.line, finding.code)).collect()
}

#[test]
fn what_local_actions_are_given_is_compared_with_their_manifest() {
    let manifest = "inputs: {a: {required: true}, b: {required: true, default: x}, c: {deprecationMessage: old}}
outputs: {o: {value: x}}
runs: {using: composite, steps: [{run: x, shell: sh}]}
";
    let local = |uses: &str| match uses {
        "./there" => parse::action(FileId::default(), manifest).value,
        "./box" => parse::action(FileId::default(), "runs: {using: docker, image: Dockerfile}").value,
        _ => None,
    };
    let text = "on: push
jobs:
  j:
    runs-on: ubuntu-latest
    steps:
      - uses: ./there
      - uses: ./there
        id: s
        with: {A: 1, C: 2, d: 3}
      - run: echo ${{ steps.s.outputs.o }} ${{ steps.s.outputs.p }}
      - uses: ./elsewhere
        with: {x: 1}
      - uses: ./box
        with: {args: a, Entrypoint: b, other: c}
      - uses: ./there
        with: ${{ fromJSON('{}') }}
";
    let found = warned(text, &local);
    let wanted =
        ["6 missing-input", "9 deprecated-input", "9 unknown-input", "10 undefined-property", "14 unknown-input"];
    assert_eq!(found.iter().filter(|found| !found.starts_with("16 ")).collect::<Vec<_>>(), wanted);
}

#[test]
fn anchors_zones_and_empty_lists_are_told() {
    let text = "on:
  schedule: [{cron: '0 1 * * *', timezone: Europe/Berln}, {cron: '0 2 * * *', timezone: Europe/Berlin}]
  push: {branches: []}
jobs:
  j:
    runs-on: &unused ubuntu-latest
    needs: []
    steps:
      - &used
        run: x
      - *used
";
    assert_eq!(warned(text, &|_| None), ["2 time-zone", "3 empty-list", "6 unused-anchor", "7 empty-list"]);
}

#[test]
fn a_default_sees_the_inputs_above_it() {
    let text = "on:
  workflow_call:
    inputs:
      a: {type: string, default: \"${{ inputs.b }}\"}
      b: {type: boolean, default: \"${{ inputs.a }}\"}
      c: {type: boolean, default: \"${{ inputs.b }}\"}
jobs: {j: {runs-on: ubuntu-latest, steps: [{run: x}]}}
";
    assert_eq!(warned(text, &|_| None), ["4 undefined-property", "5 input-default"]);
}

#[test]
fn shells_of_windows_are_known_in_any_case() {
    let text = |on: &str| {
        format!(
            "on: push\njobs: {{j: {{runs-on: {on}, steps: [{{run: x, shell: PowerShell}}, {{run: x, shell: CMD}}]}}}}\n"
        )
    };
    assert_eq!(warned(&text("windows-latest"), &|_| None), [""; 0]);
    assert_eq!(warned(&text("ubuntu-latest"), &|_| None), ["2 unknown-shell", "2 unknown-shell"]);
}

/// Found by fuzzing: the text of such a block has no place of its own.
#[test]
fn a_condition_may_be_an_empty_block() {
    let text = "on: push\njobs: \n  j:\n    runs-on: ubuntu-latest\n    steps:\n      - run: x\n        if: |\n      - run: y\n";
    assert_eq!(warned(text, &|_| None), [""; 0]);
}
