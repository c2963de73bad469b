//! What a person does with a Gitea: repositories, files, runs, jobs, logs, cancelling.

use super::process::Gitea;
use crate::rest::Rest;
use crate::web::{self, Message};
use base64::Engine as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

/// A run as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: i64,
    /// `completed` at its end.
    pub status: String,
    /// How it ended; empty before.
    pub conclusion: String,
    /// Its workflow file.
    pub workflow: String,
    /// The commit that it is for.
    pub commit: String,
}

/// A job as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub id: i64,
    /// The run that it belongs to.
    pub run: i64,
    /// `build (1)` for one of a matrix.
    pub name: String,
    /// `queued`, `in_progress`, `completed`.
    pub status: String,
    /// How it ended; empty before.
    pub conclusion: String,
    /// Names and conclusions of its steps.
    pub steps: Vec<(String, String)>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Status and conclusion. A Forgejo says the result as its status.
fn ended(value: &Value) -> (String, String) {
    let status = text(&value["status"]);
    match status.as_str() {
        "success" | "failure" | "cancelled" | "skipped" => ("completed".to_owned(), status),
        _ => (status, text(&value["conclusion"])),
    }
}

impl Run {
    pub(crate) fn of(value: &Value) -> Self {
        let (status, conclusion) = ended(value);
        let path = text(&value["path"]);
        Self {
            id: value["id"].as_i64().unwrap_or_default(),
            status,
            conclusion,
            workflow: path.split('@').next().unwrap_or_default().to_owned(),
            commit: text(&value["head_sha"]),
        }
    }
}

impl Job {
    pub(crate) fn of(value: &Value) -> Self {
        let steps = value["steps"].as_array().cloned().unwrap_or_default();
        let (status, conclusion) = ended(value);
        Self {
            id: value["id"].as_i64().unwrap_or_default(),
            run: value["run_id"].as_i64().unwrap_or_default(),
            name: text(&value["name"]),
            status,
            conclusion,
            steps: steps.iter().map(|step| (text(&step["name"]), text(&step["conclusion"]))).collect(),
        }
    }
}

impl Gitea {
    /// Makes a token of its user; answers the header that holds it.
    pub(super) fn sign_in(&self) -> io::Result<String> {
        let (name, password) = Self::USER;
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
        let body = json!({"name": "lab", "scopes": ["all"]});
        let path = format!("/users/{name}/tokens");
        let rest = Rest { address: self.address.clone(), authorization: format!("Basic {basic}") };
        let token = rest.call("POST", &path, Some(&body))?;
        Ok(format!("token {}", token["sha1"].as_str().unwrap_or_default()))
    }

    fn rest(&self) -> Rest {
        Rest { address: self.address.clone(), authorization: self.authorization.clone() }
    }

    /// A call of its API, below `/api/v1`.
    ///
    /// # Errors
    /// When it refuses, or answers with something else than JSON.
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Value> {
        self.rest().call(method, path, body)
    }

    /// The path of a repository of its user, or of `OWNER/NAME`.
    fn of_repository(repository: &str, path: &str) -> String {
        format!("/repos/{}{path}", Self::full_name(repository))
    }

    fn full_name(repository: &str) -> String {
        match repository.contains('/') {
            true => repository.to_owned(),
            false => format!("{}/{repository}", Self::USER.0),
        }
    }

    /// A repository with a first commit on `main`.
    ///
    /// # Errors
    /// When it refuses.
    pub fn repository(&self, name: &str) -> io::Result<()> {
        let body = json!({"name": name, "auto_init": true, "default_branch": "main"});
        self.call("POST", "/user/repos", Some(&body)).map(drop)
    }

    /// Adds a file in a commit of its own.
    ///
    /// # Errors
    /// When it refuses.
    pub fn put(&self, repository: &str, path: &str, content: &str) -> io::Result<()> {
        let content = base64::engine::general_purpose::STANDARD.encode(content);
        let body = json!({"content": content, "message": format!("put {path}"), "branch": "main"});
        self.call("POST", &Self::of_repository(repository, &format!("/contents/{path}")), Some(&body)).map(drop)
    }

    /// An action at `OWNER/NAME@TAG` of these files.
    ///
    /// # Errors
    /// When it refuses.
    pub fn action(&self, owner: &str, name: &str, tag: &str, files: &[(&str, &str)]) -> io::Result<()> {
        self.call("POST", "/orgs", Some(&json!({"username": owner})))?;
        let body = json!({"name": name, "auto_init": true, "default_branch": "main"});
        self.call("POST", &format!("/orgs/{owner}/repos"), Some(&body))?;
        let repository = format!("{owner}/{name}");
        for (path, text) in files {
            self.put(&repository, path, text)?;
        }
        let path = Self::of_repository(&repository, "/tags");
        self.call("POST", &path, Some(&json!({"tag_name": tag, "target": "main"}))).map(drop)
    }

    /// Sets a secret.
    ///
    /// # Errors
    /// When it refuses.
    pub fn secret(&self, repository: &str, name: &str, value: &str) -> io::Result<()> {
        let path = Self::of_repository(repository, &format!("/actions/secrets/{name}"));
        self.call("PUT", &path, Some(&json!({"data": value}))).map(drop)
    }

    /// Starts a workflow file; answers its run. One that was just pushed is worked on aside, so it may not be known at once.
    ///
    /// # Errors
    /// When it still refuses after half a minute.
    pub fn dispatch(&self, repository: &str, workflow: &str) -> io::Result<i64> {
        let path = Self::of_repository(repository, &format!("/actions/workflows/{workflow}/dispatches"));
        let before = self.runs(repository)?.iter().map(|run| run.id).max().unwrap_or(0);
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            match self.call("POST", &path, Some(&json!({"ref": "main", "inputs": {}}))) {
                Ok(_) => break,
                Err(error) if Instant::now() > end => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
        while Instant::now() < end {
            if let Some(run) = self.runs(repository)?.iter().map(|run| run.id).max().filter(|run| *run > before) {
                return Ok(run);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(io::Error::other(format!("{workflow} was started and no run came of it")))
    }

    /// The latest runs.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn runs(&self, repository: &str) -> io::Result<Vec<Run>> {
        self.rest().runs(&Self::full_name(repository), 1)
    }

    /// The jobs of a run.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn jobs(&self, repository: &str, run: i64) -> io::Result<Vec<Job>> {
        self.rest().jobs(&Self::full_name(repository), run)
    }

    /// Waits until every job of a run is over; answers them.
    ///
    /// # Errors
    /// When it does not answer, or they are not over in time.
    pub fn wait(&self, repository: &str, run: i64, patience: Duration) -> io::Result<Vec<Job>> {
        let end = Instant::now() + patience;
        loop {
            let jobs = self.jobs(repository, run)?;
            if !jobs.is_empty() && jobs.iter().all(|job| job.status == "completed") {
                return Ok(jobs);
            }
            if Instant::now() > end {
                return Err(io::Error::other(format!("run {run} is not over: {jobs:?}")));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The log of a job, each line with its time in front.
    ///
    /// # Errors
    /// When it has none.
    pub fn log(&self, repository: &str, job: i64) -> io::Result<String> {
        self.rest().log(&Self::full_name(repository), job)
    }

    /// Cancels a run on its page, as a person does: there is no route for it. Run `1` of the first repository has that number by any count.
    ///
    /// # Errors
    /// When it does not let us in, or refuses.
    pub fn cancel(&self, repository: &str, run: i64) -> io::Result<()> {
        let (name, password) = Self::USER;
        let (mut visit, login) = (Visit::default(), "/user/login");
        visit.ask(&self.address, "GET", login, "")?;
        visit.ask(&self.address, "POST", login, &format!("user_name={name}&password={password}"))?;
        visit.ask(&self.address, "GET", &format!("/{name}/{repository}"), "")?;
        let answer =
            visit.ask(&self.address, "POST", &format!("/{name}/{repository}/actions/runs/{run}/cancel"), "")?;
        if answer.status() >= 400 {
            return Err(io::Error::other(format!("cancelling run {run}: {}", answer.first)));
        }
        Ok(())
    }

    /// The runners that are registered: their names.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn runners(&self) -> io::Result<Vec<String>> {
        let answer = self.call("GET", "/admin/actions/runners", None)?;
        let list = answer.as_array().or_else(|| answer["runners"].as_array()).cloned().unwrap_or_default();
        Ok(list.iter().map(|runner| text(&runner["name"])).collect())
    }
}

/// A person's visit to the pages: the cookies so far, by their names.
#[derive(Default)]
struct Visit(BTreeMap<String, String>);

impl Visit {
    /// The cookie whose value Gitea before 1.25 wants to see again in a header of each form.
    const FORM_TOKEN: &str = "_csrf";

    fn ask(&mut self, address: &str, method: &str, path: &str, form: &str) -> io::Result<Message> {
        let cookies: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        // It is the one cookie with a character that is written by its number.
        let token = self.0.get(Self::FORM_TOKEN).map(|token| token.replace("%3A", ":"));
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded"), ("cookie", &cookies)];
        headers.extend(token.as_deref().map(|token| ("x-csrf-token", token)));
        let answer = web::ask(address, method, path, &headers, form.as_bytes().to_vec())?;
        // The session has a new name after the login: the last cookie of a name counts.
        for (_, value) in answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let pair = value.split(';').next().and_then(|pair| pair.split_once('='));
            self.0.extend(pair.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        Ok(answer)
    }
}
