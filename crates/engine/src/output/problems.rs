//! What a problem matcher found, as an annotation: its level, and the file as the repository names it. Used by `output::step`.

use crate::commands::matchers::{MatcherConfig, MatcherList, Problem};
use crate::commands::place::Place;
use domain::AnnotationLevel;
use sandbox::Sandbox;
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The most bytes of a `.git/config`.
const GIT_CONFIG_LIMIT: u64 = 1024 * 1024;
/// So many answers about files are remembered.
const REMEMBERED: usize = 1000;

/// The problem matchers of a job: a step adds them, all later ones and those beside it use them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct JobMatchers(Arc<Mutex<Versioned>>);

#[derive(Debug, Default)]
struct Versioned {
    version: u64,
    list: MatcherList,
}

impl JobMatchers {
    /// Adds matchers before all others.
    pub(crate) fn add(&self, configs: &[MatcherConfig]) {
        self.change(|list| list.add(configs));
    }

    /// Removes the matchers of these owners; says whose were there.
    pub(crate) fn remove(&self, owners: &[String]) -> Vec<String> {
        self.change(|list| list.remove(owners.iter().map(String::as_str)))
    }

    fn change<T>(&self, change: impl FnOnce(&mut MatcherList) -> T) -> T {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.version += 1;
        change(&mut now.list)
    }

    /// The list, when it is another than that of `version`.
    pub(crate) fn newer_than(&self, version: &mut u64) -> Option<MatcherList> {
        let now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (now.version != *version).then(|| {
            *version = now.version;
            now.list.clone()
        })
    }
}

/// Which repository a workflow belongs to; files of other checked-out repositories are not annotated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepositoryIdentity {
    /// `github.server_url`.
    pub server_url: String,
    /// `github.repository`.
    pub repository: String,
}

/// The level of a problem that makes an annotation; `None`, with the reason, for one that makes none.
pub(crate) fn level(problem: &Problem) -> Result<AnnotationLevel, String> {
    if problem.message.as_deref().unwrap_or_default().trim().is_empty() {
        return Err("Skipping logging an issue for the matched line because the message is empty.".to_owned());
    }
    match problem.severity.as_deref().unwrap_or_default() {
        "" => Ok(AnnotationLevel::Error),
        word if word.eq_ignore_ascii_case("error") => Ok(AnnotationLevel::Error),
        word if word.eq_ignore_ascii_case("warning") => Ok(AnnotationLevel::Warning),
        word if word.eq_ignore_ascii_case("notice") => Ok(AnnotationLevel::Notice),
        word => Err(format!(
            "Skipped logging an issue for the matched line because the severity '{word}' is not supported."
        )),
    }
}

/// Finds what the annotations of a step may call files.
#[derive(Debug)]
pub(crate) struct Files<'step> {
    sandbox: &'step dyn Sandbox,
    identity: RepositoryIdentity,
    known: HashMap<PathBuf, Option<String>>,
}

impl<'step> Files<'step> {
    pub(crate) fn new(sandbox: &'step dyn Sandbox, identity: RepositoryIdentity) -> Self {
        Self { sandbox, identity, known: HashMap::new() }
    }

    /// The place that a problem names. A file that does not exist in a checkout of the repository is dropped.
    pub(crate) async fn place(&mut self, problem: &Problem) -> Place {
        let number = |text: &Option<String>| {
            let digits = text.as_deref().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            digits.and_then(|digits| digits.parse().ok())
        };
        let mut place = Place {
            file: None,
            line: number(&problem.line),
            end_line: number(&problem.end_line),
            column: number(&problem.column),
            end_column: number(&problem.end_column),
        };
        if let Some(file) = problem.file.as_deref().filter(|file| !file.trim().is_empty()) {
            let base = problem.from_path.as_deref().map(Path::new).and_then(Path::parent);
            let file = match base {
                Some(base) if !Path::new(file).is_absolute() => base.join(file),
                _ => PathBuf::from(file),
            };
            place.file = self.locate(&normal(&self.sandbox.layout().workspace.join(file))).await;
        }
        place
    }

    async fn locate(&mut self, file: &Path) -> Option<String> {
        if let Some(known) = self.known.get(file) {
            return known.clone();
        }
        let found = self.search(file).await;
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(file.to_owned(), found.clone());
        found
    }

    async fn search(&self, file: &Path) -> Option<String> {
        let work = &self.sandbox.layout().work;
        if !file.starts_with(work) || !self.exists(file).await {
            return None;
        }
        for directory in file.ancestors().skip(1).take_while(|directory| directory.starts_with(work)) {
            let git = directory.join(".git");
            let is_ours = match self.sandbox.read(&git.join("config"), GIT_CONFIG_LIMIT).await {
                Ok(Some(config)) => self.is_ours(&String::from_utf8_lossy(&config)),
                // A linked worktree or a submodule has a file there.
                _ if self.exists(&git).await => true,
                _ => continue,
            };
            return is_ours.then(|| file.strip_prefix(directory).ok()?.to_str().map(str::to_owned))?;
        }
        None
    }

    async fn exists(&self, path: &Path) -> bool {
        // Too large to read is there too.
        !matches!(self.sandbox.read(path, 0).await, Ok(None))
    }

    /// Whether a git configuration names this repository as a remote, or no remote at all.
    fn is_ours(&self, config: &str) -> bool {
        let url = |line: &str| {
            line.trim().strip_prefix("url")?.trim_start().strip_prefix('=').map(|url| url.trim().to_owned())
        };
        let mut urls = config.lines().filter_map(url).peekable();
        let RepositoryIdentity { server_url, repository } = &self.identity;
        let host = server_url.split_once("://").map_or(server_url.as_str(), |(_, host)| host);
        let names = [
            format!("{}/{repository}", server_url.trim_end_matches('/')),
            format!("git@{host}:{repository}"),
            format!("ssh://git@{host}/{repository}"),
        ];
        urls.peek().is_none()
            || urls.any(|url| names.iter().any(|name| url.trim_end_matches(".git").eq_ignore_ascii_case(name)))
    }
}

/// Without `.` and `..`, by name alone: nothing is opened.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}
