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
    // The first that is made also tells whether the kernel has IPv6.
    let udp6 = socket(AddressFamily::INET6, SocketType::DGRAM).ok();
    let with_v6 = udp6.is_some();
    let routed = match rules::routes(with_v6).send(None) {
        // Where IPv6 is there but switched off, the job has IPv4 alone; that route may stand already.
        Err(_) if with_v6 => match rules::routes(false).send(None) {
            Ok(()) | Err(Errno::EXIST) => Ok(false),
            Err(refused) => Err(refused),
        },
        sent => sent.map(|()| with_v6),
    };
    let with_v6 = routed.map_err(error("bring the loopback up and route everything to it", ""))?;
    let failed = error("make the relay's sockets", "");
    let of = |family, address: SocketAddr, udp: Option<OwnedFd>| {
        let udp = udp.map_or_else(|| socket(family, SocketType::DGRAM), Ok)?;
        let tcp = socket(family, SocketType::STREAM)?;
        listen((&tcp, &udp), address).map(|()| (tcp, udp))
    };
    let (tcp4, udp4) = of(AddressFamily::INET, (Ipv4Addr::LOCALHOST, PORT).into(), None).map_err(&failed)?;
    let v6 = udp6.filter(|_| with_v6);
    let v6 = v6.map(|udp| of(AddressFamily::INET6, (Ipv6Addr::LOCALHOST, PORT).into(), Some(udp)));
    let (tcp6, udp6) = v6.transpose().map_err(&failed)?.unzip();
    rules::redirects(PORT, PORT, policy).send(Some(netlink::NETFILTER)).map_err(error(
        "turn connections to the relay",
        "; as root, once: modprobe -a nf_tables nft_chain_nat nft_redir nft_reject_inet nft_ct",
    ))?;
    Ok(Some(Sockets { tcp4, udp4, tcp6, udp6 }))
}

fn socket(family: AddressFamily, kind: SocketType) -> Result<OwnedFd, Errno> {
    let protocol = if kind == SocketType::STREAM { ipproto::TCP } else { ipproto::UDP };
    rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, Some(protocol))
}

fn listen((tcp, udp): (&OwnedFd, &OwnedFd), address: SocketAddr) -> Result<(), Errno> {
    for socket in [tcp, udp] {
        if address.is_ipv6() {
            rustix::net::sockopt::set_ipv6_v6only(socket, true)?;
        }
        rustix::net::bind(socket, &address)?;
    }
    rustix::net::listen(tcp, BACKLOG)
}

#[cfg(test)]
mod tests;
