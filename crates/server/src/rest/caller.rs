//! Who calls, about what. Made by the guard, taken by handlers.

use super::fault::RestFault;
use crate::access::{Actor, Person, Reach};
use crate::plane::Plane;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::control::{OwnerId, Scope};
use store::Project;

/// Who was let in.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// Who.
    pub(super) person: Person,
    /// As the audit writes it.
    pub(super) actor: Actor,
    /// What the path is about.
    pub(super) place: Place,
}

/// What a path is about.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// The whole instance, or a thing that says itself where it belongs.
    Instance,
    /// All projects of an owner.
    Owner(OwnerId, String),
    /// One project.
    Project(Box<Project>),
}

impl Place {
    pub(super) fn reach(&self) -> Reach {
        match self {
            Self::Instance => Reach::Instance,
            Self::Owner(owner, _) => Reach::Owner(*owner),
            Self::Project(project) => Reach::Project(project.owner_id, project.id),
        }
    }

    pub(super) fn scope(&self) -> Scope {
        self.reach().scope()
    }

    pub(super) const fn what(&self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Owner(..) => "owner",
            Self::Project(_) => "project",
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Instance => f.write_str("instance"),
            Self::Owner(_, name) => f.write_str(name),
            Self::Project(project) => f.write_str(&project.full_name()),
        }
    }
}

impl Caller {
    /// The project that the path names.
    pub(super) fn project(&self) -> Result<&Project, RestFault> {
        match &self.place {
            Place::Project(project) => Ok(project),
            Place::Instance | Place::Owner(..) => Err(RestFault::missing("project", &self.place.to_string())),
        }
    }
}

impl FromRequestParts<Plane> for Caller {
    type Rejection = RestFault;

    async fn from_request_parts(parts: &mut Parts, _: &Plane) -> Result<Self, RestFault> {
        // The guard puts it there for every route but those that need nothing.
        parts.extensions.get::<Self>().cloned().ok_or_else(RestFault::no_token)
    }
}
