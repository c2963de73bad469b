//! The places that are asked for a repository: mirrors by URL template, then the server.

use super::{StoreError, StoreOptions};
use crate::git::Git;
use crate::repository::without_credentials;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Secret;

/// Schemes that a mirror may have. `ext` and the like run commands.
const SCHEMES: &[&str] = &["https", "http", "git", "ssh", "file"];

/// One place.
#[derive(Debug, Clone)]
pub(super) struct Place {
    template: String,
    scheme: &'static str,
    token: Option<(String, Secret)>,
    settings: Vec<(String, String)>,
}

/// `owner/repo` in two parts that are safe in URLs and file names, and the host when the reference named one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RepositoryName {
    pub(crate) host: Option<String>,
    pub(crate) owner: String,
    pub(crate) name: String,
}

impl RepositoryName {
    /// Checks the form: letters, digits, `-`, `_`, `.`; neither part only dots, neither begins with `-`.
    pub(crate) fn parse(host: Option<&str>, text: &str) -> Option<Self> {
        let plain = |part: &str| {
            !part.is_empty()
                && part.len() <= 200
                && !part.starts_with('-')
                && part.bytes().any(|byte| byte != b'.')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        };
        let (owner, name) = text.split_once('/')?;
        let host = match host {
            None => None,
            Some(host) => {
                let (scheme, rest) = host.split_once("://")?;
                let safe = rest
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':' | b'/' | b'_'))
                    && !rest.contains("..");
                (matches!(scheme, "https" | "http") && safe && !rest.is_empty())
                    .then(|| Some(host.trim_end_matches('/').to_owned()))?
            }
        };
        (plain(owner) && plain(name)).then(|| Self { host, owner: owner.to_owned(), name: name.to_owned() })
    }
}

impl std::fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(host) = &self.host {
            write!(f, "{host}/")?;
        }
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// The places of a store, in the order that they are asked.
pub(super) fn places(options: &StoreOptions) -> Result<Vec<Place>, StoreError> {
    let server = options.server.iter().map(|server| format!("{}/{{owner}}/{{repo}}", server.trim_end_matches('/')));
    // An empty variable in the environment names no mirror.
    let mirrors = options.mirrors.iter().filter(|template| !template.trim().is_empty());
    mirrors.cloned().chain(server).map(|template| Place::new(template, options)).collect()
}

impl Place {
    fn new(template: String, options: &StoreOptions) -> Result<Self, StoreError> {
        // A folder is meant as a mirror of files.
        let template = if template.starts_with('/') { format!("file://{template}") } else { template };
        let scheme = template.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        let Some(scheme) = SCHEMES.iter().copied().find(|known| scheme.as_deref() == Some(*known)) else {
            return Err(StoreError::Mirror(without_credentials(&template)));
        };
        if !template.contains("{repo}") && !template.contains("{repository}") {
            return Err(StoreError::Mirror(without_credentials(&template)));
        }
        let token = options
            .tokens
            .iter()
            .find(|(server, _)| template.starts_with(&format!("{}/", server.trim_end_matches('/'))))
            .cloned();
        Ok(Self { template, scheme, token, settings: options.settings.clone() })
    }

    /// The place of a reference that names its host.
    pub(super) fn of_host(host: &str, options: &StoreOptions) -> Result<Self, StoreError> {
        Self::new(format!("{host}/{{owner}}/{{repo}}"), options)
    }

    /// Whether the place can be asked for a repository: one that names its host is looked for only where the template says which host.
    pub(super) fn serves(&self, repository: &RepositoryName) -> bool {
        repository.host.is_none() || self.template.contains("{host}")
    }

    fn url(&self, repository: &RepositoryName) -> String {
        let host = repository.host.as_deref().unwrap_or("https://github.com");
        let host = host.split_once("://").map_or(host, |(_, host)| host);
        let template = self.template.replace("{host}", host).replace("{repository}", "{owner}/{repo}");
        template.replace("{owner}", &repository.owner).replace("{repo}", &repository.name)
    }

    /// What people may see of it.
    pub(super) fn label(&self, repository: &RepositoryName) -> String {
        without_credentials(&self.url(repository))
    }

    /// The place in short, for logs: the server or the mirror's template.
    pub(super) fn name(&self) -> String {
        let template = without_credentials(&self.template);
        template.strip_suffix("/{owner}/{repo}").map(str::to_owned).unwrap_or(template)
    }

    /// Mirrors in folders may belong to others, which git refuses by itself; nothing of their configuration runs anything.
    pub(super) fn upload_pack(&self) -> Option<&'static str> {
        (self.scheme == "file").then_some("--upload-pack=git -c safe.directory=* upload-pack")
    }

    /// A git command that may speak with this place, and the URL for it.
    pub(super) fn git(&self, git: Git, repository: &RepositoryName) -> (Git, String) {
        let url = self.url(repository);
        let mut git = git.protocol(self.scheme);
        for (key, value) in &self.settings {
            git = git.setting(key, value);
        }
        match &self.token {
            Some((server, token)) => {
                let value = STANDARD.encode(format!("x-access-token:{}", token.expose()));
                (
                    git.setting(
                        format!("http.{}/.extraheader", server.trim_end_matches('/')),
                        format!("AUTHORIZATION: basic {value}"),
                    ),
                    url,
                )
            }
            None => (git, url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, RepositoryName};
    use crate::store::StoreOptions;

    #[test]
    fn names_are_safe_in_urls_and_files() {
        assert!(RepositoryName::parse(None, "actions/checkout").is_some());
        assert!(RepositoryName::parse(Some("https://gitea.example:3000"), "a/b.c").is_some());
        for bad in ["a", "a/", "/b", "../b", "a/..", "a/b/c", "-a/b", "a/-b", "a b/c", "a/b?x", "a/b%2e"] {
            assert_eq!(RepositoryName::parse(None, bad), None, "{bad}");
        }
        for host in ["ext::sh", "file:///etc", "https://", "https://a@b", "https://a/../b"] {
            assert_eq!(RepositoryName::parse(Some(host), "a/b"), None, "{host}");
        }
    }

    #[test]
    fn templates_are_urls_that_run_nothing() {
        let options = StoreOptions::at("/nonexistent");
        for bad in ["ext::sh -c x {repo}", "ftp://x/{owner}/{repo}", "{owner}/{repo}", "https://x/{owner}"] {
            assert!(Place::new(bad.to_owned(), &options).is_err(), "{bad}");
        }
        let place = Place::new("/srv/{owner}-{repo}.git".to_owned(), &options).unwrap();
        assert_eq!(place.label(&RepositoryName::parse(None, "a/b").unwrap()), "file:///srv/a-b.git");
        let place = Place::new("https://me:secret@h/{owner}/{repo}".to_owned(), &options).unwrap();
        assert_eq!(
            (place.name(), place.label(&RepositoryName::parse(None, "a/b").unwrap())),
            ("https://h".to_owned(), "https://h/a/b".to_owned())
        );
    }
}
