//! The product of the vectors, less `exclude`, with `include`.

use super::error::{MatrixError, MatrixFault, PathSegment};
use super::filter::matches;
use super::name::{ConfigurationIds, segments};
use crate::expr::{Object, Value};

/// How many configurations a matrix may have.
pub const MAX_CONFIGURATIONS: usize = 256;
/// How many combinations are looked at, before `exclude` takes some away.
const MAX_PRODUCT: usize = 1 << 20;

/// One configuration of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    /// An id, unique in the matrix.
    pub id: String,
    /// The texts that its name shows in parentheses: see [`super::display_name`].
    pub segments: Vec<String>,
    /// The `matrix` context.
    pub matrix: Value,
}

/// An `include` entry: keys that are vectors must match, the others are added.
struct Include {
    filter: Value,
    extra: Object,
    matched: bool,
}

/// All configurations of an evaluated `matrix`, in order. May be empty, when `exclude` takes everything: then the job runs once
/// without a matrix.
///
/// # Errors
/// When the matrix is at fault; all faults are given.
pub fn expand(matrix: &Value) -> Result<Vec<Configuration>, Vec<MatrixError>> {
    let mut faults = Vec::new();
    let parsed = parse(matrix, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    let Parsed { vectors, excludes, mut includes } = parsed;
    let too_many = || vec![MatrixError { fault: MatrixFault::TooMany, path: Vec::new() }];
    let sizes = vectors.iter().map(|(_, values)| values.len());
    let size = if vectors.is_empty() { Some(0) } else { sizes.into_iter().try_fold(1_usize, usize::checked_mul) };
    let size = size.filter(|size| *size <= MAX_PRODUCT).ok_or_else(too_many)?;
    let mut ids = ConfigurationIds::default();
    let mut configurations = Vec::new();
    let mut create = |base: Object, extra: Object| {
        let segments = segments(&Value::object(base.clone()));
        let mut matrix = base;
        matrix.extend(extra.entries().map(|(key, value)| (key.clone(), value.clone())));
        Configuration { id: ids.next(&segments), segments, matrix: Value::object(matrix) }
    };
    for index in 0..size {
        let mut base = Object::new();
        let mut block = size;
        for (name, values) in &vectors {
            block /= values.len();
            base.insert(name.as_str(), values[(index / block) % values.len()].clone());
        }
        let base = Value::object(base);
        if excludes.iter().any(|exclude| matches(exclude, Some(&base))) {
            continue;
        }
        let mut extra = Object::new();
        for include in &mut includes {
            if matches(&include.filter, Some(&base)) {
                include.matched = true;
                extra.extend(include.extra.entries().map(|(key, value)| (key.clone(), value.clone())));
            }
        }
        if configurations.len() == MAX_CONFIGURATIONS {
            return Err(too_many());
        }
        let base = base.as_object().cloned().unwrap_or_default();
        configurations.push(create(base, extra));
    }
    for include in includes.into_iter().filter(|include| !include.matched) {
        if configurations.len() == MAX_CONFIGURATIONS {
            return Err(too_many());
        }
        let mut own = include.filter.as_object().cloned().unwrap_or_default();
        own.extend(include.extra.entries().map(|(key, value)| (key.clone(), value.clone())));
        configurations.push(create(own, Object::new()));
    }
    Ok(configurations)
}

struct Parsed {
    vectors: Vec<(String, Vec<Value>)>,
    excludes: Vec<Value>,
    includes: Vec<Include>,
}

fn key(name: &str) -> PathSegment {
    PathSegment::Key(name.to_owned())
}

fn wrong_type(what: &'static str, expected: &'static str, found: &Value, path: Vec<PathSegment>) -> MatrixError {
    MatrixError { fault: MatrixFault::Type { what, found: found.kind().as_str(), expected }, path }
}

fn parse(matrix: &Value, faults: &mut Vec<MatrixError>) -> Parsed {
    let mut parsed = Parsed { vectors: Vec::new(), excludes: Vec::new(), includes: Vec::new() };
    let Value::Object(matrix) = matrix else {
        faults.push(wrong_type("matrix", "Object", matrix, Vec::new()));
        return parsed;
    };
    let mut has_vector = false;
    let mut has_include = false;
    for (name, value) in matrix.iter() {
        let (what, list) = match name {
            "include" => ("matrix includes", value.as_array()),
            "exclude" => ("matrix excludes", value.as_array()),
            _ => {
                has_vector = true;
                ("matrix vector value", value.as_array())
            }
        };
        let Some(list) = list else {
            faults.push(wrong_type(what, "Array", value, vec![key(name)]));
            continue;
        };
        match name {
            "include" => has_include = !list.is_empty(),
            "exclude" => {}
            _ if list.is_empty() => {
                faults.push(MatrixError { fault: MatrixFault::EmptyVector(name.to_owned()), path: vec![key(name)] });
            }
            _ => parsed.vectors.push((name.to_owned(), list.to_vec())),
        }
    }
    if !has_vector && !has_include && faults.is_empty() {
        faults.push(MatrixError { fault: MatrixFault::NoVector, path: Vec::new() });
    }
    parse_includes(matrix, &mut parsed, faults);
    parse_excludes(matrix, &mut parsed, faults);
    parsed
}

fn is_vector(matrix: &Object, name: &str) -> bool {
    !matches!(name, "include" | "exclude")
        && matrix.get_entry(name).is_some_and(|(written, _)| !matches!(written.as_ref(), "include" | "exclude"))
}

fn parse_includes(matrix: &Object, parsed: &mut Parsed, faults: &mut Vec<MatrixError>) {
    for (i, item) in list(matrix, "include").iter().enumerate() {
        let path = vec![key("include"), PathSegment::Index(i)];
        let Value::Object(entry) = item else {
            faults.push(wrong_type("matrix includes item", "Object", item, path));
            continue;
        };
        if entry.is_empty() {
            faults.push(MatrixError { fault: MatrixFault::EmptyInclude, path });
            continue;
        }
        let mut filter = Object::new();
        let mut extra = Object::new();
        for (name, value) in entry.entries() {
            let part = if is_vector(matrix, name) { &mut filter } else { &mut extra };
            part.insert(name.clone(), value.clone());
        }
        parsed.includes.push(Include { filter: Value::object(filter), extra, matched: false });
    }
}

fn parse_excludes(matrix: &Object, parsed: &mut Parsed, faults: &mut Vec<MatrixError>) {
    for (i, item) in list(matrix, "exclude").iter().enumerate() {
        let path = vec![key("exclude"), PathSegment::Index(i)];
        let Value::Object(entry) = item else {
            faults.push(wrong_type("matrix excludes item", "Object", item, path));
            continue;
        };
        if entry.is_empty() {
            faults.push(MatrixError { fault: MatrixFault::EmptyExclude, path });
            continue;
        }
        for (name, _) in entry.iter().filter(|(name, _)| !is_vector(matrix, name)) {
            let mut path = path.clone();
            path.push(PathSegment::KeyOf(name.to_owned()));
            faults.push(MatrixError { fault: MatrixFault::UnknownExclude(name.to_owned()), path });
        }
        parsed.excludes.push(item.clone());
    }
}

fn list<'m>(matrix: &'m Object, name: &str) -> &'m [Value] {
    matrix.get(name).and_then(Value::as_array).unwrap_or_default()
}

#[cfg(test)]
mod tests;
