//! What a step gives to a widely used action, against what that takes.

use super::contexts;
use super::linter::Linter;
use super::popular::{self, InputKind, PopularAction};
use super::tree;
use super::types::Type;
use crate::model::Runs;
use crate::nearest::nearest;
use crate::template::{Template, TemplateKey, TemplateKind};

/// The `outputs` of a step that uses an action.
pub(super) fn outputs(linter: &mut Linter<'_>, uses: &str) -> Type {
    if uses.starts_with("./") {
        // What is not declared can be given all the same, but by a composite action.
        return match linter.local_action(uses) {
            Some(action) if !action.outputs.is_empty() || matches!(action.runs, Runs::Composite(_)) => {
                Type::strict(action.outputs.iter().map(|output| (output.id.to_lowercase(), Type::String)))
            }
            _ => contexts::texts(),
        };
    }
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
    if text.starts_with("./") {
        return local(linter, text, uses, with);
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
    if is_computed(with) {
        return;
    }
    for (name, _) in with.into_iter().flat_map(tree::entries) {
        match inputs.iter().find(|input| input.name.eq_ignore_ascii_case(&name.value)) {
            None if linter.is_full() => return,
            None => {
                let near =
                    if linter.helps() { nearest(&name.value, inputs.iter().map(|input| input.name)) } else { None };
                let help = near.map(|near| format!("did you mean '{near}'?"));
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

/// A mapping that an expression fills cannot be judged.
fn is_computed(with: Option<&Template>) -> bool {
    with.is_some_and(|with| match &with.kind {
        TemplateKind::Mapping(pairs) => pairs.iter().any(|(key, _)| !matches!(key, TemplateKey::Literal(_))),
        TemplateKind::Null => false,
        _ => true,
    })
}

/// Checks what a local action is given against its manifest.
fn local(linter: &mut Linter<'_>, text: &str, uses: &Template, with: Option<&Template>) {
    let Some(action) = linter.local_action(text) else { return };
    if is_computed(with) {
        return;
    }
    let container = matches!(action.runs, Runs::Docker(_));
    for (name, _) in with.into_iter().flat_map(tree::entries) {
        // These two are the runner's own, for actions in containers.
        if container && ["args", "entrypoint"].iter().any(|own| name.value.eq_ignore_ascii_case(own)) {
            continue;
        }
        let names = || action.inputs.iter().map(|input| input.id.as_str());
        match action.inputs.iter().find(|input| input.id.eq_ignore_ascii_case(&name.value)) {
            None if linter.is_full() => return,
            None => {
                let near = if linter.helps() { nearest(&name.value, names()) } else { None };
                let help = near.map(|near| format!("did you mean '{near}'?"));
                let message = match names().collect::<Vec<_>>().join(", ") {
                    none if none.is_empty() => format!("'{text}' has no input '{}': it has none", name.value),
                    all => format!("'{text}' has no input '{}'; it has: {all}", name.value),
                };
                linter.warn_with("unknown-input", name.span, message, help);
            }
            Some(input) => {
                if let Some(why) = &input.deprecation {
                    let message = format!("the input '{}' of '{text}' is deprecated: {why}", name.value);
                    linter.warn("deprecated-input", name.span, message);
                }
            }
        }
    }
    for input in action.inputs.iter().filter(|input| input.required && input.default.is_none()) {
        if with.is_none_or(|with| tree::get(with, &input.id).is_none()) {
            linter.warn("missing-input", uses.span, format!("'{text}' needs the input '{}'", input.id.value));
        }
    }
}
