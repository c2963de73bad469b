//! What goes wrong with a page, as people are told. Used by all handlers.

use super::view::{FaultPage, Frame};
use super::visit::{Visit, plain_frame};
use crate::event::EventError;
use crate::logs::LogError;
use crate::plane::Plane;
use crate::run::{FactsError, RunError};
use askama::Template as _;
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse as _, Response};
use store::StoreError;

/// Why there is no such page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// It is not there, or not for this person: which of the two is not said.
    #[error("There is no such page, or your token does not reach it.")]
    Nowhere,
    /// A log that is gone.
    #[error("{0}")]
    Removed(String),
    /// Somebody else's page sent a form, or a form of ours is too old.
    #[error("This form was not sent by a page of your session.")]
    Foreign,
    /// It was asked for under a name that is not ours.
    #[error("This server is to be called {0}.")]
    Name(String),
    /// A link that signs in was used, or is too old.
    #[error("This link does not sign in: it was used already, or it is older than ten minutes.")]
    Link,
    /// The run does not allow it.
    #[error(transparent)]
    Run(RunError),
    /// What was noted of something cannot be read.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// The database.
    #[error(transparent)]
    Store(StoreError),
    /// A log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A template.
    #[error("the page could not be written")]
    Template(#[from] askama::Error),
}

impl From<RunError> for Fault {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Store(error) => error.into(),
            other => Self::Run(other),
        }
    }
}

impl Fault {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Nowhere | Self::Removed(_) => StatusCode::NOT_FOUND,
            Self::Foreign => StatusCode::FORBIDDEN,
            Self::Link => StatusCode::GONE,
            Self::Name(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Run(_) | Self::Store(StoreError::Run(_)) => StatusCode::CONFLICT,
            Self::Facts(_) | Self::Store(_) | Self::Log(_) | Self::Template(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What stands above it.
    pub(crate) const fn heading(&self) -> &'static str {
        match self {
            Self::Nowhere | Self::Removed(_) => "Not here",
            Self::Foreign => "Not done",
            Self::Link => "The link is spent",
            Self::Name(_) => "Another name",
            Self::Run(_) | Self::Store(StoreError::Run(_)) => "Not possible now",
            Self::Facts(_) | Self::Store(_) | Self::Log(_) | Self::Template(_) => "Something failed here",
        }
    }

    fn fix(&self) -> Option<String> {
        Some(match self {
            Self::Foreign => "Go back, load the page again, and press the button once more.".to_owned(),
            Self::Link => "`ekiden up` prints a new one, and a token signs in too.".to_owned(),
            Self::Name(_) => "Use that address, or start the server with `--url` as people call it.".to_owned(),
            Self::Store(error) if error.is_passing() => "Try again in a moment.".to_owned(),
            Self::Log(error) if error.is_passing() => "Try again in a moment.".to_owned(),
            _ => return None,
        })
    }

    /// The page that says it.
    pub(crate) fn page(&self, frame: Frame) -> Response {
        let status = self.status();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::warn!(error = self as &dyn std::error::Error, "a page could not be shown");
        }
        let page = FaultPage {
            frame,
            status: status.as_u16(),
            heading: self.heading(),
            text: self.to_string(),
            fix: self.fix(),
        };
        match page.render() {
            Ok(text) => (status, Html(text)).into_response(),
            Err(_) => (status, self.to_string()).into_response(),
        }
    }
}

impl From<EventError> for Fault {
    fn from(error: EventError) -> Self {
        match error {
            EventError::Store(error) => error.into(),
            _ => Self::Nowhere,
        }
    }
}

/// A fault told to nobody in particular.
pub(crate) fn bare(plane: &Plane, fault: &Fault) -> Response {
    fault.page(plain_frame(plane, fault.heading()))
}

/// Whatever is no page. Programs that ask for a route of the API that there is not are told so without one.
pub(crate) async fn nowhere(uri: Uri, visit: Result<Visit, Response>) -> Response {
    if uri.path().starts_with("/api/") {
        return (StatusCode::NOT_FOUND, "there is no such route\n").into_response();
    }
    match visit {
        Ok(visit) => visit.answer(Err(Fault::Nowhere)),
        Err(answer) => answer,
    }
}
