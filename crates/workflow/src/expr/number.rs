//! Numbers of the language, to and from text, as the reference runner's platform reads and writes them.

/// Reads a number: surrounding white space is dropped, nothing is 0, `0x…` and `0o…` are signed 32-bit, what is no number is `NaN`.
#[must_use]
pub fn parse_number(text: &str) -> f64 {
    let text = text.trim();
    if text.is_empty() {
        return 0.0;
    }
    if is_decimal(text) {
        return text.parse().unwrap_or(f64::NAN);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let (sign, word) = match text.as_bytes()[0] {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if word.eq_ignore_ascii_case("infinity") { sign * f64::INFINITY } else { f64::NAN }
}

/// `[sign] digits [. digits] [e [sign] digits]`, with digits before or after the point.
fn is_decimal(text: &str) -> bool {
    let mut rest = text.as_bytes();
    if let [b'+' | b'-', after @ ..] = rest {
        rest = after;
    }
    let whole = digits(&mut rest);
    let mut fraction = 0;
    if let [b'.', after @ ..] = rest {
        rest = after;
        fraction = digits(&mut rest);
    }
    if whole + fraction == 0 {
        return false;
    }
    if let [b'e' | b'E', after @ ..] = rest {
        rest = after;
        if let [b'+' | b'-', after @ ..] = rest {
            rest = after;
        }
        if digits(&mut rest) == 0 {
            return false;
        }
    }
    rest.is_empty()
}

fn digits(rest: &mut &[u8]) -> usize {
    let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    *rest = &rest[count..];
    count
}

/// Two's complement of 32 bits: `0xFFFFFFFF` is −1; more bits are no number.
fn radix(digits: &str, radix: u32) -> f64 {
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return f64::NAN;
    }
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return 0.0;
    }
    u32::from_str_radix(significant, radix).map_or(f64::NAN, |n| f64::from(n.cast_signed()))
}

/// Writes a number with 15 significant digits (.NET's `G15`): `1E+21`, `1E-05`, `0.1`, `NaN`, `Infinity`; `-0` is `0`.
#[must_use]
pub fn format_number(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    if number.fract() == 0.0 && number.abs() < 1e15 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        return (number as i64).to_string();
    }
    let scientific = format!("{:.14e}", number.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let digits = digits.trim_end_matches('0');
    let mut text = String::with_capacity(24);
    if number < 0.0 {
        text.push('-');
    }
    if exponent <= -5 || exponent >= 15 {
        text.push_str(&digits[..1]);
        if digits.len() > 1 {
            text.push('.');
            text.push_str(&digits[1..]);
        }
        text.push_str(if exponent < 0 { "E-" } else { "E+" });
        text.push_str(&format!("{:02}", exponent.unsigned_abs()));
    } else if exponent < 0 {
        text.push_str("0.");
        text.extend(std::iter::repeat_n('0', exponent.unsigned_abs() as usize - 1));
        text.push_str(digits);
    } else {
        let whole = exponent.unsigned_abs() as usize + 1;
        if digits.len() <= whole {
            text.push_str(digits);
            text.extend(std::iter::repeat_n('0', whole - digits.len()));
        } else {
            text.push_str(&digits[..whole]);
            text.push('.');
            text.push_str(&digits[whole..]);
        }
    }
    text
}

/// As JSON data: whole numbers as integers, what JSON lacks as a string.
pub(crate) fn to_json(number: f64) -> serde_json::Value {
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        return serde_json::Value::from(number as i64);
    }
    serde_json::Number::from_f64(number)
        .map_or_else(|| serde_json::Value::String(format_number(number)), serde_json::Value::Number)
}

#[cfg(test)]
mod tests {
    use super::{format_number, parse_number};

    #[test]
    fn reads_what_the_reference_reads() {
        for (text, number) in [
            ("", 0.0),
            ("  ", 0.0),
            (" 1 ", 1.0),
            ("+1.5", 1.5),
            (".5", 0.5),
            ("-.5", -0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1E-2", 0.01),
            ("0xff", 255.0),
            ("0xFFFFFFFF", -1.0),
            ("0x80000000", -2_147_483_648.0),
            ("0x00000000001", 1.0),
            ("0o17", 15.0),
            ("0o37777777777", -1.0),
            ("1e999", f64::INFINITY),
            ("-1e999", f64::NEG_INFINITY),
            ("Infinity", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse_number(text), number, "{text}");
        }
        for text in [
            "a",
            "1a",
            "1 2",
            "0X1",
            "0b1",
            "0x",
            "0o8",
            "0x1FFFFFFFF",
            "0o47777777777",
            ".",
            "-",
            "1e",
            "1_0",
            "1,0",
            "-0x1",
            "NaN",
            "inf",
            "0x-1",
            "--1",
            "+",
        ] {
            assert!(parse_number(text).is_nan(), "{text}");
        }
    }

    #[test]
    fn writes_fifteen_significant_digits() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1 + 0.2, "0.3"),
            (1.0 / 3.0, "0.333333333333333"),
            (100_000_000_000_000.0, "100000000000000"),
            (999_999_999_999_999.0, "999999999999999"),
            (1e15, "1E+15"),
            (9_007_199_254_740_993.0, "9.00719925474099E+15"),
            (1e20, "1E+20"),
            (1e21, "1E+21"),
            (1.5e300, "1.5E+300"),
            (0.0001, "0.0001"),
            (0.000_01, "1E-05"),
            (1e-7, "1E-07"),
            (1.25e-10, "1.25E-10"),
            (5e-324, "4.94065645841247E-324"),
            (123_456_789.123_456_78, "123456789.123457"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(format_number(number), text);
        }
    }
}
