//! `--matrix KEY:VALUE` against the matrices of a plan: a slip of the finger must not run everything, or nothing. What only a run can
//! evaluate is left to the run.

use super::listing::text;
use crate::args::Pair;
use crate::failure::Failure;
use crate::text::nearest;
use std::collections::BTreeMap;
use workflow::model::Strategy;
use workflow::plan::{Graph, Plan};
use workflow::template::{Template, TemplateKey, TemplateKind};

/// The values that a file gives to a key of its matrices.
#[derive(Debug, Default)]
struct Values {
    written: Vec<String>,
    /// Some are expressions.
    open: Open,
}

/// Whether there may be more than what is written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// An expression adds some.
    Yes,
    /// All are written.
    #[default]
    No,
}

/// Fails when no matrix has the key, or none of the values of the key is wanted.
pub(crate) fn check(plans: &[Plan], wanted: &[Pair]) -> Result<(), Failure> {
    if wanted.is_empty() {
        return Ok(());
    }
    let (mut keys, mut open): (BTreeMap<String, Values>, Open) = (BTreeMap::new(), Open::No);
    for plan in plans {
        graph(&plan.root, &mut keys, &mut open);
    }
    for pair in wanted {
        let found = keys.iter().find(|(key, _)| key.eq_ignore_ascii_case(&pair.key));
        let Some((key, values)) = found else {
            if open == Open::Yes {
                continue;
            }
            return Err(no_such_key(pair, &keys));
        };
        if values.open == Open::No && open == Open::No && !values.written.contains(&pair.value) {
            let failure = Failure::not_found(format!("no matrix has {key}: {}", pair.value))
                .fact(format!("{key} is one of: {}", values.written.join(", ")));
            return Err(match nearest(&pair.value, values.written.iter().map(String::as_str)) {
                Some(meant) => failure.fix(format!("--matrix {key}:{meant}")),
                None => failure,
            });
        }
    }
    Ok(())
}

fn no_such_key(pair: &Pair, keys: &BTreeMap<String, Values>) -> Failure {
    let failure = Failure::not_found(format!("no matrix has the key '{}'", pair.key));
    if keys.is_empty() {
        return failure.fact("no job that would run has a matrix");
    }
    let known: Vec<&str> = keys.keys().map(String::as_str).collect();
    let failure = failure.fact(format!("keys of matrices: {}", known.join(", ")));
    match nearest(&pair.key, known) {
        Some(meant) => failure.fix(format!("--matrix {meant}:{}", pair.value)),
        None => failure.fix("ekiden exec --list"),
    }
}

fn graph(graph_: &Graph, keys: &mut BTreeMap<String, Values>, open: &mut Open) {
    for (job, planned) in graph_.workflow.jobs.iter().zip(&graph_.jobs) {
        if let Some(strategy) = &job.strategy {
            matrix(strategy, keys, open);
        }
        if let Some(callee) = &planned.callee {
            graph(callee, keys, open);
        }
    }
}

fn matrix(strategy: &Strategy, keys: &mut BTreeMap<String, Values>, open: &mut Open) {
    let entries = strategy.matrix.as_ref().map(|matrix| &matrix.template.kind);
    let Some(TemplateKind::Mapping(entries)) = entries else {
        if strategy.whole.is_some() || entries.is_some() {
            *open = Open::Yes;
        }
        return;
    };
    for (key, value) in entries {
        match key {
            TemplateKey::Literal(key) if key.value.eq_ignore_ascii_case("exclude") => {}
            TemplateKey::Literal(key) if key.value.eq_ignore_ascii_case("include") => include(value, keys, open),
            TemplateKey::Literal(key) => {
                let values = keys.entry(key.value.to_string()).or_default();
                match &value.kind {
                    TemplateKind::Sequence(items) => items.iter().for_each(|item| values.add(item)),
                    _ => values.open = Open::Yes,
                }
            }
            TemplateKey::Expression(_) | TemplateKey::Insert(_) => *open = Open::Yes,
        }
    }
}

fn include(list: &Template, keys: &mut BTreeMap<String, Values>, open: &mut Open) {
    let TemplateKind::Sequence(items) = &list.kind else {
        *open = Open::Yes;
        return;
    };
    for item in items {
        let TemplateKind::Mapping(entries) = &item.kind else {
            *open = Open::Yes;
            continue;
        };
        for (key, value) in entries {
            match key {
                TemplateKey::Literal(key) => keys.entry(key.value.to_string()).or_default().add(value),
                TemplateKey::Expression(_) | TemplateKey::Insert(_) => *open = Open::Yes,
            }
        }
    }
}

impl Values {
    fn add(&mut self, item: &Template) {
        match &item.kind {
            // As the evaluated value is written.
            TemplateKind::Bool(_) | TemplateKind::String(_) | TemplateKind::Null => self.written.push(text(item)),
            // `1.0` is `1` once it is evaluated; the run knows.
            TemplateKind::Number(_, written) if written.parse::<i64>().is_ok() => self.written.push(text(item)),
            _ => self.open = Open::Yes,
        }
    }
}
