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

impl Target {
    /// What would open it: `NAME:PORT` or `ADDRESS:PORT`.
    pub(crate) fn opening(&self) -> String {
        match &self.name {
            Some(name) => format!("{name}:{}", self.port),
            None => self.to_string(),
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

    /// A server on the host's loopback, where nothing may lead.
    async fn server() -> (tokio::net::TcpListener, u16) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    /// A way on which a name leads to the host's loopback, and its synthetic address.
    fn way(allow: &[String]) -> (Way, Ipv4Addr) {
        let way = Way::new(crate::policy::Policy::new(allow).unwrap());
        way.resolver.preset("inside.example", Lookup::Addresses(vec![Ipv4Addr::LOCALHOST.into()]));
        let address = way.names().address("inside.example").unwrap();
        (way, address)
    }

    #[tokio::test]
    async fn what_is_refused_is_not_dialled() {
        let (_listener, port) = server().await;
        let (way, address) = way(&[]);
        for wanted in [address, Ipv4Addr::LOCALHOST] {
            let refused = dial((wanted, port).into(), &way).await;
            assert!(matches!(refused, Err(Why::Refused(_))), "{refused:?}");
        }
        let unknown = dial((Ipv4Addr::new(198, 18, 9, 9), port).into(), &way).await;
        assert!(matches!(unknown, Err(Why::Unknown)), "{unknown:?}");
    }

    #[tokio::test]
    async fn what_is_opened_is_dialled() {
        let (listener, port) = server().await;
        for allow in [format!("inside.example:{port}"), format!("127.0.0.1:{port}")] {
            let (way, address) = way(&[allow]);
            dial((address, port).into(), &way).await.unwrap();
            listener.accept().await.unwrap();
        }
        let (way, address) = way(&[format!("inside.example:{}", port ^ 1)]);
        assert!(matches!(dial((address, port).into(), &way).await, Err(Why::Refused(_))));
    }

    #[tokio::test]
    async fn nobody_there_is_no_refusal_of_ours() {
        let (listener, port) = server().await;
        drop(listener);
        let (way, _) = way(&[format!("127.0.0.1:{port}")]);
        assert!(matches!(dial((Ipv4Addr::LOCALHOST, port).into(), &way).await, Err(Why::Unreachable)));
    }
}
