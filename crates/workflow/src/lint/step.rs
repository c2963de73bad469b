//! Steps, in order: what each can see of those before it.

use super::environment::Environment;
use super::labels::System;
use super::linter::{Linter, Use};
use super::types::Type;
use super::{action_inputs, conditions, contexts, job, tree};
use crate::template::Template;

/// Checks every step and leaves the `steps` context of the job's end in the environment.
pub(super) fn check_all(
    linter: &mut Linter<'_>,
    steps: &Template,
    environment: &mut Environment,
    system: Option<System>,
) {
    environment.insert("steps", contexts::nothing());
    for step in tree::items(steps) {
        check(linter, step, environment, system);
        let mut ended = Vec::new();
        remember(linter, step, &mut ended);
        for inner in tree::get(step, "parallel").map_or(&[][..], tree::items) {
            check(linter, inner, environment, system);
            remember(linter, inner, &mut ended);
        }
        if !ended.is_empty()
            && let Some(Type::Object(known)) = environment.take("steps")
        {
            // Nobody else holds it now, so that nothing is copied.
            let mut known = known.into_inner();
            known.properties.extend(ended);
            environment.insert("steps", Type::object(known));
        }
    }
}

fn remember(linter: &mut Linter<'_>, step: &Template, ended: &mut Vec<(String, Type)>) {
    if let Some(id) = tree::get(step, "id").and_then(tree::text) {
        let outputs = match tree::get(step, "uses").and_then(tree::text) {
            Some(uses) => action_inputs::outputs(linter, uses),
            None => contexts::texts(),
        };
        ended.push((id.to_lowercase(), contexts::ended_step(outputs)));
    }
}

fn check(linter: &mut Linter<'_>, step: &Template, environment: &Environment, system: Option<System>) {
    for (key, value) in tree::entries(step) {
        match key.value.as_ref() {
            "if" => conditions::check(linter, value, environment),
            "run" => {
                linter.expressions(value, environment, Use::Script);
                deprecated_commands(linter, value);
            }
            "env" => job::env(linter, value, environment),
            "with" => with(linter, step, value, environment),
            "shell" => known_shell(linter, value, system),
            "timeout-minutes" => {
                job::at_least_one(linter, Some(value), "timeout-minutes");
                linter.expressions(value, environment, Use::Value);
            }
            "parallel" => {}
            "name" | "working-directory" => linter.expressions(value, environment, Use::Text),
            _ => linter.expressions(value, environment, Use::Value),
        }
    }
    if let Some(uses) = tree::get(step, "uses") {
        action_inputs::check(linter, uses, tree::get(step, "with"));
    }
}

/// The inputs of an action; the script of `actions/github-script` is a script.
fn with(linter: &mut Linter<'_>, step: &Template, with: &Template, environment: &Environment) {
    let script = tree::get(step, "uses")
        .and_then(tree::text)
        .is_some_and(|uses| uses.to_ascii_lowercase().starts_with("actions/github-script@"));
    for (name, value) in tree::entries(with) {
        let used = if script && name.value.eq_ignore_ascii_case("script") { Use::Script } else { Use::Text };
        linter.expressions(value, environment, used);
    }
    if tree::entries(with).next().is_none() {
        linter.expressions(with, environment, Use::Value);
    }
}

/// Shells by the systems that have them.
fn shells(system: Option<System>) -> &'static [&'static str] {
    match system {
        None => &["bash", "sh", "pwsh", "powershell", "cmd", "python"],
        Some(System::Windows) => &["bash", "pwsh", "powershell", "cmd", "python"],
        Some(System::Linux | System::MacOs) => &["bash", "sh", "pwsh", "python"],
    }
}

/// Checks the name of a shell against what a system has.
pub(super) fn known_shell(linter: &mut Linter<'_>, node: &Template, system: Option<System>) {
    let Some(shell) = tree::text(node) else { return };
    // Windows and its shells do not tell letters by their case.
    let same = |known: &&str| match system {
        Some(System::Windows) => known.eq_ignore_ascii_case(shell),
        _ => *known == shell,
    };
    if !shells(system).iter().any(same) && !shell.contains("{0}") {
        let help = format!(
            "shells there: {}; any other program is written with its arguments, as '{shell} {{0}}'",
            shells(system).join(", ")
        );
        linter.warn_with("unknown-shell", node.span, format!("'{shell}' is no shell of this job's system"), Some(help));
    }
}

/// Workflow commands that have a file in their place.
const OLD_COMMANDS: &[(&str, &str)] = &[
    ("::set-output name=", "GITHUB_OUTPUT"),
    ("::save-state name=", "GITHUB_STATE"),
    ("::set-env name=", "GITHUB_ENV"),
    ("::add-path::", "GITHUB_PATH"),
];

fn deprecated_commands(linter: &mut Linter<'_>, script: &Template) {
    let raw = linter.raw(script.span);
    for (command, file) in OLD_COMMANDS {
        if let Some(at) = raw.find(command) {
            let start = script.span.start as usize + at;
            // The place is the script's, as people look for the step; the line within it is in the message's span when it differs.
            let name = command.split([' ', ':']).find(|part| !part.is_empty()).unwrap_or(command);
            let place = if raw[..at].contains('\n') { linter.place(start, start + command.len()) } else { script.span };
            linter.warn(
                "deprecated-command",
                place,
                format!("the command '{name}' is deprecated: write to the file ${file} instead"),
            );
        }
    }
}
