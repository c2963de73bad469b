//! The forge's side: an axum router over a service of ours. Mounted by the server and by the fake forge of `testkit`.

use crate::call::{Declaration, Declared, Fetch, Fetched, Registration, Report, Reported, RequestKey, Runner, Want};
use crate::error::{Code, Refusal};
use crate::pb::{ping, runner as pb};
use crate::{ELEMENTS_MAX, MESSAGE_MAX, convert, header, quirks};
use connectrpc::{
    ConnectError, ConnectRpcService, Encodable, Limits, RequestContext, Response, ServiceRequest, ServiceResult,
};
use domain::{LogBatch, RunnerKey, RunnerUuid, Secret, TasksVersion};
use std::sync::Arc;
use std::time::Duration;

/// Who calls, by the headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// What it signs with. Not checked: that is the service's business.
    pub key: Option<RunnerKey>,
    /// `x-runner-version`, where it is sent.
    pub version: Option<String>,
    /// How long the caller will wait for an answer.
    pub patience: Option<Duration>,
    /// How long a fetch without a task may be held, where the caller asks for that: agents of ours do.
    pub wait: Option<Duration>,
}

/// What a forge does. A refusal leaves as an error of Connect, with the HTTP status of its code.
#[async_trait::async_trait]
pub trait RunnerService: Send + Sync + 'static {
    /// Says hello. Nobody needs a key for this.
    async fn ping(&self, data: String) -> Result<String, Refusal> {
        Ok(format!("Hello, {data}!"))
    }

    /// Makes a runner.
    async fn register(&self, registration: Registration) -> Result<Runner, Refusal>;

    /// Notes what a runner is today.
    async fn declare(&self, caller: Caller, declaration: Declaration) -> Result<Declared, Refusal>;

    /// Hands tasks out.
    async fn fetch(&self, caller: Caller, fetch: Fetch) -> Result<Fetched, Refusal>;

    /// Notes how a task stands.
    async fn report(&self, caller: Caller, report: Report) -> Result<Reported, Refusal>;

    /// Keeps rows of a log; answers how many rows there are now.
    async fn log(&self, caller: Caller, batch: LogBatch) -> Result<u64, Refusal>;
}

/// The routes of both services, to be nested below [`crate::BASE_PATH`].
pub fn router<S: RunnerService>(service: Arc<S>) -> axum::Router {
    let adapter = Arc::new(Adapter(service));
    let routes = connectrpc::Router::new();
    let routes = ping::PingServiceExt::register(Arc::clone(&adapter), routes);
    let routes = pb::RunnerServiceExt::register(adapter, routes);
    let limits = Limits::default()
        .with_max_request_body_size(MESSAGE_MAX)
        .with_max_message_size(MESSAGE_MAX)
        .with_element_memory_limit(ELEMENTS_MAX);
    axum::Router::new().fallback_service(ConnectRpcService::new(routes).with_limits(limits))
}

/// Translates between the generated service and ours.
struct Adapter<S>(Arc<S>);

impl Caller {
    fn of(context: &RequestContext) -> Self {
        let text = |name| context.header(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let key = text(header::UUID)
            .zip(text(header::TOKEN))
            .map(|(uuid, token)| RunnerKey { uuid: RunnerUuid(uuid), token: Secret::new(token) });
        let wait = text(header::WAIT).and_then(|wait| wait.parse().ok()).map(Duration::from_millis);
        Self { key, version: text(header::VERSION), patience: context.time_remaining(), wait }
    }
}

fn request_key(context: &RequestContext) -> Option<RequestKey> {
    context.header(header::REQUEST_KEY).and_then(|value| value.to_str().ok()).map(|key| RequestKey(key.to_owned()))
}

fn refused(refusal: Refusal) -> ConnectError {
    ConnectError::new(refusal.code.to_wire(), refusal.message)
}

impl<S: RunnerService> ping::PingService for Adapter<S> {
    async fn ping<'a>(
        &'a self,
        _: RequestContext,
        request: ServiceRequest<'_, ping::PingRequest>,
    ) -> ServiceResult<impl Encodable<ping::PingResponse> + Send + use<'a, S>> {
        let data = self.0.ping(request.data.to_owned()).await.map_err(refused)?;
        Response::ok(ping::PingResponse { data })
    }
}

impl<S: RunnerService> pb::RunnerService for Adapter<S> {
    async fn register<'a>(
        &'a self,
        _: RequestContext,
        request: ServiceRequest<'_, pb::RegisterRequest>,
    ) -> ServiceResult<impl Encodable<pb::RegisterResponse> + Send + use<'a, S>> {
        let registration = convert::registration_from_wire(request.to_owned_message());
        let runner = self.0.register(registration).await.map_err(refused)?;
        Response::ok(pb::RegisterResponse { runner: Some(convert::runner_to_wire(runner)).into() })
    }

    async fn declare<'a>(
        &'a self,
        context: RequestContext,
        request: ServiceRequest<'_, pb::DeclareRequest>,
    ) -> ServiceResult<impl Encodable<pb::DeclareResponse> + Send + use<'a, S>> {
        let declaration = convert::declaration_from_wire(request.to_owned_message());
        let declared = self.0.declare(Caller::of(&context), declaration).await.map_err(refused)?;
        let answer = pb::DeclareResponse { runner: declared.runner.map(convert::runner_to_wire).into() };
        let mut response = Response::new(answer);
        if !declared.capabilities.is_empty() {
            response = response.with_header(quirks::CAPABILITIES_HEADER, declared.capabilities.join(","));
        }
        Ok(response)
    }

    async fn fetch_task<'a>(
        &'a self,
        context: RequestContext,
        request: ServiceRequest<'_, pb::FetchTaskRequest>,
    ) -> ServiceResult<impl Encodable<pb::FetchTaskResponse> + Send + use<'a, S>> {
        let fetch = convert::fetch_from_wire(request.to_owned_message(), request_key(&context));
        let fetched = self.0.fetch(Caller::of(&context), fetch).await.map_err(refused)?;
        Response::ok(convert::fetched_to_wire(fetched))
    }

    async fn fetch_single_task<'a>(
        &'a self,
        context: RequestContext,
        request: ServiceRequest<'_, pb::FetchSingleTaskRequest>,
    ) -> ServiceResult<impl Encodable<pb::FetchSingleTaskResponse> + Send + use<'a, S>> {
        let request = request.to_owned_message();
        let fetch = Fetch {
            version: TasksVersion(request.tasks_version),
            want: Want::Handle(request.handle),
            key: request_key(&context),
        };
        let fetched = self.0.fetch(Caller::of(&context), fetch).await.map_err(refused)?;
        Response::ok(convert::single_to_wire(fetched))
    }

    async fn update_task<'a>(
        &'a self,
        context: RequestContext,
        request: ServiceRequest<'_, pb::UpdateTaskRequest>,
    ) -> ServiceResult<impl Encodable<pb::UpdateTaskResponse> + Send + use<'a, S>> {
        let report = convert::report_from_wire(request.to_owned_message())
            .ok_or_else(|| refused(Refusal::new(Code::InvalidArgument, "the report has no state")))?;
        let task = report.state.id;
        let reported = self.0.report(Caller::of(&context), report).await.map_err(refused)?;
        Response::ok(convert::reported_to_wire(task, &reported))
    }

    async fn update_log<'a>(
        &'a self,
        context: RequestContext,
        request: ServiceRequest<'_, pb::UpdateLogRequest>,
    ) -> ServiceResult<impl Encodable<pb::UpdateLogResponse> + Send + use<'a, S>> {
        let batch = convert::batch_from_wire(&request);
        let rows = self.0.log(Caller::of(&context), batch).await.map_err(refused)?;
        Response::ok(convert::acknowledged_to_wire(rows))
    }
}
