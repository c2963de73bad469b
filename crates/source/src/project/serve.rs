//! A project's repository for those who fetch from the control plane: `git upload-pack`, ready to be started. Called by the server's git
//! routes, which stream between it and the client.
//!
//! Branches and tags are shown; any commit is given by its id, since a job fetches the commit of its event also after the branch moved on.
//! Hooks do not run, and of a repository's configuration upload-pack takes nothing that names a program.

use super::ProjectError;
use crate::git::Git;
use std::io::Read;
use std::path::Path;
use std::process::Command;

/// One of the two requests of a fetch over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitService {
    /// `GET …/info/refs?service=git-upload-pack`: what can be had.
    Advertise,
    /// `POST …/git-upload-pack`: what is wanted; it stands on stdin.
    UploadPack,
}

/// The version of git's protocol that a client asks for with the header `Git-Protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitProtocol {
    /// The first, with all refs in the advertisement.
    V0,
    /// `version=1`
    V1,
    /// `version=2`
    V2,
}

impl GitProtocol {
    /// Of the header's value: keys between colons, of which others are ignored.
    #[must_use]
    pub fn of(header: Option<&str>) -> Self {
        let versions = header.unwrap_or_default().split(':').filter_map(|key| key.trim().strip_prefix("version="));
        match versions.max() {
            Some("2") => Self::V2,
            Some("1") => Self::V1,
            _ => Self::V0,
        }
    }

    /// What goes before an advertisement's body, which the second version does not want.
    #[must_use]
    pub const fn head(self) -> &'static [u8] {
        match self {
            Self::V0 | Self::V1 => b"001e# service=git-upload-pack\n0000",
            Self::V2 => b"",
        }
    }
}

pub(super) fn upload_pack(git_dir: &Path, service: GitService, protocol: GitProtocol) -> Command {
    let mut git = Git::new()
        .setting("uploadpack.allowAnySHA1InWant", "true")
        .setting("uploadpack.allowFilter", "true")
        // What else lies under refs/ (stashes, remotes, notes) is nobody's business.
        .setting("uploadpack.hideRefs", "refs/")
        .setting("uploadpack.hideRefs", "!refs/heads/")
        .setting("uploadpack.hideRefs", "!refs/tags/")
        .setting("pack.threads", "1")
        .args(["upload-pack", "--strict", "--stateless-rpc"]);
    if service == GitService::Advertise {
        git = git.args(["--http-backend-info-refs"]);
    }
    let mut command = git.args([git_dir]).into_command();
    match protocol {
        GitProtocol::V0 => {}
        GitProtocol::V1 => {
            command.env("GIT_PROTOCOL", "version=1");
        }
        GitProtocol::V2 => {
            command.env("GIT_PROTOCOL", "version=2");
        }
    }
    command
}

/// A request's body as it was before `Content-Encoding: gzip`, of at most `limit` bytes.
///
/// # Errors
/// When it is damaged or larger.
pub fn unzipped(body: &[u8], limit: u64) -> Result<Vec<u8>, ProjectError> {
    let mut plain = Vec::new();
    match flate2::read::GzDecoder::new(body).take(limit + 1).read_to_end(&mut plain) {
        Ok(_) if plain.len() as u64 <= limit => Ok(plain),
        Ok(_) => Err(ProjectError::Request(format!("has more than {limit} bytes unzipped"))),
        Err(error) => Err(ProjectError::Request(format!("is no gzip: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::{GitProtocol, unzipped};
    use std::io::Write;

    #[test]
    fn the_newest_version_that_is_named() {
        assert_eq!(GitProtocol::of(None), GitProtocol::V0);
        assert_eq!(GitProtocol::of(Some("version=2")), GitProtocol::V2);
        assert_eq!(GitProtocol::of(Some("x=y:version=1:version=2")), GitProtocol::V2);
        assert_eq!(GitProtocol::of(Some("version=9;rm")), GitProtocol::V0);
    }

    #[test]
    fn zipped_bodies_are_bounded() {
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        zipped.write_all(&vec![0; 1 << 20]).unwrap();
        let zipped = zipped.finish().unwrap();
        assert_eq!(unzipped(&zipped, 1 << 20).unwrap().len(), 1 << 20);
        assert!(unzipped(&zipped, 1000).unwrap_err().to_string().contains("more than 1000 bytes"));
        assert!(unzipped(b"plain", 1000).is_err());
    }
}
