//! The loop, and what a tick came to.

use super::statuses::statuses;
use crate::plane::Plane;
use crate::told::ToldForge;
use domain::Timestamp;
use domain::control::{ProjectId, RunId};
use forge::{Forge, ForgeError, Place, Status};
use futures_util::future::join_all;
use std::collections::HashMap;
use std::time::Duration;
use store::{Project, StoreError, StoredRun};
use tokio::sync::watch;

/// So many runs of a project are looked at in one tick.
const RUNS: u32 = 64;

/// How often the teller looks, and how it waits after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TellSettings {
    /// Between two looks.
    pub every: Duration,
    /// After the first fault; each further one doubles it.
    pub first_pause: Duration,
    /// It waits no longer than this.
    pub longest_pause: Duration,
    /// What a forge refuses of one run alone, such as a commit that it does not have, is tried so often.
    pub tries: u32,
}

impl Default for TellSettings {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            first_pause: Duration::from_secs(2),
            longest_pause: Duration::from_mins(5),
            tries: 6,
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
    /// The forges of projects, and what each was made of.
    forges: HashMap<ProjectId, (ToldForge, Forge)>,
    projects: HashMap<ProjectId, Pause>,
    runs: HashMap<RunId, Pause>,
}

/// After a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pause {
    until: Timestamp,
    faults: u32,
}

/// How a look at a project ended.
struct Looked {
    project: ProjectId,
    told: usize,
    runs: Vec<(RunId, ForgeError)>,
    fault: Option<Fault>,
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
        Self { plane, settings, forges: HashMap::new(), projects: HashMap::new(), runs: HashMap::new() }
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

    /// Tells the forges of all projects what is new.
    ///
    /// # Errors
    /// When the projects cannot be listed. What is wrong with one of them is told in the log and does not keep the others.
    pub async fn tick(&mut self) -> Result<Told, StoreError> {
        let now = self.plane.now();
        let mut named = Vec::new();
        for project in self.plane.store.projects().await? {
            let is_paused = self.projects.get(&project.id).is_some_and(|pause| pause.until > now);
            if let Some(told) = ToldForge::of(&project)
                && !is_paused
                && let Some(forge) = self.forge(&project, told)
            {
                named.push((project, forge));
            }
        }
        let looked = join_all(named.iter().map(|(project, forge)| self.look(project, forge, now))).await;
        let mut all = Told::default();
        for (looked, (project, _)) in looked.into_iter().zip(&named) {
            all.told += looked.told;
            for (run, error) in looked.runs {
                all.faults += 1;
                all.given_up += usize::from(self.put_off(project, run, &error, now).await?);
            }
            self.note(project, looked.project, looked.fault, &mut all, now);
        }
        Ok(all)
    }

    /// The client of a project's forge; none where it cannot be made, which is told once.
    fn forge(&mut self, project: &Project, told: ToldForge) -> Option<Forge> {
        if let Some((of, forge)) = self.forges.get(&project.id)
            && *of == told
        {
            return Some(forge.clone());
        }
        // Another token or place may mend what was wrong.
        self.projects.remove(&project.id);
        let place = Place::parse(&told.url, Some(told.kind)).map_err(|error| error.to_string());
        let token = told.token(&self.plane.keys, project).map_err(|error| error.to_string());
        let made = place.and_then(|place| Forge::new(place, &token?).map_err(|error| error.to_string()));
        match made {
            Ok(forge) => {
                self.forges.insert(project.id, (told, forge.clone()));
                Some(forge)
            }
            Err(error) => {
                tracing::warn!(project = project.full_name(), error, "its forge is not told anything");
                let until = Timestamp(self.plane.now().0.saturating_add(millis(self.settings.longest_pause)));
                self.projects.insert(project.id, Pause { until, faults: 1 });
                None
            }
        }
    }

    async fn look(&self, project: &Project, forge: &Forge, now: Timestamp) -> Looked {
        let mut looked = Looked { project: project.id, told: 0, runs: Vec::new(), fault: None };
        looked.fault = self.tell(project, forge, now, &mut looked).await.err();
        looked
    }

    async fn tell(&self, project: &Project, forge: &Forge, now: Timestamp, looked: &mut Looked) -> Result<(), Fault> {
        for run in self.plane.store.untold_runs(project.id, RUNS).await? {
            if self.runs.get(&run.id).is_some_and(|pause| pause.until > now) {
                continue;
            }
            match self.tell_run(project, forge, &run, looked).await {
                Err(Fault::Forge(error)) if error.is_of_this_alone() => looked.runs.push((run.id, error)),
                done => done?,
            }
        }
        Ok(())
    }

    async fn tell_run(
        &self,
        project: &Project,
        forge: &Forge,
        run: &StoredRun,
        looked: &mut Looked,
    ) -> Result<(), Fault> {
        let store = &self.plane.store;
        let jobs = store.jobs(run.id, run.attempt).await?;
        let said = store.said(run.id).await?;
        for status in statuses(&self.plane.site.url, project, run, &jobs) {
            let now_said = words(&status);
            if said.get(&status.context) == Some(&now_said) {
                continue;
            }
            forge.set_status(&run.commit, &status).await?;
            looked.told += 1;
            // Whoever dies here says it once more.
            store.note_said(run.id, &status.context, &now_said).await?;
        }
        // What the jobs of a run that is behind come to is not drawn yet.
        if run.finished.is_some() && run.advanced >= run.ends {
            store.note_told(run.id, run.attempt).await?;
        }
        Ok(())
    }

    /// Whether a run is given up.
    async fn put_off(
        &mut self,
        project: &Project,
        run: RunId,
        error: &ForgeError,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let faults = self.runs.get(&run).map_or(0, |pause| pause.faults) + 1;
        if faults < self.settings.tries {
            self.runs.insert(run, Pause { until: self.until(faults, now), faults });
            return Ok(false);
        }
        tracing::warn!(
            project = project.full_name(),
            %run,
            error = error as &dyn std::error::Error,
            "the forge is told no more of this run"
        );
        self.runs.remove(&run);
        let attempt = self.plane.store.run(run).await?.attempt;
        self.plane.store.note_told(run, attempt).await?;
        Ok(true)
    }

    /// After a look: the next one soon, or after a pause, of which the first is told.
    fn note(&mut self, project: &Project, id: ProjectId, fault: Option<Fault>, all: &mut Told, now: Timestamp) {
        let Some(fault) = fault else {
            if self.projects.remove(&id).is_some() {
                tracing::info!(project = project.full_name(), "its forge takes statuses again");
            }
            return;
        };
        all.faults += 1;
        let faults = self.projects.get(&id).map_or(0, |pause| pause.faults) + 1;
        if faults == 1 {
            let error = &fault as &dyn std::error::Error;
            tracing::warn!(
                project = project.full_name(),
                error,
                "its forge takes no status; it is tried again and again"
            );
        }
        self.projects.insert(id, Pause { until: self.until(faults, now), faults });
    }

    fn until(&self, faults: u32, now: Timestamp) -> Timestamp {
        let pause = self.settings.first_pause.saturating_mul(1_u32.checked_shl(faults - 1).unwrap_or(u32::MAX));
        Timestamp(now.0.saturating_add(millis(pause.min(self.settings.longest_pause))))
    }
}

/// What is remembered of a status: all but its context.
fn words(status: &Status) -> String {
    serde_json::json!([status.state, status.description, status.target_url]).to_string()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
