//! What of a log says why a job failed: the lines before the first error, and what follows it. Called by `watch`.

use crate::text::plain;
use std::collections::VecDeque;

/// So many lines before an error are shown.
const BEFORE: usize = 12;
/// So many behind it; of what comes later, the last error.
const AFTER: usize = 12;

/// What a runner says at the end of each log.
const END: &str = "Cleaning up orphan processes";

/// What a log is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Of {
    /// Of the step that failed.
    Step,
    /// Of a whole job of which nobody said which step failed: the last one that ends with an error counts.
    #[default]
    Job,
}

/// The lines of a log that are shown.
#[derive(Debug, Default)]
pub(super) struct Excerpt {
    of: Of,
    now: Part,
    /// What was the best until now.
    best: Part,
}

impl Excerpt {
    /// Of the rows of the step that failed.
    pub(super) fn of_step() -> Self {
        Self { of: Of::Step, ..Self::default() }
    }

    /// Takes whole lines.
    pub(super) fn push(&mut self, text: &str) {
        for line in text.lines() {
            match self.of {
                Of::Job if line == END => continue,
                Of::Job if line.starts_with("##[group]Run ") => self.cut(),
                Of::Job | Of::Step => {}
            }
            self.now.push(line);
        }
    }

    /// What comes now is another's.
    fn cut(&mut self) {
        let part = std::mem::take(&mut self.now);
        if part.end >= self.best.end {
            self.best = part;
        }
    }

    /// The lines as they are shown; none where there was nothing.
    pub(super) fn text(mut self) -> String {
        self.cut();
        self.best.lines().map(|line| format!("  │ {}\n", plain(&console::strip_ansi_codes(line)))).collect()
    }
}

/// How bad a part looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum End {
    #[default]
    NoError,
    ErrorBefore,
    Error,
}

/// The group at the head of a step, with its command and environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Fold {
    #[default]
    NotYet,
    Open,
    Over,
}

/// The rows of a step, as far as they are kept.
#[derive(Debug, Default)]
struct Part {
    head: Option<String>,
    fold: Fold,
    end: End,
    /// Up to the first error.
    before: VecDeque<String>,
    after: Vec<String>,
    /// How many came behind those, and the last error of them.
    more: usize,
    last: Option<String>,
}

impl Part {
    fn push(&mut self, line: &str) {
        let error = line.strip_prefix("##[error]");
        let group = line.strip_prefix("##[group]");
        match (self.fold, group) {
            (Fold::NotYet, Some(title)) if self.end == End::NoError => {
                self.before.clear();
                (self.head, self.fold) = (Some(title.to_owned()), Fold::Open);
                return;
            }
            _ if line.starts_with("##[endgroup]") => {
                self.fold = if self.fold == Fold::Open { Fold::Over } else { self.fold };
                return;
            }
            (Fold::Open, _) if error.is_none() => return,
            _ => {}
        }
        let row = error.map_or_else(|| group.unwrap_or(line).to_owned(), |error| format!("error: {error}"));
        match self.end {
            End::NoError => {
                self.before.push_back(row);
                // The error itself is one more.
                if self.before.len() > BEFORE + usize::from(error.is_some()) {
                    self.before.pop_front();
                }
            }
            _ if self.after.len() < AFTER => self.after.push(row),
            _ => {
                self.more += 1;
                if error.is_some() {
                    self.last = Some(row);
                }
            }
        }
        self.end = match (self.end, error) {
            (_, Some(_)) => End::Error,
            (End::NoError, None) => End::NoError,
            (_, None) => End::ErrorBefore,
        };
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        let gap = (self.more > usize::from(self.last.is_some())).then_some("…");
        let kept = self.head.iter().chain(&self.before).chain(&self.after).map(String::as_str);
        kept.chain(gap).chain(self.last.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::Excerpt;

    const OPTIONAL: &str = "##[group]Run make lint\nmake lint\nshell: bash\n##[endgroup]\nnit\n##[error]Process completed with exit code 1.\n";
    const REAL: &str = "##[group]Run make\nmake\nshell: bash\n##[endgroup]\n\u{1b}[31mwrong\u{1b}[0m\n##[error]sum.c:8: no\nafter\n##[error]Process completed with exit code 2.\n";
    const SHOWN: &str =
        "  │ Run make\n  │ wrong\n  │ error: sum.c:8: no\n  │ after\n  │ error: Process completed with exit code 2.\n";

    fn of_job(text: &str) -> String {
        let mut excerpt = Excerpt::default();
        excerpt.push(text);
        excerpt.text()
    }

    #[test]
    fn without_steps_the_last_that_ends_with_an_error_counts() {
        let nit = "##[group]Run make style\n##[endgroup]\n##[error]style nit\nfine\n";
        let later = "##[group]Run report\n##[endgroup]\nsent\nCleaning up orphan processes\n";
        assert_eq!(of_job(&format!("setup\n{OPTIONAL}{REAL}{later}")), SHOWN);
        assert_eq!(of_job(&format!("{nit}{REAL}Cleaning up orphan processes\n")), SHOWN);
        assert_eq!(of_job(&format!("{REAL}{nit}")), SHOWN);
        assert_eq!(of_job("setup\n##[error]no such action\n"), "  │ setup\n  │ error: no such action\n");
    }

    #[test]
    fn a_step_keeps_its_own_groups() {
        let mut excerpt = Excerpt::of_step();
        excerpt.push(
            "##[group]Run make\nmake\n##[endgroup]\n##[group]Run units\n##[error]one\n##[endgroup]\n##[group]Run rest\nfine\n",
        );
        assert_eq!(excerpt.text(), "  │ Run make\n  │ Run units\n  │ error: one\n  │ Run rest\n  │ fine\n");
    }

    #[test]
    fn it_is_bounded_before_and_behind_the_first_error() {
        let rows = |word: &str| (0..100).map(|number| format!("{word}{number}\n")).collect::<String>();
        assert_eq!(of_job(&rows("a")).lines().count(), 12);
        let text = of_job(&format!(
            "##[group]Run x\n##[endgroup]\n{}##[error]one\n{}##[error]last\n{}",
            rows("a"),
            rows("b"),
            rows("c")
        ));
        let lines: Vec<&str> = text.lines().map(|line| line.trim_start_matches("  │ ")).collect();
        assert_eq!(lines.len(), 1 + 12 + 1 + 12 + 2, "{text}");
        assert_eq!([lines[0], lines[1], lines[13], lines[14]], ["Run x", "a88", "error: one", "b0"]);
        assert_eq!(lines[lines.len() - 3..], ["b11", "…", "error: last"]);
    }
}
