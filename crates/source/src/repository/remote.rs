//! Where a repository comes from: the URL of its remote as server, owner and name, without credentials.

use super::{Head, HeadReference, Repository};

/// A remote, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its name, usually `origin`.
    pub name: String,
    /// The URL without user names and passwords.
    pub url: String,
    /// The web address of the server: `https://github.com`; `None` for a path.
    pub server: Option<String>,
    /// `owner/repo`.
    pub repository: String,
}

impl Repository {
    /// The remote that the checked-out branch follows, else `origin`, else the only one.
    #[must_use]
    pub fn remote(&self, head: &Head) -> Option<Remote> {
        let config = self.config();
        let names = config.subsections("remote");
        let followed = match &head.reference {
            HeadReference::Branch(branch) => {
                config.get("branch", Some(branch), "remote").filter(|name| names.contains(name))
            }
            HeadReference::Tag(_) | HeadReference::Detached => None,
        };
        let name =
            followed.or_else(|| names.iter().copied().find(|name| *name == "origin")).or(match names.as_slice() {
                [only] => Some(only),
                _ => None,
            })?;
        let url = config.get("remote", Some(name), "url")?;
        let (server, repository) = take_apart(url)?;
        Some(Remote { name: name.to_owned(), url: without_credentials(url), server, repository })
    }

    /// `owner/repo` for a repository without a remote: `local/` and the folder's name.
    #[must_use]
    pub fn local_name(&self) -> String {
        let folder = self.top.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name: String = folder
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
            .collect();
        format!("local/{}", if name.trim_matches('.').is_empty() { "repository" } else { &name })
    }

    /// The branches that others may go into, the likeliest first: what the HEAD of a remote is, `main`, `master`. None of them need be here.
    pub fn main_branches(&self, remote: &str) -> impl Iterator<Item = String> + use<> {
        let pointer = std::fs::read_to_string(self.remote_head(remote)).ok();
        let named = pointer.as_deref().and_then(|text| {
            text.trim().strip_prefix("ref: ")?.strip_prefix(&format!("refs/remotes/{remote}/")).map(str::to_owned)
        });
        named.into_iter().chain(["main", "master"].map(str::to_owned))
    }

    /// Where git notes what a remote's default branch is.
    pub(crate) fn remote_head(&self, remote: &str) -> std::path::PathBuf {
        self.common_dir.join(format!("refs/remotes/{remote}/HEAD"))
    }

    /// The commit that the remote is known to have for a branch, as of the last fetch or push.
    #[must_use]
    pub fn remote_commit(&self, remote: &Remote, branch: &str) -> Option<super::CommitId> {
        self.resolve(&format!("refs/remotes/{}/{branch}", remote.name))
    }
}

/// The URL without the part before `@` of its authority. `git@host:path` keeps its user, which is no secret.
pub(crate) fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rsplit_once('@') {
        Some((user, host)) if scheme == "ssh" && !user.contains(':') => {
            format!("{scheme}://{user}@{host}{}", &rest[end..])
        }
        Some((_, host)) => format!("{scheme}://{host}{}", &rest[end..]),
        None => url.to_owned(),
    }
}

/// The server's web address and `owner/repo` of a URL.
fn take_apart(url: &str) -> Option<(Option<String>, String)> {
    let (server, path) = match url.split_once("://") {
        Some(("file", rest)) => (None, rest),
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/')?;
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            let server = match scheme {
                "http" | "https" => format!("{scheme}://{host}"),
                // The port of ssh or git says nothing about the web server's.
                _ => format!("https://{}", host.split(':').next().unwrap_or(host)),
            };
            (Some(server), path)
        }
        None => match url.split_once(':') {
            Some((host, path)) if !host.contains('/') => {
                let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
                (Some(format!("https://{host}")), path)
            }
            _ => (None, url),
        },
    };
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
    let mut parts = path.rsplit('/').filter(|part| !matches!(*part, "" | "." | ".."));
    let name = parts.next()?;
    let owner = parts.next().unwrap_or("local");
    let repository = format!("{owner}/{name}");
    // A server below a path (Gitea at /git) keeps that path.
    let server = server.map(|server| {
        let below = path.trim_matches('/').strip_suffix(&repository).map_or("", |before| before.trim_matches('/'));
        if below.is_empty() { server } else { format!("{server}/{below}") }
    });
    Some((server, repository))
}

#[cfg(test)]
mod tests {
    use super::{take_apart, without_credentials};

    #[test]
    fn urls_of_every_form() {
        let cases = [
            ("https://github.com/o/r.git", Some("https://github.com"), "o/r"),
            ("https://u:t@gitea.example:3000/o/r", Some("https://gitea.example:3000"), "o/r"),
            ("http://host/git/o/r/", Some("http://host/git"), "o/r"),
            ("git@github.com:o/r.git", Some("https://github.com"), "o/r"),
            ("ssh://git@host:2222/o/r.git", Some("https://host"), "o/r"),
            ("file:///srv/mirrors/o/r.git", None, "o/r"),
            ("/srv/r", None, "srv/r"),
            ("../r", None, "local/r"),
        ];
        for (url, server, repository) in cases {
            assert_eq!(take_apart(url), Some((server.map(str::to_owned), repository.to_owned())), "{url}");
        }
        assert_eq!(take_apart("https://host"), None);
    }

    #[test]
    fn credentials_go() {
        assert_eq!(without_credentials("https://x:y@h/p@q"), "https://h/p@q");
        assert_eq!(without_credentials("https://tok@h"), "https://h");
        assert_eq!(without_credentials("ssh://git@h/p"), "ssh://git@h/p");
        assert_eq!(without_credentials("git@h:p"), "git@h:p");
    }
}
