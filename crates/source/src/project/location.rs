//! What a project's `git` names: a repository of this machine, or a URL with the credentials that are in it.

use super::ProjectError;
use crate::repository::without_credentials;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Secret;
use std::path::{Path, PathBuf};

/// Where a project's repository is.
#[derive(Debug, Clone)]
pub(super) enum Location {
    /// A path of this machine.
    Local(PathBuf),
    /// Behind a URL.
    Remote(RemoteUrl),
}

/// A URL to fetch from.
#[derive(Debug, Clone)]
pub(super) struct RemoteUrl {
    /// Without user and password, for HTTP; what git is given.
    pub(super) url: String,
    /// The protocol's name, as git's `GIT_ALLOW_PROTOCOL` knows it.
    pub(super) protocol: &'static str,
    /// A header that signs requests, by its setting's key.
    pub(super) authorization: Option<(String, Secret)>,
    /// The mirror's folder, below that of all mirrors.
    pub(super) folder: String,
}

impl Location {
    pub(super) fn parse(git: &str) -> Result<Self, ProjectError> {
        let wrong = |why| Err(ProjectError::Location { git: without_credentials(git), why });
        if git.chars().any(char::is_control) || git.starts_with('-') {
            return wrong("is neither a path nor a URL");
        }
        if let Some(path) = git.strip_prefix("file://") {
            return match path.starts_with('/') {
                true => Ok(Self::Local(PathBuf::from(path))),
                false => wrong("names another machine; give a path of this one"),
            };
        }
        if git.starts_with('/') {
            return Ok(Self::Local(Path::new(git).to_owned()));
        }
        let protocol = match git.split_once("://") {
            Some(("https", _)) => "https",
            Some(("http", _)) => "http",
            Some(("ssh", _)) => "ssh",
            Some(("git", _)) => "git",
            Some(_) => return wrong("has a scheme that is not fetched from; give https, http, ssh or git, or a path"),
            // `user@host:path`
            None => match git.split_once(':') {
                Some((host, path)) if !host.is_empty() && !host.contains('/') && !path.is_empty() => "ssh",
                _ => return wrong("is a relative path; give it from the root"),
            },
        };
        let url = without_credentials(git);
        let authorization = match (protocol, git.split_once("://")) {
            ("https" | "http", Some((_, rest))) => {
                let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
                authority.rsplit_once('@').map(|(user, _)| {
                    let user = if user.contains(':') { user.to_owned() } else { format!("{user}:") };
                    let header = format!("AUTHORIZATION: basic {}", STANDARD.encode(percent_decoded(&user)));
                    (format!("http.{url}.extraheader"), Secret::new(header))
                })
            }
            _ => None,
        };
        let folder = folder_of(&url);
        if folder.len() > 200 {
            return wrong("is longer than any URL of a repository");
        }
        Ok(Self::Remote(RemoteUrl { url, protocol, authorization, folder }))
    }
}

/// A name of one folder for a URL, another one for every URL.
fn folder_of(url: &str) -> String {
    let mut name = String::new();
    for byte in url.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => name.push(char::from(byte)),
            b'/' => name.push('+'),
            other => name.push_str(&format!("%{other:02x}")),
        }
    }
    name.push_str(".git");
    name
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::Location;

    fn parse(git: &str) -> String {
        match Location::parse(git) {
            Ok(Location::Local(path)) => format!("local {}", path.display()),
            Ok(Location::Remote(remote)) => {
                let header = remote.authorization.map(|(key, value)| format!(" {key}={}", value.expose()));
                format!("{} {} {}{}", remote.protocol, remote.url, remote.folder, header.unwrap_or_default())
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn paths_and_urls() {
        assert_eq!(parse("/srv/a b"), "local /srv/a b");
        assert_eq!(parse("file:///srv/a"), "local /srv/a");
        assert_eq!(parse("https://h/o/r.git"), "https https://h/o/r.git https%3a++h+o+r.git.git");
        assert_eq!(parse("git@h:o/r"), "ssh git@h:o/r git%40h%3ao+r.git");
        assert_eq!(
            parse("http://u%40x:p@h:1/r"),
            "http http://h:1/r http%3a++h%3a1+r.git http.http://h:1/r.extraheader=AUTHORIZATION: basic dUB4OnA="
        );
    }

    #[test]
    fn what_is_neither_is_told_without_credentials() {
        assert_eq!(parse("../r"), "'../r' is a relative path; give it from the root");
        assert!(parse("ext::sh -c x").contains("scheme") || parse("ext::sh -c x").starts_with("ssh"));
        assert!(parse("ext://u:secret@h/x").starts_with("'ext://h/x' has a scheme"));
        assert!(parse("--upload-pack=x").contains("neither"));
        assert!(parse("file://host/x").contains("another machine"));
        assert!(parse("https://h/\n").contains("neither"));
    }
}
