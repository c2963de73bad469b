//! The forge's side: an axum router over a service of ours. Mounted by the server and by the fake forge of `testkit`.

use crate::call::{Declaration, Declared, Fetch, Fetched, Registration, Report, Reported, RequestKey, Runner, Want};
use crate::error::{Code, Refusal};
use crate::gate::{Gate, LARGE, gate};
use crate::packed::{PackedRows, RowsView};
use crate::pb::{ping, runner as pb};
use crate::{ELEMENTS_MAX, MESSAGE_MAX, SMALL_MAX, convert, header, quirks};
use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};
use axum::middleware::from_fn_with_state;
use buffa::view::OwnedView;
use connectrpc::{
    ConnectError, ConnectRpcService, Encodable, Limits, RequestContext, Response, ServiceRequest, ServiceResult,
    view_handler_fn,
};
use domain::{LogBatch, RunnerKey, RunnerUuid, Secret, TasksVersion};
use std::net::SocketAddr;
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
    /// Whether it asks under its request key for the first time.
    pub asked: Asked,
    /// The other side of the connection, where the transport says.
    pub peer: Option<SocketAddr>,
    /// The last `x-forwarded-for`. Only a proxy of one's own may be believed.
    pub forwarded: Option<String>,
}

/// Whether a caller asked under its request key before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It did not, it says: no answer can have been lost.
    Never,
    /// It may have.
    Maybe,
}

/// What a forge does. A refusal leaves as an error of Connect, with the HTTP status of its code.
#[async_trait::async_trait]
pub trait RunnerService: Send + Sync + 'static {
    /// Says hello. Nobody needs a key for this.
    async fn ping(&self, data: String) -> Result<String, Refusal> {
        Ok(format!("Hello, {data}!"))
    }

    /// Whether this caller may go on, by the head of its call alone: asked before the body of any call is read but those of `ping` and `register`.
    async fn admit(&self, caller: &Caller) -> Result<(), Refusal> {
        let _ = caller;
        Ok(())
    }

    /// Makes a runner.
    async fn register(&self, caller: Caller, registration: Registration) -> Result<Runner, Refusal>;

    /// Notes what a runner is today.
    async fn declare(&self, caller: Caller, declaration: Declaration) -> Result<Declared, Refusal>;

    /// Hands tasks out.
    async fn fetch(&self, caller: Caller, fetch: Fetch) -> Result<Fetched, Refusal>;

    /// Notes how a task stands.
    async fn report(&self, caller: Caller, report: Report) -> Result<Reported, Refusal>;

    /// Keeps rows of a log; answers how many rows there are now.
    async fn log(&self, caller: Caller, batch: LogBatch) -> Result<u64, Refusal>;

    /// The same, with rows that lie in the body which brought them: what most calls bring.
    async fn log_packed(&self, caller: Caller, rows: PackedRows) -> Result<u64, Refusal> {
        self.log(caller, rows.to_batch()).await
    }
}

/// The routes of both services, to be nested below [`crate::BASE_PATH`].
pub fn router<S: RunnerService>(service: Arc<S>) -> axum::Router {
    let gate = Gate::new(Arc::clone(&service));
    let adapter = Arc::new(Adapter(service));
    let within = |most: usize| {
        let routes = ping::PingServiceExt::register(Arc::clone(&adapter), connectrpc::Router::new());
        let routes = rows_route(&adapter, pb::RunnerServiceExt::register(Arc::clone(&adapter), routes));
        let limits = Limits::default()
            .with_max_request_body_size(most)
            .with_max_message_size(most)
            .with_element_memory_limit(most.saturating_mul(ELEMENTS_MAX / MESSAGE_MAX));
        ConnectRpcService::new(routes).with_limits(limits)
    };
    let mut all = axum::Router::new().fallback_service(within(SMALL_MAX));
    for path in LARGE {
        all = all.route_service(path, within(MESSAGE_MAX));
    }
    all.layer(from_fn_with_state(gate, self::gate::<S>))
}

/// Mounts the call that brings most anew: its rows are read where they lie.
fn rows_route<S: RunnerService>(adapter: &Arc<Adapter<S>>, routes: connectrpc::Router) -> connectrpc::Router {
    let adapter = Arc::clone(adapter);
    let take = view_handler_fn(move |context: RequestContext, request: OwnedView<RowsView<'static>>, format| {
        let adapter = Arc::clone(&adapter);
        async move {
            let caller = Caller::within(context);
            let kept = match request.reborrow() {
                RowsView::Packed(head, _) => {
                    let rows = PackedRows::new(request.bytes().clone(), *head);
                    adapter.0.log_packed(caller, rows).await
                }
                RowsView::Generated(view) => adapter.0.log(caller, convert::batch_from_wire(view)).await,
            };
            let answer = convert::acknowledged_to_wire(kept.map_err(refused)?);
            Response::new(answer).encode::<pb::UpdateLogResponse>(format)
        }
    });
    routes
        .allow_overrides()
        .route_view(pb::RUNNER_SERVICE_SERVICE_NAME, "UpdateLog", take)
        .with_spec(pb::RUNNER_SERVICE_UPDATE_LOG_SPEC)
}

/// Translates between the generated service and ours.
struct Adapter<S>(Arc<S>);

impl Caller {
    pub(crate) fn of(headers: &HeaderMap, extensions: &Extensions) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let key = text(header::UUID)
            .zip(text(header::TOKEN))
            .map(|(uuid, token)| RunnerKey { uuid: RunnerUuid(uuid), token: Secret::new(token) });
        let wait = text(header::WAIT).and_then(|wait| wait.parse().ok()).map(Duration::from_millis);
        let forwarded = headers.get_all(header::FORWARDED).iter().next_back();
        Self {
            key,
            version: text(header::VERSION),
            patience: None,
            wait,
            asked: if headers.contains_key(header::FIRST) { Asked::Never } else { Asked::Maybe },
            peer: extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0),
            forwarded: forwarded.and_then(|value| value.to_str().ok()).map(str::to_owned),
        }
    }

    /// By what the gate found. The context ends here: an open question does not keep it.
    fn within(mut context: RequestContext) -> Self {
        let patience = context.time_remaining();
        let known = context.extensions_mut().remove::<Self>();
        let known = known.unwrap_or_else(|| Self::of(context.headers(), context.extensions()));
        Self { patience, ..known }
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
        context: RequestContext,
        request: ServiceRequest<'_, pb::RegisterRequest>,
    ) -> ServiceResult<impl Encodable<pb::RegisterResponse> + Send + use<'a, S>> {
        let registration = convert::registration_from_wire(request.to_owned_message());
        let runner = self.0.register(Caller::within(context), registration).await.map_err(refused)?;
        Response::ok(pb::RegisterResponse { runner: Some(convert::runner_to_wire(runner)).into() })
    }

    async fn declare<'a>(
        &'a self,
        context: RequestContext,
        request: ServiceRequest<'_, pb::DeclareRequest>,
    ) -> ServiceResult<impl Encodable<pb::DeclareResponse> + Send + use<'a, S>> {
        let declaration = convert::declaration_from_wire(request.to_owned_message());
        let declared = self.0.declare(Caller::within(context), declaration).await.map_err(refused)?;
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
        let fetched = self.0.fetch(Caller::within(context), fetch).await.map_err(refused)?;
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
        let fetched = self.0.fetch(Caller::within(context), fetch).await.map_err(refused)?;
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
        let reported = self.0.report(Caller::within(context), report).await.map_err(refused)?;
        Response::ok(convert::reported_to_wire(task, &reported))
    }

    async fn update_log<'a>(
        &'a self,
        context: RequestContext,
        request: ServiceRequest<'_, pb::UpdateLogRequest>,
    ) -> ServiceResult<impl Encodable<pb::UpdateLogResponse> + Send + use<'a, S>> {
        let batch = convert::batch_from_wire(&request);
        let rows = self.0.log(Caller::within(context), batch).await.map_err(refused)?;
        Response::ok(convert::acknowledged_to_wire(rows))
    }
}
