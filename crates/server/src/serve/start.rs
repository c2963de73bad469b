//! Opens what the server needs, starts its loops, listens, stops.

use super::listen::{Door, listen};
use super::routes::routes;
use super::{Renewal, ServeError, ServerSettings, Tls};
use crate::access::{Access, Trust, first_admin};
use crate::backup::is_half_restored;
use crate::count::Counts;
use crate::dispatch::{Dispatcher, Follower, dispatcher};
use crate::event;
use crate::folder::{DATABASE, FIRST_TOKEN, KEYS, LOGS, MIRRORS, OBJECTS};
use crate::keys::{KeyRing, Start};
use crate::logs::{LogObjects, LogSettings, LogStore, Sharing};
use crate::plane::{Parts, Plane, Site};
use crate::run::{Advancer, Worker};
use crate::status::{TellSettings, Teller};
use crate::sweep::Sweeper;
use crate::watch::{WatchSettings, Watcher, hints};
use domain::{Clock, Secret, SystemClock};
use scheduler::Settings;
use source::project::{ProjectOptions, Projects};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::{Leadership, Store, StoreError, TokenKind};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Calls that go on when the server stops have so long to end.
const GRACE: Duration = Duration::from_secs(10);
/// Logs that the object store did not take are tried again this often.
const SETTLE: Duration = Duration::from_secs(60);
/// Between two tries to be the one that starts.
const TURN: Duration = Duration::from_millis(20);
const LONGEST_TURN: Duration = Duration::from_secs(1);
/// The files of the certificate are looked at this often.
const RENEW: Duration = Duration::from_secs(10);
/// Watched logs that other servers write are looked at this often.
const FOLLOW: Duration = Duration::from_millis(50);

/// A server that listens.
#[derive(Debug)]
pub struct Running {
    /// What its rooms share.
    pub plane: Plane,
    /// Where it listens.
    pub address: SocketAddr,
    /// The first token of all, at the first start. It is in the file `admin-token` of its folder too.
    pub first_token: Option<Secret>,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
    loops: JoinSet<()>,
}

/// Opens everything, starts the loops, and listens. When this is done, calls are answered.
///
/// # Errors
/// When something of it cannot be opened; nothing runs then.
pub async fn start(settings: ServerSettings) -> Result<Running, ServeError> {
    if is_half_restored(&settings.data) {
        return Err(ServeError::HalfRestored { path: settings.data });
    }
    let listener = TcpListener::bind(settings.listen).await;
    let listener = listener.map_err(|source| ServeError::Listen { address: settings.listen, source })?;
    let address = listener.local_addr().map_err(|source| ServeError::Listen { address: settings.listen, source })?;
    let (plane, mut dispatcher, worker, turn) = open(&settings, address).await?;
    let first_token = first_admin(&plane, &settings.data.join(FIRST_TOKEN)).await?;
    turn.release().await;
    // The news first: what changes while the queue is filled is heard.
    let changes = plane.store.changes().await?;
    dispatcher.fill().await?;
    let (stop, stopped) = watch::channel(false);
    let mut loops = JoinSet::new();
    loops.spawn(dispatcher.run(plane.runs.clone()));
    loops.spawn(worker.run(stopped.clone()));
    let follower = Follower::new(plane.store.clone(), plane.queue.clone(), plane.runs.clone());
    loops.spawn(follower.run(changes, stopped.clone()));
    loops.spawn(settle(plane.clone(), stopped.clone()));
    if sharing(&settings) == Sharing::Shared {
        loops.spawn(follow_logs(plane.clone(), stopped.clone()));
    }
    loops.spawn(Sweeper::new(plane.clone(), settings.sweep).run(stopped.clone()));
    loops.spawn(event::schedules(plane.clone(), stopped.clone()));
    loops.spawn(Teller::new(plane.clone(), TellSettings::default()).run(stopped.clone()));
    let (hints, hinted) = hints();
    loops.spawn(Watcher::new(plane.clone(), WatchSettings::default(), hinted).run(stopped.clone()));
    if let Some(tls) = settings.tls.clone() {
        loops.spawn(renew(tls, stopped.clone()));
    }
    if let Some(host) = is_open(&plane.site.url).filter(|_| settings.trust == Trust::Proxy) {
        tracing::warn!(
            url = plane.site.url,
            "people are told an address without TLS: sessions of {host} go over the network in the open, and their cookies are neither Secure nor __Host-; give --url https://… where the proxy ends TLS"
        );
    }
    let router = routes(&plane, hints);
    let door = Door {
        pace: settings.pace,
        most: settings.connections,
        is_shared: settings.trust == Trust::Proxy,
        tls: settings.tls.clone(),
    };
    let serving = tokio::spawn(listen(listener, router, door, stopped));
    Ok(Running { plane, address, first_token, stop, serving, loops })
}

/// The host of an address without TLS, where it is another than this machine.
fn is_open(url: &str) -> Option<&str> {
    let host = url.strip_prefix("http://")?.split('/').next().unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_here = name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    (!is_here).then_some(host)
}

impl Running {
    /// Takes no more calls, lets those that go on end, and closes everything. What was acknowledged is on disk.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        self.plane.queue.close();
        if tokio::time::timeout(GRACE, &mut self.serving).await.is_err() {
            self.serving.abort();
        }
        let ended = async { while self.loops.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            self.loops.abort_all();
        }
        if let Err(error) = self.plane.logs.settle().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "logs stay in their folder until the next start");
        }
        self.plane.store.close().await;
    }
}

type Opened = (Plane, Dispatcher, Worker, Leadership);

/// Of several servers that start at once one makes keys and the first token, and the others find them.
async fn turn(store: &Store) -> Result<Leadership, StoreError> {
    let mut pause = TURN;
    loop {
        if let Some(turn) = store.lead("start").await? {
            return Ok(turn);
        }
        if pause == TURN {
            tracing::info!("another server of this database is starting; this one waits for its turn");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_TURN);
    }
}

/// An empty database for its owner alone: SQLite would make it by the umask, and the files beside it have its mode.
fn private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    fs_err::OpenOptions::from_options(options).open(path).map(drop)
}

async fn open(settings: &ServerSettings, address: SocketAddr) -> Result<Opened, ServeError> {
    let data = &settings.data;
    let folder = |path: &Path| {
        fs_err::create_dir_all(path).map_err(|source| ServeError::Folder { path: path.to_owned(), source })
    };
    folder(data)?;
    let own = data.join(DATABASE);
    let first = settings.database.is_none() && !own.exists();
    let database = settings.database.clone().unwrap_or_else(|| format!("sqlite:{}", own.display()));
    if first {
        private(&own).map_err(|source| ServeError::Folder { path: own.clone(), source })?;
    }
    let store = Store::open(&database).await?;
    let turn = turn(&store).await?;
    // Its first start made tokens; without any, nothing needs keys of before.
    let is_first = first || store.tokens(TokenKind::User).await?.is_empty();
    let keys = KeyRing::open(&data.join(KEYS), if is_first { Start::First } else { Start::Again })?;
    let objects = data.join(OBJECTS);
    folder(&objects)?;
    let objects = LogObjects::folder(&objects)?;
    let sharing = sharing(settings);
    let logs = LogStore::open(LogSettings { folder: data.join(LOGS), sharing, objects })?;
    let projects = Arc::new(Projects::open(ProjectOptions::new(data.join(MIRRORS)))?);
    let counts = Arc::new(Counts::default());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (queue, dispatcher) = dispatcher(store.clone(), Arc::clone(&clock), Arc::clone(&counts), Settings::default());
    let (runs, worker) = Advancer::new(store.clone(), queue.clone(), Arc::clone(&counts), Arc::clone(&clock));
    let url = settings
        .url
        .clone()
        .unwrap_or_else(|| format!("{}://{address}", if settings.tls.is_some() { "https" } else { "http" }));
    let site = Site {
        actions: settings.actions.address(&url),
        url: url.trim_end_matches('/').to_owned(),
        version: settings.version,
        folders: settings.folders.clone(),
        keep_logs: settings.sweep.logs,
    };
    let plane = Plane::new(Parts {
        store,
        keys,
        access: Access::new(settings.trust),
        logs,
        counts,
        clock,
        queue,
        runs,
        projects,
        site,
    });
    Ok((plane, dispatcher, worker, turn))
}

/// A file has one server, a PostgreSQL may have several, which share the folder.
const fn sharing(settings: &ServerSettings) -> Sharing {
    match settings.database {
        None => Sharing::Alone,
        Some(_) => Sharing::Shared,
    }
}

/// Logs that are watched here and that another server writes.
async fn follow_logs(plane: Plane, mut stopped: watch::Receiver<bool>) {
    tokio::select! {
        () = plane.logs.follow(FOLLOW) => {}
        _ = stopped.changed() => {}
    }
}

/// Takes a new certificate when its files are others: who renews one does not stop the server.
async fn renew(tls: Tls, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(RENEW) => {}
            _ = stopped.changed() => return,
        }
        match tls.look() {
            Ok(Renewal::Same) => {}
            Ok(Renewal::Renewed) => tracing::info!("the server's certificate is another now"),
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the server's new certificate cannot be used; the one before is used on"
            ),
        }
    }
}

/// Seals what a crash or a store that was away left, now and from time to time.
async fn settle(plane: Plane, mut stopped: watch::Receiver<bool>) {
    loop {
        if let Err(error) = plane.logs.settle().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "some logs stay in their folder; they are tried again in {SETTLE:?}"
            );
        }
        tokio::select! {
            () = tokio::time::sleep(SETTLE) => {}
            _ = stopped.changed() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_open;

    #[test]
    fn an_address_without_tls_is_open_unless_it_is_this_machine() {
        for here in ["https://ci.example.org", "http://127.0.0.1:4600/ci", "http://[::1]:1", "http://LOCALHOST"] {
            assert_eq!(is_open(here), None, "{here}");
        }
        for (url, host) in [("http://ci.example.org/ci", "ci.example.org"), ("http://192.0.2.1:80", "192.0.2.1:80")] {
            assert_eq!(is_open(url), Some(host));
        }
    }
}
