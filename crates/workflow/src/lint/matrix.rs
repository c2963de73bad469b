//! The matrix of a job: the type of the `matrix` context, and entries that cannot mean what they say.

use super::environment::Environment;
use super::linter::Linter;
use super::types::Type;
use super::{contexts, literal, matrix_values, tree};
use crate::template::{Template, TemplateKey, TemplateKind};
use crate::yaml::Span;
use std::collections::{BTreeMap, HashSet};

/// `exclude` entries times values of the matrix; GitHub refuses a matrix long before so many.
const MOST_COMPARISONS: usize = 100_000;

/// The `matrix` context of a job with this strategy.
pub(super) fn context(linter: &Linter<'_>, strategy: &Template, environment: &Environment) -> Type {
    let Some(matrix) = tree::get(strategy, "matrix") else {
        return if matches!(strategy.kind, TemplateKind::Mapping(_)) { contexts::nothing() } else { Type::Any };
    };
    let TemplateKind::Mapping(pairs) = &matrix.kind else { return Type::Any };
    let mut of_expression = |node: &Template| linter.type_of(node, environment);
    let mut open = false;
    let mut all: Vec<(String, Type)> = Vec::new();
    for (key, value) in pairs {
        let TemplateKey::Literal(key) = key else {
            open = true;
            continue;
        };
        match (key.value.to_lowercase().as_str(), &value.kind) {
            ("exclude", _) => {}
            ("include", TemplateKind::Sequence(entries)) => {
                for entry in entries {
                    match literal::template(entry, &mut of_expression) {
                        Type::Object(object) => {
                            open |= object.rest.is_some();
                            all.extend(object.properties.iter().map(|(name, value)| (name.clone(), value.clone())));
                        }
                        _ => open = true,
                    }
                }
            }
            ("include", _) => open = true,
            (name, _) => {
                let item = match literal::template(value, &mut of_expression) {
                    Type::Array(item) => Type::clone(&item),
                    _ => Type::Any,
                };
                all.push((name.to_owned(), item));
            }
        }
    }
    let mut known: BTreeMap<String, Type> = BTreeMap::new();
    for (name, value) in all {
        let joined = match known.remove(&name) {
            Some(earlier) => earlier.join(value),
            None => value,
        };
        known.insert(name, joined);
    }
    if open { Type::open(known) } else { Type::strict(known) }
}

/// The literal values, with their places, that a `${{ matrix.x }}` takes.
pub(super) fn values_of(linter: &Linter<'_>, node: &Template, strategy: Option<&Template>) -> Vec<(String, Span)> {
    let raw = linter.raw(node.span).trim_matches(['\'', '"']);
    let name = raw
        .strip_prefix("${{")
        .and_then(|rest| rest.strip_suffix("}}"))
        .map(str::trim)
        .and_then(|text| text.strip_prefix("matrix."));
    let (Some(name), Some(matrix)) = (name, strategy.and_then(|strategy| tree::get(strategy, "matrix"))) else {
        return Vec::new();
    };
    let row = tree::get(matrix, name).into_iter();
    let included =
        tree::get(matrix, "include").into_iter().flat_map(tree::items).filter_map(|entry| tree::get(entry, name));
    row.flat_map(tree::items)
        .chain(included)
        .flat_map(|value| match &value.kind {
            TemplateKind::Sequence(items) => items.as_slice(),
            _ => std::slice::from_ref(value),
        })
        .filter_map(|value| Some((tree::text(value)?.to_owned(), value.span)))
        .collect()
}

/// Checks the rows and `exclude`.
pub(super) fn check(linter: &mut Linter<'_>, strategy: &Template) {
    let Some(matrix) = tree::get(strategy, "matrix") else { return };
    for (key, row) in tree::entries(matrix) {
        linter.empty(&key.value, Some(row));
        if matches!(key.value.as_ref(), "include" | "exclude") {
            continue;
        }
        let TemplateKind::Sequence(items) = &row.kind else { continue };
        let mut seen = HashSet::new();
        for item in items.iter().filter(|item| !tree::has_expression(item)) {
            if linter.is_full() {
                return;
            }
            if !seen.insert(matrix_values::key(item)) {
                let message = format!("the value {} is there twice in '{}'", matrix_values::show(item), key.value);
                linter.warn("duplicate-value", item.span, message);
            }
        }
    }
    exclude(linter, matrix);
}

fn exclude(linter: &mut Linter<'_>, matrix: &Template) {
    let Some(exclude) = tree::get(matrix, "exclude") else { return };
    let included = tree::get(matrix, "include");
    if included.is_some_and(|include| matches!(include.kind, TemplateKind::Expression(_))) {
        return;
    }
    let rows: Vec<(String, Vec<&Template>)> = tree::entries(matrix)
        .filter(|(key, _)| !matches!(key.value.as_ref(), "include" | "exclude"))
        .map(|(key, row)| {
            let from_include =
                included.into_iter().flat_map(tree::items).filter_map(|entry| tree::get(entry, &key.value));
            (key.value.to_lowercase(), tree::items(row).iter().chain(from_include).collect())
        })
        .collect();
    let values: usize = rows.iter().map(|(_, values)| values.len()).sum();
    if tree::items(exclude).len().saturating_mul(values) > MOST_COMPARISONS {
        return;
    }
    for entry in tree::items(exclude) {
        for (key, wanted) in tree::entries(entry) {
            let Some((_, values)) = rows.iter().find(|(name, _)| *name == key.value.to_lowercase()) else {
                let names: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
                linter.warn(
                    "matrix-exclude",
                    key.span,
                    format!("the matrix has no '{}'; it has: {}", key.value, names.join(", ")),
                );
                continue;
            };
            if values.iter().any(|value| tree::has_expression(value)) || tree::has_expression(wanted) {
                continue;
            }
            if !values.iter().any(|value| matrix_values::matches(value, wanted)) {
                let possible: Vec<String> = values.iter().map(|value| matrix_values::show(value)).collect();
                let message = format!(
                    "{} excludes nothing: '{}' is one of {}",
                    matrix_values::show(wanted),
                    key.value,
                    possible.join(", ")
                );
                linter.warn("matrix-exclude", wanted.span, message);
            }
        }
    }
}
