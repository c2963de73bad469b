//! The document of one job that a forge hands to a runner (`runner-protocol` 4.1). Forges write it by themselves: what they evaluated
//! already, what they add for their own use and how they spell some types differ from what people write. All that is brought into
//! the form of a workflow file here, then read as one. `run::OneJob` goes on from it.

use super::schema::WORKFLOW;
use super::workflow::model;
use super::{Parsed, read_tree};
use crate::matrix::CellPlace;
use crate::model::Workflow;
use crate::yaml::{self, FileId, Limits, Node, NodeKind};
use std::borrow::Cow;

/// Keys of the document that mean something to a runner. `concurrency` and `permissions` are the forge's affair.
const TOP: &[&str] = &["name", "run-name", "on", "env", "defaults", "jobs"];
/// The same for its job; the forge has expanded `needs` and evaluated `name`.
const JOB: &[&str] = &[
    "if",
    "strategy",
    "runs-on",
    "timeout-minutes",
    "cancel-timeout-minutes",
    "continue-on-error",
    "container",
    "services",
    "env",
    "environment",
    "outputs",
    "defaults",
    "steps",
    "uses",
    "with",
    "secrets",
];
/// What a job of a called file has beside these.
const CALLED_JOB: &[&str] = &["name", "needs"];
/// The same for a step.
const STEP: &[&str] = &[
    "name",
    "id",
    "if",
    "timeout-minutes",
    "run",
    "uses",
    "with",
    "continue-on-error",
    "env",
    "working-directory",
    "shell",
    "background",
    "wait",
    "wait-all",
    "cancel",
    "parallel",
];

/// Whether a job has an `if` of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It is written.
    Written,
    /// It is not: `success()` is meant.
    Implied,
}

/// The document of one job.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload {
    /// As a workflow file.
    pub workflow: Workflow,
    /// Of its job.
    pub condition: Condition,
    /// Which of its matrix's configurations the job is, where the forge says it.
    pub place: Option<CellPlace>,
}

/// Parses the document of one job. `path` is what the model calls it.
#[must_use]
pub fn payload(path: &str, source: &str) -> Parsed<Payload> {
    let (file, limits) = (FileId::default(), Limits::default());
    match yaml::read(file, source, &limits) {
        Ok(mut document) => {
            let place = place(&document.root);
            document.root = top(&document.root, Jobs::One);
            let first = get(&document.root, "jobs").and_then(|jobs| match &jobs.kind {
                NodeKind::Mapping(jobs) => jobs.first(),
                _ => None,
            });
            let condition = match first.and_then(|(_, job)| get(job, "if")) {
                Some(_) => Condition::Written,
                None => Condition::Implied,
            };
            read_tree(
                source,
                &document,
                &WORKFLOW,
                |_, _| {},
                |root, reading| Payload { workflow: model(file, path, root, reading), condition, place },
            )
        }
        Err(fault) => super::unreadable(fault),
    }
}

/// What Gitea (after 1.27) and our server write beside the matrix of one configuration; the first may be left out where it is 0.
fn place(root: &Node<'_>) -> Option<CellPlace> {
    let NodeKind::Mapping(jobs) = &get(root, "jobs")?.kind else { return None };
    let strategy = get(&jobs.first()?.1, "strategy")?;
    let number = |name: &str| match &get(strategy, name)?.kind {
        NodeKind::Number(_, text) | NodeKind::String(text) => text.trim().parse::<usize>().ok(),
        _ => None,
    };
    let (index, total) = (number("job-index").unwrap_or(0), number("job-total")?);
    (index < total).then_some(CellPlace { index, total })
}

/// Parses a reusable workflow that a forge's job calls, as people wrote it: what the forge's own runner overlooks is no fault, and
/// its jobs run where the caller runs.
#[must_use]
pub fn called(file: FileId, path: &str, source: &str) -> Parsed<Workflow> {
    match yaml::read(file, source, &Limits::default()) {
        Ok(mut document) => {
            document.root = top(&document.root, Jobs::All);
            read_tree(source, &document, &WORKFLOW, |_, _| {}, |root, reading| model(file, path, root, reading))
        }
        Err(fault) => super::unreadable(fault),
    }
}

/// Which jobs a document holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Jobs {
    /// The one that the forge decided about.
    One,
    /// Those of a file.
    All,
}

fn top<'a>(node: &Node<'a>, which: Jobs) -> Node<'a> {
    let mut seen_on = false;
    let mut top = entries(node, TOP, |key, value| match key {
        "on" => {
            seen_on = true;
            Some(on(value))
        }
        "jobs" => Some(jobs(value, which)),
        "defaults" => filled(value),
        _ => (value.kind != NodeKind::Null).then(|| value.clone()),
    });
    if !seen_on && let NodeKind::Mapping(pairs) = &top.kind {
        let on = (string("on", node), on(&string("", node)));
        top.kind = NodeKind::Mapping(pairs.iter().cloned().chain([on]).collect());
    }
    top
}

/// Only what declares inputs matters once the job is here.
fn on<'a>(node: &Node<'a>) -> Node<'a> {
    let declaring = |key: &str| matches!(key, "workflow_dispatch" | "workflow_call");
    let named = |name: &Node<'a>| {
        let nothing = || Node { kind: NodeKind::Null, span: name.span };
        name.as_str().is_some_and(declaring).then(|| (name.clone(), nothing()))
    };
    let mut pairs: Vec<(Node<'a>, Node<'a>)> = match &node.kind {
        NodeKind::Mapping(pairs) => {
            pairs.iter().filter(|(key, _)| key.as_str().is_some_and(declaring)).cloned().collect()
        }
        // `on: workflow_call`, `on: [workflow_call, push]`
        NodeKind::Sequence(names) => names.iter().filter_map(named).collect(),
        _ => named(node).into_iter().collect(),
    };
    if pairs.is_empty() {
        pairs.push((string("push", node), Node { kind: NodeKind::Null, span: node.span }));
    }
    Node { kind: NodeKind::Mapping(pairs.into()), span: node.span }
}

fn jobs<'a>(node: &Node<'a>, which: Jobs) -> Node<'a> {
    let NodeKind::Mapping(pairs) = &node.kind else { return node.clone() };
    let pairs = pairs.iter().map(|(key, value)| (key.clone(), job(value, which))).collect();
    Node { kind: NodeKind::Mapping(pairs), span: node.span }
}

fn job<'a>(node: &Node<'a>, which: Jobs) -> Node<'a> {
    let calls = get(node, "uses").is_some_and(|uses| uses.as_str().is_some_and(|uses| !uses.is_empty()));
    let wanted = |key: &&&str| match **key {
        "with" | "secrets" | "uses" => calls,
        "if" | "strategy" => true,
        _ => !calls,
    };
    let more = if which == Jobs::All { CALLED_JOB } else { &[] };
    let keys: Vec<&str> = JOB.iter().filter(wanted).chain(more).copied().collect();
    let mut job = entries(node, &keys, |key, value| match key {
        // Evaluated already, and matched by the forge; it may be absent or empty there. Called jobs run where their caller runs.
        "runs-on" => None,
        "steps" => Some(steps(value)),
        "strategy" => filled(&entries(value, &["matrix", "fail-fast", "max-parallel"], |_, value| scalar(value))),
        "timeout-minutes" | "cancel-timeout-minutes" | "continue-on-error" => scalar(value),
        "container" => filled(&image_only(value)),
        "services" => filled(&match &value.kind {
            NodeKind::Mapping(services) => Node {
                kind: NodeKind::Mapping(
                    services.iter().map(|(name, service)| (name.clone(), image_only(service))).collect(),
                ),
                span: value.span,
            },
            _ => value.clone(),
        }),
        "if" => (value.kind != NodeKind::Null && value.as_str() != Some("")).then(|| value.clone()),
        _ => filled(value),
    });
    if !calls && let NodeKind::Mapping(pairs) = &job.kind {
        let runs_on = (string("runs-on", node), string("here", node));
        job.kind = NodeKind::Mapping(pairs.iter().cloned().chain([runs_on]).collect());
    }
    job
}

fn steps<'a>(node: &Node<'a>) -> Node<'a> {
    let NodeKind::Sequence(steps) = &node.kind else { return Node { kind: NodeKind::Sequence([].into()), ..*node } };
    let steps = steps.iter().filter(|step| step.kind != NodeKind::Null).map(step).collect();
    Node { kind: NodeKind::Sequence(steps), span: node.span }
}

fn step<'a>(node: &Node<'a>) -> Node<'a> {
    entries(node, STEP, |key, value| match key {
        "timeout-minutes" | "continue-on-error" => scalar(value),
        "parallel" => Some(steps(value)),
        "run" | "wait-all" => Some(value.clone()),
        "if" => (value.kind != NodeKind::Null && value.as_str() != Some("")).then(|| value.clone()),
        // Empty texts stand for what is absent.
        "id" | "shell" | "uses" | "name" | "working-directory" => {
            (value.kind != NodeKind::Null && value.as_str() != Some("")).then(|| value.clone())
        }
        _ => filled(value),
    })
}

/// What a container is, without what only running it would need.
fn image_only<'a>(node: &Node<'a>) -> Node<'a> {
    match &node.kind {
        NodeKind::Mapping(_) => entries(node, &["image"], |_, value| Some(value.clone())),
        _ => node.clone(),
    }
}

/// A mapping with some of its keys; `change` may change a value or leave the entry out.
fn entries<'a>(
    node: &Node<'a>,
    keys: &[&str],
    mut change: impl FnMut(&str, &Node<'a>) -> Option<Node<'a>>,
) -> Node<'a> {
    let NodeKind::Mapping(pairs) = &node.kind else { return node.clone() };
    let pairs = pairs.iter().filter_map(|(key, value)| {
        let name = key.as_str().filter(|name| keys.contains(name))?;
        Some((key.clone(), change(name, value)?))
    });
    Node { kind: NodeKind::Mapping(pairs.collect()), span: node.span }
}

/// Nothing where the forge wrote an empty value for what is absent.
fn filled<'a>(node: &Node<'a>) -> Option<Node<'a>> {
    let empty = match &node.kind {
        NodeKind::Null => true,
        NodeKind::Sequence(items) => items.is_empty(),
        NodeKind::Mapping(pairs) => pairs.is_empty(),
        NodeKind::String(text) => text.is_empty(),
        NodeKind::Bool(_) | NodeKind::Number(..) => false,
    };
    (!empty).then(|| node.clone())
}

/// A number or boolean that the forge wrote as text.
fn scalar<'a>(node: &Node<'a>) -> Option<Node<'a>> {
    let kind = match node.as_str() {
        Some("") => return None,
        Some("true") => NodeKind::Bool(true),
        Some("false") => NodeKind::Bool(false),
        Some(text) => match text.trim().parse::<f64>() {
            Ok(number) => NodeKind::Number(number, Cow::Owned(text.trim().to_owned())),
            Err(_) => return Some(node.clone()),
        },
        None if node.kind == NodeKind::Null => return None,
        None => return Some(node.clone()),
    };
    Some(Node { kind, span: node.span })
}

fn string<'a>(text: &'static str, at: &Node<'a>) -> Node<'a> {
    Node { kind: NodeKind::String(Cow::Borrowed(text)), span: at.span }
}

fn get<'n, 'a>(node: &'n Node<'a>, name: &str) -> Option<&'n Node<'a>> {
    let NodeKind::Mapping(pairs) = &node.kind else { return None };
    pairs.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::{called, payload};
    use crate::model::{JobKind, NormalJob, StepKind, TriggerKind};
    use crate::yaml::FileId;

    fn normal(text: &str) -> NormalJob {
        let parsed = payload("t.yml", text);
        let mut workflow = parsed.value.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics)).workflow;
        match workflow.jobs.remove(0).kind {
            JobKind::Normal(normal) => *normal,
            JobKind::Reusable(_) => panic!("it calls"),
        }
    }

    #[test]
    fn what_forges_add_and_leave_out_is_no_fault() {
        let job = normal(
            "name: x\nenable-openid-connect: true\n__metadata: {workflow_call_id: 1}\njobs:\n  a:\n    name: a (1)\n    needs: [gone]\n    incomplete_matrix: true\n    permissions: {code: write}\n    concurrency: {group: ''}\n    runs-on: []\n    strategy: {fail-fast: 'true', max-parallel: '', matrix: {n: [1]}}\n    timeout-minutes: '15'\n    continue-on-error: false\n    container: {}\n    services: {}\n    steps:\n      -\n      - id: ''\n        name: ''\n        run: echo\n        timeout-minutes: '3'\n        continue-on-error: 'false'\n        unheard-of: 1\n        env: {}\n",
        );
        assert_eq!(job.steps.len(), 1);
        assert!(job.timeout_minutes.is_some() && job.container.is_none() && job.services.is_empty());
        assert!(matches!(job.steps[0].kind, StepKind::Run { .. }));
        assert!(job.steps[0].id.is_generated() && job.steps[0].timeout_minutes.is_some());
    }

    #[test]
    fn triggers_matter_only_for_their_inputs() {
        let text = "on:\n  unheard_of: {a: 1}\n  workflow_dispatch:\n    inputs:\n      flag: {type: boolean, default: 'true'}\njobs:\n  a:\n    runs-on: x\n    steps: [{run: a}]\n";
        let workflow = payload("t.yml", text).value.unwrap().workflow;
        assert_eq!(workflow.on.len(), 1);
        assert_eq!(payload("t.yml", "on: push\njobs:\n  a:\n    steps: []\n").value.unwrap().workflow.on.len(), 1);
    }

    #[test]
    fn a_called_file_keeps_its_jobs_and_what_it_declares() {
        let text = "name: x\non:\n  push:\n  workflow_call:\n    inputs: {n: {type: number}}\n    outputs: {o: {value: '${{ jobs.b.outputs.o }}'}}\npermissions: {code: write}\njobs:\n  a:\n    runs-on: ${{ forgejo.x }}\n    steps: [{run: a, unheard: 1}]\n  b:\n    name: of ${{ inputs.n }}\n    needs: [a]\n    outputs: {o: x}\n    steps: [{run: b}]\n";
        let workflow = called(FileId(3), "t.yml", text).value.unwrap();
        assert_eq!((workflow.file, workflow.jobs.len(), workflow.jobs[1].needs.len()), (FileId(3), 2, 1));
        assert!(workflow.jobs[1].name.is_some() && workflow.permissions.is_none());
        assert!(
            matches!(&workflow.on[0].kind, TriggerKind::Call { inputs, outputs, .. } if inputs.len() == 1 && outputs.len() == 1)
        );
        for on in ["workflow_call", "[push, workflow_call]"] {
            let workflow = called(FileId(0), "t.yml", &format!("on: {on}\njobs: {{a: {{steps: [{{run: a}}]}}}}\n"));
            assert!(matches!(workflow.value.unwrap().on[0].kind, TriggerKind::Call { .. }), "{on}");
        }
    }

    #[test]
    fn faults_that_stop_a_job_are_told_with_their_place() {
        let parsed = payload("t.yml", "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - uses: nothing\n");
        assert!(parsed.value.is_none());
        assert_eq!(parsed.diagnostics[0].span.line, 6);
        assert!(payload("t.yml", "jobs: [").value.is_none());
    }
}
