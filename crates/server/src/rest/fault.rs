//! Why a call did nothing, as status and shape. Called by all handlers.

use super::reply;
use crate::access::{Denied, IssueError};
use crate::event::EventError;
use crate::logs::LogError;
use crate::run::RunError;
use api::Fault;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::control::{RunRefusal, RunnerRefusal};
use std::error::Error;
use store::StoreError;

/// Where the API is described, from the root of the API.
pub(super) const DESCRIBED: &str = "/api/v1/openapi.json";

/// Why a call did nothing.
#[derive(Debug)]
pub(super) struct RestFault {
    status: StatusCode,
    message: String,
    fix: Option<String>,
    /// After so many seconds it may work.
    again: Option<u64>,
}

impl RestFault {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), fix: None, again: None }
    }

    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// 400: what is asked for makes no sense.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 422: what is asked for is read and not possible.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    pub(super) fn missing(what: &str, name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no {what} {name}, or the token does not reach it"))
    }

    pub(super) fn no_token() -> Self {
        Denied::NoToken.into()
    }

    /// 500: what the caller need not know goes to the server's log.
    pub(super) fn inner(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error, "a call failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its log says why")
    }

    fn passing(error: &StoreError) -> Self {
        tracing::warn!(error = error as &dyn Error, "a call failed for now");
        let (why, fix) = if error.is_held() {
            (
                "another program holds the server's database; nothing was changed",
                "end what writes to it (a shell of sqlite3, a copy), and try again",
            )
        } else {
            ("the database is away or busy", "try again in a moment")
        };
        Self { again: Some(2), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, why).fix(fix) }
    }
}

/// An error and what caused it, in one line.
pub(super) fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}

/// A refusal in the shape of REST, for rooms with routes of their own below its path.
pub(crate) fn refusal(status: StatusCode, message: &str, fix: Option<&str>) -> Response {
    let fault = Fault { message: message.to_owned(), url: DESCRIBED.to_owned(), fix: fix.map(str::to_owned) };
    reply::json(status, &fault)
}

/// The answer to one who is not let in, for the same rooms.
pub(crate) fn denied(denied: Denied) -> Response {
    RestFault::from(denied).into_response()
}

impl IntoResponse for RestFault {
    fn into_response(self) -> Response {
        let Self { status, message, fix, again } = self;
        let mut answer = reply::json(status, &Fault { message, url: DESCRIBED.to_owned(), fix });
        if status == StatusCode::UNAUTHORIZED {
            let ways = [r#"Bearer realm="ekiden""#, r#"Basic realm="ekiden", charset="UTF-8""#];
            for way in ways {
                answer.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(way));
            }
        }
        if let Some(seconds) = again {
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}

impl From<Denied> for RestFault {
    fn from(denied: Denied) -> Self {
        let status = match &denied {
            Denied::Store(_) => {
                let Denied::Store(error) = denied else { return Self::no_token() };
                return error.into();
            }
            Denied::NoToken | Denied::Form(_) | Denied::Kind(_) | Denied::Unknown | Denied::Dead(_) => {
                StatusCode::UNAUTHORIZED
            }
            Denied::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Denied::Right { .. } | Denied::Reach { .. } => StatusCode::FORBIDDEN,
            Denied::Missing { .. } => StatusCode::NOT_FOUND,
        };
        let fault = Self::new(status, denied.to_string());
        match denied {
            Denied::NoToken => fault.fix("send one: `Authorization: token ekiden_user_…`"),
            Denied::Unknown | Denied::Dead(_) | Denied::Kind(_) => {
                fault.fix("ask for a token of a person: `ekiden token make`")
            }
            Denied::TooMany { seconds } => {
                Self { again: Some(seconds), ..fault }.fix("wait, and use a token that is good")
            }
            Denied::Right { needs, .. } => fault.fix(format!("use a token with {needs}")),
            Denied::Reach { .. } => fault.fix("use a token of the instance, or ask about its own scope"),
            Denied::Form(_) | Denied::Missing { .. } | Denied::Store(_) => fault,
        }
    }
}

impl From<StoreError> for RestFault {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            error if error.is_passing() => return Self::passing(error),
            // As of what is there and out of reach: who may not see it does not hear whether it is there.
            StoreError::Missing { what, name } => return Self::missing(what, name),
            StoreError::Present { .. }
            | StoreError::Last
            | StoreError::Token(_)
            | StoreError::Job(_)
            | StoreError::Run(_) => StatusCode::CONFLICT,
            StoreError::Runner(RunnerRefusal::Removed) => StatusCode::NOT_FOUND,
            StoreError::Runner(_) => StatusCode::CONFLICT,
            _ => return Self::inner(&error),
        };
        Self::new(status, error.to_string())
    }
}

impl From<IssueError> for RestFault {
    fn from(error: IssueError) -> Self {
        let status = match error {
            IssueError::Store(error) => return error.into(),
            IssueError::Random => return Self::inner(&error),
            IssueError::Order(_) => StatusCode::UNPROCESSABLE_ENTITY,
            IssueError::TooMuch { .. } | IssueError::Outlives { .. } => StatusCode::FORBIDDEN,
            IssueError::Missing(_) => StatusCode::NOT_FOUND,
            IssueError::Kind(_) | IssueError::Life(_) | IssueError::Last => StatusCode::CONFLICT,
        };
        Self::new(status, error.to_string())
    }
}

impl From<EventError> for RestFault {
    fn from(error: EventError) -> Self {
        let status = match error {
            EventError::Store(error) => return error.into(),
            EventError::Project(_) => {
                // What git said of it, whoever may start runs may know.
                tracing::warn!(error = &error as &dyn Error, "a repository could not be read");
                let fault = Self::new(StatusCode::BAD_GATEWAY, told(&error));
                return fault.fix("see on the server's machine whether git reaches it: git ls-remote");
            }
            EventError::Reference { .. } | EventError::Workflow { .. } => StatusCode::NOT_FOUND,
            EventError::Disabled(_) => StatusCode::FORBIDDEN,
            EventError::NotDispatched(_) | EventError::Inputs(_) => StatusCode::UNPROCESSABLE_ENTITY,
            EventError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.to_string())
    }
}

impl From<RunError> for RestFault {
    fn from(error: RunError) -> Self {
        let status = match error {
            // Gitea's status.
            RunError::GoesOn(_) | RunError::Store(StoreError::Run(RunRefusal::GoesOn)) => StatusCode::BAD_REQUEST,
            RunError::Store(error) => return error.into(),
            RunError::Facts(_) => return Self::inner(&error),
            RunError::NothingFailed(_) | RunError::NoJobs(_) => StatusCode::BAD_REQUEST,
            RunError::NotItsJob { .. } => StatusCode::NOT_FOUND,
        };
        Self::new(status, error.to_string())
    }
}

impl From<LogError> for RestFault {
    fn from(error: LogError) -> Self {
        Self::inner(&error)
    }
}
