//! Where a project's repository is, as a person says it. Called by REST, and by the pages for how it may be shown.

use std::borrow::Cow;

/// A path or URL longer than this is none.
const LONGEST: usize = 4096;

/// Where a repository is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GitPlace {
    /// Elsewhere, behind a protocol of git's that runs nothing here and has nothing of this machine's to show.
    Network,
    /// On the server's machine, or where its user's own keys and settings of ssh lead.
    Machine,
}

impl GitPlace {
    /// Nothing where a text is none; git has ways to name a program, which are none either.
    pub(crate) fn of(git: &str) -> Option<Self> {
        if git.is_empty() || git.len() > LONGEST || git.starts_with('-') || git.chars().any(char::is_control) {
            return None;
        }
        if git.starts_with('/') {
            return Some(Self::Machine);
        }
        if let Some((scheme, rest)) = git.split_once("://") {
            let is_host = !rest.starts_with(['-', '/']) && !rest.is_empty();
            return match scheme {
                "https" | "http" | "git" if is_host => Some(Self::Network),
                "ssh" if is_host => Some(Self::Machine),
                "file" => Some(Self::Machine),
                _ => None,
            };
        }
        let (who, path) = git.split_once(':')?;
        let is_who = who.contains('@') && !who.contains('/') && !path.is_empty() && !path.starts_with(':');
        is_who.then_some(Self::Machine)
    }
}

/// A place as it may be shown and written down: without the name and password of a URL, but for a name of ssh's.
pub(crate) fn without_password(git: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = git.split_once("://") else { return git.into() };
    let host = rest.split('/').next().unwrap_or(rest);
    match host.rsplit_once('@') {
        Some((who, _)) if scheme != "ssh" || who.contains(':') => format!("{scheme}://…{}", &rest[who.len()..]).into(),
        _ => git.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{GitPlace, without_password};

    #[test]
    fn a_place_is_known_by_its_form_and_names_no_program() {
        for network in ["https://h/a.git", "http://h:3000/a", "git://h/a"] {
            assert_eq!(GitPlace::of(network), Some(GitPlace::Network), "{network}");
        }
        for machine in ["/srv/a.git", "file:///srv/a.git", "git@h:a.git", "ssh://git@h/a", "ssh://h/a"] {
            assert_eq!(GitPlace::of(machine), Some(GitPlace::Machine), "{machine}");
        }
        let long = format!("/{}", "a".repeat(5000));
        for none in [
            "",
            "a",
            "./a",
            "a/b",
            "--upload-pack=x",
            "ext::sh -c x",
            "ext::sh -c 'x http://h/'",
            "FILE:///etc",
            "ftp://h/a",
            "https://",
            "https://-x/a",
            "ssh://-oProxyCommand=x/a",
            "fd::7",
            "x@h::y",
            "/a\nb",
            long.as_str(),
        ] {
            assert_eq!(GitPlace::of(none), None, "{none}");
        }
    }

    #[test]
    fn a_password_of_a_url_is_not_shown() {
        for (git, shown) in [
            ("https://me:pw@host/a.git", "https://…@host/a.git"),
            ("https://me:p@w@host/a@b.git", "https://…@host/a@b.git"),
            ("https://token@host/a.git", "https://…@host/a.git"),
            ("https://host/a@b.git", "https://host/a@b.git"),
            ("ssh://git:pw@host/a.git", "ssh://…@host/a.git"),
            ("ssh://git@host/a.git", "ssh://git@host/a.git"),
            ("git@host:a.git", "git@host:a.git"),
            ("/srv/me:pw@x/a.git", "/srv/me:pw@x/a.git"),
        ] {
            assert_eq!(without_password(git), shown);
        }
    }
}
