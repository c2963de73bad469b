//! Values of flags: sizes, times, pairs, where a secret comes from. Parsed at the boundary, so that commands see only good ones.

use std::path::PathBuf;
use std::str::FromStr;

/// `NAME=VALUE` or `KEY:VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Before the sign.
    pub(crate) key: String,
    /// After it.
    pub(crate) value: String,
}

impl Pair {
    /// `NAME=VALUE`.
    pub(crate) fn parse_equals(text: &str) -> Result<Self, String> {
        Self::split(text, '=').ok_or_else(|| "it must be NAME=VALUE".to_owned())
    }

    /// `KEY:VALUE`, as act writes cells of a matrix.
    pub(crate) fn parse_colon(text: &str) -> Result<Self, String> {
        Self::split(text, ':').ok_or_else(|| "it must be KEY:VALUE, such as os:linux".to_owned())
    }

    fn split(text: &str, sign: char) -> Option<Self> {
        let (key, value) = text.split_once(sign)?;
        (!key.is_empty()).then(|| Self { key: key.to_owned(), value: value.to_owned() })
    }
}

/// `NAME=VALUE`, or `NAME` for the value that this process has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnvAssignment {
    /// The variable.
    pub(crate) name: String,
    /// Its value; `None` for this process's own.
    pub(crate) value: Option<String>,
}

impl FromStr for EnvAssignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value.to_owned())));
        if name.is_empty() {
            return Err("it must be NAME=VALUE or NAME".to_owned());
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

/// A secret's name and where its value is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretArg {
    /// The name.
    pub(crate) name: String,
    /// Where its value is.
    pub(crate) source: SecretSource,
}

/// What was given to `--secret`, not looked at yet: a message of the command line's parser would repeat it, value and all.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecretText(String);

impl SecretText {
    /// Reads it.
    pub(crate) fn read(&self) -> Result<SecretArg, String> {
        self.0.parse()
    }

    /// The text itself, for a flag that is a secret's value.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretText {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret's value is. Never on the command line, which every process of the machine can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// In this environment variable.
    Environment(String),
    /// In this file.
    File(PathBuf),
    /// In the variable of the secret's own name, else asked for on the terminal.
    Ask,
}

impl FromStr for SecretArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, source) = match text.split_once('=') {
            None => (text, SecretSource::Ask),
            Some((name, from)) => match (from.strip_prefix("env:"), from.strip_prefix("file:")) {
                (Some(variable), _) if !variable.is_empty() => (name, SecretSource::Environment(variable.to_owned())),
                (_, Some(path)) if !path.is_empty() => (name, SecretSource::File(path.into())),
                // The value itself is not repeated here.
                _ => {
                    return Err(format!(
                        "a secret's value does not go on the command line, where every process can read it; use --secret {name}=env:VAR, --secret {name}=file:PATH or --secret {name}"
                    ));
                }
            },
        };
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(good) || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err("a secret's name holds letters, digits and '_' and does not start with a digit".to_owned());
        }
        Ok(Self { name: name.to_owned(), source })
    }
}

/// `LABEL=local`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Platform {
    /// The label of `runs-on`.
    pub(crate) label: String,
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            // act's word for its own way of running on the machine itself.
            Some((label, "local" | "-self-hosted")) if !label.is_empty() => Ok(Self { label: label.to_owned() }),
            Some((label, _)) => Err(format!("images are not supported yet; the only platform is {label}=local")),
            None => Err("it must be LABEL=local".to_owned()),
        }
    }
}

/// A number of bytes, or no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// This many bytes.
    Bytes(u64),
    /// No limit.
    Unlimited,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const WRONG: &str = "it must be a size such as 512MiB, 4GB or 1000000, or none";
        let text = text.trim();
        if text.eq_ignore_ascii_case("none") {
            return Ok(Self::Unlimited);
        }
        let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let scale: u64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kb" => 1000,
            "k" | "kib" => 1 << 10,
            "mb" => 1_000_000,
            "m" | "mib" => 1 << 20,
            "gb" => 1_000_000_000,
            "g" | "gib" => 1 << 30,
            "tb" => 1_000_000_000_000,
            "t" | "tib" => 1 << 40,
            _ => return Err(WRONG.to_owned()),
        };
        let number: f64 = number.parse().map_err(|_| WRONG.to_owned())?;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "sizes stay far below 2^53; the cast saturates"
        )]
        let bytes = (number * scale as f64) as u64;
        if bytes == 0 { Err(WRONG.to_owned()) } else { Ok(Self::Bytes(bytes)) }
    }
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Duration(pub(crate) std::time::Duration);

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const WRONG: &str = "it must be a time with its unit, such as 500ms, 90s, 30m, 2h or 7d";
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let number: u64 = number.parse().map_err(|_| WRONG.to_owned())?;
        let scale = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(WRONG.to_owned()),
        };
        let millis = number.checked_mul(scale).filter(|s| *s > 0).ok_or_else(|| WRONG.to_owned())?;
        Ok(Self(std::time::Duration::from_millis(millis)))
    }
}

/// How old something must be: as a time, and `0s` is any age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Age(pub(crate) std::time::Duration);

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if ["0", "0s", "0m", "0h", "0d"].contains(&text) {
            return Ok(Self(std::time::Duration::ZERO));
        }
        text.parse::<Duration>().map(|Duration(time)| Self(time))
    }
}

/// How long something is kept: a time, or `none` for as long as there is room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keep(pub(crate) Option<std::time::Duration>);

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let parsed = text.parse::<Duration>().map(|Duration(time)| Self(Some(time)));
        parsed.map_err(|_| "it must be a time with its unit (ms, s, m, h, d), such as 90d, or none".to_owned())
    }
}

/// A number of processors.
pub(crate) fn cpus(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(n) if n.is_finite() && n >= 0.01 => Ok(n),
        _ => Err("it must be a number of processors such as 2 or 0.5".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Age, Duration, Keep, SecretArg, SecretSource, Size};

    #[test]
    fn a_secret_on_the_command_line_is_refused_without_repeating_it() {
        let error = "TOKEN=hunter2".parse::<SecretArg>().unwrap_err();
        assert!(error.contains("--secret TOKEN=env:VAR") && !error.contains("hunter2"), "{error}");
        let secret: SecretArg = "T=env:X".parse().unwrap();
        assert_eq!(secret.source, SecretSource::Environment("X".into()));
        assert_eq!("T".parse::<SecretArg>().unwrap().source, SecretSource::Ask);
        assert!("1T=env:X".parse::<SecretArg>().is_err());
    }

    #[test]
    fn sizes_and_times_have_units() {
        assert_eq!("1.5GiB".parse::<Size>(), Ok(Size::Bytes(3 << 29)));
        assert_eq!("100MB".parse::<Size>(), Ok(Size::Bytes(100_000_000)));
        assert_eq!("none".parse::<Size>(), Ok(Size::Unlimited));
        assert!("0".parse::<Size>().is_err() && "4 apples".parse::<Size>().is_err());
        assert_eq!("2h".parse::<Duration>().unwrap().0.as_secs(), 7200);
        assert!("2 weeks".parse::<Duration>().is_err());
        for (without, units) in [
            ("1".parse::<Duration>().err(), "500ms, 90s, 30m, 2h or 7d"),
            ("1".parse::<Keep>().err(), "ms, s, m, h, d"),
        ] {
            assert!(without.as_ref().is_some_and(|error| error.contains(units)), "{without:?}");
        }
        assert!("30".parse::<Age>().is_err());
        assert_eq!("0".parse(), Ok(Age(std::time::Duration::ZERO)));
        assert_eq!("none".parse(), Ok(Keep(None)));
        assert_eq!("1d".parse(), Ok(Keep(Some(std::time::Duration::from_secs(86_400)))));
        assert!("0".parse::<Keep>().is_err());
    }
}
