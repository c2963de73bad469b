//! The JSON of a problem matcher file, checked as the reference checks it, with its messages.

use super::regex::{LineRegex, RegexError};
use serde::{Deserialize, Deserializer};
use std::sync::Arc;

/// One checked matcher.
#[derive(Debug, Clone)]
pub struct MatcherConfig {
    /// Whose it is; a later matcher of the same owner (without case) replaces it.
    pub owner: String,
    /// The severity of matches that name none; empty means error.
    pub severity: String,
    /// What files are relative to, of matches that name nothing.
    pub from_path: String,
    /// The patterns for consecutive lines; never empty.
    pub patterns: Vec<Arc<Pattern>>,
}

/// One pattern: an expression and which group means what.
#[derive(Debug)]
pub struct Pattern {
    /// The expression.
    pub regex: LineRegex,
    /// The groups.
    pub groups: Groups,
    /// Whether the last pattern goes on matching.
    pub repeat: Repeat,
}

/// Whether a last pattern matches once or goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// One line.
    Once,
    /// Every following line that matches (`loop`).
    Loop,
}

/// Numbers of groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the group with what its name says")]
pub struct Groups {
    pub file: Option<usize>,
    pub line: Option<usize>,
    pub column: Option<usize>,
    pub end_line: Option<usize>,
    pub end_column: Option<usize>,
    pub severity: Option<usize>,
    pub code: Option<usize>,
    pub message: Option<usize>,
    pub from_path: Option<usize>,
}

/// What is wrong with a matcher file.
#[derive(Debug, thiserror::Error)]
pub enum MatcherConfigError {
    /// No JSON, or not of the form.
    #[error("the problem matcher file is not valid: {0}")]
    Json(#[from] serde_json::Error),
    /// No owner.
    #[error("Owner must not be empty")]
    NoOwner,
    /// Two matchers of one owner.
    #[error("Duplicate owner name '{0}'")]
    DuplicateOwner(String),
    /// Not error, warning or notice.
    #[error("Matcher '{owner}' contains unexpected default severity '{severity}'")]
    Severity {
        /// Whose.
        owner: String,
        /// What it says.
        severity: String,
    },
    /// No patterns.
    #[error("Matcher '{0}' does not contain any patterns")]
    NoPatterns(String),
    /// No pattern has a message.
    #[error("At least one pattern must set 'message'")]
    NoMessage,
    /// `loop` where it may not be.
    #[error("Only the last pattern in a multiline matcher may set 'loop'")]
    Loop,
    /// `loop` without a message.
    #[error("The loop pattern must set 'message'")]
    LoopMessage,
    /// Two patterns set the same.
    #[error("The property '{0}' is set twice")]
    SetTwice(&'static str),
    /// A group that the expression does not have.
    #[error("The property '{property}' is set to {group} which is out of range")]
    OutOfRange {
        /// The property.
        property: &'static str,
        /// The group.
        group: i64,
    },
    /// An expression that cannot be compiled.
    #[error(transparent)]
    Regex(#[from] RegexError),
}

#[derive(Deserialize)]
struct FileJson {
    #[serde(rename = "problemMatcher", default, deserialize_with = "null_is_empty")]
    matchers: Vec<MatcherJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MatcherJson {
    #[serde(default, deserialize_with = "null_is_empty")]
    owner: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    severity: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    from_path: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    pattern: Vec<PatternJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PatternJson {
    #[serde(default, deserialize_with = "null_is_empty")]
    regexp: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    r#loop: bool,
    #[serde(default)]
    file: Option<GroupNumber>,
    #[serde(default)]
    line: Option<GroupNumber>,
    #[serde(default)]
    column: Option<GroupNumber>,
    #[serde(default)]
    end_line: Option<GroupNumber>,
    #[serde(default)]
    end_column: Option<GroupNumber>,
    #[serde(default)]
    severity: Option<GroupNumber>,
    #[serde(default)]
    code: Option<GroupNumber>,
    #[serde(default)]
    message: Option<GroupNumber>,
    #[serde(default)]
    from_path: Option<GroupNumber>,
}

/// A number, also written as text.
#[derive(Clone, Copy)]
struct GroupNumber(i64);

impl<'de> Deserialize<'de> for GroupNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(i64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Self(number)),
            Written::Text(text) => text.trim().parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

fn null_is_empty<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The owners that a matcher file names, unchecked (for `remove-matcher`).
///
/// # Errors
/// When the file has not the form of a matcher file.
pub fn owners(content: &[u8]) -> Result<Vec<String>, MatcherConfigError> {
    Ok(read(content)?.into_iter().map(|matcher| matcher.owner).collect())
}

/// Reads and checks a matcher file.
///
/// # Errors
/// When the file or one of its matchers is wrong; none of them counts then.
pub fn parse(content: &[u8]) -> Result<Vec<MatcherConfig>, MatcherConfigError> {
    let mut checked: Vec<MatcherConfig> = Vec::new();
    for matcher in read(content)? {
        let matcher = check(matcher)?;
        if checked.iter().any(|other| other.owner.eq_ignore_ascii_case(&matcher.owner)) {
            return Err(MatcherConfigError::DuplicateOwner(matcher.owner));
        }
        checked.push(matcher);
    }
    Ok(checked)
}

fn read(content: &[u8]) -> Result<Vec<MatcherJson>, MatcherConfigError> {
    let text = crate::commands::files::decode(content);
    Ok(serde_json::from_str::<Option<FileJson>>(&text)?.map(|file| file.matchers).unwrap_or_default())
}

fn check(matcher: MatcherJson) -> Result<MatcherConfig, MatcherConfigError> {
    let MatcherJson { owner, severity, from_path, pattern } = matcher;
    if owner.is_empty() {
        return Err(MatcherConfigError::NoOwner);
    }
    if !["", "error", "warning", "notice"].iter().any(|known| known.eq_ignore_ascii_case(&severity)) {
        return Err(MatcherConfigError::Severity { owner, severity });
    }
    if pattern.is_empty() {
        return Err(MatcherConfigError::NoPatterns(owner));
    }
    let last = pattern.len() - 1;
    let mut seen: Vec<&'static str> = Vec::new();
    let mut patterns = Vec::new();
    for (index, pattern) in pattern.into_iter().enumerate() {
        patterns.push(Arc::new(check_pattern(pattern, index > 0 && index == last, &mut seen)?));
    }
    if !seen.contains(&"message") {
        return Err(MatcherConfigError::NoMessage);
    }
    Ok(MatcherConfig { owner, severity, from_path, patterns })
}

fn check_pattern(
    pattern: PatternJson,
    may_loop: bool,
    seen: &mut Vec<&'static str>,
) -> Result<Pattern, MatcherConfigError> {
    if pattern.r#loop && !may_loop {
        return Err(MatcherConfigError::Loop);
    }
    if pattern.r#loop && pattern.message.is_none() {
        return Err(MatcherConfigError::LoopMessage);
    }
    let regex = LineRegex::new(&pattern.regexp)?;
    let count = regex.group_count();
    let mut group = |property: &'static str, number: Option<GroupNumber>| match number {
        None => Ok(None),
        Some(_) if seen.contains(&property) => Err(MatcherConfigError::SetTwice(property)),
        Some(GroupNumber(number)) => match usize::try_from(number) {
            Ok(index) if index < count => {
                seen.push(property);
                Ok(Some(index))
            }
            _ => Err(MatcherConfigError::OutOfRange { property, group: number }),
        },
    };
    let groups = Groups {
        file: group("file", pattern.file)?,
        line: group("line", pattern.line)?,
        column: group("column", pattern.column)?,
        end_line: group("endLine", pattern.end_line)?,
        end_column: group("endColumn", pattern.end_column)?,
        severity: group("severity", pattern.severity)?,
        code: group("code", pattern.code)?,
        message: group("message", pattern.message)?,
        from_path: group("fromPath", pattern.from_path)?,
    };
    let repeat = if pattern.r#loop { Repeat::Loop } else { Repeat::Once };
    Ok(Pattern { regex, groups, repeat })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(matchers: &str) -> String {
        parse(format!(r#"{{"problemMatcher":{matchers}}}"#).as_bytes())
            .map(|_| "none".to_owned())
            .unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn a_matcher_file_is_checked_with_the_messages_of_the_reference() {
        let message = r#"{"regexp":"(.*)","message":1}"#;
        for (matchers, wanted) in [
            (format!(r#"[{{"owner":"a","pattern":[{message}]}}]"#), "none"),
            (format!(r#"[{{"pattern":[{message}]}}]"#), "Owner must not be empty"),
            (
                format!(r#"[{{"owner":"a","severity":"Fatal","pattern":[{message}]}}]"#),
                "Matcher 'a' contains unexpected default severity 'Fatal'",
            ),
            (format!(r#"[{{"owner":"a","severity":"WARNING","pattern":[{message}]}}]"#), "none"),
            (r#"[{"owner":"a","pattern":[]}]"#.to_owned(), "Matcher 'a' does not contain any patterns"),
            (
                format!(r#"[{{"owner":"a","pattern":[{message}]}},{{"owner":"A","pattern":[{message}]}}]"#),
                "Duplicate owner name 'A'",
            ),
            (
                r#"[{"owner":"a","pattern":[{"regexp":"(x)","file":1}]}]"#.to_owned(),
                "At least one pattern must set 'message'",
            ),
            (
                r#"[{"owner":"a","pattern":[{"regexp":"x","message":1}]}]"#.to_owned(),
                "The property 'message' is set to 1 which is out of range",
            ),
            (
                r#"[{"owner":"a","pattern":[{"regexp":"x","message":-1}]}]"#.to_owned(),
                "The property 'message' is set to -1 which is out of range",
            ),
            (r#"[{"owner":"a","pattern":[{"regexp":"x","message":"0"}]}]"#.to_owned(), "none"),
            (format!(r#"[{{"owner":"a","pattern":[{message},{message}]}}]"#), "The property 'message' is set twice"),
            (
                r#"[{"owner":"a","pattern":[{"regexp":"(x)","message":1,"loop":true}]}]"#.to_owned(),
                "Only the last pattern in a multiline matcher may set 'loop'",
            ),
            (
                r#"[{"owner":"a","pattern":[{"regexp":"(x)","message":1},{"regexp":"(x)","file":1,"loop":true}]}]"#
                    .to_owned(),
                "The loop pattern must set 'message'",
            ),
        ] {
            assert_eq!(error(&matchers), wanted, "{matchers}");
        }
        assert!(error(r#"[{"owner":"a","pattern":[{"regexp":"(","message":0}]}]"#).contains("regular expression"));
        assert!(parse(b"{").is_err() && parse(b"\xef\xbb\xbf{}").unwrap().is_empty());
    }
}
