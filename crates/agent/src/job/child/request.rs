//! Joins a decided job, its place and the forge's services into the engine's request.

use super::super::{CertificateCheck, JobOrder, ToolCache};
use super::certificates;
use super::contexts;
use super::place::{self, Place};
use super::services::{self, Services};
use super::tier::Cause;
use domain::{JobId, Secret};
use engine::cancel::CancelSignal;
use engine::events::EventSink;
use engine::job::{
    self, CheckoutRules, CheckoutTime, Hook, HookShell, Hooks, JobRequest, Keep, Masker, Programs, RunnerFacts,
    SandboxRequest, Timing,
};
use sandbox::{SandboxSpec, ToolFolder, ToolWrites, Workspace};
use source::forge::{ForgeCheckout, ForgeOptions, OwnRepository};
use source::store::Access;
use source::{CancelFlag, Store, StoreOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use workflow::action_source::ActionRef;
use workflow::run::ReadyJob;

/// How long a fetch of the repository may take; the job's own timeout ends it earlier.
const FETCH: Duration = Duration::from_secs(3600);
/// Bytes that the mirror of one repository may take.
const MIRROR: u64 = 256 << 30;

/// What a job is run with beside its order.
pub(super) struct Ground {
    pub(super) backend: Arc<dyn sandbox::Backend>,
    pub(super) place: Place,
    pub(super) cause: Cause,
    pub(super) services: Services,
    pub(super) token: Option<Secret>,
    pub(super) masker: Masker,
    pub(super) events: EventSink,
    pub(super) cancel: CancelSignal,
    /// Stops git.
    pub(super) stop: CancelFlag,
}

/// What the jobs of an order are run with, the called ones of a caller as well.
pub(super) struct Means {
    pub(super) store: Arc<Store>,
    pub(super) checkout: CheckoutRules,
    pub(super) spec: SandboxSpec,
    pub(super) hooks: Hooks,
    /// What the runner's owner and the forge's authority put into it.
    pub(super) environment: Vec<(String, String)>,
}

/// The means of an order; the error says what of the machine is not as the settings say.
pub(super) fn means(order: &JobOrder, ground: &Ground) -> Result<Means, String> {
    let certificates = certificates::of(order, ground.place.backend)?;
    let settings = git_settings(order, certificates.bundle.as_deref());
    let store = store(order, ground.token.as_ref(), &ground.stop, &settings)?;
    let checkout = checkout(order, ground.token.as_ref(), &ground.stop, settings);
    let mut spec = spec(order, ground)?;
    spec.mounts.extend(certificates.mount);
    let environment = order.settings.expose.env.iter().cloned().chain(certificates.environment).collect();
    let checkout = CheckoutRules { source: Arc::new(checkout), when: CheckoutTime::Step };
    Ok(Means { store, checkout, spec, hooks: hooks(order)?, environment })
}

/// The request; the error says what of the machine is not as the settings say.
pub(super) fn of(
    order: JobOrder,
    id: JobId,
    name: String,
    ready: ReadyJob,
    ground: Ground,
) -> Result<JobRequest, String> {
    let Means { store, checkout, spec, hooks, environment } = means(&order, &ground)?;
    let own = own(&order);
    let JobOrder { task, settings, runner, forge, .. } = order;
    let timeout = settings.timeout.min(job::minutes(ready.timeout_minutes));
    let cancel_timeout = job::minutes(ready.cancel_timeout_minutes);
    let file = contexts::file(&task, &forge, &ready.workflow);
    let (mut source, contexts) = job::given(ready, file);
    source.own = own;
    let mut head = vec![format!("Runner: {runner}, for {}", forge.url)];
    head.extend(ground.place.head);
    Ok(JobRequest {
        id,
        name,
        source,
        contexts,
        masker: ground.masker,
        secrets: task.secrets.into_iter().collect(),
        token: ground.token,
        env: settings.env.into_iter().collect(),
        environment: environment.into_iter().chain(ground.services.environment).collect(),
        action_environment: Vec::new(),
        aliases: services::aliases(forge.dialect),
        runner: RunnerFacts::here(runner),
        head,
        sandbox: SandboxRequest { backend: ground.backend, spec, keep: Keep::Never },
        actions: store,
        checkout: Some(checkout),
        timeout,
        cancel_timeout,
        events: ground.events,
        hooks,
        cancel: ground.cancel,
        turns: None,
        programs: Arc::new(Programs::default()),
        timing: Timing::default(),
    })
}

/// The store of actions: the forge's default place, after the mirrors; the token goes to the forge itself and nowhere else.
fn store(
    order: &JobOrder,
    token: Option<&Secret>,
    stop: &CancelFlag,
    git: &[(String, String)],
) -> Result<Arc<Store>, String> {
    let settings = &order.settings;
    let mut options = StoreOptions::at(settings.data.join("store"));
    options.mirrors.clone_from(&settings.mirrors);
    let own = contexts::text(&order.task.context, &["forgejo_default_actions_url", "gitea_default_actions_url"]);
    options.server = Some(own.unwrap_or("https://github.com").trim_end_matches('/').to_owned());
    options.access = Access::Online { fresh: Duration::ZERO };
    options.tokens.extend(token.map(|token| (order.forge.url.clone(), token.clone())));
    options.settings = git.to_vec();
    options.cancel = stop.clone();
    Store::open(options).map(Arc::new).map_err(|error| format!("could not open the store of actions: {error}"))
}

/// The repository of the task at its commit, from the forge.
pub(super) fn own(order: &JobOrder) -> Option<ActionRef> {
    let context = |name: &str| contexts::text(&order.task.context, &[name]).map(str::to_owned);
    let (repository, reference) = (context("repository")?, context("sha")?);
    Some(ActionRef { host: Some(order.forge.url.clone()), repository, path: String::new(), reference })
}

/// The built-in checkout from the task's forge.
fn checkout(
    order: &JobOrder,
    token: Option<&Secret>,
    stop: &CancelFlag,
    settings: Vec<(String, String)>,
) -> ForgeCheckout {
    let context = |name: &str| contexts::text(&order.task.context, &[name]).unwrap_or_default().to_owned();
    let options = ForgeOptions {
        data: order.settings.data.clone(),
        server: order.forge.url.clone(),
        token: token.cloned(),
        settings,
        fetch_timeout: FETCH,
        limit: MIRROR,
        cancel: stop.clone(),
    };
    let own = OwnRepository { name: context("repository"), reference: context("ref"), commit: context("sha") };
    ForgeCheckout::new(options, own)
}

/// What git needs to reach the forge.
fn git_settings(order: &JobOrder, bundle: Option<&Path>) -> Vec<(String, String)> {
    let bundle = bundle.map(|bundle| ("http.sslCAInfo".to_owned(), bundle.display().to_string()));
    let unchecked = (order.settings.trust.check == CertificateCheck::Off)
        .then(|| (format!("http.{}/.sslVerify", order.forge.url), "false".to_owned()));
    bundle.into_iter().chain(unchecked).collect()
}

fn spec(order: &JobOrder, ground: &Ground) -> Result<SandboxSpec, String> {
    let settings = &order.settings;
    let repository = repository(order);
    Ok(SandboxSpec {
        name: format!("task-{}-{}", order.task.id, std::process::id()),
        root: settings.root.clone(),
        profile: ground.place.profile,
        network: ground.place.network.clone(),
        limits: settings.limits.clone(),
        repository_name: repository_name(order),
        workspace: Workspace::Empty,
        expose: settings.expose.paths.clone(),
        path: settings.expose.bins.clone(),
        mounts: Vec::new(),
        views: Vec::new(),
        tool_cache: tool_cache(&settings.tool_cache, repository, place::may_share(&ground.cause))?,
    })
}

fn repository(order: &JobOrder) -> &str {
    contexts::text(&order.task.context, &["repository"]).unwrap_or_default()
}

/// The repository's own name, as a folder.
pub(super) fn repository_name(order: &JobOrder) -> String {
    folder_name(repository(order).rsplit('/').next().unwrap_or_default(), "repository")
}

/// The tools of a job. Those of a repository are its own, and only jobs that nobody outside caused change them.
fn tool_cache(cache: &ToolCache, repository: &str, may_share: bool) -> Result<Option<ToolFolder>, String> {
    let (host, writes) = match cache {
        ToolCache::Empty => return Ok(None),
        ToolCache::ReadOnly { folder } => (folder.clone(), ToolWrites::ThrownAway),
        ToolCache::Shared { folder } => {
            let own = repository.split('/').fold(folder.clone(), |folder, part| folder.join(folder_name(part, "_")));
            if may_share {
                std::fs::create_dir_all(&own)
                    .map_err(|error| format!("could not make the tool cache {}: {error}", own.display()))?;
                (own, ToolWrites::Kept)
            } else {
                (own, ToolWrites::ThrownAway)
            }
        }
    };
    Ok(host.is_dir().then_some(ToolFolder { host, writes }))
}

/// A name of the forge as the name of one folder; forges allow only such names, but it is they who say so.
fn folder_name(name: &str, otherwise: &str) -> String {
    let plain = !name.is_empty()
        && name.len() <= 200
        && name.bytes().any(|byte| byte != b'.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if plain { name.to_owned() } else { otherwise.to_owned() }
}

fn hooks(order: &JobOrder) -> Result<Hooks, String> {
    let files = &order.settings.hooks;
    let one = |path: &Option<PathBuf>| path.as_deref().map(hook).transpose();
    Ok(Hooks { started: one(&files.started)?, completed: one(&files.completed)? })
}

fn hook(path: &Path) -> Result<Hook, String> {
    let shell = HookShell::of(path).ok_or_else(|| {
        format!("the runner's hook {} is no script: its name must end in .sh or .ps1", path.display())
    })?;
    let script = std::fs::read_to_string(path)
        .map_err(|error| format!("could not read the runner's hook {}: {error}", path.display()))?;
    Ok(Hook { script: script.into(), shell })
}

/// What masks a job's log: its secrets, its tokens, the values of its services.
pub(super) fn masker(order: &JobOrder, token: Option<&Secret>, services: &Services) -> Masker {
    let masker = Masker::new();
    for secret in order.task.secrets.values().chain(token).chain(&services.secrets) {
        masker.add(secret.expose());
    }
    masker
}
