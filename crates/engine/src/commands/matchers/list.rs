//! The matchers of a job, the last added first, and what a line matches.

use super::config::{Groups, MatcherConfig, Repeat};
use super::regex::GivenUp;
use fancy_regex::Captures;
use std::borrow::Cow;

/// After so many matches that were given up, a matcher is dropped.
const PATIENCE: usize = 3;

/// What a match says. Values are as the groups had them; an empty one counts as set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each field is what its name says")]
pub struct Problem {
    pub file: Option<String>,
    pub line: Option<String>,
    pub column: Option<String>,
    pub end_line: Option<String>,
    pub end_column: Option<String>,
    pub severity: Option<String>,
    pub code: Option<String>,
    pub message: Option<String>,
    pub from_path: Option<String>,
}

/// What the matchers make of a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The problems, in the order in which matchers were asked; the first that makes an annotation takes the line.
    pub problem: Option<Problem>,
    /// Owners of matchers that were dropped because matching took too long.
    pub dropped: Vec<String>,
}

/// The matchers of a job. Every step that runs keeps a copy with a state of its own, in step with the list by its version.
#[derive(Debug, Clone, Default)]
pub struct MatcherList {
    matchers: Vec<Matcher>,
}

#[derive(Debug, Clone)]
struct Matcher {
    config: MatcherConfig,
    /// For each pattern but the last: what matched until there.
    running: Vec<Option<Problem>>,
    given_up: usize,
}

impl MatcherList {
    /// Whether there is nothing to match.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.matchers.is_empty()
    }

    /// Adds matchers before all others; those of the same owners go.
    pub fn add(&mut self, configs: &[MatcherConfig]) {
        for config in configs {
            self.remove([config.owner.as_str()]);
            self.matchers.insert(0, Matcher::new(config.clone()));
        }
    }

    /// Removes the matchers of these owners; says whose were there.
    pub fn remove<'owner>(&mut self, owners: impl IntoIterator<Item = &'owner str>) -> Vec<String> {
        let mut removed = Vec::new();
        for owner in owners {
            self.matchers.retain(|matcher| {
                let same = matcher.config.owner.eq_ignore_ascii_case(owner);
                if same {
                    removed.push(matcher.config.owner.clone());
                }
                !same
            });
        }
        removed
    }

    /// Asks the matchers about one line, from the last added on; `accept` says whether a problem takes the line.
    pub fn line(&mut self, line: &str, mut accept: impl FnMut(&Problem) -> bool) -> Found {
        let mut found = Found::default();
        for index in 0..self.matchers.len() {
            match self.matchers[index].line(line) {
                Ok(None) => {}
                Ok(Some(problem)) => {
                    for (other, matcher) in self.matchers.iter_mut().enumerate() {
                        if other != index {
                            matcher.reset();
                        }
                    }
                    if accept(&problem) {
                        found.problem = Some(problem);
                        break;
                    }
                }
                Err(GivenUp) => {
                    self.matchers[index].given_up += 1;
                }
            }
        }
        self.matchers.retain(|matcher| {
            let keep = matcher.given_up < PATIENCE;
            if !keep {
                found.dropped.push(matcher.config.owner.clone());
            }
            keep
        });
        found
    }
}

impl Matcher {
    fn new(config: MatcherConfig) -> Self {
        let running = vec![None; config.patterns.len() - 1];
        Self { config, running, given_up: 0 }
    }

    fn reset(&mut self) {
        self.running.fill(None);
    }

    fn line(&mut self, line: &str) -> Result<Option<Problem>, GivenUp> {
        let last = self.config.patterns.len() - 1;
        for index in (0..=last).rev() {
            let before = match index.checked_sub(1) {
                None => None,
                Some(before) => match &self.running[before] {
                    Some(running) => Some(running.clone()),
                    None => continue,
                },
            };
            let pattern = &self.config.patterns[index];
            match pattern.regex.captures(line)? {
                Some(captures) if index == last => {
                    let problem = self.with_defaults(merge(before.as_ref(), &pattern.groups, &captures));
                    let repeat = pattern.repeat;
                    if last > 0 {
                        self.reset();
                        if repeat == Repeat::Loop {
                            self.running[last - 1] = before;
                        }
                    }
                    return Ok(Some(problem));
                }
                Some(captures) => self.running[index] = Some(merge(before.as_ref(), &pattern.groups, &captures)),
                None if index == last && last > 0 => self.running[last - 1] = None,
                None if index < last => self.running[index] = None,
                None => {}
            }
        }
        Ok(None)
    }

    fn with_defaults(&self, mut problem: Problem) -> Problem {
        let fill = |value: &mut Option<String>, default: &String| {
            if value.as_deref().unwrap_or_default().is_empty() && !default.is_empty() {
                *value = Some(default.clone());
            }
        };
        fill(&mut problem.severity, &self.config.severity);
        fill(&mut problem.from_path, &self.config.from_path);
        problem
    }
}

/// What was found before holds; a group that took no part is empty.
fn merge(before: Option<&Problem>, groups: &Groups, captures: &Captures<'_, str>) -> Problem {
    let pick = |earlier: fn(&Problem) -> &Option<String>, group: Option<usize>| {
        let now = || group.map(|group| captures.get(group).map_or(String::new(), |found| found.as_str().to_owned()));
        before.and_then(|before| earlier(before).clone()).or_else(now)
    };
    Problem {
        file: pick(|problem| &problem.file, groups.file),
        line: pick(|problem| &problem.line, groups.line),
        column: pick(|problem| &problem.column, groups.column),
        end_line: pick(|problem| &problem.end_line, groups.end_line),
        end_column: pick(|problem| &problem.end_column, groups.end_column),
        severity: pick(|problem| &problem.severity, groups.severity),
        code: pick(|problem| &problem.code, groups.code),
        message: pick(|problem| &problem.message, groups.message),
        from_path: pick(|problem| &problem.from_path, groups.from_path),
    }
}

/// A line without colour codes (`ESC [ … m`).
#[must_use]
pub fn without_colours(line: &str) -> Cow<'_, str> {
    const START: &str = "\u{1b}[";
    if !line.contains(START) {
        return Cow::Borrowed(line);
    }
    let mut parts = line.split(START);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        plain.push_str(rest.strip_prefix('m').unwrap_or(rest));
    }
    Cow::Owned(plain)
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
