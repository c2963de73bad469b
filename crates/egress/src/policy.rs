//! What a job may reach. Pure. Called by the relay at dial time, and by whoever writes the rules inside.

use crate::address::{Network, inner_v4, is_refused, needs_its_address};
use std::net::IpAddr;

/// Everything public is open; private ranges are refused, but for the targets that were opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    openings: Vec<Opening>,
}

/// One opened target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// What is open.
    pub host: OpenHost,
    /// At which port; at all when absent.
    pub port: Option<u16>,
}

/// The host part of an opened target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenHost {
    /// A name, lower-case, without a final dot: open under this name, whatever it resolves to but link-local addresses and
    /// metadata services, which only their address opens.
    Name(String),
    /// Addresses: open however they are reached.
    Network(Network),
}

/// A target that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{target}` is no target: {why}; write HOST, HOST:PORT, [IPV6]:PORT or ADDRESS/LENGTH")]
pub struct InvalidTarget {
    target: String,
    why: &'static str,
}

impl Policy {
    /// A policy with these targets open: `HOST`, `HOST:PORT`, `[IPV6]:PORT`, an address, or a range such as `10.1.0.0/16`.
    ///
    /// # Errors
    /// For a target that is none of these.
    pub fn new<S: AsRef<str>>(allow: &[S]) -> Result<Self, InvalidTarget> {
        let openings = allow.iter().map(|target| opening(target.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { openings })
    }

    /// The opened targets.
    #[must_use]
    pub fn openings(&self) -> &[Opening] {
        &self.openings
    }

    /// Whether the job may reach an address at a port. `name` is the one that it asked for, if it asked for one.
    #[must_use]
    pub fn allows(&self, name: Option<&str>, address: IpAddr, port: u16) -> bool {
        !is_refused(address) || self.opens(name, address, port)
    }

    /// Whether an opened target covers it.
    #[must_use]
    pub fn opens(&self, name: Option<&str>, address: IpAddr, port: u16) -> bool {
        let inner = match address {
            IpAddr::V6(v6) => inner_v4(v6).map(IpAddr::V4),
            IpAddr::V4(_) => None,
        };
        self.openings.iter().any(|opening| {
            let host = match &opening.host {
                // The host's loopback is reached by address: a job's own `localhost` is never asked for by name.
                OpenHost::Name(open) => {
                    name.is_some_and(|name| name == open) && !needs_its_address(address)
                        || open == "localhost" && address.is_loopback()
                }
                OpenHost::Network(network) => network.holds(address) || inner.is_some_and(|inner| network.holds(inner)),
            };
            host && opening.port.is_none_or(|open| open == port)
        })
    }

    /// Whether a name is open at some port, whatever it resolves to.
    pub(crate) fn opens_name(&self, name: &str) -> bool {
        self.openings.iter().any(|opening| matches!(&opening.host, OpenHost::Name(open) if open == name))
    }

    /// Whether an address is open at some port, under any name.
    pub(crate) fn opens_address(&self, address: IpAddr) -> bool {
        self.openings
            .iter()
            .any(|opening| matches!(&opening.host, OpenHost::Network(network) if network.holds(address)))
    }

    /// Ports of the host's own loopback that are open. Connections to them must be carried out although a job's loopback is
    /// its own: only an opening with a port can mean the host's.
    #[must_use]
    pub fn host_loopback_ports(&self) -> Vec<u16> {
        let loopback = |opening: &&Opening| match &opening.host {
            OpenHost::Name(name) => name == "localhost",
            OpenHost::Network(network) => network.address.is_loopback(),
        };
        let mut ports: Vec<u16> = self.openings.iter().filter(loopback).filter_map(|opening| opening.port).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }
}

/// Whether a target that may be a stranger's wish opens one machine of the network around, and no more: a name or a single address that
/// is neither link-local nor a metadata service. What cannot be understood passes: [`Policy::new`] tells of it.
#[must_use]
pub fn opens_one_neighbour(target: &str) -> bool {
    match opening(target).map(|opening| opening.host) {
        Ok(OpenHost::Network(network)) => {
            let whole = if network.address.is_ipv4() { 32 } else { 128 };
            network.length == whole && !needs_its_address(network.address)
        }
        Ok(OpenHost::Name(_)) | Err(_) => true,
    }
}

/// A name as it is compared: lower-case, without the final dot.
pub(crate) fn normal_name(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

fn opening(target: &str) -> Result<Opening, InvalidTarget> {
    let invalid = |why| InvalidTarget { target: target.to_owned(), why };
    let whole = target.trim();
    if let Ok(address) = whole.parse::<IpAddr>() {
        return Ok(Opening { host: single(address), port: None });
    }
    let (host, port) = if let Some(rest) = whole.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(|| invalid("a bracket is not closed"))?;
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(invalid("something stands behind the bracket")),
        }
    } else if whole.matches(':').count() == 1 {
        whole.split_once(':').map_or((whole, None), |(host, port)| (host, Some(port)))
    } else {
        (whole, None)
    };
    let port = match port {
        None => None,
        Some(port) => Some(
            port.parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| invalid("the port is no number from 1 to 65535"))?,
        ),
    };
    let host = if let Some((address, length)) = host.split_once('/') {
        let address: IpAddr = address.parse().map_err(|_| invalid("the range begins with no address"))?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let length = length
            .parse()
            .ok()
            .filter(|length| *length <= longest)
            .ok_or_else(|| invalid("the range's length is no number of bits"))?;
        OpenHost::Network(Network { address, length })
    } else if let Ok(address) = host.parse::<IpAddr>() {
        single(address)
    } else {
        OpenHost::Name(name(host).ok_or_else(|| invalid("the host is neither a name nor an address"))?)
    };
    Ok(Opening { host, port })
}

fn single(address: IpAddr) -> OpenHost {
    OpenHost::Network(Network { address, length: if address.is_ipv4() { 32 } else { 128 } })
}

fn name(text: &str) -> Option<String> {
    let name = normal_name(text);
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let label = |label: &str| !label.is_empty() && label.len() <= 63 && label.chars().all(letter);
    (name.len() <= 253 && name.split('.').all(label)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allows(policy: &Policy, name: Option<&str>, address: &str, port: u16) -> bool {
        policy.allows(name, address.parse().unwrap(), port)
    }

    #[test]
    fn the_public_is_open_and_the_private_is_not() {
        let policy = Policy::default();
        assert!(allows(&policy, None, "1.1.1.1", 443));
        assert!(allows(&policy, Some("example.com"), "93.184.216.34", 22));
        assert!(!allows(&policy, Some("rebind.example.com"), "127.0.0.1", 80));
        assert!(!allows(&policy, None, "10.0.0.1", 80));
        assert!(!allows(&policy, None, "::ffff:169.254.169.254", 80));
    }

    #[test]
    fn an_opening_opens_its_target_alone() {
        let policy =
            Policy::new(&["db.corp:5432", "10.1.0.0/16", "192.168.7.7:80", "[fd00::5]:443", "Proxy.Corp."]).unwrap();
        assert!(allows(&policy, Some("db.corp"), "10.9.9.9", 5432));
        assert!(!allows(&policy, Some("db.corp"), "10.9.9.9", 22), "another port");
        assert!(!allows(&policy, Some("other.corp"), "10.9.9.9", 5432), "another name for it");
        assert!(!allows(&policy, None, "10.9.9.9", 5432), "its address without the name");
        assert!(allows(&policy, None, "10.1.2.3", 1));
        assert!(allows(&policy, Some("any.corp"), "10.1.2.3", 1));
        assert!(!allows(&policy, None, "10.2.0.0", 1));
        assert!(allows(&policy, None, "192.168.7.7", 80) && !allows(&policy, None, "192.168.7.7", 81));
        assert!(allows(&policy, None, "::ffff:192.168.7.7", 80), "the same target in another form");
        assert!(allows(&policy, None, "fd00::5", 443) && !allows(&policy, None, "fd00::6", 443));
        assert!(allows(&policy, Some("proxy.corp"), "172.16.0.1", 3128));
    }

    #[test]
    fn a_name_never_leads_to_a_metadata_service() {
        let policy = Policy::new(&["rebind.corp", "169.254.169.254:80"]).unwrap();
        assert!(allows(&policy, Some("rebind.corp"), "10.0.0.1", 80));
        for service in ["169.254.170.2", "100.100.100.200", "fd00:ec2::254", "fe80::1", "::ffff:169.254.170.2"] {
            assert!(!allows(&policy, Some("rebind.corp"), service, 80), "{service}");
        }
        assert!(allows(&policy, None, "169.254.169.254", 80) && !allows(&policy, None, "169.254.169.254", 81));
    }

    #[test]
    fn a_strangers_wish_opens_one_neighbour_at_most() {
        for target in ["db.corp:5432", "10.1.2.3", "[fd00::5]:443", "127.0.0.1:80", "not a target"] {
            assert!(opens_one_neighbour(target), "{target}");
        }
        for target in [
            "10.0.0.0/8",
            "0.0.0.0/0",
            "169.254.169.254:80",
            "168.63.129.16",
            "::ffff:169.254.169.254",
            "fd00:ec2::254",
        ] {
            assert!(!opens_one_neighbour(target), "{target}");
        }
    }

    #[test]
    fn the_hosts_loopback_is_opened_by_port() {
        let policy =
            Policy::new(&["127.0.0.1:5432", "localhost:80", "[::1]:80", "127.0.0.1", "example.com:1"]).unwrap();
        assert_eq!(policy.host_loopback_ports(), [80, 5432]);
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for target in [
            "",
            "a b",
            "host:",
            "host:0",
            "host:65536",
            "host:http",
            "[::1",
            "[::1]x",
            "1.2.3.4/33",
            "x/8",
            "::1/129",
            "-",
            "a..b",
        ] {
            let parsed = Policy::new(&[target]);
            assert!(parsed.is_err() || target == "-", "{target}: {parsed:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in ".{0,40}") {
            let _ = Policy::new(&[text]);
        }

        #[test]
        fn a_written_opening_is_read_back(bits: u32, port in 1u16..) {
            let address = std::net::Ipv4Addr::from_bits(bits);
            let policy = Policy::new(&[format!("{address}:{port}")]).unwrap();
            prop_assert!(policy.allows(None, address.into(), port));
            prop_assert_eq!(policy.openings()[0].port, Some(port));
        }
    }
}
