//! Faults of a matrix that show without evaluating it, with their places in the file.

use super::error::{MatrixError, MatrixFault, PathSegment};
use super::expand;
use crate::expr::MapScope;
use crate::template::{Template, TemplateKey, TemplateKind};
use crate::yaml::Span;

/// The faults of a matrix as written. A part that holds expressions is taken as right: it is looked at when it is evaluated.
#[must_use]
pub fn check(matrix: &Template) -> Vec<(Span, MatrixFault)> {
    if matrix.is_literal() {
        return match matrix.evaluate(&MapScope::new()).map(|value| expand(&value)) {
            Ok(Err(faults)) => faults.into_iter().map(|error| (locate(matrix, &error), error.fault)).collect(),
            _ => Vec::new(),
        };
    }
    let TemplateKind::Mapping(pairs) = &matrix.kind else { return Vec::new() };
    let mut faults = Vec::new();
    let mut defines = false;
    for (key, value) in pairs {
        let TemplateKey::Literal(name) = key else {
            defines = true;
            continue;
        };
        let items = match &value.kind {
            TemplateKind::Sequence(items) if value.is_literal() => Some(items.len()),
            _ => None,
        };
        match name.value.as_ref() {
            "exclude" => {}
            "include" => defines |= items != Some(0),
            vector => {
                defines = true;
                if items == Some(0) {
                    faults.push((value.span, MatrixFault::EmptyVector(vector.to_owned())));
                }
            }
        }
    }
    if !defines {
        faults.push((matrix.span, MatrixFault::NoVector));
    }
    faults
}

/// The place of a fault in the file.
fn locate(matrix: &Template, error: &MatrixError) -> Span {
    let mut at = matrix;
    for segment in &error.path {
        let TemplateKind::Mapping(pairs) = &at.kind else {
            match (&at.kind, segment) {
                (TemplateKind::Sequence(items), PathSegment::Index(i)) if *i < items.len() => at = &items[*i],
                _ => return at.span,
            }
            continue;
        };
        let found = pairs.iter().find(|(key, _)| match (key, segment) {
            (TemplateKey::Literal(key), PathSegment::Key(name) | PathSegment::KeyOf(name)) => {
                key.value.as_ref() == name
            }
            _ => false,
        });
        match (found, segment) {
            (Some((key, _)), PathSegment::KeyOf(_)) => return key.span(),
            (Some((_, value)), _) => at = value,
            (None, _) => return at.span,
        }
    }
    at.span
}
