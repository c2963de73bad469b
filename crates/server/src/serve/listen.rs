//! Takes connections and gives their calls to the routes: no more than the machine has room for, each with a pace to keep, with TLS where there is
//! a certificate. Started by `start`.

use super::pace::{Pace, PacedBody, PacedIo};
use super::tls::Tls;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// The head of a call is no longer than this: the longest paths and cookies are some kilobytes.
const HEAD: usize = 64 * 1024;
/// When the machine has no room for another connection, it is tried again after so long.
const BREATH: Duration = Duration::from_millis(100);

/// How connections are taken.
#[derive(Debug, Clone)]
pub(super) struct Door {
    /// How slow clients may be.
    pub(super) pace: Pace,
    /// Connections at once. Those beyond wait before the door.
    pub(super) most: usize,
    /// A proxy stands before the server: all come from its address.
    pub(super) is_shared: bool,
    /// What ends TLS here.
    pub(super) tls: Option<Tls>,
}

/// Serves until it is stopped, and then until the calls in hand are answered.
pub(super) async fn listen(listener: TcpListener, router: Router, door: Door, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(door.most));
    let addresses = Addresses::new(&door);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        // What ended is forgotten now and then.
        while connections.try_join_next().is_some() {}
        let (stream, peer, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if !is_clients(&error) {
                    tracing::warn!(%error, "no connection can be taken now");
                    tokio::time::sleep(BREATH).await;
                }
                continue;
            }
        };
        let Some(seat) = addresses.seat(peer.ip()) else {
            tracing::debug!(%peer, "one address has too many connections; this one is closed");
            continue;
        };
        let (router, door, stop) = (router.clone(), door.clone(), stop.clone());
        connections.spawn(async move {
            let _seat = (permit, seat);
            // Small answers leave at once.
            let _ = stream.set_nodelay(true);
            match &door.tls {
                None => serve(stream, peer, router, &door, stop).await,
                // On the heap: connections without TLS have no room for it.
                Some(tls) => match Box::pin(tokio::time::timeout(door.pace.handshake, tls.accept(stream))).await {
                    Ok(Ok(stream)) => Box::pin(serve(stream, peer, router, &door, stop)).await,
                    Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
                },
            }
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

/// Whether a connection failed by its client's doing, before it was taken.
fn is_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

async fn serve<T>(io: T, peer: SocketAddr, router: Router, door: &Door, mut stop: watch::Receiver<bool>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let pace = door.pace;
    let calls = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(|body| Body::new(PacedBody::new(body, pace)));
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(pace.head)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(PacedIo::new(io, pace)), calls);
    let mut is_stopping = false;
    loop {
        tokio::select! {
            ended = poll_fn(|context| connection.poll_without_shutdown(context)) => {
                if let Err(error) = ended {
                    tracing::trace!(%peer, %error, "a connection ended badly");
                }
                break;
            }
            _ = stop.wait_for(|stop| *stop), if !is_stopping => {
                is_stopping = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    }
    let io = connection.into_parts().io.into_inner();
    // Its buffer is not in every connection that only waits.
    let _ = Box::pin(tokio::time::timeout(pace.linger, leave(io))).await;
}

/// Says that nothing more comes, and reads what the client still sends: a connection that is closed over unread bytes takes the answer with it.
async fn leave<T: AsyncRead + AsyncWrite + Unpin>(mut io: T) -> io::Result<()> {
    io.shutdown().await?;
    let mut unread = [0; 4096];
    while io.read(&mut unread).await? > 0 {}
    Ok(())
}

/// How many connections each address has: one alone may not take all (`security` R13).
#[derive(Debug, Clone)]
struct Addresses {
    most: Option<usize>,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One connection of an address.
#[derive(Debug)]
struct Seat(Addresses, IpAddr);

impl Addresses {
    fn new(door: &Door) -> Self {
        Self { most: (!door.is_shared).then_some((door.most / 2).max(1)), taken: Arc::default() }
    }

    /// A place for one more of this address. This machine's own programs are not counted: a proxy may be one of them.
    fn seat(&self, address: IpAddr) -> Option<Seat> {
        // A socket of both families writes IPv4's addresses as IPv6.
        let address = address.to_canonical();
        if let Some(most) = self.most.filter(|_| !address.is_loopback()) {
            let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = taken.entry(address).or_insert(0);
            if *taken >= most {
                return None;
            }
            *taken += 1;
        }
        Some(Seat(self.clone(), address))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Self(addresses, address) = self;
        let mut taken = addresses.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Addresses, Door};
    use crate::serve::Pace;

    fn door(most: usize, is_shared: bool) -> Addresses {
        Addresses::new(&Door { pace: Pace::default(), most, is_shared, tls: None })
    }

    #[test]
    fn one_address_has_half_of_the_places() {
        let all = door(4, false);
        let one = "192.0.2.1".parse().unwrap();
        let seats = [all.seat(one).unwrap(), all.seat("::ffff:192.0.2.1".parse().unwrap()).unwrap()];
        assert!(all.seat(one).is_none());
        assert!(all.seat("192.0.2.2".parse().unwrap()).is_some());
        drop(seats);
        assert!(all.seat(one).is_some());
        assert!(all.taken.lock().unwrap().is_empty());
    }

    #[test]
    fn a_proxy_and_this_machine_have_all() {
        let (proxied, own) = (door(2, true), door(2, false));
        let seats: Vec<_> = (0..3).map(|_| proxied.seat("192.0.2.1".parse().unwrap()).unwrap()).collect();
        let own_addresses = ["127.0.0.1", "::1", "::ffff:127.0.0.1"];
        let more: Vec<_> = own_addresses.iter().map(|address| own.seat(address.parse().unwrap()).unwrap()).collect();
        assert_eq!(seats.len() + more.len(), 6);
        assert!(own.taken.lock().unwrap().is_empty());
    }
}
