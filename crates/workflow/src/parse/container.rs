//! `container`, `services` and `snapshot`.

use super::entries::{Entries, has_expressions, literal};
use super::findings::Findings;
use crate::diagnostic::code;
use crate::model::{Container, Service};
use crate::template::{Template, TemplateKind};

/// Whether an empty image is an error or means "none".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Empty {
    Allowed,
    Refused,
}

/// `container`.
pub(super) fn container(template: Template, findings: &mut Findings) -> Container {
    check(&template, Empty::Allowed, findings);
    Container { template }
}

/// `services`.
pub(super) fn services(template: Template, findings: &mut Findings) -> Vec<Service> {
    Entries::of(template)
        .into_list()
        .map(|(id, template)| {
            check(&template, Empty::Refused, findings);
            Service { id: id.map(|id| id.to_string()), template }
        })
        .collect()
}

fn check(template: &Template, empty: Empty, findings: &mut Findings) {
    match &template.kind {
        TemplateKind::String(image) => {
            let stripped = image.strip_prefix("docker://");
            if stripped.unwrap_or(image).is_empty() && (stripped.is_some() || empty == Empty::Refused) {
                findings.check(code::CONTAINER, template.span, "Container image cannot be empty");
            }
        }
        TemplateKind::Mapping(_) => {
            let entries = Entries::of(template.clone());
            credentials(&entries, findings);
            let missing = match entries.get("image") {
                Some(image) => literal(image).is_some_and(|image| image == "docker://"),
                None => !has_expressions(template),
            };
            // An unknown key was perhaps meant to be the image.
            if missing && !entries.key_spans().any(|key| findings.is_faulty(key)) {
                findings.check(code::CONTAINER, template.span, "Container image cannot be empty");
            }
        }
        _ => {}
    }
}

fn credentials(entries: &Entries, findings: &mut Findings) {
    let Some(given) = entries.get("credentials") else { return };
    if !matches!(given.kind, TemplateKind::Mapping(_)) || findings.is_faulty(given.span) {
        return;
    }
    let inner = Entries::of(given.clone());
    if inner.get("username").is_some() != inner.get("password").is_some() {
        findings.check(code::CONTAINER, given.span, "Credentials need both 'username' and 'password'");
    }
}

/// Checks the version of a `snapshot`.
pub(super) fn snapshot(template: &Template, findings: &mut Findings) {
    let entries = Entries::of(template.clone());
    let Some(version) = entries.get("version").and_then(|version| literal(version)) else { return };
    let major =
        version.strip_suffix(".*").filter(|major| !major.is_empty() && major.bytes().all(|b| b.is_ascii_digit()));
    if major.is_none() {
        findings.check(
            code::SNAPSHOT,
            template.span,
            format!("Expected format '{{major-version}}.*' Actual '{version}'"),
        );
    }
}
