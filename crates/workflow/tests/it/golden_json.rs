//! A plan as the JSON that the reference's golden files hold.

use serde_json::{Map, Value, json};
use workflow::model::{
    Job, JobKind, NormalJob, PermissionLevel, Permissions, ReusableJob, SecretsGiven, Step, StepKind, TriggerKind,
    Workflow,
};
use workflow::plan::{Graph, Plan, PlannedJob};
use workflow::template::{Template, TemplateKey, TemplateKind};
use workflow::yaml::Span;

/// Whether values carry their places.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Places {
    Shown,
    Dropped,
}

/// The plan as the reference writes it.
pub(crate) fn plan(plan: &Plan, places: Places) -> Value {
    let workflow = &plan.root.workflow;
    let mut out = Map::new();
    put(&mut out, "input-types", input_types(workflow));
    put(&mut out, "permissions", workflow.permissions.as_ref().map(permissions));
    put(&mut out, "env", workflow.env.as_ref().map(|env| template(env, places)));
    put(&mut out, "defaults", workflow.defaults.written.as_ref().map(|defaults| template(defaults, places)));
    put(&mut out, "concurrency", workflow.concurrency.as_ref().map(|group| template(&group.written, places)));
    out.insert("jobs".into(), jobs(&plan.root, places));
    if places == Places::Shown {
        let files: Vec<String> = plan.files.iter().map(|(_, file)| file.reference.to_string()).collect();
        out.insert("file-table".into(), json!(files));
    }
    Value::Object(out)
}

/// The types of the inputs of `workflow_dispatch`, when there are any.
fn input_types(workflow: &Workflow) -> Option<Value> {
    let inputs = workflow.on.iter().find_map(|trigger| match &trigger.kind {
        TriggerKind::Dispatch(inputs) if !inputs.is_empty() => Some(inputs),
        _ => None,
    })?;
    Some(
        inputs
            .iter()
            .map(|input| (input.id.value.clone(), json!(input.kind.to_string())))
            .collect::<Map<_, _>>()
            .into(),
    )
}

fn jobs(graph: &Graph, places: Places) -> Value {
    graph.workflow.jobs.iter().zip(&graph.jobs).map(|(job, planned)| self::job(job, planned, places)).collect()
}

fn job(job: &Job, planned: &PlannedJob, places: Places) -> Value {
    let mut out = Map::new();
    let id = text(&job.id.value, job.id.span, places);
    let named = job.name.as_ref().filter(|name| !matches!(&name.kind, TemplateKind::String(name) if name.is_empty()));
    out.insert("name".into(), named.map_or_else(|| id.clone(), |name| template(name, places)));
    out.insert("id".into(), id);
    let needs: Vec<Value> = job.needs.iter().map(|need| text(&need.value, need.span, places)).collect();
    out.insert("if".into(), template(&job.condition, Places::Dropped));
    put(&mut out, "permissions", planned.permissions.as_ref().map(permissions));
    put(&mut out, "concurrency", job.concurrency.as_ref().map(|group| template(&group.written, places)));
    put(&mut out, "strategy", job.strategy.as_ref().map(|strategy| template(&strategy.written, places)));
    match &job.kind {
        JobKind::Normal(normal) => {
            out.insert("type".into(), json!("job"));
            if !needs.is_empty() {
                out.insert("needs".into(), Value::Array(needs));
            }
            normal_job(normal, &mut out, places);
        }
        JobKind::Reusable(call) => {
            out.insert("type".into(), json!("reusableWorkflowJob"));
            out.insert("needs".into(), Value::Array(needs));
            reusable_job(call, planned.callee.as_deref(), &mut out, places);
        }
    }
    Value::Object(out)
}

fn normal_job(job: &NormalJob, out: &mut Map<String, Value>, places: Places) {
    let mut show = |name: &str, value: Option<&Template>| put(out, name, value.map(|value| template(value, places)));
    show("runs-on", Some(&job.runs_on.written));
    show("environment", job.environment.as_ref().map(|environment| &environment.written));
    show("env", job.env.as_ref());
    show("defaults", job.defaults.written.as_ref());
    show("outputs", job.outputs.as_ref());
    show("timeout-minutes", job.timeout_minutes.as_ref());
    show("cancel-timeout-minutes", job.cancel_timeout_minutes.as_ref());
    show("continue-on-error", job.continue_on_error.as_ref());
    show("container", job.container.as_ref().map(|container| &container.template));
    show("services", job.services_written.as_ref());
    show("snapshot", job.snapshot.as_ref());
    if !job.steps.is_empty() {
        out.insert("steps".into(), job.steps.iter().map(|step| self::step(step, places)).collect());
    }
}

fn reusable_job(job: &ReusableJob, callee: Option<&Graph>, out: &mut Map<String, Value>, places: Places) {
    out.insert("ref".into(), text(&job.uses.value, job.uses.span, places));
    put(out, "input-values", job.with.as_ref().map(|with| template(with, places)));
    match &job.secrets {
        SecretsGiven::None => {}
        SecretsGiven::Inherit(_) => put(out, "inherit-secrets", Some(json!(true))),
        SecretsGiven::Given(secrets) => put(out, "secret-values", Some(template(secrets, places))),
    }
    let Some(callee) = callee else { return put(out, "jobs", Some(json!([]))) };
    let workflow = &callee.workflow;
    let call = declared(workflow);
    for (name, key) in [("input-definitions", "inputs"), ("secret-definitions", "secrets"), ("outputs", "outputs")] {
        put(out, name, call.and_then(|call| call.get(key)).map(|value| template(value, places)));
    }
    put(out, "env", workflow.env.as_ref().map(|env| template(env, places)));
    put(out, "defaults", workflow.defaults.written.as_ref().map(|defaults| template(defaults, places)));
    put(out, "embedded-concurrency", workflow.concurrency.as_ref().map(|group| template(&group.written, places)));
    if let Some(own) = &workflow.permissions {
        out.insert("permissions".into(), permissions(own));
    }
    out.insert("jobs".into(), jobs(callee, places));
}

fn declared(workflow: &Workflow) -> Option<&Template> {
    workflow.on.iter().find_map(|trigger| match &trigger.kind {
        TriggerKind::Call { written, .. } => written.as_ref(),
        _ => None,
    })
}

fn step(step: &Step, places: Places) -> Value {
    let mut out = Map::new();
    out.insert("id".into(), json!(step.id.as_str()));
    let mut show =
        |name: &str, value: Option<&Template>| put(&mut out, name, value.map(|value| template(value, places)));
    show("name", step.name.as_ref());
    show("env", step.env.as_ref());
    show("continue-on-error", step.continue_on_error.as_ref());
    show("timeout-minutes", step.timeout_minutes.as_ref());
    let plain_name = match &step.kind {
        StepKind::Run { script, shell, working_directory } => {
            show("run", Some(script));
            show("shell", shell.as_ref());
            show("working-directory", working_directory.as_ref());
            None
        }
        StepKind::Uses { uses, text: written, with } => {
            show("with", with.as_ref());
            out.insert("uses".into(), text(written, uses.span, places));
            None
        }
        StepKind::Wait(targets) => {
            let ids: Vec<&str> = targets.iter().map(|target| target.value.as_str()).collect();
            out.insert("wait".into(), json!(ids));
            Some("Wait")
        }
        StepKind::WaitAll => {
            out.insert("wait-all".into(), json!(true));
            Some("Wait for all")
        }
        StepKind::Cancel(target) => {
            out.insert("cancel".into(), json!(target.value.as_str()));
            Some("Cancel")
        }
        StepKind::Parallel(steps) => {
            out.insert("parallel".into(), steps.iter().map(|step| self::step(step, places)).collect());
            Some("Parallel")
        }
    };
    match plain_name {
        Some(name) => {
            out.entry("name").or_insert_with(|| json!(name));
        }
        None => {
            out.insert("if".into(), template(&step.condition, Places::Dropped));
        }
    }
    if step.background {
        out.insert("background".into(), json!(true));
    }
    Value::Object(out)
}

fn permissions(permissions: &Permissions) -> Value {
    let all = [
        "actions",
        "checks",
        "contents",
        "deployments",
        "discussions",
        "id-token",
        "issues",
        "packages",
        "pages",
        "pull-requests",
        "repository-projects",
        "security-events",
        "statuses",
    ];
    let name = |level: PermissionLevel| match level {
        PermissionLevel::None => None,
        PermissionLevel::Read => Some("read"),
        PermissionLevel::Write => Some("write"),
    };
    let mut out = Map::new();
    match permissions {
        Permissions::All(level) => {
            for scope in all {
                put(&mut out, scope, name(level.value).map(Value::from));
            }
        }
        Permissions::Scopes(scopes, _) => {
            for (scope, level) in scopes {
                put(&mut out, &scope.value, name(level.value).map(Value::from));
            }
        }
    }
    Value::Object(out)
}

fn put(out: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        out.insert(name.to_owned(), value);
    }
}

fn text(text: &str, span: Span, places: Places) -> Value {
    scalar(0, "lit", json!(text), span, places)
}

fn scalar(kind: u8, field: &str, value: Value, span: Span, places: Places) -> Value {
    if places == Places::Dropped { value } else { node(kind, field, value, span, places) }
}

fn node(kind: u8, field: &str, value: Value, span: Span, places: Places) -> Value {
    let mut out = Map::new();
    out.insert("type".into(), json!(kind));
    if places == Places::Shown {
        out.insert("file".into(), json!(span.file.0 + 1));
        out.insert("line".into(), json!(span.line));
        out.insert("col".into(), json!(span.column));
    }
    out.insert(field.into(), value);
    Value::Object(out)
}

fn number(value: f64) -> Value {
    if !value.is_finite() {
        return json!(workflow::expr::format_number(value));
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
    let whole = value as i64;
    #[expect(clippy::cast_precision_loss, reason = "compared, not kept")]
    if whole as f64 == value { json!(whole) } else { json!(value) }
}

fn template(template: &Template, places: Places) -> Value {
    let span = template.span;
    match &template.kind {
        TemplateKind::Null => scalar(7, "null", Value::Null, span, places),
        TemplateKind::Bool(value) => scalar(5, "bool", json!(value), span, places),
        TemplateKind::Number(value, _) => scalar(6, "num", number(*value), span, places),
        TemplateKind::String(value) => text(value, span, places),
        TemplateKind::Expression(expression) => node(3, "expr", json!(&*expression.text), span, places),
        TemplateKind::Insert => Value::Null,
        TemplateKind::Sequence(items) => {
            node(1, "seq", items.iter().map(|item| self::template(item, places)).collect(), span, places)
        }
        TemplateKind::Mapping(pairs) => {
            let pairs = pairs
                .iter()
                .map(|(key, value)| json!({"Key": self::key(key, places), "Value": self::template(value, places)}));
            node(2, "map", pairs.collect(), span, places)
        }
    }
}

fn key(key: &TemplateKey, places: Places) -> Value {
    match key {
        TemplateKey::Literal(key) => text(&key.value, key.span, places),
        TemplateKey::Expression(key) => node(3, "expr", json!(&*key.value.text), key.span, places),
        TemplateKey::Insert(span) => node(4, "directive", json!("insert"), *span, places),
    }
}
