//! `schedule`: workflows that run at times. The times of a project are read from its default branch when that moves (`runner-protocol` 5.3); a loop takes
//! what is due. What was missed while no server ran comes once, not as often as it was missed.

use super::cron::after;
use super::files::{head, workflow_texts};
use super::make::{Started, make};
use super::occasion::repository;
use super::{EventError, Occasion};
use crate::lead::Lead;
use crate::plane::Plane;
use domain::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use source::project::WorkflowText;
use std::sync::Arc;
use std::time::Duration;
use store::{NewSchedule, Project, RunCause, Schedule, StoreError, StoredRun};
use tokio::sync::watch;
use workflow::cron::{Cron, CronError, split_zone};
use workflow::expr::Value;
use workflow::model::TriggerKind;
use workflow::plan::{FileReference, Files, Parses};

/// What is due is looked for this often.
const EVERY: Duration = Duration::from_secs(5);
/// What failed is tried again after this, or at its next time where that comes first.
const AGAIN: Duration = Duration::from_mins(5);
const DAY: Duration = Duration::from_hours(24);
/// So much is taken in one look.
const MOST: u32 = 256;
/// Who causes such runs.
const ACTOR: &str = "schedule";

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fired {
    /// Runs that were made.
    pub runs: usize,
    /// Times at which none could be made; told in the log.
    pub failed: usize,
}

/// Reads the times of a project's workflows from its default branch.
///
/// # Errors
/// When the repository or the store cannot be read.
pub async fn read_schedules(plane: &Plane, project: &Project) -> Result<(), EventError> {
    let Some(head) = head(plane, project).await? else {
        return Ok(plane.store.set_schedules(project.id, &[]).await?);
    };
    let texts = workflow_texts(plane, project, &head.commit).await?;
    let now = plane.now();
    let mut schedules = Vec::new();
    for text in texts.iter() {
        for cron in crons(text) {
            match When::read(&cron) {
                Ok(when) => schedules.extend(when.next(now).map(|due| cron.due(text, due))),
                Err(error) => tracing::warn!(
                    project = project.full_name(),
                    path = text.path,
                    error = &error as &dyn std::error::Error,
                    "a schedule starts nothing"
                ),
            }
        }
    }
    Ok(plane.store.set_schedules(project.id, &schedules).await?)
}

/// Takes what is due until the server stops. Of several servers one does it: the others would read the same repositories for nothing.
pub async fn schedules(plane: Plane, mut stopped: watch::Receiver<bool>) {
    let mut lead = Lead::of("schedules");
    loop {
        let looked = async {
            if lead.is_ours(&plane.store).await? {
                fire(&plane, plane.now()).await?;
            }
            Ok::<(), StoreError>(())
        };
        if let Err(error) = looked.await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "schedules could not be looked at; they are in {EVERY:?}"
            );
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stopped.changed() => return,
        }
    }
}

/// Makes the runs that are due. A time is taken with its run, in one transaction: whoever is killed in between leaves both to the next look.
///
/// # Errors
/// When the database fails.
pub async fn fire(plane: &Plane, now: Timestamp) -> Result<Fired, StoreError> {
    let mut fired = Fired::default();
    for due in plane.store.due_schedules(now, MOST).await? {
        // A time that cannot be read any more is looked at again in a day.
        let written = Written { cron: due.new.cron.clone(), zone: due.new.zone.clone() };
        let next = When::read(&written).ok().and_then(|when| when.next(now)).unwrap_or_else(|| now.after(DAY));
        match run(plane, &due, next).await {
            Ok(Some(_)) => fired.runs += 1,
            Ok(None) => drop(plane.store.take_schedule(&due, next).await?),
            // Another server was faster.
            Err(EventError::Store(StoreError::Present { what: "run", .. })) => {}
            Err(error) => {
                fired.failed += 1;
                let path = &due.new.path;
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    path,
                    "a workflow that is due made no run; it is tried again in {AGAIN:?}"
                );
                plane.store.take_schedule(&due, next.min(now.after(AGAIN))).await?;
            }
        }
    }
    Ok(fired)
}

/// Makes the run of a time; none where the default branch has no such workflow any more, or it is switched off.
async fn run(plane: &Plane, due: &Schedule, next: Timestamp) -> Result<Option<StoredRun>, EventError> {
    let project = plane.store.project_by_id(due.project).await?;
    let Some(head) = head(plane, &project).await? else { return Ok(None) };
    if super::workflows::is_disabled(plane, &project, &due.new.path).await? {
        return Ok(None);
    }
    let texts = workflow_texts(plane, &project, &head.commit).await?;
    let Some(text) = texts.iter().find(|text| text.path == due.new.path) else { return Ok(None) };
    let mut files = Files::new();
    let files = match &text.text {
        Ok(source) => {
            files.insert(FileReference::Local(text.path.clone()), Arc::clone(source));
            Ok((files, Parses::default()))
        }
        Err(why) => Err(why.to_string()),
    };
    let occasion = Occasion {
        event: "schedule".to_owned(),
        payload: json!({
            "schedule": due.new.cron,
            "repository": repository(&plane.site, &project, Some(&head.branch)),
            "sender": { "login": ACTOR },
        }),
        reference: head.branch,
        commit: head.commit.to_string(),
        subject: head.subject,
        actor: ACTOR.to_owned(),
        changed_files: None,
        message: None,
    };
    let cause = RunCause::Time { due: due.clone(), next };
    let started = Started { path: text.path.clone(), files, inputs: Value::default(), cause };
    make(plane, &project, &occasion, &head.commit, started).await.map(Some)
}

/// Why the times of a workflow cannot be read, where one of them cannot.
pub(super) fn fault(text: &WorkflowText) -> Option<String> {
    crons(text).iter().find_map(|cron| When::read(cron).err()).map(|error| error.to_string())
}

/// A time as a workflow has it.
struct Written {
    cron: String,
    zone: String,
}

impl Written {
    fn due(&self, text: &WorkflowText, due: Timestamp) -> NewSchedule {
        NewSchedule { path: text.path.clone(), cron: self.cron.clone(), zone: self.zone.clone(), due }
    }
}

/// Why a time cannot be read.
#[derive(Debug, thiserror::Error)]
enum WrittenError {
    #[error("the schedule '{cron}' cannot be read: {why}; `ekiden lint` shows where it is")]
    Cron { cron: String, why: CronError },
    #[error("the schedule '{cron}' is in no time zone: '{zone}' is none of the IANA database, such as 'Europe/Berlin'")]
    Zone { cron: String, zone: String },
}

/// The times of a workflow.
fn crons(text: &WorkflowText) -> Vec<Written> {
    let Ok(source) = &text.text else { return Vec::new() };
    let (mut files, mut parses) = (Files::new(), Parses::default());
    let root = FileReference::Local(text.path.clone());
    files.insert(root.clone(), Arc::clone(source));
    let Some(workflow) = parses.parse(&files, &root).and_then(|parsed| parsed.value) else { return Vec::new() };
    let crons = workflow.on.iter().filter_map(|trigger| match &trigger.kind {
        TriggerKind::Schedule(crons) => Some(crons),
        _ => None,
    });
    let zone = |zone: Option<&str>| zone.unwrap_or("UTC").to_owned();
    crons
        .flatten()
        .map(|cron| Written {
            cron: cron.cron.value.clone(),
            zone: zone(cron.timezone.as_ref().map(|zone| zone.value.as_str())),
        })
        .collect()
}

/// A time that was read.
struct When {
    cron: Cron,
    zone: TimeZone,
}

impl When {
    fn read(written: &Written) -> Result<Self, WrittenError> {
        let Written { cron, zone } = written;
        let (first, fields) = split_zone(cron);
        let zone = first.unwrap_or(zone);
        let read = Cron::parse(fields).map_err(|why| WrittenError::Cron { cron: cron.clone(), why })?;
        let no_zone = |_| WrittenError::Zone { cron: cron.clone(), zone: zone.to_owned() };
        Ok(Self { cron: read, zone: TimeZone::get(zone).map_err(no_zone)? })
    }

    /// When it is due next; nothing for one that never is.
    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        after(&self.cron, now, &self.zone)
    }
}
