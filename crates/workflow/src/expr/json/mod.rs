//! JSON as the language writes and reads it: `toJSON`, `fromJSON`, and what `ekiden eval` prints.

mod read;
mod write;

pub use read::parse_json;
pub(super) use write::write_counted;
pub use write::write_json;

#[cfg(test)]
mod tests {
    use super::{parse_json, write_json};
    use crate::expr::Value;

    #[test]
    fn reads_strict_json() {
        let value = parse_json(" {\"a\": [1, -2.5e3, true, null, \"x\\u00e9\\ud83d\\ude00\\n\"], \"A\": 2} ").unwrap();
        assert_eq!(value.get("a"), Some(&Value::Number(2.0)));
        assert_eq!(parse_json("1e999").unwrap(), Value::Number(f64::INFINITY));
        for (bad, place) in [
            ("", (1, 1)),
            ("[1,]", (1, 4)),
            ("{\"a\":1,}", (1, 8)),
            ("'a'", (1, 1)),
            ("// x\n1", (1, 1)),
            ("[\n  01]", (2, 4)),
            ("\"\\ud800\"", (1, 8)),
            ("\"\n\"", (1, 2)),
            ("1 2", (1, 3)),
            ("NaN", (1, 1)),
            ("+1", (1, 1)),
            (".5", (1, 1)),
            ("[", (1, 2)),
        ] {
            let error = parse_json(bad).unwrap_err();
            assert_eq!((error.line, error.column), place, "{bad}: {error}");
        }
        assert!(parse_json(&"[".repeat(100_000)).is_err());
        assert!(parse_json(&format!("{}{}", "[".repeat(100), "]".repeat(100))).is_ok());
    }

    #[test]
    fn writes_as_the_reference() {
        let value = parse_json("{\"a\":[],\"b\":{},\"c\":[1,{\"d\":null}],\"e\":\"\\u0001/'<é\\u2028\"}").unwrap();
        assert_eq!(
            write_json(&value),
            "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n      \"d\": null\n    }\n  ],\n  \"e\": \"\\u0001/'<é\\u2028\"\n}"
        );
    }
}
