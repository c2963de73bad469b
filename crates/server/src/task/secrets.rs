//! Which secrets and variables a job sees. Called by `make`, and by `event` for the variables of a run.

use super::make::TaskError;
use super::token::job_token;
use crate::keys::Sealed;
use crate::plane::Plane;
use crate::run::{self, JobFacts, RunFacts, SecretsFacts};
use domain::Secret;
use domain::control::ProjectId;
use std::collections::BTreeMap;
use store::{Holding, HoldingKind, StoreError, StoredJob, StoredTask};

/// Names under which a job finds its own token.
const TOKENS: [&str; 3] = ["GITHUB_TOKEN", "GITEA_TOKEN", "FORGEJO_TOKEN"];

/// The secrets of a job: those of its project, or what its callers hand on of them, and its own token.
pub(super) async fn secrets(
    plane: &Plane,
    held: Vec<Holding>,
    job: &StoredJob,
    facts: (&RunFacts, &JobFacts),
    token: &Secret,
) -> Result<BTreeMap<String, Secret>, TaskError> {
    let mut of_run = Vec::new();
    for holding in held {
        let value = plane.keys.unseal(holding.new.scope, &holding.new.name, &Sealed(holding.new.value))?;
        of_run.push((holding.new.name, value));
    }
    of_run.push((TOKENS[0].to_owned(), token.clone()));
    let seen = match facts.1.secrets {
        SecretsFacts::All => of_run,
        SecretsFacts::Given => {
            let run = plane.store.run(job.run).await?;
            let ended = plane.store.ended(run.id, run.attempt, 0).await?;
            let ready = run::ready_job(&run, facts.0, ended, &job.id)?;
            let ready = ready.ok_or_else(|| TaskError::Forgotten { job: job.id.to_string() })?;
            ready.secrets.resolve(&of_run)?
        }
    };
    let mut secrets: BTreeMap<String, Secret> = seen.into_iter().collect();
    for name in TOKENS {
        secrets.insert(name.to_owned(), token.clone());
    }
    Ok(secrets)
}

/// Every secret of the project of a task, whether its job was given it or not, and the job's token.
pub(crate) async fn secrets_of(plane: &Plane, task: &StoredTask, job: &StoredJob) -> Result<Vec<Secret>, TaskError> {
    let held = held(plane, job.project).await?;
    let mut all = vec![job_token(&plane.keys, task.id)];
    for Holding { new, .. } in held {
        all.push(plane.keys.unseal(new.scope, &new.name, &Sealed(new.value))?);
    }
    Ok(all)
}

/// The secrets that jobs of a project see, sealed.
pub(super) async fn held(plane: &Plane, project: ProjectId) -> Result<Vec<Holding>, StoreError> {
    let mut all = plane.store.holdings_for(project).await?;
    all.retain(|holding| holding.new.kind == HoldingKind::Secret);
    Ok(all)
}

/// The variables of a project as they are now: those that the tries which begin now see, to their end.
pub(crate) async fn variables(plane: &Plane, project: ProjectId) -> Result<BTreeMap<String, String>, StoreError> {
    let all = plane.store.holdings_for(project).await?;
    let variables = all.into_iter().filter(|holding| holding.new.kind == HoldingKind::Variable);
    Ok(variables.map(|holding| (holding.new.name, String::from_utf8_lossy(&holding.new.value).into_owned())).collect())
}
