//! Jobs fetch the repository of their own project, for as long as they have their lease.

use super::gate::{Gate, Refusal};
use crate::plane::Plane;
use crate::task::task_of_token;
use async_trait::async_trait;
use domain::Secret;
use domain::control::ProjectId;
use store::{Project, StoreError};

/// Lets a job's token fetch its own project.
#[derive(Debug)]
pub struct JobGate(Plane);

impl JobGate {
    /// For the jobs of this server.
    #[must_use]
    pub const fn new(plane: Plane) -> Self {
        Self(plane)
    }

    /// The project of the job that has this token; its lease must be its own still.
    async fn project_of(&self, token: &Secret) -> Result<ProjectId, Refusal> {
        let task = task_of_token(&self.0.keys, token.expose()).ok_or(Refusal::Unknown)?;
        match self.0.store.task(task).await {
            Ok((task, job)) if job.phase.lease().is_some_and(|lease| lease.task == task.id) => Ok(job.project),
            Ok(_) | Err(StoreError::Missing { .. }) => Err(Refusal::Unknown),
            Err(error) => Err(away(&error)),
        }
    }
}

#[async_trait]
impl Gate for JobGate {
    async fn repository(&self, owner: &str, name: &str, password: Option<&Secret>) -> Result<String, Refusal> {
        let own = self.project_of(password.ok_or(Refusal::Unknown)?).await?;
        match self.0.store.project(owner, name).await {
            Ok(Project { id, git, .. }) if id == own => Ok(git),
            // Whether there is another project of this name is nothing for a job to know.
            Ok(_) | Err(StoreError::Missing { .. }) => Err(Refusal::Missing),
            Err(error) => Err(away(&error)),
        }
    }
}

fn away(error: &StoreError) -> Refusal {
    tracing::warn!(target: "ekiden::git", error = error as &dyn std::error::Error, "could not ask who may fetch");
    Refusal::Failed("the server cannot read its database now; try again in a moment".to_owned())
}
