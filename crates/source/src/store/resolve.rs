//! From a reference to a commit: each is asked for once in a run, a place that does not answer costs seconds, and what was last known
//! stands in for it.

use super::place::{Place, RepositoryName};
use super::references::KnownReference;
use super::{Access, Store};
use crate::git::{Git, GitError};
use crate::repository::{CommitId, is_plain_reference};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A repository and a reference in it; `None` for the default branch.
pub(super) type Key = (RepositoryName, Option<String>);
/// The answer of this run, once there is one.
pub(super) type Once = Arc<Mutex<Option<Result<Resolved, Tried>>>>;

/// A commit, and who knows it.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    pub(super) commit: CommitId,
    /// `refs/…`, or the commit itself.
    pub(super) full: String,
    /// The place that said so; `None` when nobody was asked.
    pub(super) place: Option<Place>,
    /// What the log should say.
    pub(super) notice: Option<String>,
}

impl Resolved {
    /// The branch, when it is one.
    pub(super) fn branch(&self) -> Option<&str> {
        self.full.strip_prefix("refs/heads/")
    }
}

/// Every place and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Tried(pub(super) Vec<String>);

enum Answer {
    Found {
        commit: CommitId,
        full: String,
    },
    /// The place has the repository, not the reference.
    NoSuchReference,
    /// The place has no such repository, or does not show it.
    NoSuchRepository(String),
    /// No answer: what was last known may stand in.
    Unreachable(String),
}

/// How long a place may take when an older answer could stand in for it.
const SHORT: Duration = Duration::from_secs(4);

impl Store {
    /// The commit of a reference.
    pub(super) fn resolve(&self, repository: &RepositoryName, reference: Option<&str>) -> Result<Resolved, Tried> {
        if let Some(commit) = reference.and_then(|text| CommitId::parse(text).ok()) {
            return Ok(Resolved { full: commit.to_string(), commit, place: None, notice: None });
        }
        let key = (repository.clone(), reference.map(str::to_owned));
        let once = Arc::clone(self.resolved.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        let mut answer = once.lock().unwrap_or_else(PoisonError::into_inner);
        answer.get_or_insert_with(|| self.resolve_now(repository, reference)).clone()
    }

    fn resolve_now(&self, repository: &RepositoryName, reference: Option<&str>) -> Result<Resolved, Tried> {
        let shown = reference.unwrap_or("HEAD");
        if reference.is_some_and(|reference| !is_plain_reference(&format!("refs/heads/{reference}"))) {
            return Err(Tried(vec![format!("'{shown}' is not a valid branch, tag or commit")]));
        }
        let known = self.known(repository).references.get(shown).cloned();
        let now = self.options.clock.now();
        if let Some(known) = known.as_ref().filter(|known| known.is_fresh(self.options.access, now)) {
            return Ok(Resolved { commit: known.commit.clone(), full: known.full.clone(), place: None, notice: None });
        }
        let mut tried = Tried::default();
        if self.options.access == Access::Offline {
            tried.0.push(format!("store: '{shown}' was never fetched"));
            tried.0.push("offline: no other place was asked".to_owned());
            return Err(tried);
        }
        let patience = if known.is_some() { self.options.patience.min(SHORT) } else { self.options.patience };
        let mut silent = false;
        for place in self.places_of(repository) {
            let label = place.label(repository);
            match self.ask(&place, repository, reference, patience) {
                Answer::Found { commit, full } => {
                    let known =
                        KnownReference { commit: commit.clone(), full: full.clone(), from: place.name(), at: now };
                    // A store that cannot be written still has an answer for this run.
                    let _ = self.remember(repository, |all| {
                        all.commits.insert(known.commit.clone());
                        all.references.insert(shown.to_owned(), known);
                    });
                    return Ok(Resolved { commit, full, place: Some(place), notice: None });
                }
                Answer::NoSuchReference => tried.0.push(format!("{label}: it has no branch or tag '{shown}'")),
                Answer::NoSuchRepository(why) => tried.0.push(format!("{label}: {why}")),
                Answer::Unreachable(why) => {
                    silent = true;
                    tried.0.push(format!("{label}: {why}"));
                }
            }
        }
        match known {
            Some(known) if silent => {
                let notice = format!(
                    "{repository}@{shown}: no place answered ({}); using commit {}, which it was when last fetched",
                    tried.0.join("; "),
                    known.commit
                );
                Ok(Resolved { commit: known.commit, full: known.full, place: None, notice: Some(notice) })
            }
            _ => {
                tried.0.insert(0, format!("store: '{shown}' was never fetched"));
                if (7..40).contains(&shown.len()) && shown.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    tried.0.push(format!(
                        "'{shown}' may be the shortened form of a commit, which is not supported; write all 40 digits"
                    ));
                }
                Err(tried)
            }
        }
    }

    /// The places for a repository, in order.
    pub(super) fn places_of(&self, repository: &RepositoryName) -> Vec<Place> {
        let mut places: Vec<Place> = self.places.iter().filter(|place| place.serves(repository)).cloned().collect();
        if let Some(place) = repository.host.as_deref().and_then(|host| Place::of_host(host, &self.options).ok()) {
            places.push(place);
        }
        places
    }

    fn ask(&self, place: &Place, repository: &RepositoryName, reference: Option<&str>, patience: Duration) -> Answer {
        let (git, url) = place.git(Git::new().cancel(Some(&self.options.cancel)).timeout(patience), repository);
        let wanted: Vec<String> = match reference {
            None => vec!["HEAD".to_owned()],
            Some(full) if full.starts_with("refs/") => vec![full.to_owned()],
            // Where both exist, the tag is meant: that is what a version is.
            Some(short) => vec![format!("refs/tags/{short}"), format!("refs/heads/{short}")],
        };
        let patterns = wanted.iter().flat_map(|name| [name.clone(), format!("{name}^{{}}")]);
        let git =
            git.args(["ls-remote", "--quiet", "--symref"]).args(place.upload_pack()).args(["--", &url]).args(patterns);
        match git.output() {
            Ok(output) => read_answer(&String::from_utf8_lossy(&output), &wanted),
            Err(GitError::Failed { message, .. }) => {
                let lower = message.to_ascii_lowercase();
                // Servers ask for a password where there is nothing, or nothing to show.
                let refused = [
                    "not found",
                    "could not read username",
                    "authentication failed",
                    "does not appear to be a git repository",
                    "not exported",
                    "does not exist",
                ];
                if refused.iter().any(|words| lower.contains(words)) {
                    Answer::NoSuchRepository(message)
                } else {
                    Answer::Unreachable(message)
                }
            }
            Err(error) => Answer::Unreachable(error.to_string()),
        }
    }
}

/// Lines `<id>\t<name>`, `ref: <name>\tHEAD` before, and `<name>^{}` for what is behind a tag.
fn read_answer(output: &str, wanted: &[String]) -> Answer {
    let mut symbolic = None;
    let mut found: Vec<(&str, &str)> = Vec::new();
    for line in output.lines() {
        let Some((left, name)) = line.split_once('\t') else { continue };
        match left.strip_prefix("ref: ") {
            Some(target) => symbolic = Some(target),
            None => found.push((left, name)),
        }
    }
    let id_of = |wanted: &str| found.iter().find(|(_, name)| *name == wanted).map(|(id, _)| *id);
    for name in wanted {
        let id = id_of(&format!("{name}^{{}}")).or_else(|| id_of(name));
        if let Some(commit) = id.and_then(|id| CommitId::parse(id).ok()) {
            let full = if name == "HEAD" { symbolic.unwrap_or("HEAD") } else { name };
            return Answer::Found { commit, full: full.to_owned() };
        }
    }
    Answer::NoSuchReference
}
