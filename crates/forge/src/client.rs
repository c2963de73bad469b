//! The calls.

use crate::error::ForgeError;
use crate::place::{Kind, Place};
use crate::status::Status;
use domain::Secret;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use reqwest::{Method, RequestBuilder};
use std::time::Duration;

/// A forge that is slower than this is away.
const TIMEOUT: Duration = Duration::from_secs(10);
/// So much of what it says is read, and told.
const SAID: usize = 64 * 1024;
const TOLD: usize = 200;
/// No forge has it.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// A repository of a forge, ready to be told something. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Forge {
    place: Place,
    http: reqwest::Client,
    authorization: HeaderValue,
}

impl Forge {
    /// Prepares calls; opens no connection yet.
    ///
    /// # Errors
    /// When the token holds what no token has, or the machine's TLS or proxy settings are unusable.
    pub fn new(place: Place, token: &Secret) -> Result<Self, ForgeError> {
        let scheme = match place.kind {
            Kind::Gitea => "token",
            Kind::Github => "Bearer",
        };
        let mut authorization = HeaderValue::from_str(&format!("{scheme} {}", token.expose()))
            .map_err(|_| ForgeError::Token { url: place.url.clone() })?;
        authorization.set_sensitive(true);
        let http = reqwest::Client::builder()
            // A redirect would carry the token to another host.
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .connect_timeout(TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(|source| ForgeError::Setup { url: place.url.clone(), source })?;
        Ok(Self { place, http, authorization })
    }

    /// Whether the repository is there for the token.
    ///
    /// # Errors
    /// When it is not, or nobody answers.
    pub async fn look(&self) -> Result<(), ForgeError> {
        self.send(self.call(Method::GET, self.place.repository())).await
    }

    /// Whether the forge has a commit.
    ///
    /// # Errors
    /// When it has not ([`ForgeError::is_of_this_alone`]), or nobody answers.
    pub async fn look_at(&self, commit: &str) -> Result<(), ForgeError> {
        self.send(self.call(Method::GET, self.place.commit(commit))).await
    }

    /// Whether the token may write statuses. It is asked with what no forge takes: nothing is written.
    ///
    /// # Errors
    /// When it may not.
    pub async fn look_at_right(&self) -> Result<(), ForgeError> {
        // Both ask for the right first. Gitea reads the body next, GitHub looks for the commit.
        let body = match self.place.kind {
            Kind::Gitea => "[",
            Kind::Github => r#"{"state": "pending", "context": "ekiden"}"#,
        };
        let call = self.call(Method::POST, self.place.statuses(NO_COMMIT));
        match self.send(call.header(CONTENT_TYPE, "application/json").body(body)).await {
            // It hides from a token what that may not do.
            Err(error @ ForgeError::Refused { status: 404, .. }) if self.place.kind == Kind::Github => Err(error),
            Err(error @ ForgeError::Refused { status: 401 | 403, .. }) => Err(error),
            // Whoever cannot answer this may take what is well made.
            _ => Ok(()),
        }
    }

    /// Tells the status of a commit.
    ///
    /// # Errors
    /// When nobody answers or the forge refuses.
    pub async fn set_status(&self, commit: &str, status: &Status) -> Result<(), ForgeError> {
        let body = serde_json::json!({
            "state": status.state,
            "context": status.context,
            "description": status.description,
            "target_url": status.target_url,
        });
        let call = self.call(Method::POST, self.place.statuses(commit));
        self.send(call.header(CONTENT_TYPE, "application/json").body(body.to_string())).await
    }

    fn call(&self, method: Method, url: String) -> RequestBuilder {
        let accept = match self.place.kind {
            Kind::Gitea => "application/json",
            Kind::Github => "application/vnd.github+json",
        };
        let call = self.http.request(method, url).header(ACCEPT, accept).header(USER_AGENT, "ekiden");
        call.header(AUTHORIZATION, self.authorization.clone())
    }

    async fn send(&self, call: RequestBuilder) -> Result<(), ForgeError> {
        let url = self.place.url.clone();
        let mut answer = call.send().await.map_err(|source| ForgeError::Unreachable { url: url.clone(), source })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let mut text = Vec::new();
        while text.len() < SAID
            && let Ok(Some(chunk)) = answer.chunk().await
        {
            text.extend_from_slice(&chunk);
        }
        let message = serde_json::from_slice::<serde_json::Value>(&text).ok();
        let message = message.as_ref().and_then(|said| said.get("message")?.as_str());
        // Gitea leaves it empty where the fault is its own.
        let message = message.filter(|message| !message.trim().is_empty());
        let said = message.or_else(|| status.canonical_reason()).unwrap_or("no reason");
        let said = said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TOLD).collect();
        Err(ForgeError::Refused { url, status: status.as_u16(), said })
    }
}
