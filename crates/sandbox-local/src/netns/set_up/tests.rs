use super::*;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// Runs a body on a thread of its own in a fresh network namespace; false when this user may not make one.
fn in_namespace(body: impl FnOnce() + Send + 'static) -> bool {
    std::thread::spawn(|| {
        // SAFETY: of what threads share, a network namespace is nothing; only this thread's later sockets change place.
        #[expect(unsafe_code, reason = "the test needs a network namespace")]
        let made = unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) };
        if made.is_err() {
            eprintln!("SKIP: a network namespace needs root here");
            return false;
        }
        body();
        true
    })
    .join()
    .unwrap()
}

#[test]
fn every_connection_arrives_with_its_destination() {
    in_namespace(|| {
        let sockets = set_up(Way::Relayed).unwrap().unwrap();
        for address in ["93.184.216.34:443", "192.0.2.3:1", "198.18.0.9:53"] {
            let address: SocketAddr = address.parse().unwrap();
            let mut job = TcpStream::connect(address).unwrap();
            let outside = rustix::net::accept(&sockets.tcp4).unwrap();
            assert_eq!(SocketAddr::from(rustix::net::sockopt::ip_original_dst(&outside).unwrap()), address);
            assert_eq!(job.peer_addr().unwrap(), address);
            rustix::io::write(&outside, b"hello").unwrap();
            drop(outside);
            let mut text = String::new();
            job.read_to_string(&mut text).unwrap();
            assert_eq!(text, "hello");
        }
        let address: SocketAddr = "[2001:db8::7]:443".parse().unwrap();
        let _job = TcpStream::connect(address).unwrap();
        let outside = rustix::net::accept(sockets.tcp6.as_ref().unwrap()).unwrap();
        assert_eq!(SocketAddr::from(rustix::net::sockopt::ipv6_original_dst(&outside).unwrap()), address);
    });
}

#[test]
fn refused_ranges_are_refused_like_a_closed_port() {
    in_namespace(|| {
        let policy = Policy::new(&["10.1.0.0/20", "192.168.7.7:80", "[fd00::5]:443", "127.0.0.1:5432"]).unwrap();
        let sockets = set_up_for(Way::Relayed, &policy).unwrap().unwrap();
        let refused = |target: &str| {
            TcpStream::connect(target).err().map(|error| error.kind()) == Some(std::io::ErrorKind::ConnectionRefused)
        };
        for target in [
            "10.0.0.0:80",
            "10.0.0.1:80",
            "10.1.16.0:80",
            "10.255.255.255:80",
            "100.64.0.0:80",
            "100.127.255.255:80",
            "169.254.0.0:80",
            "169.254.169.254:80",
            "169.254.255.255:80",
            "172.16.0.0:80",
            "172.31.255.255:80",
            "192.168.0.0:80",
            "192.168.7.7:81",
            "192.168.255.255:80",
            "168.63.129.16:80",
            "198.19.0.0:443",
            "198.19.255.254:443",
            "127.0.0.1:5433",
            "[fc00::]:443",
            "[fd00::6]:443",
            "[fd00:ec2::254]:80",
            "[fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:80",
            "[fe80::1%1]:80",
            "[fec0::1]:80",
            "[feff:ffff::1]:80",
            "[64:ff9b:1::]:80",
            "[64:ff9b:1:ffff::1]:80",
            "[::2]:80",
            "[::7f00:1]:80",
        ] {
            assert!(refused(target), "{target}");
        }
        for target in [
            "9.255.255.255:80",
            "10.1.15.255:80",
            "11.0.0.0:80",
            "100.63.255.255:80",
            "100.128.0.0:80",
            "168.63.129.15:80",
            "168.63.129.17:80",
            "169.253.255.255:80",
            "169.255.0.0:80",
            "172.15.255.255:80",
            "172.32.0.0:80",
            "192.167.255.255:80",
            "192.168.7.7:80",
            "192.169.0.0:80",
            "198.18.0.2:443",
            "198.20.0.0:443",
            "127.0.0.1:5432",
        ] {
            let _job = TcpStream::connect(target).unwrap();
            let outside = rustix::net::accept(&sockets.tcp4).unwrap();
            let wanted = SocketAddr::from(rustix::net::sockopt::ip_original_dst(&outside).unwrap());
            assert_eq!(wanted, target.parse().unwrap());
        }
        for target in [
            "[fd00::5]:443",
            "[::1:0:0]:80",
            "[64:ff9b:0:ffff::1]:80",
            "[64:ff9b:2::]:80",
            "[64:ff9b::808:808]:80",
            "[fbff:ffff::1]:80",
            "[fe00::]:80",
            "[fe7f:ffff::1]:80",
        ] {
            let _job = TcpStream::connect(target).unwrap();
            let outside = rustix::net::accept(sockets.tcp6.as_ref().unwrap()).unwrap();
            let wanted = SocketAddr::from(rustix::net::sockopt::ipv6_original_dst(&outside).unwrap());
            assert_eq!(wanted, target.parse().unwrap());
        }
    });
}

/// Every address is local inside: the job's own network must not answer in another's name.
#[test]
fn what_is_neither_tcp_nor_udp_is_refused() {
    in_namespace(|| {
        let _sockets = set_up(Way::Relayed).unwrap().unwrap();
        let flags = SocketFlags::CLOEXEC;
        let ping = rustix::net::socket_with(AddressFamily::INET, SocketType::RAW, flags, Some(ipproto::ICMP)).unwrap();
        // An echo request, with its checksum.
        let echo = [8, 0, 0xf7, 0xfe, 0, 0, 0, 1];
        let send = |address: &str| {
            let target: SocketAddr = address.parse().unwrap();
            rustix::net::sendto(&ping, &echo, rustix::net::SendFlags::empty(), &target)
        };
        for target in ["93.184.216.34:0", "10.0.0.1:0", "198.18.0.1:0"] {
            assert_eq!(send(target), Err(Errno::PERM), "{target}");
        }
        assert_eq!(send("127.0.0.1:0"), Ok(echo.len()));
    });
}

#[test]
fn without_ipv6_there_is_ipv4() {
    in_namespace(|| {
        // The setting is the namespace's that this thread is in.
        if std::fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1").is_err() {
            eprintln!("SKIP: this kernel has no IPv6 to switch off");
            return;
        }
        let sockets = set_up(Way::Relayed).unwrap().unwrap();
        assert!(sockets.tcp6.is_none());
        let _job = TcpStream::connect("93.184.216.34:443").unwrap();
        rustix::net::accept(&sockets.tcp4).unwrap();
    });
}

#[test]
fn the_jobs_own_loopback_is_untouched() {
    in_namespace(|| {
        let sockets = set_up(Way::Relayed).unwrap().unwrap();
        for address in ["127.0.0.1:0", "127.8.8.8:0", "[::1]:0", "0.0.0.0:0"] {
            let server = TcpListener::bind(address).unwrap();
            let mut target = server.local_addr().unwrap();
            if target.ip().is_unspecified() {
                target.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            let mut job = TcpStream::connect(target).unwrap();
            job.write_all(b"x").unwrap();
            let mut byte = [0];
            server.accept().unwrap().0.read_exact(&mut byte).unwrap();
            assert_eq!(&byte, b"x");
        }
        assert_eq!(rustix::net::accept(&sockets.tcp4).unwrap_err(), Errno::AGAIN);
        // Also a DNS server of its own.
        for address in ["127.0.0.1:0", "127.0.0.53:53", "[::1]:53"] {
            let server = UdpSocket::bind(address).unwrap();
            let job = UdpSocket::bind((server.local_addr().unwrap().ip(), 0)).unwrap();
            job.send_to(b"x", server.local_addr().unwrap()).unwrap();
            assert_eq!(server.recv_from(&mut [0]).unwrap().1, job.local_addr().unwrap());
        }
    });
}

#[test]
fn questions_go_to_the_stub_and_other_datagrams_are_refused_at_once() {
    in_namespace(|| {
        let sockets = set_up(Way::Relayed).unwrap().unwrap();
        let stubs = [
            ("198.18.0.1:53", "0.0.0.0:0", &sockets.udp4),
            ("10.0.0.2:53", "0.0.0.0:0", &sockets.udp4),
            ("[2001:db8::1]:53", "[::]:0", sockets.udp6.as_ref().unwrap()),
        ];
        for (target, own, stub) in stubs {
            let job = UdpSocket::bind(own).unwrap();
            job.connect(target).unwrap();
            job.send(b"question").unwrap();
            let mut text = [0; 16];
            let (length, _, from) =
                rustix::net::recvfrom(stub, &mut text[..], rustix::net::RecvFlags::empty()).unwrap();
            rustix::net::sendto(stub, &text[..length], rustix::net::SendFlags::empty(), &from.unwrap()).unwrap();
            job.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            assert_eq!(job.recv(&mut text).unwrap(), 8, "the answer comes from the asked address");
        }
        for target in ["93.184.216.34:443", "[2001:db8::1]:443"] {
            let own = if target.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
            let job = UdpSocket::bind(own).unwrap();
            job.connect(target).unwrap();
            job.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let start = Instant::now();
            let refused = job.send(b"quic").and_then(|_| job.recv(&mut [0; 16]));
            assert!(
                refused.is_err() && start.elapsed() < Duration::from_secs(1),
                "{target}: {refused:?} after {:?}",
                start.elapsed()
            );
        }
    });
}

#[test]
fn without_a_way_out_only_the_loopback_answers() {
    in_namespace(|| {
        assert!(set_up(Way::LoopbackOnly).unwrap().is_none());
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        TcpStream::connect(server.local_addr().unwrap()).unwrap();
        assert_eq!(TcpStream::connect("93.184.216.34:443").unwrap_err().raw_os_error(), Some(101));
    });
}

#[test]
#[ignore = "a measurement; run with --release --ignored"]
fn cost() {
    let mut all = Vec::new();
    for _ in 0..50 {
        let (send, receive) = std::sync::mpsc::channel();
        in_namespace(move || {
            let busy = || {
                let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
                Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
            };
            let (start, before) = (Instant::now(), busy());
            let _sockets = set_up(Way::Relayed).unwrap();
            send.send((start.elapsed(), busy() - before)).unwrap();
        });
        all.extend(receive.recv());
    }
    all.sort();
    eprintln!("network namespace set-up: median {:?}, p95 {:?} (wall, processor)", all[25], all[47]);
}
