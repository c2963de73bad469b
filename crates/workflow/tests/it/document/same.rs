//! Writes the document of a job, reads it back, and compares.

use domain::Conclusion;
use std::fmt::Write as _;
use workflow::document;
use workflow::expr::{Object, Value};
use workflow::model::{NormalJob, Step, StepKind, Workflow};
use workflow::parse;
use workflow::run::{EndedNeed, OneJob, ReadyJob, RunInputs, one_job};
use workflow::template::{Template, TemplateKey, TemplateKind};
use workflow::yaml::{self, FileId, Limits, Node, NodeKind};

/// The document of a job, once it was found to say the same as the job.
pub(crate) fn checked(ready: &ReadyJob) -> String {
    let text = document::write(ready).unwrap_or_else(|error| panic!("{}: {error}", ready.id));
    // Nobody writes the place in the matrix into a workflow file.
    same_model(ready, &document::without_place(&text));
    same_decision(ready, &text);
    crate::document::corpora::read_by_another(&text);
    text
}

/// Read as a workflow file, with all that a runner leaves aside.
fn same_model(ready: &ReadyJob, text: &str) {
    let parsed = parse::workflow(FileId::default(), "d.yml", &pushed(text));
    let back = parsed.value.unwrap_or_else(|| panic!("{}: {:#?}\n{text}", ready.id, parsed.diagnostics));
    let job = &back.jobs[0];
    let workflow::model::JobKind::Normal(normal) = &job.kind else { panic!("{text}") };
    assert_eq!(back.jobs.len(), 1, "{text}");
    assert_eq!(job.id.value, ready.job().unwrap().id.value);
    assert_eq!(job.name.as_ref().unwrap().as_written_literal(), ready.name, "{text}");
    let (mut back, mut here) = (shown(&back, normal), shown(&ready.workflow, ready.normal().unwrap()));
    match &ready.environment {
        Some(_) => {
            back.push_str(&url(normal));
            here.push_str(&url(ready.normal().unwrap()));
        }
        // One without a name is none.
        None => assert!(normal.environment.is_none(), "{text}"),
    }
    assert_eq!(back, here, "{text}");
    let tree = yaml::read(FileId::default(), text, &Limits::default()).unwrap().root;
    let runs_on = get(get(&tree, "jobs").map(|jobs| first(jobs)).unwrap(), "runs-on").unwrap();
    let (labels, group) = match &runs_on.kind {
        NodeKind::Mapping(_) => (get(runs_on, "labels"), get(runs_on, "group").map(|group| group.as_str().unwrap())),
        _ => (Some(runs_on), None),
    };
    let labels: Vec<&str> = match labels.map(|labels| &labels.kind) {
        Some(NodeKind::Sequence(items)) => items.iter().map(|item| item.as_str().unwrap()).collect(),
        Some(NodeKind::String(one)) => vec![one],
        _ => Vec::new(),
    };
    if ready.labels.iter().all(|label| !label.contains("${{")) {
        assert_eq!(labels, ready.labels, "{text}");
    }
    assert_eq!(group, ready.group.as_deref(), "{text}");
}

/// Read and decided as our agent does.
fn same_decision(ready: &ReadyJob, text: &str) {
    let parsed = parse::payload("d.yml", text);
    let payload = parsed.value.unwrap_or_else(|| panic!("{}: {:#?}\n{text}", ready.id, parsed.diagnostics));
    let inputs = RunInputs {
        github: ready.github.clone(),
        vars: ready.vars.clone(),
        inputs: ready.inputs.clone(),
        ..RunInputs::default()
    };
    let needs = ready.needs.as_object().into_iter().flat_map(Object::iter).map(|(id, need)| EndedNeed {
        id: id.to_owned(),
        result: match &*need.get("result").unwrap().to_text() {
            "success" => Conclusion::Success,
            "failure" => Conclusion::Failure,
            "cancelled" => Conclusion::Cancelled,
            _ => Conclusion::Skipped,
        },
        outputs: Default::default(),
    });
    let back = match one_job(payload, inputs, needs.collect()) {
        OneJob::Ready(back) => *back,
        other => panic!("{}: {other:?}\n{text}", ready.id),
    };
    assert_eq!(value(&back.matrix), value(&ready.matrix), "{text}");
    let strategy = |of: &ReadyJob, key: &str| of.strategy.get(key).map(|value| value.to_text().into_owned());
    for key in ["fail-fast", "max-parallel", "job-index", "job-total"] {
        assert_eq!(strategy(&back, key), strategy(ready, key), "{key}: {text}");
    }
    assert_eq!(back.continue_on_error, ready.continue_on_error, "{text}");
    assert!(back.timeout_minutes.total_cmp(&ready.timeout_minutes).is_eq(), "{text}");
    assert!(back.cancel_timeout_minutes.total_cmp(&ready.cancel_timeout_minutes).is_eq(), "{text}");
    assert_eq!(back.environment, ready.environment, "{text}");
}

/// The same for any event: what `on` says is looked at by itself.
fn pushed(text: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        if line.starts_with("\"on\":") {
            inside = true;
            out.push_str("\"on\": push\n");
        } else if !inside || !line.starts_with(' ') {
            inside = false;
            out.push_str(line);
        }
    }
    out
}

fn value(of: &Value) -> String {
    match of {
        // `-0` is `0` in the language.
        Value::Number(number) => format!("{:?}", number + 0.0),
        Value::Array(items) => format!("[{}]", items.iter().map(value).collect::<Vec<_>>().join(",")),
        Value::Object(object) => {
            let mut pairs: Vec<String> = object.iter().map(|(key, item)| format!("{key:?}:{}", value(item))).collect();
            pairs.sort();
            format!("{{{}}}", pairs.join(","))
        }
        other => format!("{other:?}"),
    }
}

pub(crate) fn get<'n, 'a>(node: &'n Node<'a>, name: &str) -> Option<&'n Node<'a>> {
    let NodeKind::Mapping(pairs) = &node.kind else { return None };
    pairs.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
}

fn first<'n, 'a>(node: &'n Node<'a>) -> &'n Node<'a> {
    let NodeKind::Mapping(pairs) = &node.kind else { panic!("{node:?}") };
    &pairs[0].1
}

trait Literal {
    fn as_written_literal(&self) -> String;
}

impl Literal for Template {
    fn as_written_literal(&self) -> String {
        self.as_literal_str().map(ToString::to_string).unwrap_or_default()
    }
}

/// All that a runner evaluates, without places.
fn shown(workflow: &Workflow, job: &NormalJob) -> String {
    let mut out = String::new();
    let mut line = |key: &str, of: Option<&Template>| {
        let of = of.filter(|of| !matches!(&of.kind, TemplateKind::Null));
        let empty = |of: &&Template| !matches!(&of.kind, TemplateKind::Mapping(pairs) if pairs.is_empty());
        writeln!(out, "{key}: {}", of.filter(empty).map_or_else(|| "-".to_owned(), template)).unwrap();
    };
    line("workflow env", workflow.env.as_ref());
    line("workflow defaults", workflow.defaults.written.as_ref());
    line("run-name", workflow.run_name.as_ref());
    line("env", job.env.as_ref());
    line("defaults", job.defaults.written.as_ref());
    line("outputs", job.outputs.as_ref());
    line("timeout", job.timeout_minutes.as_ref());
    line("cancel timeout", job.cancel_timeout_minutes.as_ref());
    line("container", job.container.as_ref().map(|container| &container.template));
    if job.services.is_empty() {
        line("services", job.services_written.as_ref());
    }
    writeln!(out, "name: {:?}", workflow.name.as_ref().map(|name| &name.value)).unwrap();
    for service in &job.services {
        // An image is a mapping with it.
        let written = match &service.template.kind {
            TemplateKind::String(image) => format!("{{\"image\": {image:?}}}"),
            _ => template(&service.template),
        };
        writeln!(out, "service {}: {written}", service.id.value).unwrap();
    }
    for step in &job.steps {
        writeln!(out, "{}", shown_step(step)).unwrap();
    }
    out
}

fn url(job: &NormalJob) -> String {
    let url = job.environment.as_ref().and_then(|environment| environment.url.as_ref());
    url.map_or_else(|| "-".to_owned(), template)
}

fn shown_step(step: &Step) -> String {
    let optional = |of: &Option<Template>| {
        let something = |of: &&Template| match &of.kind {
            TemplateKind::Null => false,
            TemplateKind::Mapping(pairs) => !pairs.is_empty(),
            _ => true,
        };
        of.as_ref().filter(something).map_or_else(|| "-".to_owned(), template)
    };
    let kind = match &step.kind {
        StepKind::Run { script, shell, working_directory } => {
            format!("run {} {} {}", template(script), optional(shell), optional(working_directory))
        }
        StepKind::Uses { uses, text, with } => format!("uses {:?} {text:?} {}", uses.value, optional(with)),
        StepKind::Wait(targets) => {
            format!("wait {:?}", targets.iter().map(|target| target.as_str()).collect::<Vec<_>>())
        }
        StepKind::WaitAll => "wait-all".to_owned(),
        StepKind::Cancel(target) => format!("cancel {}", target.as_str()),
        StepKind::Parallel(inner) => format!("parallel {:#?}", inner.iter().map(shown_step).collect::<Vec<_>>()),
    };
    format!(
        "{:?} {} if {} env {} continue {} timeout {} background {} {kind}",
        step.id,
        optional(&step.name),
        template(&step.condition),
        optional(&step.env),
        optional(&step.continue_on_error),
        optional(&step.timeout_minutes),
        step.background,
    )
}

fn template(of: &Template) -> String {
    match &of.kind {
        TemplateKind::Null => "null".to_owned(),
        TemplateKind::Bool(value) => value.to_string(),
        TemplateKind::Number(value, _) => format!("{value:?}"),
        TemplateKind::String(text) => format!("{text:?}"),
        TemplateKind::Expression(expression) => expression_text(expression),
        TemplateKind::Insert => "insert".to_owned(),
        TemplateKind::Sequence(items) => format!("[{}]", items.iter().map(template).collect::<Vec<_>>().join(", ")),
        TemplateKind::Mapping(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| {
                let key = match key {
                    TemplateKey::Literal(key) => format!("{:?}", key.value),
                    TemplateKey::Expression(key) => expression_text(&key.value),
                    TemplateKey::Insert(_) => "insert".to_owned(),
                };
                format!("{key}: {}", template(value))
            });
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

fn expression_text(of: &workflow::template::ExpressionText) -> String {
    let parts: Vec<&str> = of.parts.iter().map(|part| &**part.expression.text()).collect();
    format!("<{} of {parts:?}>", of.text)
}
