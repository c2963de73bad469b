//! The relay: accepts a job's connections, finds where each was going, dials there, copies. Started by `serve`.

use crate::copy::both_ways;
use crate::dial::{Why, dial};
use crate::serve::Way;
use crate::stub::serve_tcp;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections of one job at once; more wait in the kernel until one ends. A file descriptor each inside and outside.
const AT_ONCE: usize = 256;
/// After an error of accepting (out of file descriptors), how long to wait for better times.
const PAUSE: Duration = Duration::from_millis(20);

/// Relays until the listener fails.
pub(crate) async fn serve(listener: TcpListener, way: Arc<Way>) {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    loop {
        while running.try_join_next().is_some() {}
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
        let inside = match listener.accept().await {
            Ok((inside, _)) => inside,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return,
            Err(_) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let way = Arc::clone(&way);
        running.spawn(async move {
            let _turn = turn;
            relay(inside, &way).await;
        });
    }
}

async fn relay(mut inside: TcpStream, way: &Way) {
    let wanted = match original_destination(&inside) {
        // Somebody inside talks to the relay itself.
        Ok(wanted) if inside.local_addr().is_ok_and(|own| own == wanted) => return reset(inside),
        Ok(wanted) => wanted,
        Err(_) => return reset(inside),
    };
    if wanted.port() == 53 {
        let _ = serve_tcp(inside, way).await;
        return;
    }
    match dial(wanted, way).await {
        Ok(mut outside) => {
            let _ = (inside.set_nodelay(true), outside.set_nodelay(true));
            let _ = rustix::net::sockopt::set_socket_keepalive(&outside, true);
            if both_ways(&mut inside, &mut outside).await.is_err() {
                // What broke on one side breaks on the other.
                reset(outside);
                reset(inside);
            }
        }
        Err(why) => {
            if let Why::Refused(target) = why {
                way.refused(target);
            }
            reset(inside);
        }
    }
}

/// Where the job was going, before its namespace turned the connection to us.
fn original_destination(inside: &TcpStream) -> io::Result<SocketAddr> {
    if inside.local_addr()?.is_ipv4() {
        Ok(rustix::net::sockopt::ip_original_dst(inside)?.into())
    } else {
        Ok(rustix::net::sockopt::ipv6_original_dst(inside)?.into())
    }
}

/// Ends a connection as a closed port would: with a reset, not an orderly end that could be taken for an empty answer.
fn reset(stream: TcpStream) {
    let _ = stream.set_zero_linger();
}
