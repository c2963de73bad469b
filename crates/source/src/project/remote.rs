//! A repository behind a URL: what it says of its refs, and the bare mirror that holds it here.

use super::location::RemoteUrl;
use super::{ProjectError, ProjectOptions, Refs};
use crate::git::{Git, GitError, has_format, make_bare, set_bare};
use crate::repository::{CommitId, Repository, RepositoryKind, is_plain_reference};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// All branches and tags.
const ALL: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

/// What a mirror's settings hold: one pack for each fetch.
const SETTINGS: &str = "[fetch]\n\tunpackLimit = 1\n";

/// A mirror and where it comes from.
#[derive(Debug)]
pub(super) struct Remote<'a> {
    pub(super) url: &'a RemoteUrl,
    pub(super) options: &'a ProjectOptions,
}

impl Remote<'_> {
    /// The mirror, made when it is not there.
    pub(super) fn mirror(&self) -> Result<Repository, ProjectError> {
        let git_dir = self.git_dir();
        if !git_dir.join("config").is_file() {
            make_bare(&git_dir, "refs/heads/ekiden", None, SETTINGS)
                .map_err(|source| ProjectError::Folder { path: git_dir.clone(), source })?;
        }
        Ok(Repository { top: git_dir.clone(), common_dir: git_dir.clone(), git_dir, kind: RepositoryKind::Bare })
    }

    fn git_dir(&self) -> PathBuf {
        self.options.data.join(&self.url.folder)
    }

    fn git(&self, git: Git) -> Git {
        let git =
            git.protocol(self.url.protocol).cancel(Some(&self.options.cancel)).timeout(self.options.fetch_timeout);
        let git = self.options.settings.iter().fold(git, |git, (key, value)| git.setting(key, value));
        match &self.url.authorization {
            Some((key, value)) => git.setting(key, value.expose()),
            None => git,
        }
    }

    fn failed(&self, source: GitError) -> ProjectError {
        ProjectError::Git { git: self.url.url.clone(), source }
    }

    /// What the other side says now.
    pub(super) fn refs(&self) -> Result<Refs, ProjectError> {
        let git = self.git(Git::new()).args(["ls-remote", "--quiet", "--symref", "--", &self.url.url]).args([
            "HEAD",
            "refs/heads/*",
            "refs/tags/*",
        ]);
        let output = git.output().map_err(|error| self.failed(error))?;
        Ok(read(&String::from_utf8_lossy(&output)))
    }

    /// Fetches all branches and tags, and the commit itself when none of them leads there any more.
    pub(super) fn fetch(&self, mirror: &Repository, commit: &CommitId) -> Result<(), ProjectError> {
        let _held = self.lock(&mirror.git_dir)?;
        // Another one may have brought it while this one waited.
        if mirror.commit_is_here(commit) {
            return Ok(());
        }
        self.fit(mirror, commit)?;
        self.run_fetch(mirror, &ALL.map(str::to_owned), true)?;
        if !mirror.commit_is_here(commit) {
            match self.run_fetch(mirror, &[format!("+{commit}:refs/ekiden/commits/{commit}")], false) {
                Ok(()) => {}
                Err(ProjectError::Git { source: GitError::Failed { .. }, .. }) => {
                    return Err(ProjectError::NoCommit { git: self.url.url.clone(), commit: commit.to_string() });
                }
                Err(error) => return Err(error),
            }
        }
        if packs(&mirror.git_dir) > 24 {
            let _rolled = Git::in_repository(&mirror.git_dir)
                .args(["repack", "-d", "-q", "--geometric=2"])
                .timeout(Duration::from_secs(300))
                .output();
        }
        Ok(())
    }

    /// Brings the mirror's branches and tags to where the other side's are.
    pub(super) fn sync(
        &self,
        mirror: &Repository,
        told: &Refs,
        here: impl Fn() -> Result<Arc<Refs>, ProjectError>,
    ) -> Result<(), ProjectError> {
        if here()?.all == told.all {
            return Ok(());
        }
        let _held = self.lock(&mirror.git_dir)?;
        if here()?.all != told.all {
            if let Some((_, commit)) = told.all.first() {
                self.fit(mirror, commit)?;
            }
            self.run_fetch(mirror, &ALL.map(str::to_owned), true)?;
        }
        // Who clones it gets the other side's default branch.
        let head = told.default_branch.as_deref().unwrap_or("refs/heads/main");
        let file = mirror.git_dir.join("HEAD");
        fs_err::write(&file, format!("ref: {head}\n")).map_err(|source| ProjectError::Folder { path: file, source })
    }

    /// It is made before anything is known of its objects' ids.
    fn fit(&self, mirror: &Repository, like: &CommitId) -> Result<(), ProjectError> {
        if has_format(&mirror.git_dir, like) {
            return Ok(());
        }
        set_bare(&mirror.git_dir, Some(like), SETTINGS)
            .map_err(|source| ProjectError::Folder { path: mirror.git_dir.clone(), source })
    }

    fn run_fetch(&self, mirror: &Repository, specs: &[String], prune: bool) -> Result<(), ProjectError> {
        let git = Git::in_repository(&mirror.git_dir).watch(&mirror.git_dir, self.options.limit);
        let output = self
            .git(git)
            .args(["fetch", "--quiet", "--no-tags", "--no-auto-maintenance", "--update-head-ok", "--force"])
            .args(prune.then_some("--prune"))
            .args(["--", &self.url.url])
            .args(specs)
            .output();
        output.map(drop).map_err(|error| self.failed(error))
    }

    /// One process at a time writes a mirror; the lock ends with the process.
    fn lock(&self, git_dir: &Path) -> Result<File, ProjectError> {
        let path = git_dir.with_extension("lock");
        let failed = |source| ProjectError::Folder { path: path.clone(), source };
        let file = File::options().create(true).truncate(false).read(true).write(true).open(&path).map_err(failed)?;
        let end = Instant::now() + self.options.fetch_timeout;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if Instant::now() < end && !self.options.cancel.is_set() => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(TryLockError::WouldBlock) => return Err(failed(io::ErrorKind::TimedOut.into())),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }
}

fn packs(git_dir: &Path) -> usize {
    let entries = std::fs::read_dir(git_dir.join("objects/pack")).into_iter().flatten().flatten();
    entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "pack")).count()
}

/// Lines `<id>\t<name>`, `ref: <name>\tHEAD` before, and `<name>^{}` for what is behind a tag.
fn read(output: &str) -> Refs {
    let mut all: BTreeMap<&str, CommitId> = BTreeMap::new();
    let mut default_branch = None;
    for (left, name) in output.lines().filter_map(|line| line.split_once('\t')) {
        if let Some(target) = left.strip_prefix("ref: ") {
            default_branch = (name == "HEAD" && target.starts_with("refs/heads/")).then(|| target.to_owned());
            continue;
        }
        let (name, is_behind) = name.strip_suffix("^{}").map_or((name, false), |name| (name, true));
        let is_known = name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
        if let (true, Ok(commit)) = (is_known && is_plain_reference(name), CommitId::parse(left))
            && (is_behind || !all.contains_key(name))
        {
            all.insert(name, commit);
        }
    }
    Refs { all: all.into_iter().map(|(name, commit)| (name.to_owned(), commit)).collect(), default_branch }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn tags_are_what_lies_behind_them_and_other_refs_are_left_out() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let refs = read(&format!(
            "ref: refs/heads/main\tHEAD\n{a}\tHEAD\n{a}\trefs/heads/main\n{a}\trefs/pull/1/head\n{a}\trefs/tags/v1\n{b}\trefs/tags/v1^{{}}\n"
        ));
        assert_eq!(refs.default_branch.as_deref(), Some("refs/heads/main"));
        let all: Vec<_> = refs.all.iter().map(|(name, id)| (name.as_str(), id.as_str())).collect();
        assert_eq!(all, [("refs/heads/main", a.as_str()), ("refs/tags/v1", b.as_str())]);
        assert_eq!(refs.find("v1").unwrap().0, "refs/tags/v1");
    }
}
