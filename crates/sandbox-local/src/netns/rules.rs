//! The messages that set a job's network namespace up, as one batch of routes and one of nftables. Called by `set_up`.
//!
//! Numbers are those of `linux/rtnetlink.h` and `linux/netfilter/nf_tables.h`; both are stable kernel interfaces.

use super::expressions::{
    ACCEPT, NFPROTO_IPV4, NFPROTO_IPV6, TCP, UDP, among, answers, family, other_transport, own_v4, own_v6, payload,
    redirect, refuse, reset, to_network, to_port, transport, verdict,
};
use super::netlink::{APPEND, Batch, CREATE, REQUEST};
use egress::{Network, OpenHost, Policy, REFUSED_V4, REFUSED_V6};
use std::net::{IpAddr, Ipv4Addr};

/// `lo` is always the first interface of a network namespace.
const LOOPBACK: u32 = 1;

/// `lo` up, and every address of each family local: whatever is connected to arrives on this machine.
pub(super) fn routes(with_v6: bool) -> Batch {
    const RTM_NEWLINK: u16 = 16;
    const RTM_NEWROUTE: u16 = 24;
    const IFF_UP: u32 = 1;
    const RTA_OIF: u16 = 4;
    let mut batch = Batch::default();
    batch.message(RTM_NEWLINK, REQUEST, |message| {
        message.raw(&[0; 4]).raw(&LOOPBACK.to_ne_bytes()).raw(&IFF_UP.to_ne_bytes()).raw(&IFF_UP.to_ne_bytes())
    });
    let families: &[u8] = if with_v6 { &[2, 10] } else { &[2] };
    for family in families {
        batch.message(RTM_NEWROUTE, REQUEST | CREATE, |message| {
            // family, lengths 0 and 0 (= default), tos, table local, protocol static, scope host, type local, flags
            message.raw(&[*family, 0, 0, 0, 255, 4, 254, 2]).raw(&[0; 4]).ne32(RTA_OIF, LOOPBACK)
        });
    }
    batch
}

/// `lo` up and nothing else.
pub(super) fn loopback_only() -> Batch {
    const RTM_NEWLINK: u16 = 16;
    let mut batch = Batch::default();
    batch.message(RTM_NEWLINK, REQUEST, |message| {
        message.raw(&[0; 4]).raw(&LOOPBACK.to_ne_bytes()).raw(&1u32.to_ne_bytes()).raw(&1u32.to_ne_bytes())
    });
    batch
}

const TABLE: &str = "ekiden";
const CHAIN: &str = "out";
const NFPROTO_INET: u8 = 1;
/// `NFNL_SUBSYS_NFTABLES`, the high byte of each message's kind.
const NFTABLES: u16 = 10 << 8;
const NEW_TABLE: u16 = NFTABLES;
const NEW_CHAIN: u16 = NFTABLES | 3;
const NEW_RULE: u16 = NFTABLES | 6;
const NEW_SET: u16 = NFTABLES | 9;
const NEW_ELEMENTS: u16 = NFTABLES | 12;

/// The upper half of the synthetic addresses: names that lead only where no job may go.
const CLOSED_NAMES: Network = Network { address: IpAddr::V4(Ipv4Addr::new(198, 19, 0, 0)), length: 16 };

/// A redirect of outgoing TCP to `tcp_port` and of DNS to `udp_port` on the loopback, and a refusal of all that is neither.
/// TCP to a refused range is reset here already: a connection that the relay ends was made first, and a program may take
/// that for success.
///
/// All of it is one chain, which sees the first packet of each flow; what follows, and errors about a flow, the kernel lets pass by itself. Nearly
/// all that this costs a job is for each expression, so ranges are sets: an element is cheaper than a rule.
pub(super) fn redirects(tcp_port: u16, udp_port: u16, policy: &Policy) -> Batch {
    let mut batch = Batch::with_capacity(4 << 10);
    frame(&mut batch, 16);
    batch.message(NEW_TABLE, REQUEST | CREATE, |message| head(message).text(1, TABLE));
    for set in [&CLOSED_V4, &CLOSED_V6] {
        closed(&mut batch, set);
    }
    chain(&mut batch, "nat", -100);
    // A reset of ours comes by here too, under the flow that it ends.
    rule(&mut batch, |rule| verdict(answers(rule), ACCEPT));
    for port in policy.host_loopback_ports() {
        for own in [own_v4, own_v6] {
            rule(&mut batch, |rule| redirect(to_port(transport(own(rule), TCP), port), tcp_port));
        }
    }
    for own in [own_v4, own_v6] {
        rule(&mut batch, |rule| verdict(own(rule), ACCEPT));
    }
    for opening in policy.openings() {
        if let OpenHost::Network(network) = opening.host {
            rule(&mut batch, |rule| {
                let rule = transport(to_network(rule, network), TCP);
                let rule = if let Some(port) = opening.port { to_port(rule, port) } else { rule };
                redirect(rule, tcp_port)
            });
        }
    }
    rule(&mut batch, |rule| redirect(to_port(transport(rule, UDP), 53), udp_port));
    rule(&mut batch, |rule| refuse(other_transport(rule, TCP)));
    // From here on all is TCP.
    for set in [&CLOSED_V4, &CLOSED_V6] {
        rule(&mut batch, |rule| reset(among(payload(family(rule, set.family), 1, set.offset, set.width), set.name)));
    }
    rule(&mut batch, |rule| redirect(rule, tcp_port));
    frame(&mut batch, 17);
    batch
}

/// The refused ranges of a family, as the kernel looks them up.
struct Closed {
    name: &'static str,
    family: u8,
    /// Where the destination is in the header.
    offset: u32,
    /// How long it is.
    width: u32,
    networks: &'static [Network],
    names: &'static [Network],
}

const CLOSED_V4: Closed =
    Closed { name: "4", family: NFPROTO_IPV4, offset: 16, width: 4, networks: REFUSED_V4, names: &[CLOSED_NAMES] };
const CLOSED_V6: Closed =
    Closed { name: "6", family: NFPROTO_IPV6, offset: 24, width: 16, networks: REFUSED_V6, names: &[] };

impl Closed {
    /// First addresses, and those after the last; in order, none next to another. The end of the family's addresses has none after it.
    fn intervals(&self) -> Vec<(u128, Option<u128>)> {
        let connectable = |network: &&Network| !refused_by_the_kernel(network);
        let all = self.networks.iter().chain(self.names).filter(connectable);
        let mut intervals: Vec<(u128, Option<u128>)> = all.map(|network| bounds(network, self.width * 8)).collect();
        intervals.sort_unstable();
        intervals.dedup_by(|next, before| {
            let touches = before.1.is_none_or(|after| after >= next.0);
            if touches {
                before.1 = before.1.zip(next.1).map(|(one, other)| one.max(other));
            }
            touches
        });
        intervals
    }

    /// An address as the header has it.
    fn address<'a>(&self, bytes: &'a [u8; 16]) -> &'a [u8] {
        &bytes[bytes.len() - self.width as usize..]
    }
}

/// A network's first address, and the one after its last.
fn bounds(network: &Network, width: u32) -> (u128, Option<u128>) {
    let address = match network.address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    };
    let beyond = width - u32::from(network.length);
    let last = address | 1u128.checked_shl(beyond).map_or(u128::MAX, |size| size - 1);
    (address, last.checked_add(1).filter(|after| width == 128 || after >> width == 0))
}

/// IPv4 ranges that no TCP connection is ever tried to, or that are the job's own: elements less to make for every job.
fn refused_by_the_kernel(network: &Network) -> bool {
    let IpAddr::V4(address) = network.address else { return false };
    address.is_multicast() || address.is_loopback() || address.is_broadcast() || address.octets()[0] == 0
}

/// A set of refused ranges: each first address begins one, and the one after its last ends it.
fn closed(batch: &mut Batch, set: &Closed) {
    const CONSTANT_INTERVALS: u32 = 2 | 4;
    const ENDS: u32 = 1;
    batch.message(NEW_SET, REQUEST | CREATE, |message| {
        head(message)
            .text(1, TABLE)
            .text(2, set.name)
            .be32(3, CONSTANT_INTERVALS)
            .be32(5, set.width)
            .be32(10, set.width)
    });
    batch.message(NEW_ELEMENTS, REQUEST | CREATE, |message| {
        head(message).text(1, TABLE).text(2, set.name).nest(3, |list| {
            for (first, after) in set.intervals() {
                list.nest(1, |element| {
                    element.nest(1, |key| key.bytes_attribute(1, set.address(&first.to_be_bytes())))
                });
                if let Some(after) = after {
                    let after = after.to_be_bytes();
                    list.nest(1, |element| {
                        element.nest(1, |key| key.bytes_attribute(1, set.address(&after))).be32(3, ENDS)
                    });
                }
            }
            list
        })
    });
}

/// `NFNL_MSG_BATCH_BEGIN` or `…_END`.
fn frame(batch: &mut Batch, kind: u16) {
    batch.message(kind, REQUEST, |message| message.raw(&[0, 0]).raw(&10u16.to_be_bytes()));
}

fn head(message: &mut Batch) -> &mut Batch {
    message.raw(&[NFPROTO_INET, 0, 0, 0])
}

fn chain(batch: &mut Batch, kind: &str, priority: i32) {
    const LOCAL_OUT: u32 = 3;
    batch.message(NEW_CHAIN, REQUEST | CREATE, |message| {
        head(message)
            .text(1, TABLE)
            .text(3, CHAIN)
            .nest(4, |hook| hook.be32(1, LOCAL_OUT).bytes_attribute(2, &priority.to_be_bytes()))
            .be32(5, ACCEPT)
            .text(7, kind)
    });
}

fn rule(batch: &mut Batch, expressions: impl for<'b> FnOnce(&'b mut Batch) -> &'b mut Batch) {
    batch.message(NEW_RULE, REQUEST | CREATE | APPEND, |message| {
        head(message).text(1, TABLE).text(2, CHAIN).nest(4, expressions)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;

    #[test]
    fn neighbouring_ranges_are_one_and_the_last_has_no_end() {
        let shown = |set: &Closed| {
            let address = |bits: u128| match set.width {
                4 => Ipv4Addr::from_bits(bits as u32).to_string(),
                _ => Ipv6Addr::from_bits(bits).to_string(),
            };
            let interval = |(first, after): (u128, Option<u128>)| {
                format!("{} {}", address(first), after.map(address).unwrap_or_default())
            };
            set.intervals().into_iter().map(interval).collect::<Vec<_>>()
        };
        assert_eq!(shown(&CLOSED_V6), [":: ::1:0:0", "64:ff9b:1:: 64:ff9b:2::", "fc00:: fe00::", "fe80:: "]);
        let v4 = [
            "10.0.0.0 11.0.0.0",
            "100.64.0.0 100.128.0.0",
            "168.63.129.16 168.63.129.17",
            "169.254.0.0 169.255.0.0",
            "172.16.0.0 172.32.0.0",
            "192.168.0.0 192.169.0.0",
            "198.19.0.0 198.20.0.0",
        ];
        assert_eq!(shown(&CLOSED_V4), v4);
    }
}
