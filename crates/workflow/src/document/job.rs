//! The file and its job.

use super::DocumentError;
use super::inputs::on;
use super::node::{Entries, is_nothing, key, list, literal, node, number, plain, template, value};
use super::step::steps;
use crate::expr::Value;
use crate::model::{Environment, Job, NormalJob};
use crate::run::{Origin, ReadyJob};
use crate::template::{Template, TemplateKind};
use crate::yaml::{Node, NodeKind};

pub(super) fn document(ready: &ReadyJob) -> Result<Node<'_>, DocumentError> {
    let (Some(job), Some(normal)) = (ready.job(), ready.normal()) else {
        return Err(DocumentError::NoSteps(ready.name.clone()));
    };
    let workflow = &ready.workflow;
    let mut top = Entries::default();
    if let Some(name) = shown_name(ready) {
        top.put("name", literal(name)?);
    }
    top.put("on", on(ready)?);
    top.written("env", workflow.env.as_ref())?;
    let mut jobs = Entries::default();
    jobs.put(job.id.value.as_str(), body(ready, job, normal)?);
    top.put("jobs", jobs.finish());
    top.written("defaults", workflow.defaults.written.as_ref())?;
    top.written("run-name", workflow.run_name.as_ref())?;
    Ok(top.finish())
}

/// The name that runners show as `github.workflow`: in a called workflow that of its caller, like all else of `github`.
fn shown_name(ready: &ReadyJob) -> Option<&str> {
    let of_run = || ready.github.get("workflow").and_then(Value::as_str).filter(|name| !name.is_empty());
    let called = if ready.origin == Origin::Call { of_run() } else { None };
    called.or_else(|| ready.workflow.name.as_ref().map(|name| name.value.as_str()))
}

fn body<'a>(ready: &'a ReadyJob, job: &'a Job, normal: &'a NormalJob) -> Result<Node<'a>, DocumentError> {
    let mut body = Entries::default();
    body.put("name", literal(ready.name.as_str())?);
    body.put("runs-on", runs_on(ready)?);
    body.written("env", normal.env.as_ref())?;
    if is_conditional(job) {
        body.put("if", plain("always()"));
    }
    body.put("steps", steps(&normal.steps)?);
    body.written("timeout-minutes", normal.timeout_minutes.as_ref())?;
    body.written("cancel-timeout-minutes", normal.cancel_timeout_minutes.as_ref())?;
    if ready.continue_on_error {
        body.put("continue-on-error", node(NodeKind::Bool(true)));
    }
    if let Some(written) = &normal.services_written
        && !is_nothing(&written.kind)
    {
        body.put("services", services(written)?);
    }
    if job.strategy.is_some() {
        body.put("strategy", strategy(ready)?);
    }
    body.written("container", normal.container.as_ref().map(|container| &container.template))?;
    if let (Some(environment), Some(name)) = (&normal.environment, &ready.environment) {
        body.put("environment", environment_of(environment, name)?);
    }
    body.written("defaults", normal.defaults.written.as_ref())?;
    body.written("outputs", normal.outputs.as_ref())?;
    Ok(body.finish())
}

/// Each as a mapping: other runners know no other form.
fn services(of: &Template) -> Result<Node<'_>, DocumentError> {
    let TemplateKind::Mapping(services) = &of.kind else { return template(of) };
    let mut pairs = Vec::with_capacity(services.len());
    for (name, of) in services {
        let mut written = template(of)?;
        if matches!(of.kind, TemplateKind::String(_)) {
            let mut image = Entries::default();
            image.put("image", written);
            written = image.finish();
        }
        pairs.push((key(name)?, written));
    }
    Ok(node(NodeKind::Mapping(pairs.into())))
}

/// Whether there was something to decide: without needs and without an `if` every runner finds the same.
fn is_conditional(job: &Job) -> bool {
    !job.needs.is_empty() || job.condition.condition_as_written().is_some()
}

/// One label as a text and several as a list, as Gitea writes them; a group beside them where there is one.
fn runs_on(ready: &ReadyJob) -> Result<Node<'_>, DocumentError> {
    let labels = match ready.labels.as_slice() {
        [only] => literal(only.as_str())?,
        labels => list(labels.iter().map(|label| literal(label.as_str())).collect::<Result<_, _>>()?),
    };
    let Some(group) = &ready.group else { return Ok(labels) };
    let mut runs_on = Entries::default();
    runs_on.put("group", literal(group.as_str())?);
    if !ready.labels.is_empty() {
        runs_on.put("labels", labels);
    }
    Ok(runs_on.finish())
}

/// Which of the configurations it is, under Gitea's names.
const PLACE: [&str; 2] = ["job-index", "job-total"];

/// The one configuration, as a matrix with one value for each key.
fn strategy(ready: &ReadyJob) -> Result<Node<'_>, DocumentError> {
    let mut strategy = Entries::default();
    if let Some(Value::Bool(fail_fast)) = ready.strategy.get("fail-fast") {
        strategy.put("fail-fast", node(NodeKind::Bool(*fail_fast)));
    }
    if let Some(Value::Number(max)) = ready.strategy.get("max-parallel") {
        strategy.put("max-parallel", number(*max, None));
    }
    if let Value::Object(configuration) = &ready.matrix
        && !configuration.is_empty()
    {
        let mut matrix = Vec::with_capacity(configuration.len());
        for (key, of) in configuration.iter() {
            if key.eq_ignore_ascii_case("include") || key.eq_ignore_ascii_case("exclude") {
                return Err(DocumentError::MatrixKey(key.to_owned()));
            }
            matrix.push((literal(key)?, list(vec![value(of)?])));
        }
        strategy.put("matrix", node(NodeKind::Mapping(matrix.into())));
        for key in PLACE {
            if let Some(Value::Number(of)) = ready.strategy.get(key) {
                strategy.put(key, number(*of, None));
            }
        }
    }
    Ok(strategy.finish())
}

fn environment_of<'a>(environment: &'a Environment, name: &'a str) -> Result<Node<'a>, DocumentError> {
    let name = literal(name)?;
    match &environment.url {
        Some(url) if url.kind != TemplateKind::Null => {
            let mut entries = Entries::default();
            entries.put("name", name);
            entries.put("url", template(url)?);
            Ok(entries.finish())
        }
        _ => Ok(name),
    }
}
