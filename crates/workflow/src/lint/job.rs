//! A job: its labels, its matrix, its steps, what it gives to others.

use super::environment::Environment;
use super::linter::{Linter, Use};
use super::types::Type;
use super::{conditions, contexts, events, glob, labels, matrix, step, tree};
use crate::template::{Template, TemplateKind};
use std::collections::{HashMap, HashSet};

/// The `jobs` context of the outputs of a reusable workflow.
pub(super) fn outputs_of_jobs(jobs: &Template) -> Type {
    Type::strict(tree::entries(jobs).map(|(id, job)| (id.value.to_lowercase(), contexts::needed_job(outputs(job)))))
}

/// What a job gives to those that need it.
fn outputs(job: &Template) -> Type {
    if tree::get(job, "uses").is_some() {
        return Type::map_of(Type::String);
    }
    match tree::get(job, "outputs") {
        Some(node) if matches!(node.kind, TemplateKind::Mapping(_)) => {
            Type::strict(tree::entries(node).map(|(id, _)| (id.value.to_lowercase(), Type::String)))
        }
        Some(_) => contexts::texts(),
        None => contexts::nothing(),
    }
}

/// The jobs of a file, for those that look one up.
struct Jobs<'a> {
    all: &'a Template,
    /// By their ids in lower case, where there are many.
    by_id: Option<HashMap<String, &'a Template>>,
}

/// Up to so many jobs are compared one by one.
const FEW: usize = 32;

impl<'a> Jobs<'a> {
    fn of(all: &'a Template) -> Self {
        let many = tree::entries(all).nth(FEW).is_some();
        let by_id = many.then(|| {
            let mut by_id = HashMap::new();
            for (id, job) in tree::entries(all) {
                by_id.entry(id.value.to_ascii_lowercase()).or_insert(job);
            }
            by_id
        });
        Self { all, by_id }
    }

    fn get(&self, id: &str) -> Option<&'a Template> {
        match &self.by_id {
            Some(by_id) => by_id.get(&id.to_ascii_lowercase()).copied(),
            None => tree::get(self.all, id),
        }
    }
}

/// Checks every job.
pub(super) fn check_all(linter: &mut Linter<'_>, jobs: &Template, environment: &mut Environment) {
    let by_id = Jobs::of(jobs);
    for (id, job) in tree::entries(jobs) {
        if tree::get(job, "uses").is_none() {
            linter.incomplete(id, job, &["runs-on", "steps"]);
        }
        environment.insert("needs", needs(linter, &by_id, job));
        check(linter, job, environment);
        environment.take("matrix");
    }
    environment.take("needs");
}

/// The `needs` context: the direct needs.
fn needs(linter: &mut Linter<'_>, jobs: &Jobs<'_>, job: &Template) -> Type {
    let Some(list) = tree::get(job, "needs") else { return contexts::nothing() };
    let mut known = Vec::new();
    let mut seen = HashSet::new();
    for item in tree::items(list) {
        let Some(id) = tree::text(item) else { return Type::Any };
        let folded = id.to_lowercase();
        if !seen.insert(folded.clone()) {
            linter.warn("duplicate-need", item.span, format!("the job '{id}' is needed twice"));
            continue;
        }
        known.push((folded, contexts::needed_job(jobs.get(id).map_or(Type::Any, outputs))));
    }
    Type::strict(known)
}

fn check(linter: &mut Linter<'_>, job: &Template, environment: &mut Environment) {
    // `matrix` is not there yet where `if` and `strategy` are read.
    let strategy = tree::get(job, "strategy");
    let cell = strategy.map_or_else(contexts::nothing, |strategy| matrix::context(linter, strategy, environment));
    environment.insert("matrix", cell);
    let system = tree::get(job, "runs-on").and_then(system_of);
    if let Some(run) = tree::get(job, "defaults").and_then(|defaults| tree::get(defaults, "run"))
        && let Some(shell) = tree::get(run, "shell")
    {
        step::known_shell(linter, shell, system);
    }
    if let Some(steps) = tree::get(job, "steps") {
        step::check_all(linter, steps, environment, system);
    }
    // Only what comes out of a job sees its steps.
    let steps = environment.take("steps");
    for (key, value) in tree::entries(job) {
        match key.value.as_ref() {
            "concurrency" => linter.incomplete(key, value, &["group"]),
            "snapshot" => linter.incomplete(key, value, &["image-name"]),
            "container" => {
                linter.incomplete(key, value, &["image"]);
                if matches!(value.kind, TemplateKind::Null) {
                    linter.warn("empty-value", value.span, "'container' is empty: it names no image");
                }
            }
            "needs" | "runs-on" => linter.empty(&key.value, Some(value)),
            "environment" => linter.incomplete(key, value, &["name"]),
            _ => {}
        }
        match key.value.as_ref() {
            "steps" | "needs" => {}
            "if" => conditions::check(linter, value, environment),
            "runs-on" => runs_on(linter, value, environment, strategy),
            "env" => env(linter, value, environment),
            "outputs" | "environment" => {
                if let Some(steps) = &steps {
                    environment.insert("steps", steps.clone());
                }
                linter.expressions(value, environment, Use::Text);
                environment.take("steps");
            }
            "name" => linter.expressions(value, environment, Use::Text),
            "strategy" => {
                matrix::check(linter, value);
                at_least_one(linter, tree::get(value, "max-parallel"), "max-parallel");
                linter.expressions(value, environment, Use::Value);
            }
            "snapshot" => {
                if let Some(version) = tree::get(value, "version") {
                    events::patterns(linter, version, glob::reference_problems);
                }
                match tree::get(value, "if") {
                    Some(condition) => conditions::check(linter, condition, environment),
                    None => linter.expressions(value, environment, Use::Text),
                }
            }
            "container" => container(linter, value, environment),
            "services" => services(linter, value, environment),
            "timeout-minutes" => {
                at_least_one(linter, Some(value), "timeout-minutes");
                linter.expressions(value, environment, Use::Value);
            }
            _ => linter.expressions(value, environment, Use::Value),
        }
    }
}

/// The system that the literal labels name.
fn system_of(runs_on: &Template) -> Option<labels::System> {
    let list = tree::get(runs_on, "labels").unwrap_or(runs_on);
    tree::items(list).iter().find_map(|item| labels::known(tree::text(item)?)?.system)
}

/// A number that must be greater than zero.
pub(super) fn at_least_one(linter: &mut Linter<'_>, node: Option<&Template>, key: &str) {
    let Some(node) = node else { return };
    match &node.kind {
        TemplateKind::Number(value, text) if *value <= 0.0 => {
            linter.warn("not-positive", node.span, format!("'{key}' must be greater than zero, not {text}"));
        }
        TemplateKind::Number(value, text) if key == "max-parallel" && value.fract() != 0.0 => {
            linter.warn("not-whole", node.span, format!("'{key}' must be a whole number, not {text}"));
        }
        _ => {}
    }
}

/// `env`: a mapping to text, or one expression that gives a mapping.
pub(super) fn env(linter: &mut Linter<'_>, node: &Template, environment: &Environment) {
    env_names(linter, node);
    object_expression(linter, node, environment, "env");
    let used = if matches!(node.kind, TemplateKind::Expression(_)) { Use::Value } else { Use::Text };
    linter.expressions(node, environment, used);
}

/// Names of environment variables that no shell could read.
fn env_names(linter: &mut Linter<'_>, env: &Template) {
    for (name, _) in tree::entries(env) {
        if name.value.contains(['&', '=', ' ']) && !name.value.contains("${{") {
            linter.warn(
                "variable-name",
                name.span,
                format!(
                    "'{}' is no name of an environment variable: '&', '=' and spaces do not work in one",
                    name.value
                ),
            );
        }
    }
}

fn runs_on(linter: &mut Linter<'_>, node: &Template, environment: &Environment, strategy: Option<&Template>) {
    linter.expressions(node, environment, Use::Value);
    let given =
        if matches!(node.kind, TemplateKind::Expression(_)) { linter.type_of(node, environment) } else { Type::Any };
    if !matches!(given, Type::Any | Type::String | Type::Array(_)) {
        linter.warn(
            "expression-type",
            node.span,
            format!("'runs-on' needs a string or an array, not a value of type {given}"),
        );
    }
    let list = if matches!(node.kind, TemplateKind::Mapping(_)) { tree::get(node, "labels") } else { Some(node) };
    let Some(list) = list else { return };
    let mut seen: Vec<(labels::Label, String)> = Vec::new();
    let mut looked_at = 0;
    for item in tree::items(list) {
        // Every value of a matrix row that is the label meets the other labels, so the row's values are checked where they stand.
        let values = match tree::text(item) {
            Some(text) => vec![(text.to_owned(), item.span)],
            None => matrix::values_of(linter, item, strategy),
        };
        let mut met = Vec::new();
        for (text, span) in values {
            looked_at += 1;
            if looked_at > MOST_LABELS || linter.is_full() {
                return;
            }
            match labels::known(&text) {
                None => unknown_label(linter, &text, span),
                Some(label) => {
                    if let Some((_, other)) = seen.iter().find(|(other, _)| labels::conflict(*other, label)) {
                        linter.warn(
                            "label-conflict",
                            span,
                            format!("no runner has both labels, '{text}' and '{other}'; use a matrix to run on each"),
                        );
                    }
                    if !seen.iter().chain(&met).any(|(other, _)| *other == label) {
                        met.push((label, text));
                    }
                }
            }
        }
        seen.extend(met);
    }
}

/// So many labels of one job are looked at, those of its matrix counted as often as they are used.
const MOST_LABELS: usize = 10_000;

fn unknown_label(linter: &mut Linter<'_>, text: &str, span: crate::yaml::Span) {
    let near = if linter.helps() { crate::nearest::nearest(text, labels::all()) } else { None };
    let help = near.map(|near| format!("did you mean '{near}'?"));
    linter.warn_with(
        "unknown-label",
        span,
        format!("'{text}' is no label of a hosted runner; a runner of your own must have it"),
        help,
    );
}

fn services(linter: &mut Linter<'_>, node: &Template, environment: &Environment) {
    object_expression(linter, node, environment, "services");
    for (id, service) in tree::entries(node) {
        linter.incomplete(id, service, &["image"]);
        container(linter, service, environment);
    }
    linter.expressions(node, environment, Use::Value);
}

fn container(linter: &mut Linter<'_>, node: &Template, environment: &Environment) {
    linter.expressions(node, environment, Use::Value);
    if let Some(env) = tree::get(node, "env") {
        env_names(linter, env);
    }
    for (key, credentials) in tree::entries(node).filter(|(key, _)| &*key.value == "credentials") {
        linter.incomplete(key, credentials, &["username", "password"]);
    }
    let Some(credentials) = tree::get(node, "credentials") else { return };
    object_expression(linter, credentials, environment, "credentials");
    if let Some(password) = tree::get(credentials, "password")
        && !tree::has_expression(password)
        && tree::scalar(password).is_some()
    {
        linter.warn(
            "password-in-file",
            password.span,
            "the password stands in the file: keep it as a secret and write ${{ secrets.NAME }}",
        );
    }
}

fn object_expression(linter: &mut Linter<'_>, node: &Template, environment: &Environment, key: &str) {
    if matches!(node.kind, TemplateKind::Expression(_)) {
        let given = linter.type_of(node, environment);
        if !matches!(given, Type::Any | Type::Object(_)) {
            linter.warn("expression-type", node.span, format!("'{key}' needs an object, not a value of type {given}"));
        }
    }
}
