//! `on`: what the triggers give to expressions, and what in them cannot work.

use super::environment::Environment;
use super::linter::{Linter, Use};
use super::tree;
use super::types::Type;
use super::{contexts, cron, glob, zones};
use crate::template::{Template, TemplateKind};
use std::collections::HashSet;

/// The `inputs` context: the inputs of `workflow_dispatch` and `workflow_call` together.
pub(super) fn inputs(on: &Template) -> Type {
    let mut all = contexts::nothing();
    for event in ["workflow_dispatch", "workflow_call"] {
        let Some(inputs) = tree::get(on, event).and_then(|trigger| tree::get(trigger, "inputs")) else { continue };
        all = all.join(Type::strict(
            tree::entries(inputs).map(|(id, input)| (id.value.to_lowercase(), input_type(input, event))),
        ));
    }
    all
}

fn input_type(input: &Template, event: &str) -> Type {
    match tree::get(input, "type").and_then(tree::text) {
        Some("boolean") => Type::Bool,
        Some("number") => Type::Number,
        Some("string" | "choice" | "environment") => Type::String,
        None if event == "workflow_dispatch" => Type::String,
        _ => Type::Any,
    }
}

/// The `github` context of a workflow that only `workflow_dispatch` starts: `event.inputs` holds strings of known names.
pub(super) fn github(on: &Template) -> Option<Type> {
    let inputs = tree::get(tree::get(on, "workflow_dispatch")?, "inputs")?;
    if tree::entries(on).count() != 1 {
        return None;
    }
    let Type::Object(github) = contexts::github() else { return None };
    let names = tree::entries(inputs).map(|(id, _)| (id.value.to_lowercase(), Type::String));
    let mut github = github.into_inner();
    github.properties.insert("event".to_owned(), Type::open([("inputs", Type::strict(names))]));
    Some(Type::object(github))
}

/// The `secrets` context of a reusable workflow that names its secrets; `None` when any may come.
pub(super) fn secrets(on: &Template) -> Option<Type> {
    let named = tree::get(tree::get(on, "workflow_call")?, "secrets")?;
    if tree::entries(on).count() > 1 {
        // Started in another way it sees every secret of the repository.
        return None;
    }
    let names = tree::entries(named).map(|(id, _)| (id.value.to_lowercase(), Type::String));
    let always = [
        ("github_token".to_owned(), Type::String),
        ("actions_step_debug".to_owned(), Type::String),
        ("actions_runner_debug".to_owned(), Type::String),
    ];
    Some(Type::strict(names.chain(always)))
}

/// Checks every trigger.
pub(super) fn check(linter: &mut Linter<'_>, on: &Template, environment: &Environment) {
    if let Some(inputs) = tree::get(on, "workflow_call").and_then(|call| tree::get(call, "inputs"))
        && tree::has_expression(inputs)
    {
        defaults(linter, inputs, environment);
    }
    for event in tree::items(on) {
        if tree::text(event) == Some("schedule") {
            linter.warn("cron", event.span, "'schedule' starts nothing without a list of 'cron' lines");
        }
    }
    for (event, trigger) in tree::entries(on) {
        match event.value.as_ref() {
            "schedule" => {
                linter.empty("schedule", Some(trigger));
                schedule(linter, trigger);
            }
            "workflow_dispatch" => dispatch(linter, event.span, trigger),
            "workflow_call" => call(linter, trigger),
            _ => filters_of(linter, trigger),
        }
    }
}

fn schedule(linter: &mut Linter<'_>, trigger: &Template) {
    for zone in tree::items(trigger).iter().filter_map(|item| tree::get(item, "timezone")) {
        if linter.is_full() {
            return;
        }
        if let Some(name) = tree::text(zone)
            && !name.is_empty()
            && !zones::is_known(name)
        {
            let near = if linter.helps() { crate::nearest::nearest(name, zones::all()) } else { None };
            let help = near.map(|near| format!("did you mean '{near}'?"));
            let message = format!("'{name}' is no time zone of the IANA database, such as 'Europe/Berlin'");
            linter.warn_with("time-zone", zone.span, message, help);
        }
    }
    for cron in tree::items(trigger).iter().filter_map(|item| tree::get(item, "cron")) {
        let Some(line) = tree::text(cron).filter(|line| !line.is_empty()) else { continue };
        match cron::shortest_interval(line) {
            Err(error) => linter.warn("cron", cron.span, error.to_string()),
            Ok(minutes) if minutes < 5 => {
                linter.warn(
                    "cron",
                    cron.span,
                    format!("'{line}' would run every {minutes} minutes; the shortest interval is 5 minutes"),
                );
            }
            Ok(_) => {}
        }
    }
}

fn filters_of(linter: &mut Linter<'_>, trigger: &Template) {
    for key in ["types", "workflows", "branches", "branches-ignore", "tags", "tags-ignore", "paths", "paths-ignore"] {
        linter.empty(key, tree::get(trigger, key));
    }
    for (family, keys) in [
        ("branches", ["branches", "branches-ignore"]),
        ("tags", ["tags", "tags-ignore"]),
        ("paths", ["paths", "paths-ignore"]),
    ] {
        for key in keys {
            let Some(list) = tree::get(trigger, key) else { continue };
            for pattern in tree::items(list) {
                patterns(
                    linter,
                    pattern,
                    if family == "paths" { glob::path_problems } else { glob::reference_problems },
                );
            }
        }
    }
    for list in ["names", "versions"].into_iter().filter_map(|key| tree::get(trigger, key)) {
        for pattern in tree::items(list) {
            patterns(linter, pattern, glob::reference_problems);
        }
        if tree::items(list).is_empty() && !matches!(list.kind, TemplateKind::Expression(_)) {
            linter.warn("empty-list", list.span, "the list is empty, so that nothing ever matches");
        }
    }
}

/// Says what is wrong with one pattern.
pub(super) fn patterns(linter: &mut Linter<'_>, pattern: &Template, problems: fn(&str) -> Vec<String>) {
    let Some(text) = tree::text(pattern) else { return };
    if linter.is_full() {
        return;
    }
    for problem in problems(text) {
        linter.warn("glob", pattern.span, format!("'{}' is no useful pattern: {problem}", text.escape_debug()));
    }
}

fn dispatch(linter: &mut Linter<'_>, event: crate::yaml::Span, trigger: &Template) {
    let Some(inputs) = tree::get(trigger, "inputs") else { return };
    let count = tree::entries(inputs).count();
    if count > 25 {
        linter.warn("dispatch-inputs", event, format!("workflow_dispatch may have 25 inputs, this one has {count}"));
    }
    for (id, input) in tree::entries(inputs) {
        let kind = tree::get(input, "type").and_then(tree::text).unwrap_or("string");
        let default = tree::get(input, "default");
        let options = tree::get(input, "options");
        if kind != "choice" {
            linter.empty("options", options);
        }
        let id_text = &id.value;
        match (kind, options) {
            ("choice", None) => {
                linter.warn("dispatch-inputs", id.span, format!("the input '{id_text}' is a choice without 'options'"));
            }
            ("choice", Some(options)) => choice(linter, id_text, id.span, options, default),
            (_, Some(_)) => {
                linter.warn(
                    "dispatch-inputs",
                    id.span,
                    format!("the input '{id_text}' is of type {kind}: only a choice has 'options'"),
                );
            }
            (_, None) => {}
        }
        if let Some(default) = default {
            wrong_default(linter, id_text, kind, default);
        }
    }
}

fn choice(linter: &mut Linter<'_>, id: &str, at: crate::yaml::Span, options: &Template, default: Option<&Template>) {
    let items: Vec<(String, &Template)> =
        tree::items(options).iter().filter_map(|item| Some((tree::scalar(item)?, item))).collect();
    if items.is_empty() {
        if options.span.line != at.line {
            linter.warn("empty-list", options.span, "the list is empty");
        }
        linter.warn("dispatch-inputs", at, format!("the input '{id}' is a choice without 'options'"));
        return;
    }
    let mut seen = HashSet::new();
    for (option, item) in &items {
        if option.is_empty() {
            linter.warn("dispatch-inputs", item.span, "an option should not be empty");
        } else if !seen.insert(option) {
            linter.warn("dispatch-inputs", item.span, format!("the option '{option}' is there twice"));
        }
    }
    if let Some((text, default)) = default.and_then(|default| Some((tree::scalar(default)?, default)))
        && !items.iter().any(|(option, _)| *option == text)
    {
        linter.warn(
            "dispatch-inputs",
            default.span,
            format!("the default '{text}' of '{id}' is not among its options"),
        );
    }
}

fn wrong_default(linter: &mut Linter<'_>, id: &str, kind: &str, default: &Template) {
    let Some(text) = tree::scalar(default) else { return };
    let wrong = match kind {
        "boolean" => !matches!(text.as_str(), "true" | "false"),
        "number" => text.trim().parse::<f64>().is_err(),
        _ => false,
    };
    if wrong {
        linter.warn("input-default", default.span, format!("the default '{text}' of '{id}' is no {kind}"));
    }
}

/// The defaults of the inputs of `workflow_call`, each of which sees the inputs above it and nothing of those below.
fn defaults(linter: &mut Linter<'_>, inputs: &Template, environment: &Environment) {
    let mut environment = environment.clone();
    environment.insert("inputs", contexts::nothing());
    for (id, input) in tree::entries(inputs) {
        let wanted = input_type(input, "workflow_call");
        if let Some(default) = tree::get(input, "default")
            && matches!(default.kind, TemplateKind::Expression(_))
        {
            linter.expressions(default, &environment, Use::Text);
            let given = linter.type_of(default, &environment);
            if matches!(wanted, Type::Bool | Type::Number) && !matches!(given, Type::Any) && given != wanted {
                let message = format!("the input '{}' is of type {wanted}, its default of type {given}", id.value);
                linter.warn("input-default", default.span, message);
            }
        }
        if let Some(Type::Object(above)) = environment.take("inputs") {
            let mut above = above.into_inner();
            above.properties.insert(id.value.to_lowercase(), wanted);
            environment.insert("inputs", Type::object(above));
        }
    }
}

fn call(linter: &mut Linter<'_>, trigger: &Template) {
    for (id, output) in tree::get(trigger, "outputs").into_iter().flat_map(tree::entries) {
        linter.incomplete(id, output, &["value"]);
        if let Some(value) = tree::get(output, "value")
            && (matches!(value.kind, TemplateKind::Null) || tree::text(value) == Some(""))
        {
            linter.warn("empty-value", value.span, format!("the output '{}' has no value", id.value));
        }
    }
    let Some(inputs) = tree::get(trigger, "inputs") else { return };
    for (id, input) in tree::entries(inputs) {
        linter.incomplete(id, input, &["type"]);
        let Some(default) = tree::get(input, "default") else { continue };
        if let Some(kind) = tree::get(input, "type").and_then(tree::text) {
            wrong_default(linter, &id.value, kind, default);
        }
        let required =
            tree::get(input, "required").is_some_and(|required| tree::scalar(required).as_deref() == Some("true"));
        if required {
            linter.warn(
                "input-default",
                default.span,
                format!("the default of '{}' is never used: the input is required", id.value),
            );
        }
    }
}
