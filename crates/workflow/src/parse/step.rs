//! Steps of jobs and of composite actions.

use super::entries::{Entries, boolean, literal, texts};
use super::ids::Ids;
use super::{Reading, condition, uses};
use crate::diagnostic::code;
use crate::expr::Availability;
use crate::model::{Step, StepKind};
use crate::nearest::nearest;
use crate::template::Template;
use crate::yaml::{Span, Spanned};
use domain::StepId;
use std::collections::HashSet;

/// The steps of a sequence that has the shape. `None` for a step stands for one that was reported.
pub(super) fn steps(template: Template, condition_at: &Availability, reading: &mut Reading<'_>) -> Vec<Step> {
    let mut ids = Ids::default();
    let mut drafts = drafts(template, condition_at, reading, &mut ids);
    name_all(&mut drafts, &mut ids);
    check_background(&drafts, reading);
    drafts.into_iter().filter_map(Draft::finish).collect()
}

/// A step whose id may still be missing.
struct Draft {
    id: Option<StepId>,
    kind: DraftKind,
    rest: Step,
}

enum DraftKind {
    Simple(Option<StepKind>),
    Parallel(Vec<Draft>),
}

impl Draft {
    fn finish(self) -> Option<Step> {
        let kind = match self.kind {
            DraftKind::Simple(kind) => kind?,
            DraftKind::Parallel(inner) => StepKind::Parallel(inner.into_iter().filter_map(Self::finish).collect()),
        };
        Some(Step { id: self.id?, kind, ..self.rest })
    }
}

fn drafts(template: Template, condition_at: &Availability, reading: &mut Reading<'_>, ids: &mut Ids) -> Vec<Draft> {
    let crate::template::TemplateKind::Sequence(items) = template.kind else { return Vec::new() };
    items.into_iter().map(|item| draft(item, condition_at, reading, ids)).collect()
}

fn draft(template: Template, condition_at: &Availability, reading: &mut Reading<'_>, ids: &mut Ids) -> Draft {
    let span = template.span;
    let mut entries = Entries::of(template);
    let id = entries.take("id").and_then(|id| own_id(&id, reading, ids));
    let condition = condition::condition(entries.take("if"), span, condition_at, reading);
    let kind = kind(&mut entries, condition_at, reading, ids);
    let rest = Step {
        id: StepId::generated("__"),
        name: entries.take("name"),
        condition,
        env: entries.take("env"),
        continue_on_error: entries.take("continue-on-error"),
        timeout_minutes: entries.take("timeout-minutes"),
        background: entries.get("background").and_then(boolean).unwrap_or(false),
        kind: StepKind::WaitAll,
        span,
    };
    Draft { id, kind, rest }
}

/// What a step does.
fn kind(entries: &mut Entries, condition_at: &Availability, reading: &mut Reading<'_>, ids: &mut Ids) -> DraftKind {
    if let Some(script) = entries.take("run") {
        let kind = StepKind::Run {
            script,
            shell: entries.take("shell"),
            working_directory: entries.take("working-directory"),
        };
        return DraftKind::Simple(Some(kind));
    }
    if let Some(written) = entries.take("uses") {
        return DraftKind::Simple(uses_of(&written, reading).map(|uses| {
            let text = literal(&written).unwrap_or_default().to_owned();
            StepKind::Uses { uses: Spanned::new(uses, written.span), text, with: entries.take("with") }
        }));
    }
    if let Some(targets) = entries.take("wait") {
        return DraftKind::Simple(Some(StepKind::Wait(targets_of(targets))));
    }
    if entries.take("wait-all").is_some() {
        return DraftKind::Simple(Some(StepKind::WaitAll));
    }
    if let Some(target) = entries.take("cancel") {
        return DraftKind::Simple(targets_of(target).into_iter().next().map(StepKind::Cancel));
    }
    if let Some(inner) = entries.take("parallel") {
        return DraftKind::Parallel(drafts(inner, condition_at, reading, ids));
    }
    DraftKind::Simple(None)
}

/// The word for a step in an id that is made up for it.
fn word(kind: &DraftKind) -> &str {
    match kind {
        DraftKind::Simple(Some(StepKind::Uses { uses, .. })) => uses::id_of(uses),
        DraftKind::Simple(Some(StepKind::Wait(_))) => "wait",
        DraftKind::Simple(Some(StepKind::WaitAll)) => "wait-all",
        DraftKind::Simple(Some(StepKind::Cancel(_))) => "cancel",
        DraftKind::Simple(Some(StepKind::Run { .. } | StepKind::Parallel(_)) | None) => "run",
        DraftKind::Parallel(_) => "parallel",
    }
}

fn own_id(template: &Template, reading: &mut Reading<'_>, ids: &mut Ids) -> Option<StepId> {
    let id = literal(template)?;
    match ids.add(id) {
        Ok(()) => StepId::parse(id).ok(),
        Err(message) => {
            reading.findings.check(code::BAD_ID, template.span, message);
            None
        }
    }
}

fn uses_of(written: &Template, reading: &mut Reading<'_>) -> Option<crate::model::Uses> {
    let text = literal(written)?;
    let parsed = uses::step(text);
    if parsed.is_none() {
        reading.findings.check(
            code::BAD_USES,
            written.span,
            format!("Expected format {{org}}/{{repo}}[/path]@ref. Actual '{text}'"),
        );
    }
    parsed
}

fn targets_of(template: Template) -> Vec<Spanned<StepId>> {
    texts(template).into_iter().filter_map(|id| Some(Spanned::new(StepId::parse(&id).ok()?, id.span))).collect()
}

/// Makes up the ids that are missing, once all given ones are known.
fn name_all(drafts: &mut [Draft], ids: &mut Ids) {
    for draft in drafts {
        if draft.id.is_none() {
            draft.id = Some(StepId::generated(ids.generate(word(&draft.kind))));
        }
        if let DraftKind::Parallel(inner) = &mut draft.kind {
            name_all(inner, ids);
        }
    }
}

/// `wait` and `cancel` must name a background step that stands before them.
fn check_background(drafts: &[Draft], reading: &mut Reading<'_>) {
    // Nearly all jobs have none.
    let waits = |draft: &Draft| matches!(draft.kind, DraftKind::Simple(Some(StepKind::Wait(_) | StepKind::Cancel(_))));
    if !drafts.iter().any(waits) {
        return;
    }
    let mut started: Vec<&str> = Vec::new();
    let mut folded: HashSet<String> = HashSet::new();
    let report = |target: &Spanned<StepId>, started: &[&str], folded: &HashSet<String>, reading: &mut Reading<'_>| {
        if !folded.contains(&target.value.as_str().to_ascii_lowercase()) {
            let near =
                if reading.findings.helps() { nearest(target.value.as_str(), started.iter().copied()) } else { None };
            let help = near.map(|near| format!("did you mean '{near}'?"));
            let message = format!("'{}' is not the id of a background step before this one", target.value);
            let span: Span = target.span;
            reading.findings.error_with(code::BACKGROUND, span, message, help);
        }
    };
    for draft in drafts {
        match &draft.kind {
            DraftKind::Simple(Some(StepKind::Wait(targets))) => {
                for target in targets {
                    report(target, &started, &folded, reading);
                }
            }
            DraftKind::Simple(Some(StepKind::Cancel(target))) => report(target, &started, &folded, reading),
            _ => {}
        }
        if draft.rest.background {
            let id = draft.id.as_ref().map(StepId::as_str);
            folded.extend(id.map(str::to_ascii_lowercase));
            started.extend(id);
        }
    }
}
