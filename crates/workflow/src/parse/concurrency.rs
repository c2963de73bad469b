//! `concurrency`, `environment` and `defaults`, of workflows and jobs.

use super::entries::{Entries, boolean, literal};
use super::findings::Findings;
use crate::diagnostic::code;
use crate::model::{Concurrency, Defaults, Environment};
use crate::template::{Template, TemplateKind};

/// Characters of a group's name.
const LONGEST_GROUP: usize = 400;

/// `concurrency`.
pub(super) fn concurrency(written: Template, findings: &mut Findings) -> Option<Concurrency> {
    let span = written.span;
    let (group, cancel_in_progress, queue) = match &written.kind {
        TemplateKind::Mapping(_) => {
            let mut entries = Entries::of(written.clone());
            (entries.take("group"), entries.take("cancel-in-progress"), entries.take("queue"))
        }
        TemplateKind::String(_) | TemplateKind::Expression(_) => (Some(written.clone()), None, None),
        _ => (None, None, None),
    };
    // The mapping may get its group from an expression.
    let group = group.unwrap_or_else(|| written.clone());
    if literal(&group).is_some_and(|name| name.chars().count() > LONGEST_GROUP) {
        findings.check(
            code::CONCURRENCY,
            span,
            format!("Concurrency group name must be less than {LONGEST_GROUP} characters"),
        );
    }
    if let (Some(cancel), Some(queue)) = (&cancel_in_progress, &queue)
        && boolean(cancel) == Some(true)
        && literal(queue) == Some("max")
    {
        findings.check(code::CONCURRENCY, queue.span, "'queue: max' and 'cancel-in-progress: true' exclude each other");
    }
    Some(Concurrency { group, cancel_in_progress, queue, span, written })
}

/// `environment`.
pub(super) fn environment(written: Template) -> Environment {
    match &written.kind {
        TemplateKind::Mapping(_) => {
            let mut entries = Entries::of(written.clone());
            let name = entries.take("name").unwrap_or_else(|| written.clone());
            Environment { name, url: entries.take("url"), deployment: entries.take("deployment"), written }
        }
        _ => Environment { name: written.clone(), url: None, deployment: None, written },
    }
}

/// `defaults`.
pub(super) fn defaults(written: Template) -> Defaults {
    let mut run = Entries::of(written.clone()).take("run").map(Entries::of).unwrap_or_default();
    Defaults { shell: run.take("shell"), working_directory: run.take("working-directory"), written: Some(written) }
}
