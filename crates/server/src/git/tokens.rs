//! Jobs fetch the repository of their own project and of those that all jobs read, for as long as they have their lease; persons those of projects
//! whose code they may read; without a token, those that anyone reads.

use super::gate::{Asker, Gate, Refusal};
use crate::access::{Denied, Reach};
use crate::plane::Plane;
use crate::task::task_of_token;
use crate::told::readers;
use api::{Readers, Right};
use async_trait::async_trait;
use domain::Secret;
use domain::control::{ProjectId, TokenUse};
use store::{Project, StoreError};

/// Lets a job's token fetch its own project, and a person's token the projects that it reaches; more where a project says so.
#[derive(Debug)]
pub struct TokenGate(Plane);

impl TokenGate {
    /// For the tokens of this server.
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

    /// Where a project's repository is, if it may be read; else the refusal: whether there is one of this name is nothing for who may not read it.
    async fn place_of(
        &self,
        (owner, name): (&str, &str),
        may: impl Fn(&Project) -> bool + Send,
        refusal: Refusal,
    ) -> Result<String, Refusal> {
        match self.0.store.project(owner, name).await {
            Ok(project) if may(&project) => Ok(project.git),
            Ok(_) | Err(StoreError::Missing { .. }) => Err(refusal),
            Err(error) => Err(away(&error)),
        }
    }
}

#[async_trait]
impl Gate for TokenGate {
    async fn repository(&self, owner: &str, name: &str, asker: &Asker) -> Result<String, Refusal> {
        let Some(token) = asker.password.as_ref() else {
            let is_for_anyone = |project: &Project| readers(project) == Readers::Anyone;
            return self.place_of((owner, name), is_for_anyone, Refusal::Unknown).await;
        };
        let may: Box<dyn Fn(&Project) -> bool + Send> = match TokenUse::of(token.expose()) {
            Ok(TokenUse::Job) => {
                let own = self.project_of(token).await?;
                Box::new(move |project| project.id == own || readers(project) != Readers::Own)
            }
            Ok(TokenUse::User) => {
                let person =
                    self.0.access.person(&self.0, token, asker.origin).await.map_err(|denied| match denied {
                        Denied::Store(error) => away(&error),
                        Denied::TooMany { seconds } => {
                            Refusal::Failed(format!("too many wrong tokens came from there; try again in {seconds} s"))
                        }
                        _ => Refusal::Unknown,
                    })?;
                Box::new(move |project| {
                    person.may(Right::ReadCode, Reach::Project(project.owner_id, project.id))
                        || readers(project) == Readers::Anyone
                })
            }
            _ => return Err(Refusal::Unknown),
        };
        self.place_of((owner, name), may, Refusal::Missing).await
    }
}

fn away(error: &StoreError) -> Refusal {
    tracing::warn!(target: "ekiden::git", error = error as &dyn std::error::Error, "could not ask who may fetch");
    Refusal::Failed("the server cannot read its database now; try again in a moment".to_owned())
}
