//! Plain scalars by the core schema of YAML 1.2, as the reference reads them.

/// The types a tag may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Null,
    Bool,
    Int,
    Float,
    Str,
}

impl Tag {
    /// The tag of a full name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name.strip_prefix("tag:yaml.org,2002:")? {
            "null" => Some(Self::Null),
            "bool" => Some(Self::Bool),
            "int" => Some(Self::Int),
            "float" => Some(Self::Float),
            "str" => Some(Self::Str),
            _ => None,
        }
    }
}

/// The text is not of the type its tag, or its own form, asks for; the tag's full name.
pub(super) struct NotOfType(pub(super) &'static str);

const INT: &str = "tag:yaml.org,2002:int";
const FLOAT: &str = "tag:yaml.org,2002:float";
const BOOL: &str = "tag:yaml.org,2002:bool";
const NULL: &str = "tag:yaml.org,2002:null";

/// What a plain scalar is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Plain {
    Null,
    Bool(bool),
    Number(f64),
    String,
}

/// What a plain scalar of this text is.
pub(super) fn plain(text: &str, tag: Option<Tag>) -> Result<Plain, NotOfType> {
    Ok(match tag {
        Some(Tag::Str) => Plain::String,
        Some(Tag::Null) if is_null(text) => Plain::Null,
        Some(Tag::Null) => return Err(NotOfType(NULL)),
        Some(Tag::Bool) => Plain::Bool(boolean(text).ok_or(NotOfType(BOOL))?),
        Some(Tag::Int) => Plain::Number(integer(text)?.ok_or(NotOfType(INT))?),
        Some(Tag::Float) => Plain::Number(float(text).ok_or(NotOfType(FLOAT))?),
        None => return untagged(text),
    })
}

fn untagged(text: &str) -> Result<Plain, NotOfType> {
    Ok(match text.as_bytes().first() {
        None | Some(b'~' | b'n' | b'N') if is_null(text) => Plain::Null,
        Some(b't' | b'T' | b'f' | b'F') => boolean(text).map_or(Plain::String, Plain::Bool),
        Some(b'0'..=b'9' | b'+' | b'-' | b'.') => {
            integer(text)?.or_else(|| float(text)).map_or(Plain::String, Plain::Number)
        }
        _ => Plain::String,
    })
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// `[-+]?[0-9]+`, or hexadecimal and octal of 32 bits without a sign, where one that is too large is an error and not a string.
fn integer(text: &str) -> Result<Option<f64>, NotOfType> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.parse().ok());
    }
    let (radix, digits) = match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) if digits.bytes().all(|b| b.is_ascii_hexdigit()) => (16, digits),
        (_, Some(digits)) if digits.bytes().all(|b| (b'0'..=b'7').contains(&b)) => (8, digits),
        _ => return Ok(None),
    };
    if digits.is_empty() {
        return Ok(None);
    }
    let bits = u32::from_str_radix(digits, radix).map_err(|_| NotOfType(INT))?;
    Ok(Some(f64::from(bits.cast_signed())))
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, infinities, and not-a-number; what is too large is infinite.
fn float(text: &str) -> Option<f64> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Some(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let well_formed = digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|e| !e.is_empty() && digits(e));
    if well_formed { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::{Plain, Tag, plain};

    fn read(text: &str) -> Plain {
        plain(text, None).unwrap_or(Plain::Null)
    }

    fn number(text: &str) -> Option<f64> {
        match read(text) {
            Plain::Number(value) => Some(value),
            _ => None,
        }
    }

    #[test]
    fn the_core_schema() {
        for text in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(read(text), Plain::Null, "{text}");
        }
        for text in [
            "nul",
            "nULL",
            "yes",
            "no",
            "on",
            "off",
            "y",
            "tRue",
            "1_000",
            "0x",
            "0o8",
            "0b1",
            "1e",
            "e1",
            ".",
            "+",
            "-",
            "1.2.3",
            "inf",
            "+.nan",
            "2001-01-01",
        ] {
            assert_eq!(read(text), Plain::String, "{text}");
        }
        assert_eq!(read("True"), Plain::Bool(true));
        assert_eq!(read("FALSE"), Plain::Bool(false));
        for (text, value) in [
            ("0", 0.0),
            ("-0", -0.0),
            ("+12", 12.0),
            ("010", 10.0),
            ("0x1F", 31.0),
            ("0xFFFFFFFF", -1.0),
            ("0o17", 15.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("-.5e-1", -0.05),
            ("6.8523015e+5", 685_230.15),
            (".inf", f64::INFINITY),
            ("-.INF", f64::NEG_INFINITY),
            ("1e999", f64::INFINITY),
        ] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        assert!(number(".NaN").is_some_and(f64::is_nan));
        assert!(plain("0x100000000", None).is_err());
    }

    #[test]
    fn tags_are_checked() {
        assert!(matches!(plain("12", Some(Tag::Str)), Ok(Plain::String)));
        assert!(plain("test", Some(Tag::Bool)).is_err());
        assert!(plain("1.5", Some(Tag::Int)).is_err());
        assert!(plain("1.5", Some(Tag::Float)).is_ok());
        assert!(plain("x", Some(Tag::Null)).is_err());
        assert_eq!(Tag::from_name("tag:yaml.org,2002:timestamp"), None);
    }
}
