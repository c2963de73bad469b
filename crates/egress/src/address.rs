//! Address ranges that no job reaches unless a target in them is opened (`security` R59). Pure. Called by `policy`; the tables
//! also become rules inside the job's network namespace.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses: those that begin with the same `length` bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Its first address.
    pub address: IpAddr,
    /// How many leading bits count.
    pub length: u8,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Network {
    Network { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), length }
}

const fn v6(high: [u16; 3], length: u8) -> Network {
    Network { address: IpAddr::V6(Ipv6Addr::new(high[0], high[1], high[2], 0, 0, 0, 0, 0)), length }
}

/// Refused in IPv4. Not among them: the documentation ranges, and 198.18.0.0/15, where synthetic addresses lie.
pub const REFUSED_V4: &[Network] = &[
    // "This network": the kernel takes 0.0.0.0 for the loopback.
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    // Carrier-grade NAT; 100.100.100.200 is a metadata service.
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    // Link-local; 169.254.169.254 and 169.254.170.2 are metadata services.
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
    // A metadata service at a public address.
    v4(168, 63, 129, 16, 32),
    // Multicast.
    v4(224, 0, 0, 0, 4),
    v4(255, 255, 255, 255, 32),
];

/// Refused in IPv6, beside the ranges that hold refused IPv4 addresses ([`Network::holds`] sees to these).
pub const REFUSED_V6: &[Network] = &[
    // Unspecified, loopback, and the old IPv4-compatible form.
    v6([0, 0, 0], 96),
    // Unique local; fd00:ec2::254 is a metadata service.
    v6([0xfc00, 0, 0], 7),
    // Link-local and site-local.
    v6([0xfe80, 0, 0], 10),
    v6([0xfec0, 0, 0], 10),
    // Multicast.
    v6([0xff00, 0, 0], 8),
    // NAT64 with a prefix of the local network's own: what lies behind it cannot be told.
    v6([0x64, 0xff9b, 1], 48),
];

impl Network {
    /// Whether an address lies in it.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                same(first.to_bits().into(), address.to_bits().into(), 32, self.length)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => same(first.to_bits(), address.to_bits(), 128, self.length),
            _ => false,
        }
    }
}

fn same(first: u128, second: u128, width: u8, length: u8) -> bool {
    let rest = u32::from(width.saturating_sub(length));
    length == 0 || first >> rest == second >> rest
}

/// The IPv4 address that an IPv6 address leads to: mapped, translated (`::ffff:0:0:0/96`), NAT64
/// (`64:ff9b::/96`), 6to4 (`2002::/16`).
pub(crate) fn inner_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let pair = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(pair(high, low)),
        _ => None,
    }
}

/// Link-local addresses and metadata services: credentials of the machine lie there, so that no name may lead to them.
const BY_ADDRESS_ALONE: &[Network] = &[
    v4(169, 254, 0, 0, 16),
    v4(100, 100, 100, 200, 32),
    v4(168, 63, 129, 16, 32),
    Network { address: IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), length: 128 },
    v6([0xfe80, 0, 0], 10),
];

/// Whether only an opening of the address itself opens it, never one of a name.
pub(crate) fn needs_its_address(address: IpAddr) -> bool {
    let inner = match address {
        IpAddr::V6(v6) => inner_v4(v6).map(IpAddr::V4),
        IpAddr::V4(_) => None,
    };
    BY_ADDRESS_ALONE.iter().any(|range| range.holds(inner.unwrap_or(address)))
}

/// Whether no job may reach the address unless it is opened.
pub(crate) fn is_refused(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => REFUSED_V4.iter().any(|range| range.holds(address)),
        IpAddr::V6(v6) => match inner_v4(v6) {
            Some(inner) => is_refused(inner.into()),
            None => REFUSED_V6.iter().any(|range| range.holds(address)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(text: &str) -> bool {
        is_refused(text.parse().unwrap())
    }

    #[test]
    fn the_ranges_of_the_rule_and_their_neighbours() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.0.1",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "192.168.255.255",
            "168.63.129.16",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:a00:1::",
            "2002:7f00:1::1",
        ] {
            assert!(refused(address), "{address}");
        }
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.0.0",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.0.0",
            "192.169.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "223.255.255.255",
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.9",
            "2001:db8::1",
            "2606:4700::1111",
            "fbff::1",
            "fe00::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::",
        ] {
            assert!(!refused(address), "{address}");
        }
    }

    proptest! {
        #[test]
        fn an_embedded_address_is_judged_as_itself(bits: u32) {
            let plain = Ipv4Addr::from_bits(bits);
            let expected = is_refused(plain.into());
            prop_assert_eq!(is_refused(plain.to_ipv6_mapped().into()), expected);
            let [high, low] = [(bits >> 16) as u16, bits as u16];
            prop_assert_eq!(is_refused(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low).into()), expected);
            prop_assert_eq!(is_refused(Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1).into()), expected);
        }

        #[test]
        fn a_network_holds_exactly_its_prefix(bits: u32, other: u32, length in 0u8..=32) {
            let network = Network { address: Ipv4Addr::from_bits(bits).into(), length };
            let equal = (0..length).all(|bit| (bits ^ other) >> (31 - bit) & 1 == 0);
            prop_assert_eq!(network.holds(Ipv4Addr::from_bits(other).into()), equal);
        }
    }
}
