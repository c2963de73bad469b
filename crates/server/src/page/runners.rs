//! Who works.

use super::fault::Fault;
use super::fill::{html, moment};
use super::links::RunPlace;
use super::text::line;
use super::view::{Here, RunnerJob, RunnerRow, RunnersPage};
use super::visit::Visit;
use crate::access::Reach;
use api::Right;
use axum::response::Response;
use domain::RunnerId;
use domain::control::{Admission, Contact, OwnerId, ProjectId, RunnerStanding, Scope, Work};
use std::collections::HashMap;
use store::{Project, StoredRunner};

/// More places than this are no number that anybody chose.
const MANY: u32 = 1_000;

/// `/runners`
pub(crate) async fn runners(visit: Visit) -> Response {
    let done = show(&visit).await;
    visit.answer(done)
}

async fn show(visit: &Visit) -> Result<Response, Fault> {
    if !visit.person.rights.hold(Right::ReadRunners) {
        return Err(Fault::Nowhere);
    }
    let store = &visit.plane.store;
    let projects: HashMap<ProjectId, Project> =
        store.projects().await?.into_iter().map(|project| (project.id, project)).collect();
    let mut all = store.runners(None).await?;
    all.retain(|runner| reach(runner.scope, &projects).is_some_and(|reach| reach.is_within(visit.person.scope)));
    let mut jobs: HashMap<RunnerId, Vec<RunnerJob>> = HashMap::new();
    for (task, job) in store.out().await? {
        // A runner of everybody may have a job that this person does not see.
        let project = projects.get(&job.project).filter(|project| visit.sees(project));
        let place = project.map(|project| RunPlace {
            owner: project.owner.clone(),
            name: project.name.clone(),
            run: job.run.0,
        });
        let job = match place {
            Some(place) => RunnerJob { name: line(&job.name), href: Some(visit.links.job(&place, job.number.0)) },
            None => RunnerJob { name: "a job of another project".to_owned(), href: None },
        };
        jobs.entry(task.runner).or_default().push(job);
    }
    let count = |state| all.iter().filter(|runner| runner.phase.standing() == state).count();
    let summary = [RunnerStanding::Active, RunnerStanding::Idle, RunnerStanding::Offline]
        .map(|state| format!("{} {}", count(state), word(state)));
    let own = match visit.person.scope {
        Scope::Instance => None,
        Scope::Owner(id) => {
            projects.values().find(|project| project.owner_id == id).map(|project| line(&project.owner))
        }
        Scope::Repository(id) => projects.get(&id).map(|project| line(&project.full_name())),
    };
    let page = RunnersPage {
        own,
        frame: visit.live_frame("Runners", Here::Runners, None, "?runners=1"),
        now: moment(visit.plane.now()),
        summary: summary.join(", "),
        runners: all.iter().map(|runner| row(runner, &projects, &mut jobs)).collect(),
    };
    html(&page)
}

const fn word(state: RunnerStanding) -> &'static str {
    match state {
        RunnerStanding::Offline => "offline",
        RunnerStanding::Idle => "idle",
        RunnerStanding::Active => "active",
    }
}

/// Whose runner it is; nothing of a project that is gone.
fn reach(scope: Scope, projects: &HashMap<ProjectId, Project>) -> Option<Reach> {
    Some(match scope {
        Scope::Instance => Reach::Instance,
        Scope::Owner(owner) => Reach::Owner(owner),
        Scope::Repository(id) => Reach::Project(projects.get(&id)?.owner_id, id),
    })
}

fn row(
    runner: &StoredRunner,
    projects: &HashMap<ProjectId, Project>,
    jobs: &mut HashMap<RunnerId, Vec<RunnerJob>>,
) -> RunnerRow {
    let owner = |id: OwnerId| projects.values().find(|project| project.owner_id == id).map(|project| &project.owner);
    let scope = match runner.scope {
        Scope::Instance => "all projects".to_owned(),
        Scope::Owner(id) => owner(id).map_or_else(|| format!("owner {id}"), |owner| format!("projects of {owner}")),
        Scope::Repository(id) => projects.get(&id).map_or_else(|| format!("project {id}"), Project::full_name),
    };
    let places = match runner.phase.work() {
        // One that never said how many takes as many as it likes.
        Work::Lasting { capacity, tasks } if capacity.get() > MANY => format!("{} places busy", tasks.len()),
        Work::Lasting { capacity, tasks } => format!("{} of {capacity} places busy", tasks.len()),
        Work::Fresh => "for one job".to_owned(),
        Work::Bound { .. } => "has its one job".to_owned(),
        Work::Spent => "had its one job".to_owned(),
    };
    let (Contact::Offline(heard) | Contact::Online(heard)) = runner.phase.contact();
    RunnerRow {
        name: line(&runner.name),
        id: runner.id.0,
        state: word(runner.phase.standing()),
        admission: match runner.phase.admission() {
            Admission::Open => None,
            Admission::Draining => Some("draining"),
            Admission::Disabled => Some("disabled"),
            Admission::Removed => Some("removed"),
        },
        labels: runner.labels.iter().map(|label| line(label)).collect(),
        scope: line(&scope),
        pool: runner.pool.as_deref().map(line),
        version: line(&runner.version),
        places,
        heard: moment(heard),
        jobs: jobs.remove(&runner.id).unwrap_or_default(),
    }
}
