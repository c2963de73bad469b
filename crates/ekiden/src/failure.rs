//! What a person reads when a command cannot do its work: what failed, the fact observed, the command that fixes it.

use crate::exit::Exit;

/// Why a command ended without doing its work. Every command returns it; `main` prints it and takes the exit code from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit code that this becomes.
    pub(crate) exit: Exit,
    /// What failed, one sentence without a full stop.
    pub(crate) what: String,
    /// Facts that were observed, one a line.
    pub(crate) facts: Vec<String>,
    /// Commands or edits that would fix it, one a line.
    pub(crate) fixes: Vec<String>,
}

impl Failure {
    /// A failure with nothing but its sentence.
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), facts: Vec::new(), fixes: Vec::new() }
    }

    /// A wrong command line.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// A wrong configuration or workflow.
    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::new(Exit::Invalid, what)
    }

    /// Something that is not there.
    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, what)
    }

    /// A fault of the machine or of `ekiden`.
    pub(crate) fn platform(what: impl Into<String>) -> Self {
        Self::new(Exit::Platform, what)
    }

    /// Adds a fact.
    pub(crate) fn fact(mut self, fact: impl Into<String>) -> Self {
        self.facts.push(fact.into());
        self
    }

    /// Adds an error and everything that caused it as facts.
    pub(crate) fn cause(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            self.facts.push(error.to_string());
            next = error.source();
        }
        self
    }

    /// Adds a fix.
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fixes.push(fix.into());
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)?;
        for (head, lines) in [("fact", &self.facts), ("fix", &self.fixes)] {
            for line in lines {
                for (i, part) in line.lines().enumerate() {
                    write!(f, "\n  {:5} {part}", if i == 0 { head } else { "" })?;
                }
            }
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// What was read could not be written out: a broken pipe is somebody's `| head`, not a fault.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::platform("could not write the output").cause(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn a_failure_reads_what_fact_fix() {
        let failure = Failure::usage("no such job 'tests'").fact("ci.yml has: test, lint").fix("ekiden exec -j test");
        assert_eq!(
            failure.to_string(),
            "no such job 'tests'\n  fact  ci.yml has: test, lint\n  fix   ekiden exec -j test"
        );
    }
}
