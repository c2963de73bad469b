//! Putting a job's way out in force, and ending it. Called by `sandbox-local`.

use crate::dial::Target;
use crate::names::Names;
use crate::policy::Policy;
use crate::resolve::Resolver;
use std::collections::HashSet;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;

/// Sockets that were born in a job's network namespace.
#[derive(Debug)]
pub struct Sockets {
    /// Listens for IPv4 connections.
    pub tcp4: OwnedFd,
    /// Gets DNS questions over IPv4.
    pub udp4: OwnedFd,
    /// Listens for IPv6 connections; absent where the kernel has none.
    pub tcp6: Option<OwnedFd>,
    /// Gets DNS questions over IPv6.
    pub udp6: Option<OwnedFd>,
}

/// A target that the job asked for and was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What would open it: `NAME:PORT`, `ADDRESS:PORT`, or `NAME`, where the connection was refused inside already.
    pub target: String,
}

/// What all tasks of one job's way out share.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) policy: Policy,
    pub(crate) resolver: Resolver,
    names: Mutex<Names>,
    refusals: Mutex<HashSet<Target>>,
    /// Names that lead to refused addresses alone.
    closed: Mutex<HashSet<String>>,
}

/// So many refusals are kept for the message that explains them.
const MOST_REFUSALS: usize = 64;

impl Way {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            resolver: Resolver::default(),
            names: Mutex::default(),
            refusals: Mutex::default(),
            closed: Mutex::default(),
        }
    }

    pub(crate) fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn refused(&self, target: Target) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.len() < MOST_REFUSALS {
            refusals.insert(target);
        }
    }

    /// A name was asked for that leads to refused addresses alone: what connects to it is refused inside the job already.
    pub(crate) fn closed(&self, name: &str) {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if closed.len() < MOST_REFUSALS {
            closed.insert(name.to_owned());
        }
    }

    fn refusals(&self) -> Vec<Refusal> {
        let mut targets: Vec<String> = Vec::new();
        targets.extend(self.refusals.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Target::opening));
        targets.extend(self.closed.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        targets.sort();
        targets.into_iter().map(|target| Refusal { target }).collect()
    }
}

/// A job's way out in force. Dropping it ends it, with every connection.
#[derive(Debug)]
pub struct Handle {
    way: Arc<Way>,
    tasks: Vec<JoinHandle<()>>,
}

/// Serves a job's connections and questions until the handle is dropped. Must be called within a tokio runtime with IO.
///
/// # Errors
/// When a descriptor is no socket of its kind.
pub fn serve(sockets: Sockets, policy: Policy) -> io::Result<Handle> {
    let way = Arc::new(Way::new(policy));
    let mut listeners = Vec::new();
    let mut stubs = Vec::new();
    for socket in std::iter::once(sockets.tcp4).chain(sockets.tcp6) {
        let listener = TcpListener::from(socket);
        listener.set_nonblocking(true)?;
        listeners.push(tokio::net::TcpListener::from_std(listener)?);
    }
    for socket in std::iter::once(sockets.udp4).chain(sockets.udp6) {
        let socket = UdpSocket::from(socket);
        socket.set_nonblocking(true)?;
        stubs.push(tokio::net::UdpSocket::from_std(socket)?);
    }
    let relays = listeners.into_iter().map(|listener| tokio::spawn(crate::tcp::serve(listener, Arc::clone(&way))));
    let mut tasks: Vec<_> = relays.collect();
    tasks.extend(stubs.into_iter().map(|socket| tokio::spawn(crate::stub::serve_udp(socket, Arc::clone(&way)))));
    Ok(Handle { way, tasks })
}

impl Handle {
    /// The targets that were refused so far, for a hint at `--allow`.
    #[must_use]
    pub fn refusals(&self) -> Vec<Refusal> {
        self.way.refusals()
    }

    /// Ends it and waits until every connection is closed.
    pub async fn stop(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
