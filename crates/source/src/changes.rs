//! What changed between two commits, for `paths` filters, and the facts of the push that `exec` stands for.
//!
//! Rules: `docs/checkout.md`. A push is compared by two dots, a pull request from the merge base; more than 1,000 commits, no base
//! or no answer in time mean "unknown", on which a workflow runs; only the first 300 files count.

use crate::git::{Git, GitError};
use crate::repository::{Commit, CommitId, Head, Remote, Repository, RepositoryError, Signature};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// As many changed files as filters look at.
const MOST_FILES: usize = 300;
/// A push of more commits than this is not compared.
const MOST_COMMITS: u64 = 1000;
/// How long one comparison may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The changes cannot be found out.
#[derive(Debug, thiserror::Error)]
#[error("cannot compare {base} with {head} in {repository}")]
pub struct ChangesError {
    base: String,
    head: String,
    repository: String,
    #[source]
    source: GitError,
}

/// The push that a run without an event stands for: from what the remote has to what is checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushFacts {
    /// What the branch was: the remote's commit when it is known and another one, else the parent. `None`: the branch is new.
    pub before: Option<CommitId>,
    /// What it is.
    pub after: Commit,
    /// `refs/heads/…` or `refs/tags/…`.
    pub reference: String,
}

/// Whether changes that are not committed count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uncommitted {
    /// Yes: the working tree is what runs.
    Count,
    /// No.
    LeftOut,
}

impl Repository {
    /// The push that is current; `None` on a branch without commits.
    ///
    /// # Errors
    /// When the commit at HEAD cannot be read.
    pub fn push_facts(&self, head: &Head) -> Result<Option<PushFacts>, RepositoryError> {
        let Some(id) = &head.commit else { return Ok(None) };
        let after = self.commit(id)?;
        let reference = head.full_reference().unwrap_or_else(|| "refs/heads/HEAD".to_owned());
        let known = reference
            .strip_prefix("refs/heads/")
            .and_then(|branch| self.remote(head).and_then(|remote| self.remote_commit(&remote, branch)))
            .filter(|commit| commit != id);
        let before = known.or_else(|| after.parents.first().cloned());
        Ok(Some(PushFacts { before, after, reference }))
    }

    /// The files that differ between two commits, paths relative to the top; `None` when that is unknown and the workflow runs.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn changed_files(
        &self,
        base: Option<&CommitId>,
        head: &CommitId,
        uncommitted: Uncommitted,
    ) -> Result<Option<Vec<String>>, ChangesError> {
        let Some(base) = base else { return Ok(None) };
        let failed = |source| ChangesError {
            base: base.to_string(),
            head: head.to_string(),
            repository: self.top.display().to_string(),
            source,
        };
        let range = format!("{base}..{head}");
        let stand_in = self.stand_in().map_err(|source| failed(GitError::Io { command: "diff".to_owned(), source }))?;
        let git = |arguments: &[&str]| Git::in_repository(stand_in.path()).args(arguments).timeout(PATIENCE).output();
        let in_tree = |arguments: &[&str]| {
            let git = Git::in_repository(stand_in.path()).work_tree(&self.top).index(&self.git_dir.join("index"));
            git.args(arguments).timeout(PATIENCE).output()
        };
        let count = match git(&["rev-list", "--count", "--max-count=1001", &range, "--"]) {
            Ok(output) => String::from_utf8_lossy(&output).trim().parse::<u64>().unwrap_or(u64::MAX),
            // A base that is not here (a shallow clone, a rewritten branch): unknown.
            Err(GitError::Failed { .. } | GitError::TimedOut { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if count > MOST_COMMITS {
            return Ok(None);
        }
        let mut outputs =
            vec![git(&["diff-tree", "-r", "-z", "--name-only", "--no-renames", base.as_str(), head.as_str(), "--"])];
        if uncommitted == Uncommitted::Count {
            outputs.push(in_tree(&[
                "diff-index",
                "-z",
                "--name-only",
                "--no-renames",
                "--cached",
                head.as_str(),
                "--",
            ]));
            outputs.push(in_tree(&["diff-files", "-z", "--name-only", "--ignore-submodules"]));
            outputs.push(in_tree(&["ls-files", "-z", "--others", "--exclude-standard"]));
        }
        let mut files = std::collections::BTreeSet::new();
        for output in outputs {
            match output {
                Ok(output) => files.extend(
                    output
                        .split(|byte| *byte == 0)
                        .filter(|name| !name.is_empty())
                        .map(|name| String::from_utf8_lossy(name).into_owned()),
                ),
                Err(GitError::Failed { .. } | GitError::TimedOut { .. }) => return Ok(None),
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(Some(files.into_iter().take(MOST_FILES).collect()))
    }

    /// The commit from which two went apart, for a pull request's comparison; `None` when they share none.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn merge_base(&self, base: &CommitId, head: &CommitId) -> Result<Option<CommitId>, ChangesError> {
        match Git::in_repository(&self.git_dir)
            .args(["merge-base", base.as_str(), head.as_str()])
            .timeout(PATIENCE)
            .output()
        {
            Ok(output) => Ok(CommitId::parse(String::from_utf8_lossy(&output).trim()).ok()),
            Err(GitError::Failed { .. }) => Ok(None),
            Err(source) => Err(ChangesError {
                base: base.to_string(),
                head: head.to_string(),
                repository: self.top.display().to_string(),
                source,
            }),
        }
    }

    /// Runs a command of git on a git folder that has this repository's objects and nothing of its configuration.
    pub(crate) fn without_configuration<T>(
        &self,
        run: impl FnOnce(&Path) -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        let stand_in = self.stand_in().map_err(|source| GitError::Io { command: "init".to_owned(), source })?;
        run(stand_in.path())
    }

    /// A git folder in place of the repository's own, for commands that look at the working tree: the same objects, none of the
    /// configuration, and attributes that switch filters off, since nothing that a repository names may run here.
    fn stand_in(&self) -> std::io::Result<tempfile::TempDir> {
        let folder = tempfile::TempDir::with_prefix("ekiden-compare-")?;
        let at = |path: &str| folder.path().join(path);
        for path in ["objects/info", "refs", "info"] {
            fs_err::create_dir_all(at(path))?;
        }
        fs_err::write(at("HEAD"), "ref: refs/heads/none\n")?;
        fs_err::write(at("objects/info/alternates"), format!("{}\n", self.common_dir.join("objects").display()))?;
        fs_err::write(at("info/attributes"), "* -filter -text -ident -diff -working-tree-encoding\n")?;
        let config = self.config();
        if let Some(format) = config
            .get("extensions", None, "objectformat")
            .filter(|format| format.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        {
            fs_err::write(
                at("config"),
                format!("[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = {format}\n"),
            )?;
        }
        for path in ["info/exclude", "shallow"] {
            if self.common_dir.join(path).is_file() {
                fs_err::copy(self.common_dir.join(path), at(path))?;
            }
        }
        Ok(folder)
    }
}

impl PushFacts {
    /// The event's payload in the shape of GitHub's `push` webhook, with what a local repository knows.
    #[must_use]
    pub fn payload(&self, repository: &str, remote: Option<&Remote>, actor: &str) -> Value {
        let zeros = "0".repeat(self.after.id.as_str().len());
        let before = self.before.as_ref().map_or(zeros.as_str(), CommitId::as_str);
        let (owner, name) = repository.split_once('/').unwrap_or(("local", repository));
        let server = remote.and_then(|remote| remote.server.as_deref()).unwrap_or("https://github.com");
        let url = format!("{server}/{repository}");
        let head = self.after.payload(&url);
        json!({
            "ref": self.reference,
            "before": before,
            "after": self.after.id.as_str(),
            "created": self.before.is_none(),
            "deleted": false,
            "forced": false,
            "base_ref": null,
            "compare": format!("{url}/compare/{}...{}", before.get(..12).unwrap_or(before), self.after.id.as_str().get(..12).unwrap_or_default()),
            "commits": [head],
            "head_commit": head,
            "repository": {
                "name": name,
                "full_name": repository,
                "html_url": url,
                "url": url,
                "clone_url": format!("{url}.git"),
                "owner": { "login": owner, "name": owner },
            },
            "pusher": { "name": actor, "email": self.after.committer.email },
            "sender": { "login": actor },
        })
    }
}

impl Commit {
    /// The commit as it stands in a payload; `url` is that of its repository's page.
    #[must_use]
    pub fn payload(&self, url: &str) -> Value {
        json!({
            "id": self.id.as_str(),
            "tree_id": self.tree,
            "distinct": true,
            "message": self.message,
            "timestamp": rfc3339(&self.committer),
            "url": format!("{url}/commit/{}", self.id),
            "author": person(&self.author),
            "committer": person(&self.committer),
        })
    }
}

fn person(signature: &Signature) -> Value {
    json!({ "name": signature.name, "email": signature.email })
}

/// `2024-01-31T10:00:00+02:00`, by the calendar of days since 1970 (Howard Hinnant's `civil_from_days`).
fn rfc3339(signature: &Signature) -> Option<String> {
    let seconds = i64::try_from(signature.at?.0 / 1000).ok()? + i64::from(signature.offset_minutes) * 60;
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let offset = signature.offset_minutes;
    let sign = if offset < 0 { '-' } else { '+' };
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}{sign}{:02}:{:02}",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60,
        offset.abs() / 60,
        offset.abs() % 60
    ))
}

#[cfg(test)]
mod tests {
    use super::rfc3339;
    use crate::repository::Signature;
    use domain::Timestamp;

    #[test]
    fn times_in_the_writers_zone() {
        let at = |seconds: u64, offset_minutes| {
            rfc3339(&Signature { at: Some(Timestamp(seconds * 1000)), offset_minutes, ..Signature::default() })
        };
        assert_eq!(at(0, 0).as_deref(), Some("1970-01-01T00:00:00+00:00"));
        assert_eq!(at(1_709_164_800, 0).as_deref(), Some("2024-02-29T00:00:00+00:00"));
        assert_eq!(at(1_709_164_800, -90).as_deref(), Some("2024-02-28T22:30:00-01:30"));
        assert_eq!(at(4_102_444_799, 120).as_deref(), Some("2100-01-01T01:59:59+02:00"));
    }
}
