//! Where a repository is on a forge, from the address of its page. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// What stands for itself in a part of a path.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What kind of forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Gitea, and Forgejo, which has the same routes.
    Gitea,
    /// GitHub, of its own host or of a company's.
    Github,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gitea => "gitea",
            Self::Github => "github",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        match text {
            "gitea" | "forgejo" => Ok(Self::Gitea),
            "github" => Ok(Self::Github),
            _ => Err(PlaceError::Kind { text: text.to_owned() }),
        }
    }
}

/// A repository of a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its page, without a slash or `.git` at its end.
    pub url: String,
    /// What kind of forge it is on.
    pub kind: Kind,
    /// Where the forge's API is, without a slash at its end.
    api: String,
    owner: String,
    name: String,
}

/// The text is no address of a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// It has another form.
    #[error("'{url}' is no page of a repository on a forge: give https://HOST/OWNER/NAME, without a password")]
    Form {
        /// As it was given, without a password.
        url: String,
    },
    /// No such kind.
    #[error("'{text}' is no kind of forge; there are gitea, forgejo, github")]
    Kind {
        /// As it was given.
        text: String,
    },
}

impl Place {
    /// Reads the address of a repository's page. Without a kind, `github.com` is GitHub, all others are Gitea or Forgejo.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(url: &str, kind: Option<Kind>) -> Result<Self, PlaceError> {
        let form = || PlaceError::Form {
            url: url.split_once("://").map_or_else(
                || url.to_owned(),
                |(scheme, rest)| format!("{scheme}://{}", rest.split_once('@').map_or(rest, |(_, host)| host)),
            ),
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(form)?;
        let rest = rest.trim_end_matches('/');
        let rest = rest.strip_suffix(".git").unwrap_or(rest);
        let is_good = matches!(scheme, "https" | "http") && !rest.contains(['@', '?', '#', '\\', ' ', '%']);
        let mut parts: Vec<&str> = rest.split('/').collect();
        let empty = parts.iter().any(|part| part.is_empty() || matches!(*part, "." | ".."));
        if !is_good || empty || parts.len() < 3 || rest.chars().any(char::is_control) {
            return Err(form());
        }
        let (name, owner) = (parts.pop().unwrap_or_default(), parts.pop().unwrap_or_default());
        let host = parts.join("/");
        let is_github = host.eq_ignore_ascii_case("github.com");
        let kind = kind.unwrap_or(if is_github { Kind::Github } else { Kind::Gitea });
        let api = match kind {
            Kind::Gitea => format!("{scheme}://{host}/api/v1"),
            Kind::Github if is_github => format!("{scheme}://api.github.com"),
            Kind::Github => format!("{scheme}://{host}/api/v3"),
        };
        let url = format!("{scheme}://{host}/{owner}/{name}");
        Ok(Self { url, kind, api, owner: owner.to_owned(), name: name.to_owned() })
    }

    /// The route of the repository.
    pub(crate) fn repository(&self) -> String {
        let part = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
        format!("{}/repos/{}/{}", self.api, part(&self.owner), part(&self.name))
    }

    /// The route of a commit.
    pub(crate) fn commit(&self, commit: &str) -> String {
        let (commit, repository) = (utf8_percent_encode(commit, PLAIN), self.repository());
        match self.kind {
            // What changed in it is not asked for.
            Kind::Gitea => format!("{repository}/git/commits/{commit}?stat=false&verification=false&files=false"),
            Kind::Github => format!("{repository}/git/commits/{commit}"),
        }
    }

    /// The route of the statuses of a commit.
    pub(crate) fn statuses(&self, commit: &str) -> String {
        format!("{}/statuses/{}", self.repository(), utf8_percent_encode(commit, PLAIN))
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Place};

    #[test]
    fn a_page_tells_where_its_api_is() {
        let of = |url, kind| Place::parse(url, kind).map(|place| (place.url.clone(), place.statuses("c0ffee")));
        let pair = |url: &str, api: &str| Ok((url.to_owned(), api.to_owned()));
        assert_eq!(
            of("https://git.example.org/acme/shop.git", None),
            pair("https://git.example.org/acme/shop", "https://git.example.org/api/v1/repos/acme/shop/statuses/c0ffee")
        );
        assert_eq!(
            of("http://h:3000/forge/acme/shop/", None),
            pair("http://h:3000/forge/acme/shop", "http://h:3000/forge/api/v1/repos/acme/shop/statuses/c0ffee")
        );
        assert_eq!(
            of("https://github.com/acme/shop", None),
            pair("https://github.com/acme/shop", "https://api.github.com/repos/acme/shop/statuses/c0ffee")
        );
        assert_eq!(
            of("https://git.corp.example/acme/shop", Some(Kind::Github)).unwrap().1,
            "https://git.corp.example/api/v3/repos/acme/shop/statuses/c0ffee"
        );
        for wrong in [
            "",
            "shop",
            "https://h",
            "https://h/shop",
            "https://h//shop",
            "ftp://h/a/b",
            "https://u:pw@h/a/b",
            "https://h/a/b?x",
            "https://h/a/..",
            "git@h:a/b",
            "https://h/a/b#c",
        ] {
            let refused = Place::parse(wrong, None).unwrap_err().to_string();
            assert!(!refused.contains("pw"), "{refused}");
        }
    }

    #[test]
    fn kinds_have_words() {
        assert_eq!(("forgejo".parse(), "github".parse()), (Ok(Kind::Gitea), Ok(Kind::Github)));
        assert!("gitlab".parse::<Kind>().unwrap_err().to_string().contains("gitea, forgejo, github"));
        for kind in [Kind::Gitea, Kind::Github] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
    }
}
