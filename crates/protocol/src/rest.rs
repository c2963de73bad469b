//! The one thing about runners that the protocol has no word for: removing them, by the REST API that both forges share. Called by the
//! command `agent unregister`.

use crate::client::Client;
use domain::{RunnerId, Secret};
use http::{HeaderValue, StatusCode, header};

/// Where a runner is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The whole instance.
    Instance,
    /// The user whose token it is.
    User,
    /// An organisation.
    Organisation(String),
    /// A repository.
    Repository(String, String),
}

/// The text names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no scope of runners; write instance, user, ORGANISATION or OWNER/NAME")]
pub struct InvalidScope(String);

impl std::str::FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = |name: &str| {
            let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            first && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        match text.split_once('/') {
            Some((owner, name)) if good(owner) && good(name) => Ok(Self::Repository(owner.into(), name.into())),
            None if text == "instance" => Ok(Self::Instance),
            None if text == "user" => Ok(Self::User),
            None if good(text) => Ok(Self::Organisation(text.to_owned())),
            _ => Err(InvalidScope(text.to_owned())),
        }
    }
}

/// How a removal went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The forge removed it.
    Removed,
    /// There is no such runner in that scope, or the forge is older than this route.
    Unknown,
}

/// The runner could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// The token cannot do this.
    #[error(
        "{url} does not let this token remove runners (status {status}); give one of an administrator of that scope with the right to write there"
    )]
    Rights {
        /// The instance.
        url: String,
        /// As it answered.
        status: u16,
    },
    /// Nobody answered.
    #[error("{url} cannot be reached: {source}")]
    Unreachable {
        /// The instance.
        url: String,
        /// What was seen.
        #[source]
        source: reqwest::Error,
    },
    /// It answered something else.
    #[error("{url} answered with status {status} when the runner was to be removed; remove it there by hand")]
    Status {
        /// The instance.
        url: String,
        /// As it answered.
        status: u16,
    },
}

impl Client {
    /// Removes a runner from the forge, with an access token of somebody who may. Safe to repeat.
    ///
    /// # Errors
    /// When the token has not the right, nobody answers, or the forge does not do it.
    pub async fn remove_runner(&self, token: &Secret, scope: &Scope, id: RunnerId) -> Result<Removal, RemovalError> {
        let place = match scope {
            Scope::Instance => "admin".to_owned(),
            Scope::User => "user".to_owned(),
            Scope::Organisation(name) => format!("orgs/{name}"),
            Scope::Repository(owner, name) => format!("repos/{owner}/{name}"),
        };
        let url = self.url().to_owned();
        let fault = |status: StatusCode| RemovalError::Status { url: url.clone(), status: status.as_u16() };
        // What a header cannot carry is no token of a forge.
        let mut value = HeaderValue::from_str(&format!("token {}", token.expose()))
            .map_err(|_| RemovalError::Rights { url: url.clone(), status: 0 })?;
        value.set_sensitive(true);
        let request = self.http().delete(format!("{url}/api/v1/{place}/actions/runners/{}", id.0));
        let answer = request.header(header::AUTHORIZATION, value).timeout(self.timeout()).send().await;
        let status = answer.map_err(|source| RemovalError::Unreachable { url: url.clone(), source })?.status();
        match status {
            status if status.is_success() => Ok(Removal::Removed),
            StatusCode::NOT_FOUND => Ok(Removal::Unknown),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(RemovalError::Rights { url: url.clone(), status: status.as_u16() })
            }
            other => Err(fault(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Scope;

    #[test]
    fn a_scope_is_a_place_and_no_path() {
        assert_eq!("instance".parse(), Ok(Scope::Instance));
        assert_eq!("org".parse(), Ok(Scope::Organisation("org".to_owned())));
        assert_eq!("a/b.c".parse(), Ok(Scope::Repository("a".to_owned(), "b.c".to_owned())));
        for wrong in ["", "/", "a/", "a/b/c", "..", "a/..", "a?b", "a b"] {
            assert!(wrong.parse::<Scope>().is_err(), "{wrong}");
        }
    }
}
