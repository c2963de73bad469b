//! A job's way out, end to end: a network namespace, its sockets served by `egress` from outside.

use super::{Sockets, Way, set_up_for};
use egress::{Handle, Policy};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Runs a body in a fresh network namespace whose way out is served from this one. `None`: this user may make none.
fn in_job<T: Send + 'static>(allow: &[String], body: impl FnOnce() -> T + Send + 'static) -> Option<(T, Vec<String>)> {
    let policy = Policy::new(allow).unwrap();
    let (send, sockets) = channel::<Option<Sockets>>();
    let inside = policy.clone();
    let (ready, go) = channel::<()>();
    let job = std::thread::spawn(move || {
        // SAFETY: only this thread's later sockets change their place.
        #[expect(unsafe_code, reason = "the test needs a network namespace")]
        let made = unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) };
        if made.is_err() {
            send.send(None).unwrap();
            return None;
        }
        send.send(set_up_for(Way::Relayed, &inside).unwrap()).unwrap();
        go.recv().unwrap();
        Some(body())
    });
    let Some(sockets) = sockets.recv().unwrap() else {
        eprintln!("SKIP: a network namespace needs root here");
        return None;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let handle: Handle = runtime.block_on(async {
        let sockets =
            egress::Sockets { tcp4: sockets.tcp4, udp4: sockets.udp4, tcp6: sockets.tcp6, udp6: sockets.udp6 };
        egress::serve(sockets, policy).unwrap()
    });
    ready.send(()).unwrap();
    let value = job.join().unwrap();
    let refusals = handle.refusals().into_iter().map(|refusal| refusal.target).collect();
    runtime.block_on(handle.stop());
    value.map(|value| (value, refusals))
}

/// A server on the host's loopback that answers each connection, when its sender has ended, with what it got.
fn echo_at_end() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut bytes = Vec::new();
                if stream.read_to_end(&mut bytes).is_ok() {
                    let _ = stream.write_all(&bytes);
                }
            });
        }
    });
    port
}

#[test]
fn an_opened_server_of_the_host_is_reached_with_both_ends_of_a_half_closed_connection() {
    let port = echo_at_end();
    in_job(&[format!("127.0.0.1:{port}")], move || {
        let payload: Vec<u8> = (0..3_000_000u32).map(|number| ((number * 7) >> 3) as u8).collect();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut reader = stream.try_clone().unwrap();
        let expected = payload.clone();
        let reading = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            assert!(bytes == expected, "{} bytes came back", bytes.len());
        });
        stream.write_all(&payload).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        reading.join().unwrap();
    });
}

#[test]
fn the_hosts_loopback_is_not_the_jobs() {
    let port = echo_at_end();
    in_job(&[], move || {
        let error = TcpStream::connect(("127.0.0.1", port)).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_closed_port_outside_resets_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    in_job(&[format!("127.0.0.1:{port}")], move || {
        let outcome = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| stream.read(&mut [0]));
        let kind = outcome.unwrap_err().kind();
        assert!(
            matches!(kind, std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::ConnectionRefused),
            "{kind:?}"
        );
    });
}

#[test]
fn the_hosts_own_address_is_refused_and_told() {
    // An address of the host in no private range: given to its loopback for the test.
    let given = std::process::Command::new("ip").args(["addr", "add", "203.0.113.77/32", "dev", "lo"]).status();
    if !given.is_ok_and(|status| status.success()) {
        eprintln!("SKIP: `ip addr add` needs root and iproute2");
        return;
    }
    let listener = TcpListener::bind("203.0.113.77:0").unwrap();
    let target = listener.local_addr().unwrap();
    let outcome = in_job(&[], move || {
        TcpStream::connect(target).and_then(|mut stream| stream.read(&mut [0])).unwrap_err().kind()
    });
    let _ = std::process::Command::new("ip").args(["addr", "del", "203.0.113.77/32", "dev", "lo"]).status();
    if let Some((kind, refusals)) = outcome {
        assert_eq!(kind, std::io::ErrorKind::ConnectionReset);
        assert_eq!(refusals, [target.to_string()]);
    }
}

#[test]
fn questions_are_answered_over_udp_and_tcp() {
    in_job(&[], || {
        // `localhost`, type A, class IN.
        let question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x09localhost\x00\x00\x01\x00\x01";
        let check = |answer: &[u8]| {
            assert_eq!(&answer[..2], b"\x12\x34");
            assert_eq!(answer[3] & 0xf, 0, "no error");
            assert_eq!(&answer[answer.len() - 4..], [127, 0, 0, 1]);
        };
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        for server in ["198.18.0.1:53", "8.8.8.8:53"] {
            socket.connect(server).unwrap();
            socket.send(question).unwrap();
            let mut answer = [0; 512];
            let length = socket.recv(&mut answer).unwrap();
            check(&answer[..length]);
        }
        let mut stream = TcpStream::connect("198.18.0.1:53").unwrap();
        for _ in 0..2 {
            stream.write_all(&(question.len() as u16).to_be_bytes()).unwrap();
            stream.write_all(question).unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut answer = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut answer).unwrap();
            check(&answer);
        }
    });
}

#[test]
#[ignore = "a measurement; run with --release --ignored"]
fn throughput() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let block = vec![1; 1 << 20];
        (0..2048).for_each(|_| stream.write_all(&block).unwrap());
    });
    in_job(&[format!("127.0.0.1:{port}")], move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let start = std::time::Instant::now();
        let mut block = vec![0; 1 << 20];
        let mut total = 0;
        loop {
            match stream.read(&mut block).unwrap() {
                0 => break,
                length => total += length,
            }
        }
        eprintln!("relay: {:.0} MB/s", total as f64 / 1e6 / start.elapsed().as_secs_f64());
    });
}

#[test]
#[ignore = "runs the command of EKIDEN_WAY_OUT_COMMAND, for trying real programs by hand"]
fn by_hand() {
    let Ok(command) = std::env::var("EKIDEN_WAY_OUT_COMMAND") else { return };
    let refusals = in_job(&[], move || {
        let status = std::process::Command::new("bash").args(["-c", &command]).status().unwrap();
        assert!(status.success(), "{status}");
    });
    eprintln!("refused: {:?}", refusals.map(|(_, refusals)| refusals));
}
