//! From a destination inside to a connection outside. Called by `tcp`.

use crate::names::is_synthetic;
use crate::resolve::Lookup;
use crate::serve::Way;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;
use tokio::net::TcpStream;

/// For one address while others are left, and for the last.
const NEXT_ADDRESS: Duration = Duration::from_secs(5);
const LAST_ADDRESS: Duration = Duration::from_secs(30);

/// Why a connection was not made.
#[derive(Debug)]
pub(crate) enum Why {
    /// The policy refuses it.
    Refused(Target),
    /// A synthetic address that stands for nothing, or a name that is gone.
    Unknown,
    /// Nobody answered outside.
    Unreachable,
}

/// What a job wanted to reach.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) name: Option<String>,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name}:{} ({})", self.port, self.address),
            None => write!(f, "{}", SocketAddr::new(self.address, self.port)),
        }
    }
}

/// Connects to what the job wanted, if it may.
pub(crate) async fn dial(wanted: SocketAddr, way: &Way) -> Result<TcpStream, Why> {
    let (name, addresses) = match wanted.ip() {
        IpAddr::V4(v4) if is_synthetic(v4) => {
            let name = way.names().name(v4).map(str::to_owned).ok_or(Why::Unknown)?;
            match way.resolver.look_up(&name).await {
                Lookup::Addresses(addresses) => (Some(name), addresses),
                Lookup::NoAddress | Lookup::NoSuchName | Lookup::Failed => return Err(Why::Unknown),
            }
        }
        address => (None, vec![address]),
    };
    let port = wanted.port();
    let target = |address: IpAddr| Target { name: name.clone(), address, port };
    let first = addresses.first().copied().ok_or(Why::Unknown)?;
    let open: Vec<IpAddr> =
        addresses.into_iter().filter(|address| may_dial(way, name.as_deref(), *address, port)).collect();
    let Some((last, others)) = open.split_last() else { return Err(Why::Refused(target(first))) };
    for address in others {
        if let Ok(Ok(stream)) = tokio::time::timeout(NEXT_ADDRESS, TcpStream::connect((*address, port))).await {
            return Ok(stream);
        }
    }
    match tokio::time::timeout(LAST_ADDRESS, TcpStream::connect((*last, port))).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(_)) | Err(_) => Err(Why::Unreachable),
    }
}

fn may_dial(way: &Way, name: Option<&str>, address: IpAddr, port: u16) -> bool {
    way.policy.opens(name, address, port) || way.policy.allows(name, address, port) && !own_address(address)
}

/// Whether an address is one of the host's own, public ones too: to those the kernel talks from the very same address.
/// Connecting a datagram socket sends nothing.
pub(crate) fn own_address(address: IpAddr) -> bool {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let own =
        UdpSocket::bind((any, 0)).and_then(|socket| socket.connect((address, 9)).and_then(|()| socket.local_addr()));
    own.is_ok_and(|own| own.ip().to_canonical() == address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_own_addresses_are_known() {
        assert!(own_address(Ipv4Addr::LOCALHOST.into()));
        assert!(own_address(Ipv4Addr::LOCALHOST.to_ipv6_mapped().into()));
        assert!(!own_address(Ipv4Addr::new(192, 0, 2, 1).into()));
    }
}
