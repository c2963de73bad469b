//! `jobs`.

use super::entries::{Entries, literal, texts};
use super::ids::{self, Ids};
use super::needs::{self, Needing};
use super::permissions::permissions;
use super::{Reading, concurrency, condition, container, matrix, step, uses};
use crate::diagnostic::code;
use crate::expr::availability;
use crate::model::{Job, JobKind, NormalJob, ReusableJob, RunsOn, SecretsGiven};
use crate::template::{Template, TemplateKind};
use crate::yaml::Spanned;
use std::sync::Arc;

/// The jobs of a mapping that has the shape.
pub(super) fn jobs(template: Template, reading: &mut Reading<'_>) -> Vec<Job> {
    let span = template.span;
    let mapping = matches!(template.kind, TemplateKind::Mapping(_));
    let entries = Entries::of(template);
    if mapping && entries.len() == 0 {
        reading.findings.check(
            code::NEEDS_CYCLE,
            span,
            "The workflow must contain at least one job with no dependencies.",
        );
    }
    let mut scope = Ids::default();
    let mut list = Vec::with_capacity(entries.len());
    for (id, body) in entries.into_list() {
        if let Err(message) = ids::check(&id).and_then(|()| scope.add(&id)) {
            reading.findings.check(code::BAD_ID, id.span, message);
        }
        list.push(job(id, body, reading));
    }
    let graph: Vec<Needing<'_>> = list.iter().map(|job: &Job| Needing { id: &job.id, needs: &job.needs }).collect();
    needs::check(&graph, span, reading.findings);
    list
}

fn job(id: Spanned<Arc<str>>, body: Template, reading: &mut Reading<'_>) -> Job {
    let span = body.span;
    let mut entries = Entries::of(body);
    let condition = condition::condition(entries.take("if"), span, &availability::JOB_IF, reading);
    let strategy = entries.take("strategy").map(|strategy| matrix::strategy(strategy, reading.findings));
    Job {
        id: id.map(|id| id.to_string()),
        name: entries.take("name"),
        needs: entries.take("needs").map(texts).unwrap_or_default(),
        condition,
        permissions: entries.take("permissions").and_then(permissions),
        concurrency: entries.take("concurrency").and_then(|group| concurrency::concurrency(group, reading.findings)),
        strategy,
        kind: match entries.take("uses") {
            Some(uses) => JobKind::Reusable(Box::new(reusable(&uses, &mut entries, reading))),
            None => JobKind::Normal(Box::new(normal(&mut entries, span, reading))),
        },
    }
}

fn reusable(written: &Template, entries: &mut Entries, reading: &mut Reading<'_>) -> ReusableJob {
    let text = literal(written).unwrap_or_default();
    // What came out of `${{ 'text' }}` is judged by the plan alone.
    let source = reading.source.get(written.span.start as usize..written.span.end as usize).unwrap_or_default();
    if uses::call(text).is_none() && crate::template::opening(source).is_none() {
        reading.findings.check(code::BAD_USES, written.span, uses::invalid_call(text));
    }
    let secrets = match entries.take("secrets") {
        Some(given) if literal(&given) == Some("inherit") => SecretsGiven::Inherit(given.span),
        Some(given) if matches!(given.kind, TemplateKind::Mapping(_)) => SecretsGiven::Given(given),
        _ => SecretsGiven::None,
    };
    ReusableJob { uses: Spanned::new(text.to_owned(), written.span), with: entries.take("with"), secrets }
}

fn normal(entries: &mut Entries, span: crate::yaml::Span, reading: &mut Reading<'_>) -> NormalJob {
    let runs_on = match entries.take("runs-on") {
        Some(written) => runs_on(written, reading),
        // Its absence was reported.
        None => {
            let nothing = Template { kind: TemplateKind::Null, span };
            RunsOn { labels: None, group: None, span, written: nothing }
        }
    };
    let services_written = entries.take("services");
    let snapshot = entries.take("snapshot");
    if let Some(snapshot) = &snapshot {
        container::snapshot(snapshot, reading.findings);
    }
    let steps = entries.take("steps");
    if let Some(steps) = &steps
        && matches!(&steps.kind, TemplateKind::Sequence(items) if items.is_empty())
    {
        reading.findings.warning(code::EMPTY, steps.span, "This job has no steps", None);
    }
    NormalJob {
        runs_on,
        environment: entries.take("environment").map(concurrency::environment),
        env: entries.take("env"),
        defaults: entries.take("defaults").map(concurrency::defaults).unwrap_or_default(),
        outputs: entries.take("outputs"),
        timeout_minutes: entries.take("timeout-minutes"),
        cancel_timeout_minutes: entries.take("cancel-timeout-minutes"),
        continue_on_error: entries.take("continue-on-error"),
        container: entries.take("container").map(|image| container::container(image, reading.findings)),
        services: services_written
            .clone()
            .map(|services| container::services(services, reading.findings))
            .unwrap_or_default(),
        services_written,
        snapshot,
        steps: steps.map(|steps| step::steps(steps, &availability::STEP_IF, reading)).unwrap_or_default(),
    }
}

fn runs_on(written: Template, reading: &mut Reading<'_>) -> RunsOn {
    let span = written.span;
    let (labels, group) = match &written.kind {
        TemplateKind::Mapping(_) => {
            let mut entries = Entries::of(written.clone());
            (entries.take("labels"), entries.take("group"))
        }
        _ => (Some(written.clone()), None),
    };
    if let Some(labels) = &labels
        && matches!(&labels.kind, TemplateKind::Sequence(items) if items.is_empty())
    {
        reading.findings.check(code::WRONG_TYPE, labels.span, "'runs-on' needs at least one label");
    }
    if let Some(group) = &group
        && let Some(name) = literal(group)
    {
        let mut parts = name.split('/');
        let problem = match (parts.next(), parts.next(), parts.next()) {
            (Some(_), Some(""), None) => Some(""),
            (Some("org" | "organization" | "ent" | "enterprise") | Some(_), None, None)
            | (Some("org" | "organization" | "ent" | "enterprise"), Some(_), None) => None,
            _ => Some(" Please use 'organization/' or 'enterprise/' prefix to target a single runner group."),
        };
        if let Some(problem) = problem {
            reading.findings.check(
                code::RUNNER_GROUP,
                group.span,
                format!("Invalid runs-on group name '{name}'.{problem}"),
            );
        }
    }
    RunsOn { labels, group, span, written }
}
