//! A task's payload, as far as the agent needs to know it before the job's process has read it: which steps a report must list, which
//! labels were asked for. It reads the document's form only and takes what an older or newer forge may write. Called by `report`
//! and `status`; what the job means is read by its process.

use workflow::yaml::{self, FileId, Limits, Node, NodeKind};

/// What a payload holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outline {
    /// The key of its job.
    pub job: String,
    /// The name that people see, where the forge gives one.
    pub name: Option<String>,
    /// `runs-on`, already evaluated by the forge.
    pub runs_on: Vec<String>,
    /// How many steps forges count: the place of a step in the list, without null entries, is the number that they know it by. A
    /// `parallel` block is one step; all its inner steps carry its place.
    pub steps: u32,
    /// Which of them run in the background, by their place.
    pub background: Vec<u32>,
}

/// The payload cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Not UTF-8.
    #[error("the forge sent a workflow that is no UTF-8 text")]
    Text,
    /// Not YAML.
    #[error("the forge sent a workflow that is not valid YAML: line {line}, column {column}: {message}")]
    Yaml {
        /// From 1.
        line: u32,
        /// From 1.
        column: u32,
        /// In one sentence.
        message: String,
    },
    /// Without a job.
    #[error("the forge sent a workflow without a job")]
    NoJob,
}

impl Outline {
    /// Reads the outline of a payload.
    ///
    /// # Errors
    /// When it is not a YAML document with a job. Such a job fails with this text, with no step.
    pub fn read(payload: &[u8]) -> Result<Self, PayloadError> {
        let text = std::str::from_utf8(payload).map_err(|_| PayloadError::Text)?;
        let document = yaml::read(FileId::default(), text, &Limits::default()).map_err(|fault| PayloadError::Yaml {
            line: fault.span.line,
            column: fault.span.column,
            message: fault.message,
        })?;
        let (key, job) =
            entries(get(&document.root, "jobs").ok_or(PayloadError::NoJob)?).next().ok_or(PayloadError::NoJob)?;
        let steps: Vec<&Node<'_>> = match get(job, "steps").map(|steps| &steps.kind) {
            Some(NodeKind::Sequence(steps)) => steps.iter().filter(|step| step.kind != NodeKind::Null).collect(),
            _ => Vec::new(),
        };
        let in_background = |step: &Node<'_>| get(step, "background").is_some_and(|it| it.kind == NodeKind::Bool(true));
        Ok(Self {
            job: text_of(key).unwrap_or_default(),
            name: get(job, "name").and_then(text_of),
            runs_on: get(job, "runs-on").map(labels).unwrap_or_default(),
            steps: u32::try_from(steps.len()).unwrap_or(u32::MAX),
            background: (0..).zip(&steps).filter(|(_, step)| in_background(step)).map(|(place, _)| place).collect(),
        })
    }
}

fn entries<'n, 'a>(node: &'n Node<'a>) -> impl Iterator<Item = (&'n Node<'a>, &'n Node<'a>)> {
    let pairs: &[(Node<'a>, Node<'a>)] = match &node.kind {
        NodeKind::Mapping(pairs) => pairs,
        _ => &[],
    };
    pairs.iter().map(|(key, value)| (key, value))
}

fn get<'n, 'a>(node: &'n Node<'a>, name: &str) -> Option<&'n Node<'a>> {
    entries(node).find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
}

fn text_of(node: &Node<'_>) -> Option<String> {
    match &node.kind {
        NodeKind::String(text) | NodeKind::Number(_, text) => Some(text.clone().into_owned()),
        NodeKind::Bool(value) => Some(value.to_string()),
        NodeKind::Null | NodeKind::Sequence(_) | NodeKind::Mapping(_) => None,
    }
}

/// A string, a list, or a mapping with `labels`.
fn labels(node: &Node<'_>) -> Vec<String> {
    match &node.kind {
        NodeKind::Sequence(items) => items.iter().filter_map(text_of).collect(),
        NodeKind::Mapping(_) => get(node, "labels").map(labels).unwrap_or_default(),
        _ => text_of(node).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Outline, PayloadError};

    #[test]
    fn steps_are_counted_as_the_forge_counts_them() {
        let payload = b"name: t\non: push\njobs:\n  build:\n    name: build (1)\n    runs-on: [linux, x64]\n    steps:\n      - run: a\n      -\n      - uses: a/b@v1\n        background: true\n      - parallel:\n          - run: b\n          - run: c\n    unheard-of: 1\n";
        let outline = Outline::read(payload).unwrap();
        assert_eq!((outline.job.as_str(), outline.name.as_deref(), outline.steps), ("build", Some("build (1)"), 3));
        assert_eq!(outline.runs_on, ["linux", "x64"]);
        assert_eq!(outline.background, [1]);
    }

    #[test]
    fn each_form_of_runs_on_is_read() {
        let of =
            |runs_on: &str| Outline::read(format!("jobs:\n  a:\n    runs-on: {runs_on}\n").as_bytes()).unwrap().runs_on;
        assert_eq!(of("linux"), ["linux"]);
        assert_eq!(of("{labels: [a, b], group: g}"), ["a", "b"]);
        assert_eq!(of("{labels: a}"), ["a"]);
        assert_eq!(of(""), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_payload_is_told() {
        assert_eq!(Outline::read(b"\xff"), Err(PayloadError::Text));
        assert_eq!(Outline::read(b""), Err(PayloadError::NoJob));
        assert_eq!(Outline::read(b"jobs: {}"), Err(PayloadError::NoJob));
        assert!(matches!(Outline::read(b"a: [b"), Err(PayloadError::Yaml { .. })));
    }
}
