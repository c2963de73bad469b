//! A client of Gitea's API, as Gitea and our server have it. Called by `gitea`, and by developer tasks for a server of ours.

use crate::gitea::{Job, Run};
use crate::web::{self, Message};
use serde_json::Value;
use std::io;

/// So many are asked for at a time.
const PAGE: usize = 50;

/// Who asks where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// `HOST:PORT`.
    pub address: String,
    /// The header that lets it in: `token …`.
    pub authorization: String,
}

impl Rest {
    /// A call below `/api/v1`; its answer as it is.
    ///
    /// # Errors
    /// When nobody answers, or the answer is a refusal.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Message> {
        let headers = [("authorization", self.authorization.as_str()), ("content-type", "application/json")];
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let answer = web::ask(&self.address, method, &format!("/api/v1{path}"), &headers, body)?;
        if !(200..300).contains(&answer.status()) {
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(io::Error::other(format!("{method} {path}: {} {said}", answer.first)));
        }
        Ok(answer)
    }

    /// The answer to a GET of any path, whatever its status.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn get(&self, path: &str) -> io::Result<Message> {
        web::ask(&self.address, "GET", path, &[("authorization", &self.authorization)], Vec::new())
    }

    /// A call below `/api/v1`.
    ///
    /// # Errors
    /// When it is refused, or answered with something else than JSON.
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Value> {
        let answer = self.ask(method, path, body)?;
        if answer.body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&answer.body)?) }
    }

    /// The runs of `OWNER/NAME` from the newest on: so many pages of fifty at most.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn runs(&self, repository: &str, pages: usize) -> io::Result<Vec<Run>> {
        let path = format!("/repos/{repository}/actions/runs");
        self.list(&path, "workflow_runs", pages, Run::of)
    }

    /// The jobs of a run of `OWNER/NAME`.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn jobs(&self, repository: &str, run: i64) -> io::Result<Vec<Job>> {
        self.list(&format!("/repos/{repository}/actions/runs/{run}/jobs"), "jobs", usize::MAX, Job::of)
    }

    /// The log of a job, each line with its time in front.
    ///
    /// # Errors
    /// When it has none.
    pub fn log(&self, repository: &str, job: i64) -> io::Result<String> {
        let answer = self.ask("GET", &format!("/repos/{repository}/actions/jobs/{job}/logs"), None)?;
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    fn list<T>(&self, path: &str, name: &str, pages: usize, read: impl Fn(&Value) -> T) -> io::Result<Vec<T>> {
        let mut all = Vec::new();
        for page in 1..=pages {
            let answer = self.call("GET", &format!("{path}?limit={PAGE}&page={page}"), None)?;
            // A Forgejo gives the list bare.
            let more = answer[name].as_array().or_else(|| answer.as_array()).cloned().unwrap_or_default();
            all.extend(more.iter().map(&read));
            if more.len() < PAGE {
                break;
            }
        }
        Ok(all)
    }
}
