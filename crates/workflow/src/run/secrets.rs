//! Which secrets a job sees. The machine itself never sees a value: a job's view is worked out where its secrets are.

use super::scope::JobScope;
use crate::expr::{EvaluationError, Object, Value};
use crate::template::Template;
use domain::Secret;
use std::sync::Arc;

/// The name of the job's token among the secrets; every workflow sees it, whatever its caller gives.
const TOKEN: &str = "GITHUB_TOKEN";

/// Which of the run's secrets a job sees, under which names.
#[derive(Debug, Clone, Default)]
pub struct SecretsView(Kind);

#[derive(Debug, Clone, Default)]
enum Kind {
    /// All of the run: the workflow that was started, and those that inherit.
    #[default]
    All,
    /// None but the token.
    None,
    /// What the caller's `secrets` mapping gives.
    Given(Arc<Given>),
}

#[derive(Debug)]
struct Given {
    outer: SecretsView,
    mapping: Template,
    scope: JobScope,
}

impl SecretsView {
    /// All secrets of the run.
    pub(super) const ALL: Self = Self(Kind::All);
    /// None.
    pub(super) const NONE: Self = Self(Kind::None);

    /// What a mapping gives, evaluated with the caller's contexts and secrets.
    pub(super) fn given(outer: Self, mapping: Template, scope: JobScope) -> Self {
        Self(Kind::Given(Arc::new(Given { outer, mapping, scope })))
    }

    /// Whether the job sees the run's secrets as they are.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        matches!(self.0, Kind::All)
    }

    /// The secrets that the job sees, from those of the run. `GITHUB_TOKEN` is always passed on.
    ///
    /// # Errors
    /// When an expression of a caller's `secrets` fails.
    pub fn resolve(&self, of_run: &[(String, Secret)]) -> Result<Vec<(String, Secret)>, EvaluationError> {
        let is_token = |name: &str| name.eq_ignore_ascii_case(TOKEN);
        let token = || of_run.iter().filter(|(name, _)| is_token(name)).cloned();
        match &self.0 {
            Kind::All => Ok(of_run.to_vec()),
            Kind::None => Ok(token().collect()),
            Kind::Given(given) => {
                let outer = given.outer.resolve(of_run)?;
                let secrets: Object = outer.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
                let scope = given.scope.with_secrets(Value::object(secrets));
                let mut seen = Vec::new();
                for (name, value) in given.mapping.evaluate_texts(&scope)? {
                    if !is_token(&name) {
                        seen.push((name, Secret::new(value.to_string())));
                    }
                }
                seen.extend(token());
                Ok(seen)
            }
        }
    }
}
