//! The agent's side: every call of the protocol against one instance, with its faults told apart.

use crate::call::{Declaration, Declared, Fetch, Fetched, Pong, Registration, Report, Reported, Runner, Want};
use crate::error::{CallError, ClientError, Code, Refusal};
use crate::packed::PackedBatch;
use crate::pb::{ping, runner as pb};
use crate::server::Asked;
use crate::transport::Transport;
use crate::{BASE_PATH, ELEMENTS_MAX, MESSAGE_MAX, convert, header, quirks};
use connectrpc::client::{CallOptions, ClientConfig, call_unary};
use connectrpc::{ConnectError, Spec, SpecOrigin};
use domain::{LogBatch, RunnerKey};
use http::HeaderMap;
use std::error::Error as _;
use std::time::Duration;

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Codec {
    /// `application/proto`, as every agent sends.
    #[default]
    Proto,
    /// `application/json`, for people who look on.
    Json,
}

/// Whether requests are compressed; answers are whenever the forge likes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Never, as the forges' own agents.
    #[default]
    None,
    /// gzip, from a kilobyte on. Both forges take it.
    Gzip,
}

/// Whom to believe that a forge is who it says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Authority {
    /// The system's certificates.
    #[default]
    System,
    /// The system's, and these (PEM).
    Also(Vec<u8>),
    /// Anybody: the setting `insecure`.
    Anybody,
}

/// How to reach an instance.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// The instance's URL, with a sub-path where it has one.
    pub url: String,
    /// Whom to believe.
    pub authority: Authority,
    /// How long one call may take, connecting included.
    pub timeout: Duration,
    /// How messages are written.
    pub codec: Codec,
    /// Whether requests are compressed.
    pub compression: Compression,
    /// The agent's version, for `User-Agent` and `x-runner-version`.
    pub version: String,
}

impl ClientSettings {
    /// The usual settings for an instance.
    #[must_use]
    pub fn new(url: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            authority: Authority::default(),
            timeout: Duration::from_secs(60),
            codec: Codec::default(),
            compression: Compression::default(),
            version: version.into(),
        }
    }
}

/// One instance, ready to be called. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    url: String,
    http: reqwest::Client,
    config: ClientConfig,
    timeout: Duration,
    version: String,
    /// How long a fetch asks to be held.
    hold: Option<Duration>,
}

impl Client {
    /// Prepares calls to an instance; opens no connection yet.
    ///
    /// # Errors
    /// When the URL is none, the certificates are not PEM, or the machine's TLS or proxy settings are unusable.
    pub fn new(settings: &ClientSettings) -> Result<Self, ClientError> {
        let url = settings.url.trim_end_matches('/').to_owned();
        let fault = |reason: &str| ClientError::Url { url: settings.url.clone(), reason: reason.to_owned() };
        let base: http::Uri =
            format!("{url}{BASE_PATH}").parse().map_err(|error: http::uri::InvalidUri| fault(&error.to_string()))?;
        if !matches!(base.scheme_str(), Some("http" | "https")) {
            return Err(fault("it begins with neither http:// nor https://"));
        }
        let http = reqwest::Client::builder()
            .user_agent(format!("ekiden/{}", settings.version))
            // A redirect would turn the POST into a GET, or carry the key to another host.
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .tcp_nodelay(true)
            .pool_idle_timeout(crate::RESTS)
            .connect_timeout(settings.timeout);
        let http = match &settings.authority {
            Authority::System => http,
            Authority::Also(pem) => {
                http.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem).map_err(ClientError::Authority)?)
            }
            Authority::Anybody => http.tls_danger_accept_invalid_certs(true),
        };
        let config = ClientConfig::new(base)
            .with_default_max_message_size(MESSAGE_MAX)
            .with_default_element_memory_limit(ELEMENTS_MAX);
        let config = match settings.codec {
            Codec::Proto => config.proto(),
            Codec::Json => config.json(),
        };
        let config = match settings.compression {
            Compression::None => config,
            Compression::Gzip => config.compress_requests("gzip"),
        };
        Ok(Self {
            url,
            http: http.build().map_err(ClientError::Setup)?,
            config,
            timeout: settings.timeout,
            version: settings.version.clone(),
            hold: None,
        })
    }

    /// The instance's URL, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The same instance with another time for each call, for a fetch that must not wait as long as the rest.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// The same instance, asked to hold a fetch for so long until there is a task. Only for one that says that it can ([`crate::HOLDS`]).
    #[must_use]
    pub fn held(&self, hold: Duration) -> Self {
        Self { timeout: self.timeout + hold, hold: Some(hold), ..self.clone() }
    }

    /// Is there an instance that speaks Actions? Answers its greeting and its clock.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn ping(&self, data: &str) -> Result<Pong, CallError> {
        let request = ping::PingRequest { data: data.to_owned() };
        let (headers, answer): (_, ping::PingResponse) =
            self.call(ping::PING_SERVICE_PING_SPEC, "Ping", request, None).await?;
        let date = headers.get(http::header::DATE).and_then(|date| date.to_str().ok());
        Ok(Pong { greeting: answer.data, clock: date.and_then(convert::clock_from_header) })
    }

    /// Asks for an identity. Sent once: a lost answer leaves a runner behind that nobody can use.
    ///
    /// # Errors
    /// See [`CallError`]; `Credentials` where the registration token is not good.
    pub async fn register(&self, registration: Registration) -> Result<Runner, CallError> {
        let request = convert::registration_to_wire(registration);
        let answer: (_, pb::RegisterResponse) =
            self.call(pb::RUNNER_SERVICE_REGISTER_SPEC, "Register", request, None).await?;
        answer.1.runner.into_option().map(convert::runner_from_wire).ok_or_else(|| CallError::Garbled {
            url: self.url.clone(),
            method: "Register",
            message: "no runner in it".to_owned(),
        })
    }

    /// Says what this agent is today.
    ///
    /// # Errors
    /// See [`CallError`]; `Unsupported` from a Gitea or Forgejo before 1.21.
    pub async fn declare(&self, key: &RunnerKey, declaration: Declaration) -> Result<Declared, CallError> {
        let request = convert::declaration_to_wire(declaration);
        let (headers, answer): (_, pb::DeclareResponse) =
            self.call(pb::RUNNER_SERVICE_DECLARE_SPEC, "Declare", request, Some(self.signed(key))).await?;
        let capabilities = headers.get(quirks::CAPABILITIES_HEADER).and_then(|value| value.to_str().ok());
        Ok(convert::declared_from_wire(answer, capabilities.map(quirks::capabilities_of_forge).unwrap_or_default()))
    }

    /// Asks for tasks, where it may have asked under the same request key before.
    ///
    /// # Errors
    /// See [`CallError`]; `Unsupported` where a handle is wanted from a forge that knows none.
    pub async fn fetch(&self, key: &RunnerKey, fetch: Fetch) -> Result<Fetched, CallError> {
        self.ask(key, fetch, Asked::Maybe).await
    }

    /// Asks for tasks under a request key that was not used before.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub async fn fetch_first(&self, key: &RunnerKey, fetch: Fetch) -> Result<Fetched, CallError> {
        self.ask(key, fetch, Asked::Never).await
    }

    async fn ask(&self, key: &RunnerKey, fetch: Fetch, asked: Asked) -> Result<Fetched, CallError> {
        let mut headers = self.signed(key);
        if asked == Asked::Never {
            set(&mut headers, header::FIRST, "1");
        }
        if let Some(hold) = self.hold {
            set(&mut headers, header::WAIT, &hold.as_millis().to_string());
        }
        if let Some(request_key) = &fetch.key {
            set(&mut headers, header::REQUEST_KEY, &request_key.0);
        }
        let capacity = match fetch.want {
            Want::One => None,
            Want::UpTo(count) => Some(count),
            Want::Handle(handle) => {
                let request = pb::FetchSingleTaskRequest { tasks_version: fetch.version.0, handle };
                let spec = pb::RUNNER_SERVICE_FETCH_SINGLE_TASK_SPEC;
                let answer: (_, pb::FetchSingleTaskResponse) =
                    self.call(spec, "FetchSingleTask", request, Some(headers)).await?;
                return Ok(convert::single_from_wire(answer.1));
            }
        };
        let request = convert::fetch_to_wire(fetch.version, capacity);
        let answer: (_, pb::FetchTaskResponse) =
            self.call(pb::RUNNER_SERVICE_FETCH_TASK_SPEC, "FetchTask", request, Some(headers)).await?;
        Ok(convert::fetched_from_wire(answer.1))
    }

    /// Says how a task stands. Safe to repeat.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn report(&self, key: &RunnerKey, report: Report) -> Result<Reported, CallError> {
        let request = convert::report_to_wire(report);
        let answer: (_, pb::UpdateTaskResponse) =
            self.call(pb::RUNNER_SERVICE_UPDATE_TASK_SPEC, "UpdateTask", request, Some(self.signed(key))).await?;
        Ok(convert::reported_from_wire(answer.1))
    }

    /// Sends rows of a log; answers how many rows the forge has now, which is the next index that it wants. Safe to repeat.
    ///
    /// # Errors
    /// See [`CallError`]; `LogClosed` for new rows after the last.
    pub async fn log(&self, key: &RunnerKey, batch: LogBatch) -> Result<u64, CallError> {
        let request = convert::batch_to_wire(batch);
        let answer: (_, pb::UpdateLogResponse) =
            self.call(pb::RUNNER_SERVICE_UPDATE_LOG_SPEC, "UpdateLog", request, Some(self.signed(key))).await?;
        Ok(convert::acknowledged_from_wire(&answer.1))
    }

    /// As [`Client::log`], with rows that are written for the wire already.
    ///
    /// # Errors
    /// See [`Client::log`]; `TooLarge` where a proxy takes no body of this size.
    pub async fn log_packed(&self, key: &RunnerKey, batch: PackedBatch) -> Result<u64, CallError> {
        let answer: (_, pb::UpdateLogResponse) =
            self.call(pb::RUNNER_SERVICE_UPDATE_LOG_SPEC, "UpdateLog", batch, Some(self.signed(key))).await?;
        Ok(convert::acknowledged_from_wire(&answer.1))
    }

    fn signed(&self, key: &RunnerKey) -> HeaderMap {
        let mut headers = HeaderMap::new();
        set(&mut headers, header::UUID, &key.uuid.0);
        set(&mut headers, header::TOKEN, key.token.expose());
        set(&mut headers, header::VERSION, &self.version);
        headers
    }

    async fn call<Q, A>(
        &self,
        spec: Spec,
        method: &'static str,
        request: Q,
        headers: Option<HeaderMap>,
    ) -> Result<(HeaderMap, A), CallError>
    where
        Q: buffa::Message + serde::Serialize,
        A: buffa::HasMessageView + buffa::Message + serde::de::DeserializeOwned,
        A::View<'static>: buffa::MessageView<'static, Owned = A> + Send,
    {
        let transport = Transport::new(&self.http);
        let mut headers = headers.unwrap_or_default();
        set(&mut headers, "connect-timeout-ms", &self.timeout.as_millis().to_string());
        let options =
            CallOptions::default().with_headers(headers.into_iter().filter_map(|(name, value)| Some((name?, value))));
        let spec = spec.with_origin(SpecOrigin::Client);
        let call = call_unary::<_, _, A::View<'static>>(&transport, &self.config, spec, request, options);
        // The library's own deadline reads a clock that tests cannot hold.
        match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(answer)) => {
                let (headers, answer, _) = answer.into_owned_parts();
                Ok((headers, answer))
            }
            Ok(Err(error)) => Err(self.fault(method, &transport, &error)),
            Err(_) => Err(CallError::TimedOut { url: self.url.clone(), method, after: self.timeout }),
        }
    }

    fn fault(&self, method: &'static str, transport: &Transport, error: &ConnectError) -> CallError {
        let (url, message) = (self.url.clone(), shown(error));
        let Some(status) = transport.status() else { return CallError::Unavailable { url, method, message } };
        if status.is_success() {
            return CallError::Garbled { url, method, message };
        }
        if status.is_redirection() {
            let to = error.response_headers().get(http::header::LOCATION).and_then(|to| to.to_str().ok());
            let message = format!("it redirects to {}; give that URL", to.unwrap_or("nowhere"));
            return CallError::Unsupported { url, method, message };
        }
        if status == http::StatusCode::PAYLOAD_TOO_LARGE {
            return CallError::TooLarge { url, method, message };
        }
        let refusal = Refusal::new(Code::of(error.code), message);
        if quirks::is_bad_credentials(&refusal) {
            CallError::Credentials { url, message: refusal.message }
        } else if quirks::is_log_closed(&refusal) {
            CallError::LogClosed { url, message: refusal.message }
        } else {
            match refusal.code {
                Code::Unimplemented => CallError::Unsupported { url, method, message: refusal.message },
                Code::Unavailable => CallError::Unavailable { url, method, message: refusal.message },
                _ => CallError::Refused { url, method, refusal },
            }
        }
    }
}

/// Sets a header; a value that HTTP cannot carry is left out, and the forge says what is missing.
fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(mut value) = http::HeaderValue::from_str(value) {
        value.set_sensitive(name == header::TOKEN);
        headers.insert(name, value);
    }
}

/// The message and what lies below it, short: a proxy's error page may be long.
fn shown(error: &ConnectError) -> String {
    let mut text = error.message.clone().unwrap_or_default();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    match text.char_indices().nth(300) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}
