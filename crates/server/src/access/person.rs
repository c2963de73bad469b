//! Somebody who calls: a token with rights in one scope. Used by every room that asks who may do what.

use super::error::Denied;
use super::origin::Origin;
use api::Right;
use domain::control::{Expiry, OwnerId, ProjectId, Scope, TokenId};
use std::collections::BTreeSet;
use store::AuditEntry;

/// What somebody may do. Writing holds reading, and `admin` holds all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rights(BTreeSet<Right>);

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The token that was shown.
    pub token: TokenId,
    /// How people call it; runs that it starts bear this name.
    pub name: String,
    /// What it may do.
    pub rights: Rights,
    /// Where.
    pub scope: Scope,
    /// When its token ends by itself: what it makes ends no later.
    pub ends: Expiry,
}

/// What a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The whole instance.
    Instance,
    /// All projects of an owner.
    Owner(OwnerId),
    /// One project.
    Project(OwnerId, ProjectId),
}

/// Who does something, and from where: what the audit writes down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `token 3 (deploy)`
    pub name: String,
    /// From where.
    pub origin: Origin,
}

impl Rights {
    /// Those of a list.
    #[must_use]
    pub fn of(list: impl IntoIterator<Item = Right>) -> Self {
        Self(list.into_iter().collect())
    }

    /// All.
    #[must_use]
    pub fn all() -> Self {
        Self::of([Right::Admin])
    }

    /// Whether one is among them, or held by one of them.
    #[must_use]
    pub fn hold(&self, needs: Right) -> bool {
        self.0.iter().any(|right| right.holds(needs))
    }

    /// As a list.
    #[must_use]
    pub fn list(&self) -> Vec<Right> {
        self.0.iter().copied().collect()
    }
}

impl Reach {
    /// The scope of things that belong there.
    #[must_use]
    pub const fn scope(self) -> Scope {
        match self {
            Self::Instance => Scope::Instance,
            Self::Owner(owner) => Scope::Owner(owner),
            Self::Project(_, project) => Scope::Repository(project),
        }
    }

    /// Whether it lies within a scope.
    #[must_use]
    pub fn is_within(self, scope: Scope) -> bool {
        match (scope, self) {
            (Scope::Instance, _) => true,
            (Scope::Owner(own), Self::Owner(owner) | Self::Project(owner, _)) => own == owner,
            (Scope::Repository(own), Self::Project(_, project)) => own == project,
            (Scope::Owner(_) | Scope::Repository(_), Self::Instance) | (Scope::Repository(_), Self::Owner(_)) => false,
        }
    }
}

impl Person {
    /// Whether it may do something there.
    #[must_use]
    pub fn may(&self, needs: Right, reach: Reach) -> bool {
        reach.is_within(self.scope) && self.rights.hold(needs)
    }

    /// As [`Self::may`], with the reason. What lies outside of its scope is not there for it (`security` R18).
    ///
    /// # Errors
    /// [`Denied::Missing`] outside of its scope, [`Denied::Right`] within.
    pub fn check(&self, needs: Right, reach: Reach, what: &'static str, name: &str) -> Result<(), Denied> {
        if !reach.is_within(self.scope) {
            return Err(match reach {
                Reach::Instance => Denied::Reach { person: self.to_string() },
                Reach::Owner(_) | Reach::Project(..) => Denied::Missing { what, name: name.to_owned() },
            });
        }
        if self.rights.hold(needs) { Ok(()) } else { Err(Denied::Right { person: self.to_string(), needs }) }
    }
}

impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "token {} ({})", self.token, self.name)
    }
}

impl Actor {
    /// The server itself.
    #[must_use]
    pub fn server(what: &str) -> Self {
        Self { name: what.to_owned(), origin: Origin::Here }
    }

    /// What is to be noted of a change.
    #[must_use]
    pub fn did(&self, action: &str, object: impl Into<String>, detail: serde_json::Value) -> AuditEntry {
        AuditEntry {
            actor: self.name.clone(),
            origin: self.origin.to_string(),
            action: action.to_owned(),
            object: object.into(),
            detail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Person, Reach, Rights};
    use crate::access::Denied;
    use api::Right;
    use domain::control::{Expiry, OwnerId, ProjectId, Scope, TokenId};

    fn person(scope: Scope, rights: &[Right]) -> Person {
        let rights = Rights::of(rights.iter().copied());
        Person { token: TokenId(3), name: "deploy".to_owned(), rights, scope, ends: Expiry::Never }
    }

    #[test]
    fn a_token_reaches_its_scope_and_no_further() {
        let (owner, other) = (OwnerId(1), OwnerId(2));
        let reaches = [
            Reach::Instance,
            Reach::Owner(owner),
            Reach::Owner(other),
            Reach::Project(owner, ProjectId(1)),
            Reach::Project(owner, ProjectId(2)),
            Reach::Project(other, ProjectId(3)),
        ];
        for (scope, within) in [
            (Scope::Instance, [true; 6]),
            (Scope::Owner(owner), [false, true, false, true, true, false]),
            (Scope::Repository(ProjectId(1)), [false, false, false, true, false, false]),
        ] {
            for (reach, within) in reaches.into_iter().zip(within) {
                assert_eq!(reach.is_within(scope), within, "{scope:?} {reach:?}");
                assert_eq!(person(scope, &[Right::Admin]).may(Right::WriteTokens, reach), within);
                assert!(!person(scope, &[]).may(Right::ReadRuns, reach));
            }
        }
    }

    #[test]
    fn what_is_out_of_reach_is_not_there() {
        let person = person(Scope::Owner(OwnerId(1)), &[Right::ReadRuns]);
        let check = |needs, reach| person.check(needs, reach, "project", "acme/shop").unwrap_err();
        let missing = check(Right::ReadRuns, Reach::Project(OwnerId(2), ProjectId(9)));
        assert_eq!(missing.to_string(), "there is no project acme/shop, or the token does not reach it");
        let right = check(Right::WriteRuns, Reach::Owner(OwnerId(1)));
        assert_eq!(right.to_string(), "token 3 (deploy) may not do this: it lacks the right write:runs");
        assert!(matches!(check(Right::ReadRuns, Reach::Instance), Denied::Reach { .. }));
    }
}
