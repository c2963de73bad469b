//! What stands before the servers: takes a connection and hands it to the next server that takes one. A connection stays where it is until one end closes.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Starts one; it ends with this process.
pub(super) fn start(servers: Vec<SocketAddr>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (servers, next) = (Arc::new(servers), Arc::new(AtomicUsize::new(0)));
    std::thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let (servers, first) = (Arc::clone(&servers), next.fetch_add(1, Ordering::Relaxed));
            std::thread::spawn(move || {
                let far = (0..servers.len()).find_map(|more| {
                    let server = servers.get((first + more) % servers.len())?;
                    TcpStream::connect(server).ok()
                });
                // Nobody is there: the caller sees its connection closed.
                if let Some(far) = far {
                    let _broken = pass(near, far);
                }
            });
        }
    });
    Ok(address)
}

fn pass(near: TcpStream, far: TcpStream) -> io::Result<()> {
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let back = (far.try_clone()?, near.try_clone()?);
    let answers = std::thread::spawn(move || one_way(back.0, back.1));
    one_way(near, far);
    let _ended = answers.join();
    Ok(())
}

fn one_way(mut from: TcpStream, mut to: TcpStream) {
    let _broken = io::copy(&mut from, &mut to);
    // Who died says nothing more and hears nothing more.
    let _closed = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
}
