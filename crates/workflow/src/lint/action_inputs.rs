//! What a step gives to a widely used action, against what that takes.

use super::contexts;
use super::linter::Linter;
use super::popular::{self, InputKind, PopularAction};
use super::tree;
use super::types::Type;
use crate::nearest::nearest;
use crate::template::{Template, TemplateKey, TemplateKind};

/// The `outputs` of a step that uses an action.
pub(super) fn outputs(uses: &str) -> Type {
    match known(uses).and_then(|(action, _)| action.outputs.as_ref()) {
        Some(outputs) => Type::strict(outputs.iter().map(|name| (name.to_lowercase(), Type::String))),
        None => contexts::texts(),
    }
}

fn known(uses: &str) -> Option<(&'static PopularAction, &str)> {
    let (name, reference) = uses.split_once('@')?;
    Some((popular::action(name)?, reference))
}

/// Checks `uses` and `with` of a step.
pub(super) fn check(linter: &mut Linter<'_>, uses: &Template, with: Option<&Template>) {
    let Some(text) = tree::text(uses) else { return };
    if text.starts_with("docker://") && text.ends_with(':') {
        linter.warn("empty-tag", uses.span, format!("the image of '{text}' has an empty tag"));
    }
    let Some((action, reference)) = known(text) else { return };
    if let Some(major) = popular::major(reference)
        && major < action.oldest
    {
        let newest = if action.oldest > 90 {
            "replace it: nobody maintains it".to_owned()
        } else {
            format!("use v{} or newer", action.oldest)
        };
        linter.warn_with(
            "outdated-action",
            uses.span,
            format!("'{text}' asks for a node that runners no longer have"),
            Some(newest),
        );
        return;
    }
    let Some(inputs) = &action.inputs else { return };
    // A mapping that an expression fills cannot be judged.
    if with.is_some_and(|with| match &with.kind {
        TemplateKind::Mapping(pairs) => pairs.iter().any(|(key, _)| !matches!(key, TemplateKey::Literal(_))),
        TemplateKind::Null => false,
        _ => true,
    }) {
        return;
    }
    for (name, _) in with.into_iter().flat_map(tree::entries) {
        match inputs.iter().find(|input| input.name.eq_ignore_ascii_case(&name.value)) {
            None => {
                let help = nearest(&name.value, inputs.iter().map(|input| input.name))
                    .map(|near| format!("did you mean '{near}'?"));
                let all: Vec<&str> = inputs.iter().map(|input| input.name).collect();
                linter.warn_with(
                    "unknown-input",
                    name.span,
                    format!("'{text}' has no input '{}'; it has: {}", name.value, all.join(", ")),
                    help,
                );
            }
            Some(input) if input.kind == InputKind::Deprecated => {
                linter.warn(
                    "deprecated-input",
                    name.span,
                    format!("the input '{}' of '{text}' is deprecated", name.value),
                );
            }
            Some(_) => {}
        }
    }
    for input in inputs.iter().filter(|input| input.kind == InputKind::Required) {
        if with.is_none_or(|with| tree::get(with, input.name).is_none()) {
            linter.warn("missing-input", uses.span, format!("'{text}' needs the input '{}'", input.name));
        }
    }
}
