//! A bare mirror of one repository of a forge: brought up to a commit under a lock, shown to jobs as hard links to its packs.

use super::ForgeOptions;
use super::resolve::Target;
use crate::git::{Git, GitError, has_format, make_bare, set_bare};
use crate::repository::CommitId;
use domain::Secret;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// More packs than this are rolled up.
const MANY_PACKS: usize = 24;
/// More fetched commits than this are forgotten, the oldest first.
const MANY_COMMITS: usize = 400;
/// Says that all of its history is there.
const WHOLE: &str = "ekiden-whole";
/// A file for each commit that was fetched: the depth of history that it has.
const COMMITS: &str = "ekiden-commits";

/// A mirror cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MirrorError {
    /// Git did not do it.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A file or folder of it.
    #[error("the mirror {} cannot be used", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// Another job holds it for too long.
    #[error("another job has been busy with the mirror {} for more than {seconds} s", path.display())]
    Busy {
        /// Which.
        path: PathBuf,
        /// How long we waited.
        seconds: u64,
    },
}

/// One mirror.
#[derive(Debug)]
pub(super) struct Mirror<'a> {
    pub(super) git_dir: PathBuf,
    pub(super) options: &'a ForgeOptions,
    pub(super) token: Option<&'a Secret>,
    pub(super) name: &'a str,
}

/// What a job wants of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) target: &'a Target,
    /// Commits of history; 0 for all of it, all branches and tags.
    pub(super) depth: u32,
    pub(super) tags: Tags,
}

/// Whether tags come too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tags {
    None,
    All,
}

/// Where the objects came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Mirror,
    Forge,
}

/// A lock between processes, given back when dropped or when the process ends.
#[derive(Debug)]
pub(super) struct Held(#[expect(dead_code, reason = "held for its lock")] File);

impl Mirror<'_> {
    fn failed(&self, source: io::Error) -> MirrorError {
        MirrorError::Folder { path: self.git_dir.clone(), source }
    }

    /// Brings what is wanted into the mirror; while the lock is held, nothing of it goes away.
    pub(super) fn bring(&self, wanted: Wanted<'_>) -> Result<(From, Held), MirrorError> {
        if wanted.depth > 0 && wanted.tags == Tags::None {
            let held = self.lock(Lock::Shared)?;
            if self.has(&wanted.target.commit, wanted.depth) {
                return Ok((From::Mirror, held));
            }
        }
        let held = self.lock(Lock::Alone)?;
        if wanted.depth > 0 && wanted.tags == Tags::None && self.has(&wanted.target.commit, wanted.depth) {
            return Ok((From::Mirror, held));
        }
        self.make(&wanted.target.commit).map_err(|error| self.failed(error))?;
        self.fetch(wanted)?;
        self.remember(&wanted.target.commit, wanted.depth).map_err(|error| self.failed(error))?;
        self.tidy();
        Ok((From::Forge, held))
    }

    fn has(&self, commit: &CommitId, depth: u32) -> bool {
        let text = fs_err::read_to_string(self.git_dir.join(COMMITS).join(commit.as_str())).ok();
        let known = text.and_then(|text| text.trim().parse::<u32>().ok());
        known.is_some_and(|known| known == 0 || (depth != 0 && known >= depth))
    }

    fn is_whole(&self) -> bool {
        self.git_dir.join(WHOLE).is_file()
    }

    fn remember(&self, commit: &CommitId, depth: u32) -> io::Result<()> {
        let depth = if self.is_whole() { 0 } else { depth };
        let folder = self.git_dir.join(COMMITS);
        fs_err::create_dir_all(&folder)?;
        fs_err::write(folder.join(commit.as_str()), depth.to_string())
    }

    /// Makes the mirror where it is not there, for what its forge keeps.
    fn make(&self, like: &CommitId) -> io::Result<()> {
        // Packs are linked into jobs; loose objects would have to be found one by one.
        let more = "[fetch]\n\tunpackLimit = 1\n";
        if !self.git_dir.join("config").is_file() {
            return make_bare(&self.git_dir, "refs/heads/ekiden", Some(like), more);
        }
        if has_format(&self.git_dir, like) { Ok(()) } else { set_bare(&self.git_dir, Some(like), more) }
    }

    fn fetch(&self, wanted: Wanted<'_>) -> Result<(), MirrorError> {
        let Target { commit, full } = wanted.target;
        let keep = format!("+{commit}:refs/ekiden/commits/{commit}");
        if wanted.depth == 0 {
            let all = ["+refs/heads/*:refs/heads/*".to_owned(), "+refs/tags/*:refs/tags/*".to_owned()];
            let unshallow = self.git_dir.join("shallow").is_file().then_some("--unshallow");
            self.run_fetch(unshallow.into_iter().chain(["--prune", "--force"]), &all)?;
            if !self.has_object(commit) {
                self.run_fetch([], std::slice::from_ref(&keep))?;
            }
            fs_err::write(self.git_dir.join(WHOLE), "").map_err(|error| self.failed(error))?;
            return Ok(());
        }
        let depth = (!self.is_whole()).then(|| format!("--depth={}", wanted.depth));
        let tags = (wanted.tags == Tags::All).then(|| "+refs/tags/*:refs/tags/*".to_owned());
        let of = |commit: String| -> Vec<String> { std::iter::once(commit).chain(tags.clone()).collect() };
        match self.run_fetch(depth.as_deref(), &of(keep)) {
            Ok(()) => Ok(()),
            // A forge that gives no commit by its id: by its name, when that is still the commit.
            Err(error @ MirrorError::Git(GitError::Failed { .. })) if full.starts_with("refs/") => {
                let by_name = format!("+{full}:refs/ekiden/commits/{commit}");
                match self.run_fetch(depth.as_deref(), &of(by_name)) {
                    Ok(()) if self.has_object(commit) => Ok(()),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    fn run_fetch<'o>(&self, options: impl IntoIterator<Item = &'o str>, specs: &[String]) -> Result<(), MirrorError> {
        let git = Git::in_repository(&self.git_dir).watch(&self.git_dir, self.options.limit);
        let url = self.options.url(self.name);
        self.options
            .git(git, self.token)
            .args(["fetch", "--quiet", "--no-tags", "--no-auto-maintenance", "--update-head-ok"])
            .args(self.options.upload_pack())
            .args(options)
            .args(["--", &url])
            .args(specs)
            .output()?;
        Ok(())
    }

    fn has_object(&self, commit: &CommitId) -> bool {
        Git::in_repository(&self.git_dir).args(["cat-file", "-e", &format!("{commit}^{{commit}}")]).output().is_ok()
    }

    /// Keeps the mirror quick; nothing of it is needed now, so that a failure is no trouble of this job.
    fn tidy(&self) {
        let packs = count(&self.git_dir.join("objects/pack"), ".pack");
        let folder = self.git_dir.join(COMMITS);
        if count(&folder, "") > MANY_COMMITS {
            let mut all: Vec<_> = std::fs::read_dir(&folder)
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
                .collect();
            all.sort();
            for (_, path) in all.iter().take(MANY_COMMITS / 2) {
                let name = path.file_name().unwrap_or_default();
                let _ = std::fs::remove_file(path);
                let _ = std::fs::remove_file(self.git_dir.join("refs/ekiden/commits").join(name));
            }
        }
        if packs > MANY_PACKS {
            let _rolled = Git::in_repository(&self.git_dir)
                .args(["repack", "-d", "-q", "--geometric=2"])
                .timeout(Duration::from_secs(300))
                .output();
        }
    }

    fn lock(&self, lock: Lock) -> Result<Held, MirrorError> {
        let path = self.git_dir.with_extension("lock");
        let parent = path.parent().unwrap_or(Path::new("/"));
        fs_err::create_dir_all(parent).map_err(|error| self.failed(error))?;
        let file = File::options().create(true).truncate(false).read(true).write(true).open(&path);
        let file = file.map_err(|error| self.failed(error))?;
        let end = Instant::now() + self.options.fetch_timeout;
        loop {
            let tried = match lock {
                Lock::Shared => file.try_lock_shared(),
                Lock::Alone => file.try_lock(),
            };
            match tried {
                Ok(()) => return Ok(Held(file)),
                Err(TryLockError::WouldBlock) if Instant::now() < end && !self.options.cancel.is_set() => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(TryLockError::WouldBlock) => {
                    let seconds = self.options.fetch_timeout.as_secs();
                    return Err(MirrorError::Busy { path: self.git_dir.clone(), seconds });
                }
                Err(TryLockError::Error(error)) => return Err(self.failed(error)),
            }
        }
    }

    /// Links what it holds into a folder of one job: `<folder>/objects/pack`.
    pub(super) fn link_into(&self, folder: &Path) -> Result<(), MirrorError> {
        let link = || -> io::Result<()> {
            let target = folder.join("objects/pack");
            fs_err::create_dir_all(&target)?;
            for made in [folder.to_owned(), folder.join("objects"), target.clone()] {
                std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o755))?;
            }
            for entry in fs_err::read_dir(self.git_dir.join("objects/pack"))? {
                let entry = entry?;
                let name = entry.file_name();
                let kept = [".pack", ".idx", ".rev"].iter().any(|end| name.to_string_lossy().ends_with(end));
                if kept && !target.join(&name).exists() {
                    let target = target.join(&name);
                    std::fs::hard_link(entry.path(), &target)
                        .or_else(|_| std::fs::copy(entry.path(), &target).map(drop))?;
                    // Jobs run as others.
                    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o444))?;
                }
            }
            Ok(())
        };
        link().map_err(|source| MirrorError::Folder { path: folder.to_owned(), source })
    }

    /// Branches and tags: `(id, refs/…)`.
    pub(super) fn references(&self, below: &[&str]) -> Result<Vec<(String, String)>, MirrorError> {
        let output = Git::in_repository(&self.git_dir)
            .args(["for-each-ref", "--format=%(objectname) %(refname)"])
            .args(below)
            .output()?;
        let text = String::from_utf8_lossy(&output);
        Ok(text.lines().filter_map(|line| line.split_once(' ')).map(|(id, name)| (id.into(), name.into())).collect())
    }
}

/// How a mirror is held.
#[derive(Debug, Clone, Copy)]
enum Lock {
    /// With others that read.
    Shared,
    /// By this process only.
    Alone,
}

fn count(folder: &Path, end: &str) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(end)).count()
}
