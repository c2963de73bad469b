//! Setting a fresh network namespace up. Called by the init; see the module.

use super::rules;
use egress::Policy;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, netlink};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

/// Where relay and stub listen on the job's loopback. No server of a job wants port 1 (tcpmux), and the clients that reach it
/// directly are turned away: there is no original destination to go to.
const PORT: u16 = 1;

/// The most connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// What `/etc/resolv.conf` holds inside. Any address will do, for every question is turned to the stub.
pub const RESOLV_CONF: &str = "nameserver 198.18.0.1\noptions edns0\n";

/// The namespace could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("network namespace: could not {what}: {source}{fix}")]
pub struct NetnsError {
    what: &'static str,
    fix: &'static str,
    #[source]
    source: std::io::Error,
}

/// What the job can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// What the relay outside carries for it.
    Relayed,
    /// Its own loopback.
    LoopbackOnly,
}

/// The sockets that the job's connections and questions arrive at. They belong to the namespace, whoever holds them.
#[derive(Debug)]
pub struct Sockets {
    /// Listens for IPv4.
    pub tcp4: OwnedFd,
    /// Gets DNS questions over IPv4.
    pub udp4: OwnedFd,
    /// Listens for IPv6; absent where the kernel has none.
    pub tcp6: Option<OwnedFd>,
    /// Gets DNS questions over IPv6.
    pub udp6: Option<OwnedFd>,
}

/// Brings the loopback up and, with [`Way::Relayed`], makes the sockets and turns all traffic to them.
///
/// # Errors
/// When the kernel lacks a part; the text names it.
pub fn set_up(way: Way) -> Result<Option<Sockets>, NetnsError> {
    set_up_for(way, &Policy::default())
}

/// [`set_up`] with opened targets: addresses among them are not refused inside, and open ports of the host's loopback are
/// carried out although the job's loopback is its own. The policy must be the one that the relay gets.
///
/// # Errors
/// When the kernel lacks a part; the text names it.
pub fn set_up_for(way: Way, policy: &Policy) -> Result<Option<Sockets>, NetnsError> {
    let error = |what, fix| move |source: Errno| NetnsError { what, fix, source: source.into() };
    if way == Way::LoopbackOnly {
        rules::loopback_only().send(None).map_err(error("bring the loopback up", ""))?;
        return Ok(None);
    }
    let with_v6 = rustix::net::socket(AddressFamily::INET6, SocketType::DGRAM, None).is_ok();
    let routed = match rules::routes(with_v6).send(None) {
        // Where IPv6 is there but switched off, the job has IPv4 alone; that route may stand already.
        Err(_) if with_v6 => match rules::routes(false).send(None) {
            Ok(()) | Err(Errno::EXIST) => Ok(false),
            Err(refused) => Err(refused),
        },
        sent => sent.map(|()| with_v6),
    };
    let with_v6 = routed.map_err(error("bring the loopback up and route everything to it", ""))?;
    let listen = |address: SocketAddr| sockets(address).map_err(error("make the relay's sockets", ""));
    let (tcp4, udp4) = listen((Ipv4Addr::LOCALHOST, PORT).into())?;
    let (tcp6, udp6) = if with_v6 {
        listen((Ipv6Addr::LOCALHOST, PORT).into()).map(|(tcp, udp)| (Some(tcp), Some(udp)))?
    } else {
        (None, None)
    };
    rules::redirects(PORT, PORT, policy).send(Some(netlink::NETFILTER)).map_err(error(
        "turn connections to the relay",
        "; as root, once: modprobe -a nf_tables nft_chain_nat nft_redir nft_reject_inet nft_ct",
    ))?;
    Ok(Some(Sockets { tcp4, udp4, tcp6, udp6 }))
}

fn sockets(address: SocketAddr) -> Result<(OwnedFd, OwnedFd), Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let tcp = rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    let udp = rustix::net::socket_with(family, SocketType::DGRAM, flags, Some(ipproto::UDP))?;
    for socket in [&tcp, &udp] {
        if address.is_ipv6() {
            rustix::net::sockopt::set_ipv6_v6only(socket, true)?;
        }
        rustix::net::bind(socket, &address)?;
    }
    rustix::net::listen(&tcp, BACKLOG)?;
    Ok((tcp, udp))
}

#[cfg(test)]
mod tests {
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
                TcpStream::connect(target).err().map(|error| error.kind())
                    == Some(std::io::ErrorKind::ConnectionRefused)
            };
            for target in [
                "10.0.0.1:80",
                "10.1.16.0:80",
                "100.64.0.1:80",
                "169.254.169.254:80",
                "172.31.0.1:80",
                "192.168.7.7:81",
                "168.63.129.16:80",
                "198.19.255.254:443",
                "[fd00::6]:443",
                "[fe80::1%1]:80",
                "[fd00:ec2::254]:80",
                "127.0.0.1:5433",
            ] {
                assert!(refused(target), "{target}");
            }
            for target in [
                "10.1.15.255:80",
                "192.168.7.7:80",
                "172.32.0.1:80",
                "168.63.129.17:80",
                "198.18.0.2:443",
                "127.0.0.1:5432",
            ] {
                let _job = TcpStream::connect(target).unwrap();
                let outside = rustix::net::accept(&sockets.tcp4).unwrap();
                let wanted = SocketAddr::from(rustix::net::sockopt::ip_original_dst(&outside).unwrap());
                assert_eq!(wanted, target.parse().unwrap());
            }
            let _job = TcpStream::connect("[fd00::5]:443").unwrap();
            rustix::net::accept(sockets.tcp6.as_ref().unwrap()).unwrap();
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
            let server = UdpSocket::bind("127.0.0.1:0").unwrap();
            let job = UdpSocket::bind("127.0.0.1:0").unwrap();
            job.send_to(b"x", server.local_addr().unwrap()).unwrap();
            assert_eq!(server.recv_from(&mut [0]).unwrap().1, job.local_addr().unwrap());
        });
    }

    #[test]
    fn questions_go_to_the_stub_and_other_datagrams_are_refused_at_once() {
        in_namespace(|| {
            let sockets = set_up(Way::Relayed).unwrap().unwrap();
            let stubs = [
                ("198.18.0.1:53", "0.0.0.0:0", &sockets.udp4),
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
}
