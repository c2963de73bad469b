//! How a call is made. Called by the verbs.

use super::error::ClientError;
use crate::fault::Fault;
use bytes::Bytes;
use domain::Secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// What stands for itself in a part of a path or of a query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// A fault longer than this is none of ours.
const FAULT_MAX: usize = 64 * 1024;
/// So long a connection rests and is used again.
const RESTS: Duration = Duration::from_secs(20);

/// Whose certificates are believed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Authority {
    /// The machine's.
    #[default]
    System,
    /// These too, in PEM.
    Also(Vec<u8>),
}

/// What a client needs to know.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// The server's public address.
    pub url: String,
    /// What opens it; without one only its version is said.
    pub token: Option<Secret>,
    /// Whose certificates are believed.
    pub authority: Authority,
    /// So long an answer may take to begin; a log may take longer to end.
    pub timeout: Duration,
    /// This program's version, for the server's logs.
    pub version: String,
}

/// A server, ready to be asked. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    url: String,
    http: reqwest::Client,
    authorization: Option<HeaderValue>,
    agent: String,
    timeout: Duration,
}

/// A page of a list, and how long the whole list is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted<T> {
    /// Those of the page.
    pub items: Vec<T>,
    /// How many there are on all pages; those of this page where the server does not say.
    pub total: u64,
}

/// One call to be.
#[derive(Debug)]
pub(super) struct Call<'a> {
    client: &'a Client,
    did: String,
    request: RequestBuilder,
}

impl Client {
    /// Prepares calls; opens no connection yet.
    ///
    /// # Errors
    /// When the URL is none, the token holds what no token has, or the machine's TLS or proxy settings are unusable.
    pub fn new(settings: &ClientSettings) -> Result<Self, ClientError> {
        let url = settings.url.trim_end_matches('/').to_owned();
        let wrong = |reason| ClientError::Url { url: settings.url.clone(), reason };
        let parsed = reqwest::Url::parse(&url).map_err(|_| wrong("it is no URL"))?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
            return Err(wrong("it begins with neither http://HOST nor https://HOST"));
        }
        let authorization = settings.token.as_ref().map(|token| {
            let mut value =
                HeaderValue::from_str(&format!("token {}", token.expose())).map_err(|_| ClientError::Token)?;
            value.set_sensitive(true);
            Ok(value)
        });
        let http = reqwest::Client::builder()
            // A redirect would carry the token to another host.
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .tcp_nodelay(true)
            // Servers close what rests for longer (ours after 30 s), and a call that is on its way then is lost.
            .pool_idle_timeout(RESTS)
            .connect_timeout(settings.timeout);
        let http = match &settings.authority {
            Authority::System => http,
            Authority::Also(pem) => {
                http.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem).map_err(ClientError::Setup)?)
            }
        };
        Ok(Self {
            url,
            http: http.build().map_err(ClientError::Setup)?,
            authorization: authorization.transpose()?,
            agent: format!("ekiden/{}", settings.version),
            timeout: settings.timeout,
        })
    }

    /// The server's address, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A call of a route behind `/api/v1`. `did` says what it is for: `list runners`.
    pub(super) fn call(&self, did: impl Into<String>, method: Method, path: &str) -> Call<'_> {
        let mut request = self.http.request(method, format!("{}/api/v1{path}", self.url));
        request = request.header(ACCEPT, "application/json").header(USER_AGENT, &self.agent);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        Call { client: self, did: did.into(), request }
    }

    pub(super) fn get(&self, did: impl Into<String>, path: &str) -> Call<'_> {
        self.call(did, Method::GET, path)
    }

    pub(super) fn post(&self, did: impl Into<String>, path: &str) -> Call<'_> {
        self.call(did, Method::POST, path)
    }

    pub(super) fn put(&self, did: impl Into<String>, path: &str) -> Call<'_> {
        self.call(did, Method::PUT, path)
    }

    pub(super) fn delete(&self, did: impl Into<String>, path: &str) -> Call<'_> {
        self.call(did, Method::DELETE, path)
    }
}

impl<'a> Call<'a> {
    /// Gives it a body.
    pub(super) fn body<T: Serialize>(self, body: &T) -> Result<Self, ClientError> {
        let text = serde_json::to_vec(body).map_err(|source| self.shape(source))?;
        let request = self.request.header(CONTENT_TYPE, "application/json").body(text);
        Ok(Self { request, ..self })
    }

    /// Gets an answer in a shape.
    pub(super) async fn read<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let (client, did) = (self.client, self.did.clone());
        let text = self.bytes().await?;
        serde_json::from_slice(&text).map_err(|source| ClientError::Shape { did, url: client.url.clone(), source })
    }

    /// Gets a page of a list that says in a header how long the whole is.
    pub(super) async fn read_counted<T: DeserializeOwned>(self) -> Result<Counted<T>, ClientError> {
        let timeout = self.client.timeout;
        let Call { client, did, request } = self;
        let (did, answer) = (Call { client, did, request: request.timeout(timeout) }).send().await?;
        let total = answer.headers().get("x-total-count").and_then(|value| value.to_str().ok()?.parse().ok());
        let gone = |source| ClientError::Unreachable { did: did.clone(), url: client.url.clone(), source };
        let text = answer.bytes().await.map_err(gone)?;
        let items = serde_json::from_slice(&text);
        let items: Vec<T> = items.map_err(|source| ClientError::Shape { did, url: client.url.clone(), source })?;
        Ok(Counted { total: total.unwrap_or(items.len() as u64), items })
    }

    /// Gets an answer of which the status says all.
    pub(super) async fn done(self) -> Result<u16, ClientError> {
        let timeout = self.client.timeout;
        let Call { client, did, request } = self;
        let (_, answer) = (Call { client, did, request: request.timeout(timeout) }).send().await?;
        Ok(answer.status().as_u16())
    }

    async fn bytes(self) -> Result<Bytes, ClientError> {
        let timeout = self.client.timeout;
        let Call { client, did, request } = self;
        let (did, answer) = (Call { client, did, request: request.timeout(timeout) }).send().await?;
        answer.bytes().await.map_err(|source| ClientError::Unreachable { did, url: client.url.clone(), source })
    }

    /// Gets the head of an answer; what it was for comes back for later faults.
    pub(super) async fn send(self) -> Result<(String, Response), ClientError> {
        let Call { client, did, request } = self;
        let again = request.try_clone().filter(asks_only);
        let answer = match (request.send().await, again) {
            (Ok(answer), _) => answer,
            // A connection that rested was closed as the question left: nobody heard it.
            (Err(source), Some(again)) if source.is_request() && !source.is_connect() && !source.is_timeout() => {
                let answer = again.send().await;
                answer.map_err(|source| ClientError::Unreachable {
                    did: did.clone(),
                    url: client.url.clone(),
                    source,
                })?
            }
            (Err(source), _) => return Err(ClientError::Unreachable { did, url: client.url.clone(), source }),
        };
        let status = answer.status();
        if status.is_success() {
            return Ok((did, answer));
        }
        Err(ClientError::Refused { did, status: status.as_u16(), fault: fault(answer).await })
    }

    fn shape(&self, source: serde_json::Error) -> ClientError {
        ClientError::Shape { did: self.did.clone(), url: self.client.url.clone(), source }
    }
}

/// Whether a request may be sent twice.
fn asks_only(request: &RequestBuilder) -> bool {
    let built = request.try_clone().and_then(|request| request.build().ok());
    built.is_some_and(|request| *request.method() == Method::GET)
}

/// What the server said; where it is not ours to read, the status.
async fn fault(mut answer: Response) -> Fault {
    let status = answer.status();
    let mut text = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        text.extend_from_slice(&chunk);
        if text.len() > FAULT_MAX {
            break;
        }
    }
    serde_json::from_slice(&text)
        .unwrap_or_else(|_| Fault { message: format!("the server answers {status}"), ..Fault::default() })
}

/// A part of a path or a value of a query, as a URL has it.
pub(super) fn escape(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// `?a=b&c=d`; nothing for no pairs.
pub(super) fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let pairs: Vec<String> = pairs.into_iter().map(|(key, value)| format!("{key}={}", escape(&value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// The pairs of a page.
pub(super) fn page(page: crate::page::PageQuery) -> Vec<(&'static str, String)> {
    let pairs = [("page", page.page), ("limit", page.limit)];
    pairs.into_iter().filter_map(|(key, value)| Some((key, value?.to_string()))).collect()
}
