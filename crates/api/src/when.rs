//! Moments as Gitea writes them: RFC 3339, and the start of 1970 for what has not happened. Used by every shape with a time.

use domain::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// Writes a moment.
///
/// # Errors
/// When the writer fails.
pub fn serialize<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(moment.unwrap_or(Timestamp(0))))
}

/// Reads a moment; what lies before 1970, as Go's zero time does, has not happened.
///
/// # Errors
/// When it is none.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let moment: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
    Ok(u64::try_from(moment.as_millisecond()).ok().filter(|millis| *millis > 0).map(Timestamp))
}

/// A moment as text.
#[must_use]
pub fn text(moment: Timestamp) -> String {
    let millis = i64::try_from(moment.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX).to_string()
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Shape {
        #[serde(with = "super", default)]
        at: Option<Timestamp>,
    }

    proptest! {
        #[test]
        fn a_moment_is_read_as_it_was_written(millis in prop::option::of(1_u64..200_000_000_000_000)) {
            let shape = Shape { at: millis.map(Timestamp) };
            let text = serde_json::to_string(&shape).unwrap();
            prop_assert_eq!(serde_json::from_str::<Shape>(&text).unwrap(), shape);
        }
    }

    #[test]
    fn what_has_not_happened_is_the_start_of_1970() {
        assert_eq!(serde_json::to_string(&Shape { at: None }).unwrap(), r#"{"at":"1970-01-01T00:00:00Z"}"#);
        for none in
            [r#"{"at":"0001-01-01T00:00:00Z"}"#, r#"{"at":"1970-01-01T01:00:00+01:00"}"#, r#"{"at":null}"#, "{}"]
        {
            assert_eq!(serde_json::from_str::<Shape>(none).unwrap(), Shape { at: None }, "{none}");
        }
        assert!(serde_json::from_str::<Shape>(r#"{"at":"yesterday"}"#).is_err());
    }
}
