//! The verbs: refs, commits and files of the projects' repositories.

use super::ProjectError;
use super::cache::Cache;
use super::files::{Files, WorkflowText};
use super::history;
use super::location::Location;
use super::refs::{Known, Refs};
use super::remote::Remote;
use super::serve::{self, GitProtocol, GitService};
use crate::changes::Uncommitted;
use crate::git::CancelFlag;
use crate::repository::{Commit, CommitId, Repository, without_credentials};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The largest workflow file; larger ones are told as such.
const LARGEST_WORKFLOW: u64 = 8 << 20;
/// What is remembered of workflow texts and commits together.
const REMEMBERED: u64 = 8 << 20;
/// How long what the other side of a URL said about its refs is good for a dispatch.
const FRESH: Duration = Duration::from_secs(2);

/// How repositories are kept and fetched.
#[derive(Debug, Clone)]
pub struct ProjectOptions {
    /// The folder of mirrors.
    pub data: PathBuf,
    /// Settings of git that reaching a server needs: a file of certificates.
    pub settings: Vec<(String, String)>,
    /// How long a fetch may take.
    pub fetch_timeout: Duration,
    /// Bytes that one mirror may take.
    pub limit: u64,
    /// Stops what runs.
    pub cancel: CancelFlag,
}

impl ProjectOptions {
    /// Ten minutes and 20 GiB for one mirror.
    #[must_use]
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            settings: Vec::new(),
            fetch_timeout: Duration::from_secs(600),
            limit: 20 << 30,
            cancel: CancelFlag::default(),
        }
    }
}

/// The repositories of projects: local ones are read in place, those behind a URL in a bare mirror below `data`.
///
/// Every verb takes what the project was added with: an absolute path, or a URL. All may block for as long as a process of git takes.
#[derive(Debug)]
pub struct Projects {
    options: ProjectOptions,
    places: Mutex<HashMap<String, Arc<Place>>>,
    workflows: Cache<(String, CommitId, String), Arc<[WorkflowText]>>,
    commits: Cache<(String, CommitId), Arc<Commit>>,
}

/// What is known of one repository.
#[derive(Debug)]
struct Place {
    /// Without credentials, for errors.
    shown: String,
    location: Location,
    repository: Repository,
    known: Mutex<Option<Known>>,
    /// What the other side of a URL said last, and when.
    told: Mutex<Option<(Instant, Arc<Refs>)>>,
}

impl Projects {
    /// With these options. Mirrors that are there are used.
    ///
    /// # Errors
    /// When the folder of mirrors cannot be made.
    pub fn open(options: ProjectOptions) -> Result<Self, ProjectError> {
        use std::os::unix::fs::DirBuilderExt;
        let mut builder = std::fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(&options.data);
        made.map_err(|source| ProjectError::Folder { path: options.data.clone(), source })?;
        Ok(Self {
            options,
            places: Mutex::new(HashMap::new()),
            workflows: Cache::new(REMEMBERED),
            commits: Cache::new(REMEMBERED / 4),
        })
    }

    fn place(&self, git: &str) -> Result<Arc<Place>, ProjectError> {
        let known = self.places.lock().unwrap_or_else(PoisonError::into_inner).get(git).cloned();
        // A repository that was moved away or made anew is found again.
        if let Some(place) = known.filter(|place| place.repository.git_dir.join("HEAD").symlink_metadata().is_ok()) {
            return Ok(place);
        }
        let location = Location::parse(git)?;
        let repository = match &location {
            Location::Local(path) => Repository::open(path)?,
            Location::Remote(url) => Remote { url, options: &self.options }.mirror()?,
        };
        let place = Arc::new(Place {
            shown: without_credentials(git),
            location,
            repository,
            known: Mutex::new(None),
            told: Mutex::new(None),
        });
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.insert(git.to_owned(), Arc::clone(&place));
        Ok(place)
    }

    /// Forgets what is known of a repository that is no project any more; its mirror stays for when it comes back.
    pub fn forget(&self, git: &str) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).remove(git);
    }

    /// All branches and tags and the default branch, as they are now. The same value (`Arc::ptr_eq`) as before means that nothing moved.
    /// For a repository of this machine this costs a few calls of the system when nothing moved; a URL is asked.
    ///
    /// # Errors
    /// When the repository is not there, cannot be read or does not answer.
    pub fn refs(&self, git: &str) -> Result<Arc<Refs>, ProjectError> {
        let place = self.place(git)?;
        match &place.location {
            Location::Local(_) => place.local_refs(),
            Location::Remote(url) => {
                let refs = Remote { url, options: &self.options }.refs()?;
                let mut told = place.told.lock().unwrap_or_else(PoisonError::into_inner);
                let refs = match told.take() {
                    Some((_, before)) if *before == refs => before,
                    _ => Arc::new(refs),
                };
                *told = Some((Instant::now(), Arc::clone(&refs)));
                Ok(refs)
            }
        }
    }

    /// Refs that are at most two seconds old.
    fn fresh_refs(&self, git: &str) -> Result<Arc<Refs>, ProjectError> {
        let place = self.place(git)?;
        let told = place.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match told {
            Some((at, refs)) if at.elapsed() < FRESH => Ok(refs),
            _ => self.refs(git),
        }
    }

    /// What a branch (`main`, `refs/heads/main`), a tag or a full commit is: its full name and its commit. A branch comes before a tag; a
    /// commit's full name is its id; `HEAD` is the default branch. `None`: there is no such thing.
    ///
    /// # Errors
    /// As [`Self::refs`].
    pub fn resolve(&self, git: &str, reference: &str) -> Result<Option<(String, CommitId)>, ProjectError> {
        let refs = self.fresh_refs(git)?;
        let reference =
            if reference == "HEAD" { refs.default_branch.as_deref().unwrap_or(reference) } else { reference };
        if let Some(found) = refs.find(reference) {
            return Ok(Some(found));
        }
        let Ok(commit) = CommitId::parse(reference) else { return Ok(None) };
        match self.bring(git, &commit) {
            Ok(()) => Ok(Some((commit.to_string(), commit))),
            Err(ProjectError::NoCommit { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes sure that a commit is here: fetches the mirror of a URL that lacks it.
    ///
    /// # Errors
    /// When there is no such commit, or it cannot be fetched.
    pub fn bring(&self, git: &str, commit: &CommitId) -> Result<(), ProjectError> {
        if self.commits.get(&(git.to_owned(), commit.clone())).is_some() {
            return Ok(());
        }
        let place = self.place(git)?;
        if place.repository.commit_is_here(commit) {
            return Ok(());
        }
        match &place.location {
            Location::Local(_) => Err(place.no_commit(commit)),
            Location::Remote(url) => Remote { url, options: &self.options }.fetch(&place.repository, commit),
        }
    }

    /// The paths of the files directly in these folders at a commit; a folder that is not there has none.
    ///
    /// # Errors
    /// When the commit is not there or cannot be read.
    pub fn list(&self, git: &str, commit: &CommitId, folders: &[&str]) -> Result<Vec<String>, ProjectError> {
        self.bring(git, commit)?;
        let place = self.place(git)?;
        let files = Files::at(&place.repository, &place.shown, commit)?;
        let mut paths = Vec::new();
        for folder in folders {
            let folder = folder.trim_matches('/');
            let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
            let entries = files.folder(folder)?.unwrap_or_default();
            let here = entries.into_iter().filter(|entry| entry.mode != super::files::Mode::Folder);
            paths.extend(here.map(|entry| format!("{prefix}{}", entry.name)));
        }
        Ok(paths)
    }

    /// The text of a file at a commit, of at most `limit` bytes.
    ///
    /// # Errors
    /// When there is no such commit or file, or it is no text of that size ([`ProjectError::File`]).
    pub fn read(&self, git: &str, commit: &CommitId, path: &str, limit: u64) -> Result<Arc<str>, ProjectError> {
        self.bring(git, commit)?;
        let place = self.place(git)?;
        Files::at(&place.repository, &place.shown, commit)?.read(path, limit)
    }

    /// The workflow files (`*.yml`, `*.yaml`) of the first folder of `order` that exists at a commit. Remembered, as a commit never changes.
    ///
    /// # Errors
    /// When the commit is not there or cannot be read. A file that cannot be read is told in its place.
    pub fn workflows(&self, git: &str, commit: &CommitId, order: &[&str]) -> Result<Arc<[WorkflowText]>, ProjectError> {
        let key = (git.to_owned(), commit.clone(), order.join(":"));
        if let Some(known) = self.workflows.get(&key) {
            return Ok(known);
        }
        self.bring(git, commit)?;
        let place = self.place(git)?;
        let files = Files::at(&place.repository, &place.shown, commit)?;
        let found: Arc<[WorkflowText]> = files.workflows(order, LARGEST_WORKFLOW)?.into();
        let size =
            found.iter().map(|file| file.path.len() + file.text.as_ref().map_or(0, |text| text.len())).sum::<usize>();
        self.workflows.put(key, Arc::clone(&found), size as u64);
        Ok(found)
    }

    /// What is written in a commit.
    ///
    /// # Errors
    /// When it is not there.
    pub fn commit(&self, git: &str, commit: &CommitId) -> Result<Arc<Commit>, ProjectError> {
        let key = (git.to_owned(), commit.clone());
        if let Some(known) = self.commits.get(&key) {
            return Ok(known);
        }
        self.bring(git, commit)?;
        let place = self.place(git)?;
        let found = place.repository.commit(commit).map_err(|error| match error {
            crate::RepositoryError::Commit { .. } => place.no_commit(commit),
            error => error.into(),
        })?;
        let size = found.message.len() + 512;
        let found = Arc::new(found);
        self.commits.put(key, Arc::clone(&found), size as u64);
        Ok(found)
    }

    /// The files that differ between two commits, for path filters: at most 300; `None` when that is unknown (no `before`, a commit that
    /// is gone, more than 1,000 commits), on which a workflow runs.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn changed_files(
        &self,
        git: &str,
        before: Option<&CommitId>,
        after: &CommitId,
    ) -> Result<Option<Vec<String>>, ProjectError> {
        self.bring(git, after)?;
        let place = self.place(git)?;
        Ok(place.repository.changed_files(before, after, Uncommitted::LeftOut)?)
    }

    /// Where a new branch, by its whole name, leaves the other branches and the tags: what `paths` filters compare it with. `None` where that is unknown, or there is
    /// nothing new on it.
    ///
    /// # Errors
    /// When `after` is not there or git cannot be run.
    pub fn base_of_new(&self, git: &str, name: &str, after: &CommitId) -> Result<Option<CommitId>, ProjectError> {
        self.bring(git, after)?;
        let refs = self.refs(git)?;
        let place = self.place(git)?;
        history::base_of_new(&place.repository, &place.shown, (name, after), &refs)
    }

    /// Whether a ref that moved left commits behind: a forced push.
    ///
    /// # Errors
    /// When `after` is not there or git cannot be run.
    pub fn is_forced(&self, git: &str, before: &CommitId, after: &CommitId) -> Result<bool, ProjectError> {
        self.bring(git, after)?;
        let place = self.place(git)?;
        history::is_forced(&place.repository, &place.shown, before, after)
    }

    /// The commits of a push, the oldest first: those that `after` has and `before` has not, of the newest at most `most`. A ref that is
    /// new, and one whose former commit is gone, bring their newest commit alone.
    ///
    /// # Errors
    /// When `after` is not there or git cannot be run.
    pub fn commits_between(
        &self,
        git: &str,
        before: Option<&CommitId>,
        after: &CommitId,
        most: usize,
    ) -> Result<Vec<Commit>, ProjectError> {
        self.bring(git, after)?;
        let place = self.place(git)?;
        history::commits_between(&place.repository, &place.shown, before, after, most)
    }
}

impl Projects {
    /// `git upload-pack` over a project's repository, as a process to be started with all its pipes. What is behind a URL is brought up to
    /// date before its refs are shown.
    ///
    /// # Errors
    /// When the repository is not there, or what is behind the URL cannot be fetched.
    pub fn upload_pack(
        &self,
        git: &str,
        service: GitService,
        protocol: GitProtocol,
    ) -> Result<std::process::Command, ProjectError> {
        let place = self.place(git)?;
        if let (Location::Remote(url), GitService::Advertise) = (&place.location, service) {
            let refs = self.fresh_refs(git)?;
            Remote { url, options: &self.options }.sync(&place.repository, &refs, || place.local_refs())?;
        }
        Ok(serve::upload_pack(&place.repository.git_dir, service, protocol))
    }
}

impl Place {
    fn no_commit(&self, commit: &CommitId) -> ProjectError {
        ProjectError::NoCommit { git: self.shown.clone(), commit: commit.to_string() }
    }

    fn local_refs(&self) -> Result<Arc<Refs>, ProjectError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_ref().filter(|known| known.is_current(&self.repository)) {
            return Ok(Arc::clone(&known.refs));
        }
        let before = known.as_ref().map(|known| Arc::clone(&known.refs));
        let mut read = Known::read(&self.repository, known.take())?;
        // What looks new and is the same stays the same value.
        if let Some(before) = before.filter(|before| *before == read.refs) {
            read.refs = before;
        }
        let refs = Arc::clone(&read.refs);
        *known = Some(read);
        Ok(refs)
    }
}
