//! The built-in checkout of a job that a forge gave to a runner: the repository itself and others, by the job's token.
//!
//! ```text
//! <data>/mirrors/<host>/<owner>/<repo>.git   a bare mirror, shared by all jobs of the repository; only the job's process writes it
//! <data>/mirrors/tmp/<process>-<n>/          what one job sees of the mirrors: hard links to their packs, gone with the job
//! ```
//! Git fetches outside the sandbox, without hooks and filters. Inside, the job's repository borrows the objects of its own folder of
//! links, read-only, and git brings the files out there. What a user sees of it: `docs/checkout.md`.

mod checkout;
mod layout;
mod mirror;
mod resolve;
mod shallow;

pub use checkout::ForgeCheckout;
pub use mirror::MirrorError;

use crate::git::{CancelFlag, Git};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// A forge, and how its repositories are fetched.
#[derive(Debug, Clone)]
pub struct ForgeOptions {
    /// The folder that keeps mirrors, below it.
    pub data: PathBuf,
    /// URL of the instance, without a slash at its end.
    pub server: String,
    /// The job's token; sent to this instance and nowhere else.
    pub token: Option<Secret>,
    /// Settings of git that reaching the instance needs: a file of certificates.
    pub settings: Vec<(String, String)>,
    /// How long a fetch may take.
    pub fetch_timeout: Duration,
    /// Bytes that one mirror may take.
    pub limit: u64,
    /// Stops what runs.
    pub cancel: CancelFlag,
}

/// The run's own repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRepository {
    /// `owner/repo`.
    pub name: String,
    /// `github.ref`.
    pub reference: String,
    /// `github.sha`.
    pub commit: String,
}

impl ForgeOptions {
    /// The setting that signs requests to the instance: its key and its value.
    fn authorization(&self, token: &Secret) -> (String, Secret) {
        let value = STANDARD.encode(format!("x-access-token:{}", token.expose()));
        (format!("http.{}/.extraheader", self.server), Secret::new(format!("AUTHORIZATION: basic {value}")))
    }

    fn scheme(&self) -> &'static str {
        match self.server.split_once("://").map(|(scheme, _)| scheme) {
            Some("https") => "https",
            Some("file") => "file",
            _ => "http",
        }
    }

    /// A git command that may speak with the instance.
    fn git(&self, git: Git, token: Option<&Secret>) -> Git {
        let mut git = git.protocol(self.scheme()).cancel(Some(&self.cancel)).timeout(self.fetch_timeout);
        for (key, value) in &self.settings {
            git = git.setting(key, value);
        }
        match token {
            Some(token) => {
                let (key, value) = self.authorization(token);
                git.setting(key, value.expose())
            }
            None => git,
        }
    }

    /// Folders on this machine may belong to others, which git refuses by itself.
    fn upload_pack(&self) -> Option<&'static str> {
        (self.scheme() == "file").then_some("--upload-pack=git -c safe.directory=* upload-pack")
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.server)
    }
}
