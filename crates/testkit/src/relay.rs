//! A proxy on loopback between an agent and a forge that shows every exchange to a watcher, who may act before it goes on: note it, or kill
//! somebody at that very moment. Called by the recorder, by the stress run and by tests.

use crate::web::Message;
use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Where an exchange is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// The request is here; the forge does not know of it.
    Asked,
    /// The forge has answered; the one who asked does not know of it.
    Answered,
    /// The one who asked has the answer.
    Delivered,
}

/// One call. The answer is empty as long as there is none.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What was asked.
    pub request: Message,
    /// What was answered.
    pub answer: Message,
}

/// The one who watches. Called from the threads of connections; the exchange waits for it.
pub type Watcher = dyn Fn(Moment, &Exchange) + Send + Sync;

/// A proxy; takes no more connections when dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts one in front of `HOST:PORT`. Answers are asked for without compression, so that they can be read.
    ///
    /// # Errors
    /// When no port of loopback can be had.
    pub fn start(to: &str, watcher: Arc<Watcher>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, to) = (Arc::clone(&stop), to.to_owned());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), to, watcher) = (stream, to.clone(), Arc::clone(&watcher)) else { continue };
                // A connection that breaks off is its ends' business.
                std::thread::spawn(move || drop(pass(stream, &to, &*watcher)));
            }
        });
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the loop.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn pass(mut near: TcpStream, to: &str, watcher: &Watcher) -> io::Result<()> {
    let mut far = TcpStream::connect(to)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (mut from_near, mut from_far) = (BufReader::new(near.try_clone()?), BufReader::new(far.try_clone()?));
    while let Some(mut request) = Message::read(&mut from_near)? {
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("accept-encoding"));
        let mut exchange = Exchange { request, answer: Message::default() };
        watcher(Moment::Asked, &exchange);
        far.write_all(&exchange.request.bytes())?;
        exchange.answer = Message::read(&mut from_far)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        watcher(Moment::Answered, &exchange);
        near.write_all(&exchange.answer.bytes())?;
        watcher(Moment::Delivered, &exchange);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Moment, Relay};
    use crate::web;
    use std::io::Write;
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    #[test]
    fn each_exchange_passes_through_its_moments() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap().to_string();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let request =
                web::Message::read(&mut std::io::BufReader::new(stream.try_clone().unwrap())).unwrap().unwrap();
            stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok").unwrap();
            request
        });
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let watcher = move |moment, exchange: &super::Exchange| {
            noted.lock().unwrap().push((moment, exchange.request.path().to_owned(), exchange.answer.status()));
        };
        let relay = Relay::start(&to, Arc::new(watcher)).unwrap();
        let address = relay.url().trim_start_matches("http://").to_owned();
        let answer = web::ask(&address, "POST", "/a/b", &[("Accept-Encoding", "gzip")], b"body".to_vec()).unwrap();
        assert_eq!((answer.status(), answer.body.as_slice()), (201, b"ok".as_slice()));
        let request = server.join().unwrap();
        assert_eq!((request.body.as_slice(), request.header("accept-encoding")), (b"body".as_slice(), None));
        let path = "/a/b".to_owned();
        let expected =
            [(Moment::Asked, path.clone(), 0), (Moment::Answered, path.clone(), 201), (Moment::Delivered, path, 201)];
        drop(relay);
        assert_eq!(seen.lock().unwrap()[..2], expected[..2]);
    }
}
