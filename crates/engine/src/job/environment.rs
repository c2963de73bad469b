//! The environment of a step's process, in the order of `execution-semantics` 3.3.

use super::contexts::GithubFacts;
use super::running::Job;
use super::state::EnvMap;
use indexmap::IndexMap;
use workflow::expr::{Object, Value};

/// The names of `github` that every process gets as `GITHUB_…`; nobody can override them.
const GITHUB_NAMES: [&str; 29] = [
    "actor",
    "actor_id",
    "api_url",
    "base_ref",
    "event_name",
    "event_path",
    "graphql_url",
    "head_ref",
    "job",
    "ref",
    "ref_name",
    "ref_protected",
    "ref_type",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "retention_days",
    "run_attempt",
    "run_id",
    "run_number",
    "server_url",
    "sha",
    "triggering_actor",
    "workflow",
    "workflow_ref",
    "workflow_sha",
    "workspace",
    "artifacts_list",
];

/// What an action gets on top of what a script gets.
#[derive(Debug, Default)]
pub(crate) struct ActionExtras {
    /// `INPUT_…`.
    pub(crate) inputs: Vec<(String, String)>,
    /// `STATE_…`.
    pub(crate) state: Vec<(String, String)>,
    /// Variables that it does not get.
    pub(crate) without: &'static [&'static str],
    /// Addresses and tokens of services.
    pub(crate) services: Vec<(String, String)>,
}

/// `GITHUB_*` and `RUNNER_*` as far as they are the same for every step.
pub(crate) fn fixed(github: &Object, runner: &Object) -> Vec<(String, String)> {
    let mut env = Vec::with_capacity(GITHUB_NAMES.len() + runner.len());
    for (name, value) in github.iter() {
        if GITHUB_NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
            && let Value::String(_) | Value::Bool(_) | Value::Number(_) = value
        {
            env.push((variable("GITHUB_", name), value.to_text().into_owned()));
        }
    }
    for (name, value) in runner.iter() {
        env.push((variable("RUNNER_", name), value.to_text().into_owned()));
    }
    env
}

/// The environment of one process.
pub(crate) fn of_process(job: &Job, env: &EnvMap, facts: &GithubFacts, extras: ActionExtras) -> Vec<(String, String)> {
    let mut all: IndexMap<String, String> = job.base_env.iter().cloned().collect();
    all.reserve(env.len() + job.fixed.env.len() + 16);
    for (name, value) in env {
        all.insert(name.to_string(), value.to_string());
    }
    all.extend(extras.state);
    all.extend(extras.inputs);
    for name in extras.without {
        all.shift_remove(*name);
    }
    let prepends = job.state.path();
    if !prepends.is_empty() {
        let prepend = prepends.join(":");
        let path = match all.get("PATH") {
            Some(path) if path.starts_with(&format!("{prepend}:")) => path.clone(),
            Some(path) if !path.is_empty() => format!("{prepend}:{path}"),
            _ => prepend,
        };
        all.insert("PATH".to_owned(), path);
    }
    all.extend(job.fixed.env.iter().cloned());
    let mut set = |name: &str, value: &str| all.insert(format!("GITHUB_{name}"), value.to_owned());
    set("ACTION", &facts.action);
    set("ACTION_REPOSITORY", &facts.action_repository);
    set("ACTION_REF", &facts.action_ref);
    if let Some(path) = &facts.action_path {
        set("ACTION_PATH", path);
    }
    for (name, path) in &facts.files {
        for prefix in ["GITHUB_"].iter().chain(&job.aliases) {
            all.insert(variable(prefix, name), path.clone());
        }
    }
    all.extend(extras.services);
    all.entry("CI".to_owned()).or_insert_with(|| "true".to_owned());
    all.insert("GITHUB_ACTIONS".to_owned(), "true".to_owned());
    all.into_iter().collect()
}

/// The variable of an input: its name in capitals, blanks become `_`.
pub(crate) fn input_variable(name: &str) -> String {
    format!("INPUT_{}", name.replace(' ', "_").to_uppercase())
}

fn variable(prefix: &str, name: &str) -> String {
    format!("{prefix}{}", name.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::{fixed, input_variable};
    use workflow::expr::Object;

    #[test]
    fn inputs_become_variables() {
        assert_eq!(input_variable("two words"), "INPUT_TWO_WORDS");
        assert_eq!(input_variable("a-b.c"), "INPUT_A-B.C");
    }

    #[test]
    fn only_the_listed_parts_of_github_are_exported() {
        let github: Object = [("sha", "1"), ("token", "t"), ("event", "e")].into_iter().collect();
        let runner: Object = [("os", "Linux")].into_iter().collect();
        assert_eq!(
            fixed(&github, &runner),
            [("GITHUB_SHA".to_owned(), "1".to_owned()), ("RUNNER_OS".to_owned(), "Linux".to_owned())]
        );
    }
}
