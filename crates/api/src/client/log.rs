//! Logs of jobs, piece by piece.

use super::core::Client;
use super::error::ClientError;
use crate::place::ProjectName;
use bytes::Bytes;
use reqwest::Response;

/// The text of a log on its way. Lines are time and content, as Gitea writes them.
#[derive(Debug)]
pub struct LogText {
    did: String,
    url: String,
    answer: Response,
}

impl LogText {
    /// The next bytes; nothing after the last. A piece may end within a line.
    ///
    /// # Errors
    /// When the server goes away.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        let chunk = self.answer.chunk().await;
        chunk.map_err(|source| ClientError::Unreachable { did: self.did.clone(), url: self.url.clone(), source })
    }
}

impl Client {
    /// The log of a job's newest task, as far as it is.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn job_log(&self, project: &ProjectName, job: i64) -> Result<LogText, ClientError> {
        self.log(job, &format!("/repos/{project}/actions/jobs/{job}/logs")).await
    }

    /// The same, of one step alone; its place counts from 0.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn step_log(&self, project: &ProjectName, job: i64, step: i64) -> Result<LogText, ClientError> {
        self.log(job, &format!("/repos/{project}/actions/jobs/{job}/logs?step={step}")).await
    }

    /// The job's, and what comes still until the job is over.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn follow_job_log(&self, project: &ProjectName, job: i64) -> Result<LogText, ClientError> {
        self.log(job, &format!("/repos/{project}/actions/jobs/{job}/logs?follow=true")).await
    }

    async fn log(&self, job: i64, path: &str) -> Result<LogText, ClientError> {
        let (did, answer) = self.get(format!("read the log of job {job}"), path).send().await?;
        Ok(LogText { did, url: self.url().to_owned(), answer })
    }
}
