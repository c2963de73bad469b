//! What a route is about: the whole instance, an owner, a project.

use serde::{Deserialize, Serialize};

/// The name of a project: `OWNER/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectName {
    owner: String,
    name: String,
}

/// Where something belongs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// The whole instance.
    Instance,
    /// All projects of an owner.
    Owner(String),
    /// One project.
    Project(ProjectName),
}

/// The text names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlace {
    /// It is no project.
    #[error(
        "'{0}' is no project; write OWNER/NAME, each of letters, digits, `.`, `_` and `-`, at most 100, the name without `.git` at its end"
    )]
    Project(String),
    /// It is no scope.
    #[error("'{0}' is no scope; write instance, OWNER or OWNER/NAME")]
    Scope(String),
}

impl ProjectName {
    /// A name of its two parts.
    ///
    /// # Errors
    /// When one of them is none.
    pub fn new(owner: &str, name: &str) -> Result<Self, InvalidPlace> {
        // `.git` at the end of an address is left aside: of a name it would be lost.
        if is_part(owner) && is_part(name) && !name.to_ascii_lowercase().ends_with(".git") {
            Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
        } else {
            Err(InvalidPlace::Project(format!("{owner}/{name}")))
        }
    }

    /// The part before the slash.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The part behind it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Gitea's rule for names of owners and repositories, with our length.
fn is_part(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && !matches!(text, "." | "..")
        && !text.starts_with('-')
}

impl std::fmt::Display for ProjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl std::str::FromStr for ProjectName {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (owner, name) = text.split_once('/').ok_or_else(|| InvalidPlace::Project(text.to_owned()))?;
        Self::new(owner, name)
    }
}

impl TryFrom<String> for ProjectName {
    type Error = InvalidPlace;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ProjectName> for String {
    fn from(name: ProjectName) -> Self {
        name.to_string()
    }
}

impl Place {
    /// The beginning of its routes, behind `/api/v1`.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Instance => "/admin".to_owned(),
            Self::Owner(owner) => format!("/orgs/{owner}"),
            Self::Project(project) => format!("/repos/{project}"),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Instance => f.write_str("instance"),
            Self::Owner(owner) => f.write_str(owner),
            Self::Project(project) => project.fmt(f),
        }
    }
}

impl std::str::FromStr for Place {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "instance" | "" => Ok(Self::Instance),
            text if text.contains('/') => Ok(Self::Project(text.parse()?)),
            text if is_part(text) => Ok(Self::Owner(text.to_owned())),
            text => Err(InvalidPlace::Scope(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, ProjectName};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_name_is_part_of_a_path_and_no_path(text in "[a-zA-Z0-9._/-]{0,12}|.{0,12}") {
            if let Ok(name) = text.parse::<ProjectName>() {
                prop_assert_eq!(name.to_string(), text.clone());
                let parts: Vec<&str> = text.split('/').collect();
                prop_assert_eq!(parts.len(), 2);
                prop_assert!(parts.iter().all(|part| !part.is_empty() && *part != "." && *part != ".."));
            }
            if let Ok(place) = text.parse::<Place>() {
                prop_assert_eq!(place.to_string().parse::<Place>().unwrap(), place);
            }
        }
    }

    #[test]
    fn places_have_routes() {
        let path = |text: &str| text.parse::<Place>().map(|place| place.path());
        assert_eq!(path("instance").unwrap(), "/admin");
        assert_eq!(path("acme").unwrap(), "/orgs/acme");
        assert_eq!(path("acme/shop.js").unwrap(), "/repos/acme/shop.js");
        for wrong in ["a/b/c", "../x", "a/..", "/", "a/", "a b", "-x", "x?y", "ä"] {
            assert!(path(wrong).is_err(), "{wrong}");
        }
    }
}
