//! The documents of every job of the public files.

use crate::conformance;
use crate::document::same::checked;
use crate::goldens::Golden;
use domain::Conclusion;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use workflow::expr::parse_json;
use workflow::plan::{FileReference, Files, Plan, PlanOutcome, plan};
use workflow::run::{Decision, Run, RunChange, RunInputs};
use workflow::yaml::{self, FileId, Limits, Node, NodeKind};

/// Runs a plan to its end, every job with success, and checks each job's document, which may have so many bytes. How many there were.
pub(crate) fn each_job(plan: Plan, longest: usize) -> usize {
    let github = r#"{"ref":"refs/heads/main","ref_name":"main","event_name":"push","repository":"o/r","event":{}}"#;
    let inputs = RunInputs { github: parse_json(github).unwrap(), ..RunInputs::default() };
    let (mut run, mut decisions) = Run::start(Arc::new(plan), inputs);
    let mut seen = 0;
    while let Some(decision) = decisions.pop() {
        let Decision::Ready(ready) = decision else { continue };
        let text = checked(&ready);
        assert!(text.len() <= longest, "{} bytes of {longest}:\n{text}", text.len());
        seen += 1;
        let job = ready.id.clone();
        decisions.extend(run.apply(RunChange::Started { job: job.clone() }));
        let ended = RunChange::Ended { job, conclusion: Conclusion::Success, outputs: BTreeMap::new() };
        decisions.extend(run.apply(ended));
    }
    seen
}

/// A YAML reader of somebody else: the variable names a program that reads a document and prints it as JSON.
pub(crate) fn read_by_another(text: &str) {
    let Some(program) = std::env::var_os("EKIDEN_YAML_TO_JSON") else { return };
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{text}");
    let theirs = numbers(serde_json::from_slice(&output.stdout).unwrap());
    let ours = json(&yaml::read(FileId::default(), text, &Limits::default()).unwrap().root);
    assert_eq!(theirs, ours, "{text}");
}

/// A number, the same for `1` and `1.0`; JSON is not read to the last bit.
fn number(value: f64) -> serde_json::Value {
    format!("number {:.13e}", value + 0.0).into()
}

fn numbers(json: serde_json::Value) -> serde_json::Value {
    match json {
        serde_json::Value::Number(value) => number(value.as_f64().unwrap()),
        serde_json::Value::Array(items) => items.into_iter().map(numbers).collect(),
        serde_json::Value::Object(map) => {
            map.into_iter().map(|(key, value)| (key, numbers(value))).collect::<serde_json::Map<_, _>>().into()
        }
        other => other,
    }
}

fn json(node: &Node<'_>) -> serde_json::Value {
    match &node.kind {
        NodeKind::Null => serde_json::Value::Null,
        NodeKind::Bool(value) => (*value).into(),
        NodeKind::Number(value, text) if value.is_finite() => number(text.parse().unwrap()),
        NodeKind::Number(_, text) => text.as_ref().into(),
        NodeKind::String(text) => text.as_ref().into(),
        NodeKind::Sequence(items) => items.iter().map(json).collect(),
        NodeKind::Mapping(pairs) => pairs
            .iter()
            .map(|(key, value)| (key.as_str().unwrap_or_default().to_owned(), json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

#[test]
fn goldens() {
    let Some(folder) = conformance::folder() else { return };
    let mut seen = 0;
    for path in conformance::files(&folder.join("workflow-parser"), "yml") {
        if let (_, PlanOutcome::Ready(plan)) = Golden::read(&path).plan() {
            seen += each_job(*plan, Limits::default().characters);
        }
    }
    println!("{seen} jobs");
    assert!(seen > 100, "{seen}");
}

#[test]
fn real_files() {
    let Some(folder) = conformance::folder() else { return };
    let mut seen = 0;
    for (part, extension) in [("starter-workflows", "yml"), ("starter-workflows", "yaml"), ("lint/ok", "yaml")] {
        for path in conformance::files(&folder.join(part), extension) {
            let text = std::fs::read_to_string(&path).unwrap().replace("$default-branch", "main");
            let main = ".github/workflows/main.yml";
            let mut files = Files::new();
            files.insert(FileReference::Local(main.to_owned()), text.as_str());
            if let PlanOutcome::Ready(plan) = plan(&files, main) {
                seen += each_job(*plan, 3 * text.len() + 500);
            }
        }
    }
    println!("{seen} jobs");
    assert!(seen > 100, "{seen}");
}
