//! From where a call comes. Used for the audit and for counting wrong tokens.

use axum::http::HeaderMap;
use std::net::{IpAddr, SocketAddr};

/// Whom the server believes about where a call comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// The network alone.
    #[default]
    Network,
    /// The proxy in front of it, which writes the caller's address at the end of `x-forwarded-for`.
    Proxy,
}

/// From where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The machine itself, or the server of its own accord.
    Here,
    /// An address.
    Address(IpAddr),
    /// Not known: the transport has no addresses.
    Unknown,
}

impl Origin {
    /// Reads it from what the network and the headers say.
    #[must_use]
    pub fn of(trust: Trust, peer: Option<SocketAddr>, headers: &HeaderMap) -> Self {
        let last = headers.get_all("x-forwarded-for").iter().next_back();
        Self::told(trust, peer, last.and_then(|last| last.to_str().ok()))
    }

    /// Reads it from what the network says, and from the last `x-forwarded-for`.
    #[must_use]
    pub fn told(trust: Trust, peer: Option<SocketAddr>, forwarded: Option<&str>) -> Self {
        let network = peer.map(|peer| peer.ip().to_canonical());
        let forwarded = || {
            let last = forwarded?.rsplit(',').next()?.trim();
            let address = last.parse::<IpAddr>().ok();
            address.or_else(|| Some(last.parse::<SocketAddr>().ok()?.ip())).map(|address| address.to_canonical())
        };
        let address = match trust {
            Trust::Network => network,
            Trust::Proxy => forwarded().or(network),
        };
        match address {
            Some(address) if address.is_loopback() => Self::Here,
            Some(address) => Self::Address(address),
            None => Self::Unknown,
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Here => f.write_str("here"),
            Self::Address(address) => address.fmt(f),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Origin, Trust};
    use axum::http::HeaderMap;

    #[test]
    fn a_header_is_believed_only_of_a_proxy() {
        let mut headers = HeaderMap::new();
        // A caller may send one of its own; the proxy adds to it.
        headers.append("x-forwarded-for", "1.2.3.4, 203.0.113.7".parse().unwrap());
        let peer = Some("198.51.100.2:4711".parse().unwrap());
        let of = |trust, peer, headers: &HeaderMap| Origin::of(trust, peer, headers).to_string();
        assert_eq!(of(Trust::Network, peer, &headers), "198.51.100.2");
        assert_eq!(of(Trust::Proxy, peer, &headers), "203.0.113.7");
        assert_eq!(of(Trust::Proxy, peer, &HeaderMap::new()), "198.51.100.2");
        assert_eq!(of(Trust::Network, Some("[::ffff:127.0.0.1]:1".parse().unwrap()), &headers), "here");
        assert_eq!(of(Trust::Network, None, &headers), "unknown");
        headers.append("x-forwarded-for", "[2001:db8::1]:80".parse().unwrap());
        assert_eq!(of(Trust::Proxy, peer, &headers), "2001:db8::1");
        headers.append("x-forwarded-for", "<script>".parse().unwrap());
        assert_eq!(of(Trust::Proxy, peer, &headers), "198.51.100.2");
    }
}
