//! Whether an `exclude` or `include` entry matches a combination.

use crate::expr::Value;

/// Whether every leaf of the filter is loosely equal to what stands at the same path of the combination; what is missing there is
/// `null`. A filter without leaves matches.
pub(super) fn matches(filter: &Value, at: Option<&Value>) -> bool {
    match filter {
        Value::Object(entries) => entries.iter().all(|(key, wanted)| {
            let found = match at {
                Some(Value::Object(object)) => object.get(key),
                _ => None,
            };
            matches(wanted, found)
        }),
        Value::Array(items) => items.iter().enumerate().all(|(i, wanted)| {
            let found = match at {
                Some(Value::Array(items)) => items.get(i),
                _ => None,
            };
            matches(wanted, found)
        }),
        leaf => at.unwrap_or(&Value::Null).loose_eq(leaf),
    }
}
