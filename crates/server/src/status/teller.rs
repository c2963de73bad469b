//! The loop, and what a tick came to.

use super::again::{Pause, Refused, Standing, Then, pause, then};
use super::blame::{Blame, Takes, blame};
use super::statuses::statuses;
use crate::access::Actor;
use crate::lead::Lead;
use crate::plane::Plane;
use crate::told::ToldForge;
use domain::Timestamp;
use domain::control::{ProjectId, RunId};
use forge::{Forge, ForgeError, Place, Status};
use futures_util::future::join_all;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use store::{Project, StoreError, StoredRun};
use tokio::sync::watch;

/// So many runs of a project are looked at in one tick, beside those that its forge refused.
const RUNS: u32 = 64;
/// So many runs of a project that its forge refuses are remembered; of more, it is told no more at once.
const REFUSED: usize = 256;

/// How often the teller looks, and how it waits after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TellSettings {
    /// Between two looks.
    pub every: Duration,
    /// After the first fault; each further one doubles it.
    pub first_pause: Duration,
    /// It waits no longer than this.
    pub longest_pause: Duration,
    /// A run that is over and that its forge refuses alone, for a commit that it does not have, is tried so often at this pace,
    pub tries: u32,
    /// and then with this in between,
    pub late_pause: Duration,
    /// until it has been over for so long. One that comes to stand otherwise is told at once.
    pub late: Duration,
}

impl Default for TellSettings {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            first_pause: Duration::from_secs(2),
            longest_pause: Duration::from_mins(5),
            tries: 6,
            late_pause: Duration::from_hours(1),
            late: Duration::from_hours(24),
        }
    }
}

/// What a tick came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Statuses that forges took.
    pub told: usize,
    /// Faults: what they held up is tried again.
    pub faults: usize,
    /// Runs that are given up: their forge refuses them.
    pub given_up: usize,
}

/// Tells.
#[derive(Debug)]
pub struct Teller {
    plane: Plane,
    settings: TellSettings,
    /// Of several servers one tells: what another one says later would stand above what is newer.
    lead: Lead,
    /// Those whose forge is named.
    projects: HashMap<ProjectId, Known>,
}

/// What is known of a project's forge.
#[derive(Debug)]
struct Known {
    /// What its client was made of.
    of: ToldForge,
    /// None where it cannot be made.
    forge: Option<Forge>,
    pause: Option<Pause>,
    refused: HashMap<RunId, Refused>,
    /// Over which it stumbled last: they are told after all others.
    doubtful: HashSet<RunId>,
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Forge(#[from] ForgeError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Teller {
    /// One that has told nothing yet.
    #[must_use]
    pub fn new(plane: Plane, settings: TellSettings) -> Self {
        Self { plane, settings, lead: Lead::of("status"), projects: HashMap::new() }
    }

    /// Tells until told to stop.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.settings.every) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            tokio::select! {
                ticked = self.tick() => if let Err(error) = ticked {
                    tracing::warn!(error = &error as &dyn std::error::Error, "no forge is told anything for now");
                },
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Tells the forges of all projects what is new; nothing where another server does it.
    ///
    /// # Errors
    /// When the projects cannot be listed. What is wrong with one of them is told in the log and does not keep the others.
    pub async fn tick(&mut self) -> Result<Told, StoreError> {
        // All others ask this alone, and read no projects.
        if !self.lead.is_ours(&self.plane.store).await? {
            return Ok(Told::default());
        }
        let now = self.plane.now();
        let projects = self.plane.store.projects().await?;
        let named: Vec<_> =
            projects.into_iter().filter_map(|project| Some((ToldForge::of(&project)?, project))).collect();
        let ids: HashSet<ProjectId> = named.iter().map(|(_, project)| project.id).collect();
        self.projects.retain(|id, _| ids.contains(id));
        let mut looks = Vec::with_capacity(named.len());
        for (of, project) in named {
            let known = match self.projects.remove(&project.id) {
                Some(known) if known.of == of => known,
                // Another token or place may mend what was wrong.
                _ => Known {
                    forge: self.forge(&project, &of),
                    of,
                    pause: None,
                    refused: HashMap::new(),
                    doubtful: HashSet::new(),
                },
            };
            looks.push((project, known));
        }
        let told = join_all(looks.iter_mut().map(|(project, known)| self.look(project, known, now))).await;
        self.projects.extend(looks.into_iter().map(|(project, known)| (project.id, known)));
        Ok(told.into_iter().fold(Told::default(), |all, one| Told {
            told: all.told + one.told,
            faults: all.faults + one.faults,
            given_up: all.given_up + one.given_up,
        }))
    }

    /// The client of a project's forge; none where it cannot be made, which is told once.
    fn forge(&self, project: &Project, told: &ToldForge) -> Option<Forge> {
        let place = Place::parse(&told.url, Some(told.kind)).map_err(|error| error.to_string());
        let token = told.token(&self.plane.keys, project).map_err(|error| error.to_string());
        let made = place.and_then(|place| Forge::new(place, &token?).map_err(|error| error.to_string()));
        made.inspect_err(|error| {
            tracing::warn!(project = project.full_name(), error, "its forge is not told anything");
        })
        .ok()
    }

    /// Tells the forge of one project. After a fault it is left alone for a while; the first is told.
    async fn look(&self, project: &Project, known: &mut Known, now: Timestamp) -> Told {
        let mut told = Told::default();
        let Some(forge) = known.forge.clone() else { return told };
        if known.pause.is_some_and(|pause| pause.until > now) {
            return told;
        }
        match self.tell(project, &forge, known, now, &mut told).await {
            Ok(()) if known.pause.take().is_some() => {
                tracing::info!(project = project.full_name(), "its forge takes statuses again");
            }
            Ok(()) => {}
            Err(fault) => {
                told.faults += 1;
                let faults = known.pause.map_or(0, |pause| pause.faults) + 1;
                if faults == 1 {
                    tracing::warn!(
                        project = project.full_name(),
                        error = &fault as &dyn std::error::Error,
                        "its forge takes no status; it is tried again and again"
                    );
                    self.note_refusal(project, &fault, now).await;
                }
                known.pause = Some(Pause { until: now.after(pause(&self.settings, faults)), faults });
            }
        }
        told
    }

    /// Whoever owns the project reads no log of the server.
    async fn note_refusal(&self, project: &Project, fault: &Fault, now: Timestamp) {
        let Fault::Forge(error) = fault else { return };
        if !error.is_for_people() {
            return;
        }
        let detail = serde_json::json!({"why": error.to_string()});
        let entry = Actor::server("status").did("project.forge.refused", project.full_name(), detail);
        if let Err(error) = self.plane.store.note(now, &entry).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(project = project.full_name(), error, "what its forge refused is not in the audit");
        }
    }

    async fn tell(
        &self,
        project: &Project,
        forge: &Forge,
        known: &mut Known,
        now: Timestamp,
        told: &mut Told,
    ) -> Result<(), Fault> {
        // Those that wait hold up no others.
        let most = RUNS.saturating_add(u32::try_from(known.refused.len()).unwrap_or(u32::MAX));
        let mut runs = self.plane.store.untold_runs(project.id, most).await?;
        let ids: HashSet<RunId> = runs.iter().map(|run| run.id).collect();
        known.refused.retain(|id, _| ids.contains(id));
        let doubtful = std::mem::take(&mut known.doubtful);
        runs.sort_by_key(|run| doubtful.contains(&run.id) || known.refused.contains_key(&run.id));
        let (mut stumbled, mut takes) = (None, Takes::Unknown);
        for run in runs {
            let standing = Standing::of(&run);
            if known.refused.get(&run.id).is_some_and(|refused| refused.waits(standing, now)) {
                continue;
            }
            let before = told.told;
            let done = self.tell_run(project, forge, &run, told).await;
            if told.told > before {
                takes = Takes::Some;
            }
            let error = match done {
                Err(Fault::Forge(error)) => error,
                done => {
                    done?;
                    known.refused.remove(&run.id);
                    continue;
                }
            };
            match blame(forge, &run, error, takes).await {
                Blame::Run(error) => {
                    told.faults += 1;
                    self.put_off(project, known, (&run, standing), &error, now, told).await?;
                }
                Blame::Unclear(error) => {
                    known.doubtful.insert(run.id);
                    if stumbled.is_some() {
                        return Err(error.into());
                    }
                    stumbled = Some((run, standing, error));
                }
                Blame::Forge(error) => return Err(error.into()),
            }
        }
        match (stumbled, takes) {
            (Some((run, standing, error)), Takes::Some) => {
                told.faults += 1;
                Ok(self.put_off(project, known, (&run, standing), &error, now, told).await?)
            }
            (Some((_, _, error)), Takes::Unknown) => Err(error.into()),
            (None, _) => Ok(()),
        }
    }

    async fn tell_run(&self, project: &Project, forge: &Forge, run: &StoredRun, told: &mut Told) -> Result<(), Fault> {
        let store = &self.plane.store;
        let jobs = store.jobs(run.id, run.attempt).await?;
        let said = store.said(run.id).await?;
        for status in statuses(&self.plane.site.url, project, run, &jobs) {
            let now_said = words(&status);
            if said.get(&status.context) == Some(&now_said) {
                continue;
            }
            forge.set_status(&run.commit, &status).await?;
            told.told += 1;
            // Whoever dies here says it once more.
            store.note_said(run.id, &status.context, &now_said).await?;
        }
        // What the jobs of a run that is behind come to is not drawn yet.
        if run.finished.is_some() && run.advanced >= run.ends {
            store.note_told(run.id, run.attempt).await?;
        }
        Ok(())
    }

    /// A run that its forge refuses waits, or is told no more.
    async fn put_off(
        &self,
        project: &Project,
        known: &mut Known,
        (run, standing): (&StoredRun, Standing),
        error: &ForgeError,
        now: Timestamp,
        told: &mut Told,
    ) -> Result<(), StoreError> {
        let (name, id) = (project.full_name(), run.id);
        let before = known.refused.remove(&id);
        let then = then(&self.settings, before.as_ref(), standing, now);
        match then {
            Then::Soon(refused) | Then::Late(refused) if known.refused.len() < REFUSED => {
                if matches!(then, Then::Late(_)) && refused.pause.faults == self.settings.tries {
                    let error = error as &dyn std::error::Error;
                    tracing::warn!(project = name, run = %id, error, "the forge refuses this run; it is tried until a day after its end");
                }
                known.refused.insert(id, refused);
            }
            _ => {
                self.plane.store.note_told(id, run.attempt).await?;
                let error = error as &dyn std::error::Error;
                tracing::warn!(project = name, run = %id, error, "the forge is told no more of this run");
                told.given_up += 1;
            }
        }
        Ok(())
    }
}

/// What is remembered of a status: all but its context.
fn words(status: &Status) -> String {
    serde_json::json!([status.state, status.description, status.target_url]).to_string()
}
