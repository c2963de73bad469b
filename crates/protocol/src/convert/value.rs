//! Moments, counts and free-form values on the wire.

use buffa::EnumValue;
use buffa_types::google::protobuf as wkt;
use domain::Timestamp;
use serde_json::{Map, Number, Value};
use wkt::__buffa::oneof::value::Kind;

/// The greatest whole number up to which every whole number is a `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn moment_to_wire(at: Timestamp) -> wkt::Timestamp {
    let nanos = i32::try_from(at.0 % 1000).unwrap_or(0) * 1_000_000;
    wkt::Timestamp { seconds: signed(at.0 / 1000), nanos, ..Default::default() }
}

pub(super) fn moment_from_wire(at: &wkt::Timestamp) -> Timestamp {
    moment_of(at.seconds, at.nanos)
}

pub(crate) fn moment_of(seconds: i64, nanos: i32) -> Timestamp {
    Timestamp(unsigned(seconds).saturating_mul(1000).saturating_add(unsigned(i64::from(nanos / 1_000_000))))
}

pub(super) fn object_from_wire(from: wkt::Struct) -> Map<String, Value> {
    let mut fields: Vec<(String, wkt::Value)> = from.fields.into_iter().collect();
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    fields.into_iter().map(|(key, value)| (key, from_wire(value))).collect()
}

pub(super) fn object_to_wire(from: Map<String, Value>) -> wkt::Struct {
    from.into_iter().map(|(key, value)| (key, to_wire(value))).collect()
}

fn from_wire(from: wkt::Value) -> Value {
    match from.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::NumberValue(number)) => number_from_wire(number),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::BoolValue(is_true)) => Value::Bool(is_true),
        Some(Kind::StructValue(object)) => Value::Object(object_from_wire(*object)),
        Some(Kind::ListValue(list)) => Value::Array(list.values.into_iter().map(from_wire).collect()),
    }
}

/// The wire has only `f64`; a whole number becomes one again, so that it prints without a point.
fn number_from_wire(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        return Value::Number(Number::from(number as i64));
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

fn to_wire(from: Value) -> wkt::Value {
    let kind = match from {
        Value::Null => Kind::NullValue(EnumValue::default()),
        Value::Bool(is_true) => Kind::BoolValue(is_true),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(0.0)),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(values) => Kind::ListValue(Box::new(values.into_iter().map(to_wire).collect())),
        Value::Object(object) => Kind::StructValue(Box::new(object_to_wire(object))),
    };
    wkt::Value { kind: Some(kind), ..Default::default() }
}
