//! Verbs for workflow files.

use super::core::{Client, escape};
use super::error::ClientError;
use crate::place::ProjectName;
use crate::workflow::{Dispatch, RunDetails, Workflow, WorkflowList};

impl Client {
    /// The workflow files of a project's default branch.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn workflows(&self, project: &ProjectName) -> Result<WorkflowList, ClientError> {
        let path = format!("/repos/{project}/actions/workflows");
        self.get(format!("list the workflows of {project}"), &path).read().await
    }

    /// One of them, by its file's name.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn workflow(&self, project: &ProjectName, id: &str) -> Result<Workflow, ClientError> {
        self.get(format!("show workflow {id}"), &workflow(project, id, "")).read().await
    }

    /// Lets events start a workflow.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn enable_workflow(&self, project: &ProjectName, id: &str) -> Result<(), ClientError> {
        self.put(format!("enable workflow {id}"), &workflow(project, id, "/enable")).done().await.map(drop)
    }

    /// Lets no event start a workflow.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn disable_workflow(&self, project: &ProjectName, id: &str) -> Result<(), ClientError> {
        self.put(format!("disable workflow {id}"), &workflow(project, id, "/disable")).done().await.map(drop)
    }

    /// Starts a workflow, and gives its run.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn dispatch(
        &self,
        project: &ProjectName,
        id: &str,
        dispatch: &Dispatch,
    ) -> Result<RunDetails, ClientError> {
        let path = workflow(project, id, "/dispatches?return_run_details=true");
        self.post(format!("dispatch workflow {id}"), &path).body(dispatch)?.read().await
    }
}

fn workflow(project: &ProjectName, id: &str, rest: &str) -> String {
    format!("/repos/{project}/actions/workflows/{}{rest}", escape(id))
}
