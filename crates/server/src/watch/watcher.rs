//! The loop that looks at refs.

use super::pushes;
use crate::plane::Plane;
use domain::Timestamp;
use domain::control::ProjectId;
use source::project::{ProjectError, Refs};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use store::{Project, Queue, RefChange, RefMove, StoreError};
use tokio::sync::{mpsc, watch};

/// A project this young may be on its way to the first note of its refs ([`first_look`]).
const YOUNG: Duration = Duration::from_secs(1);

/// More moves of one look than this start nothing: somebody put a whole repository in the place of another.
const MOST_AT_ONCE: usize = 100;

/// How often the watcher looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchSettings {
    /// At repositories of this machine.
    pub local: Duration,
    /// At those behind a URL, when nothing hints at them.
    pub remote: Duration,
    /// For projects that were added or removed.
    pub projects: Duration,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self { local: Duration::from_millis(200), remote: Duration::from_secs(30), projects: Duration::from_secs(1) }
    }
}

/// Says which project to look at now. Clones speak to one watcher.
#[derive(Debug, Clone)]
pub struct Hints(mpsc::UnboundedSender<ProjectId>);

impl Hints {
    /// Something may have moved there.
    pub fn look(&self, project: ProjectId) {
        // A watcher that has ended looks at nothing.
        let _ = self.0.send(project);
    }
}

/// A way to say where to look, and what the watcher hears of it.
#[must_use]
pub fn hints() -> (Hints, mpsc::UnboundedReceiver<ProjectId>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Hints(sender), receiver)
}

/// What a tick came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ticked {
    /// Branches and tags that moved.
    pub moves: usize,
    /// Runs that were made.
    pub runs: usize,
    /// Repositories that could not be read.
    pub failed: usize,
}

/// Looks at the refs of all projects.
#[derive(Debug)]
pub struct Watcher {
    plane: Plane,
    settings: WatchSettings,
    hints: mpsc::UnboundedReceiver<ProjectId>,
    projects: Vec<Project>,
    listed: Option<Timestamp>,
    seen: HashMap<ProjectId, Seen>,
    hinted: HashSet<ProjectId>,
}

/// What the last look at a project found.
#[derive(Debug, Default)]
struct Seen {
    /// What the store was told.
    noted: Option<Arc<Refs>>,
    at: Option<Timestamp>,
    /// What was wrong, so that it is told once.
    wrong: Option<String>,
}

/// Notes where a project's refs lead as it is added, so that only what moves from now on starts runs. Gives its refs.
///
/// # Errors
/// When the repository or the store cannot be read.
pub async fn first_look(plane: &Plane, project: &Project) -> Result<Arc<Refs>, FirstLookError> {
    let (projects, git) = (Arc::clone(&plane.projects), project.git.clone());
    let read = tokio::task::spawn_blocking(move || projects.refs(&git)).await;
    let refs = read.map_err(|_| FirstLookError::Stopping)??;
    plane.store.note_refs(project.id, &rows(&refs)).await?;
    if let Err(error) = crate::event::read_schedules(plane, project).await {
        // The next push to the default branch reads them.
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            project = project.full_name(),
            "schedules were not read"
        );
    }
    Ok(refs)
}

/// The refs of a new project cannot be noted.
#[derive(Debug, thiserror::Error)]
pub enum FirstLookError {
    /// Its repository.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server ends.
    #[error("the server is stopping; try again in a moment")]
    Stopping,
}

fn rows(refs: &Refs) -> Vec<(String, String)> {
    refs.all.iter().map(|(name, commit)| (name.clone(), commit.to_string())).collect()
}

fn is_remote(git: &str) -> bool {
    !git.starts_with('/') && !git.starts_with("file://")
}

impl Watcher {
    /// Over the projects of a server.
    #[must_use]
    pub fn new(plane: Plane, settings: WatchSettings, hints: mpsc::UnboundedReceiver<ProjectId>) -> Self {
        Self {
            plane,
            settings,
            hints,
            projects: Vec::new(),
            listed: None,
            seen: HashMap::new(),
            hinted: HashSet::new(),
        }
    }

    /// Looks until the server stops.
    pub async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            let now = self.plane.now();
            if let Err(error) = self.tick(now).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the store is away; the projects are looked at again");
            }
            tokio::select! {
                () = tokio::time::sleep(self.settings.local) => {}
                Some(project) = self.hints.recv() => drop(self.hinted.insert(project)),
                _ = stopped.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Looks at every project that is due, notes what moved, and makes its runs.
    ///
    /// # Errors
    /// When the store is away. What is wrong with one of them is told in the log and does not keep the others.
    pub async fn tick(&mut self, now: Timestamp) -> Result<Ticked, StoreError> {
        while let Ok(project) = self.hints.try_recv() {
            self.hinted.insert(project);
        }
        let is_old = self.listed.is_none_or(|at| now.has_passed(at, self.settings.projects));
        if is_old || !self.hinted.is_empty() {
            self.projects = self.plane.store.projects().await?;
            self.listed = Some(now);
            let known: HashSet<ProjectId> = self.projects.iter().map(|project| project.id).collect();
            self.seen.retain(|id, _| known.contains(id));
        }
        let due: Vec<Project> = self.projects.iter().filter(|project| self.is_due(project, now)).cloned().collect();
        self.hinted.clear();
        let mut ticked = Ticked::default();
        // Those behind a URL wait for the network, one by one, and not before the local ones.
        let (remote, local): (Vec<Project>, Vec<Project>) =
            due.into_iter().partition(|project| is_remote(&project.git));
        for project in [local, remote].into_iter().filter(|some| !some.is_empty()) {
            for (project, found) in self.look(project).await {
                let seen = self.seen.entry(project.id).or_default();
                seen.at = Some(now);
                match found {
                    Ok(refs) => match note(&self.plane, &project, seen, refs, now).await {
                        Ok(changes) => ticked.moves += changes.len(),
                        Err(error) => {
                            ticked.failed += 1;
                            tell(&project, seen, &error);
                        }
                    },
                    Err(error) => {
                        ticked.failed += 1;
                        tell(&project, seen, &error);
                    }
                }
            }
        }
        ticked.runs = pushes::make(&self.plane, now).await?;
        Ok(ticked)
    }

    fn is_due(&self, project: &Project, now: Timestamp) -> bool {
        if !now.has_passed(project.created, YOUNG) {
            return false;
        }
        let last = self.seen.get(&project.id).and_then(|seen| seen.at);
        !is_remote(&project.git)
            || self.hinted.contains(&project.id)
            || last.is_none_or(|at| now.has_passed(at, self.settings.remote))
    }

    /// The refs of these projects, all in one go off the runtime.
    async fn look(&self, projects: Vec<Project>) -> Vec<(Project, Result<Arc<Refs>, ProjectError>)> {
        let repositories = Arc::clone(&self.plane.projects);
        let looked = tokio::task::spawn_blocking(move || {
            let look = |project: Project| {
                let refs = repositories.refs(&project.git);
                (project, refs)
            };
            projects.into_iter().map(look).collect()
        });
        // A look that panicked found nothing; the next one tries again.
        looked.await.unwrap_or_default()
    }
}

async fn note(
    plane: &Plane,
    project: &Project,
    seen: &mut Seen,
    refs: Arc<Refs>,
    now: Timestamp,
) -> Result<Vec<RefChange>, StoreError> {
    if seen.noted.as_ref().is_some_and(|noted| Arc::ptr_eq(noted, &refs)) {
        return Ok(Vec::new());
    }
    let queue = Queue::UpTo { most: MOST_AT_ONCE, due: now };
    let changes = plane.store.note_moves(project.id, &rows(&refs), queue).await?;
    let starting = changes.iter().filter(|change| !matches!(change.to, RefMove::Gone(_))).count();
    if starting > MOST_AT_ONCE {
        tracing::warn!(
            project = project.full_name(),
            moves = starting,
            "so many branches and tags moved at once that none of them starts a run"
        );
    }
    seen.noted = Some(refs);
    if seen.wrong.take().is_some() {
        tracing::info!(project = project.full_name(), "the repository can be read again");
    }
    Ok(changes)
}

/// Tells a fault once, not at every look.
fn tell(project: &Project, seen: &mut Seen, error: &(dyn std::error::Error + 'static)) {
    let text = error.to_string();
    if seen.wrong.as_ref() != Some(&text) {
        tracing::warn!(project = project.full_name(), error, "the repository cannot be looked at");
        seen.wrong = Some(text);
    }
}
