//! The messages that set a job's network namespace up, as one batch of routes and one of nftables. Called by `set_up`.
//!
//! Numbers are those of `linux/rtnetlink.h` and `linux/netfilter/nf_tables.h`; both are stable kernel interfaces.

use super::netlink::{APPEND, Batch, CREATE, REQUEST};
use egress::{Network, OpenHost, Policy, REFUSED_V4, REFUSED_V6};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
const NFPROTO_INET: u8 = 1;
const NFPROTO_IPV4: u8 = 2;
const NFPROTO_IPV6: u8 = 10;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// `NFNL_SUBSYS_NFTABLES`, the high byte of each message's kind.
const NFTABLES: u16 = 10 << 8;
const NEW_TABLE: u16 = NFTABLES;
const NEW_CHAIN: u16 = NFTABLES | 3;
const NEW_RULE: u16 = NFTABLES | 6;
/// The register that holds a verdict, and the first for data.
const VERDICT: u32 = 0;
const REGISTER: u32 = 1;
const ACCEPT: u32 = 1;
/// Keys of `meta`, operations of `cmp`.
const NFPROTO: u32 = 15;
const L4PROTO: u32 = 16;
const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;

/// The upper half of the synthetic addresses: names that lead only where no job may go.
const CLOSED_NAMES: Network = Network { address: IpAddr::V4(Ipv4Addr::new(198, 19, 0, 0)), length: 16 };

/// A redirect of outgoing TCP to `tcp_port` and of DNS to `udp_port` on the loopback, and a refusal of all that is neither.
/// TCP to a refused range is reset here already: a connection that the relay ends was made first, and a program may take
/// that for success.
pub(super) fn redirects(tcp_port: u16, udp_port: u16, policy: &Policy) -> Batch {
    let mut batch = Batch::with_capacity(8 << 10);
    frame(&mut batch, 16);
    batch.message(NEW_TABLE, REQUEST | CREATE, |message| head(message).text(1, TABLE));

    chain(&mut batch, "turn", "nat", -100);
    for port in policy.host_loopback_ports() {
        for own in [own_v4, own_v6] {
            rule(&mut batch, "turn", |rule| redirect(to_port(transport(own(rule), TCP), port), tcp_port));
        }
    }
    for own in [own_v4, own_v6] {
        rule(&mut batch, "turn", |rule| verdict(own(rule), ACCEPT));
    }
    for opening in policy.openings() {
        if let OpenHost::Network(network) = opening.host {
            rule(&mut batch, "turn", |rule| {
                let rule = transport(to_network(rule, network), TCP);
                let rule = if let Some(port) = opening.port { to_port(rule, port) } else { rule };
                redirect(rule, tcp_port)
            });
        }
    }
    rule(&mut batch, "turn", |rule| redirect(to_port(transport(rule, UDP), 53), udp_port));
    // What is not turned here is refused below.
    let connectable = |network: &&Network| !refused_by_the_kernel(network);
    for network in REFUSED_V4.iter().chain(REFUSED_V6).chain([&CLOSED_NAMES]).filter(connectable) {
        rule(&mut batch, "turn", |rule| verdict(to_network(rule, *network), ACCEPT));
    }
    rule(&mut batch, "turn", |rule| redirect(transport(rule, TCP), tcp_port));

    chain(&mut batch, "keep", "filter", 0);
    // Also what was just turned: its address is the loopback's by now.
    for own in [own_v4, own_v6] {
        rule(&mut batch, "keep", |rule| verdict(own(rule), ACCEPT));
    }
    rule(&mut batch, "keep", |rule| verdict(answers(rule), ACCEPT));
    rule(&mut batch, "keep", |rule| reset(transport(rule, TCP)));
    rule(&mut batch, "keep", refuse);
    frame(&mut batch, 17);
    batch
}

/// Ranges that no TCP connection is ever tried to, or that are the job's own: a rule less each to make for every job.
fn refused_by_the_kernel(network: &Network) -> bool {
    let address = network.address;
    address.is_multicast()
        || address.is_loopback()
        || matches!(address, IpAddr::V4(v4) if v4.is_broadcast() || v4.octets()[0] == 0)
}

/// `NFNL_MSG_BATCH_BEGIN` or `…_END`.
fn frame(batch: &mut Batch, kind: u16) {
    batch.message(kind, REQUEST, |message| message.raw(&[0, 0]).raw(&10u16.to_be_bytes()));
}

fn head(message: &mut Batch) -> &mut Batch {
    message.raw(&[NFPROTO_INET, 0, 0, 0])
}

fn chain(batch: &mut Batch, name: &str, kind: &str, priority: i32) {
    const LOCAL_OUT: u32 = 3;
    batch.message(NEW_CHAIN, REQUEST | CREATE, |message| {
        head(message)
            .text(1, TABLE)
            .text(3, name)
            .nest(4, |hook| hook.be32(1, LOCAL_OUT).bytes_attribute(2, &priority.to_be_bytes()))
            .be32(5, ACCEPT)
            .text(7, kind)
    });
}

fn rule(batch: &mut Batch, chain: &str, expressions: impl for<'b> FnOnce(&'b mut Batch) -> &'b mut Batch) {
    batch.message(NEW_RULE, REQUEST | CREATE | APPEND, |message| {
        head(message).text(1, TABLE).text(2, chain).nest(4, expressions)
    });
}

fn expression<'a>(
    rule: &'a mut Batch,
    name: &str,
    data: impl for<'b> FnOnce(&'b mut Batch) -> &'b mut Batch,
) -> &'a mut Batch {
    rule.nest(1, |element| element.text(1, name).nest(2, data))
}

/// Goes on only when the register equals the value.
fn equals<'a>(rule: &'a mut Batch, value: &[u8]) -> &'a mut Batch {
    compare(rule, EQUAL, value)
}

fn compare<'a>(rule: &'a mut Batch, operation: u32, value: &[u8]) -> &'a mut Batch {
    expression(rule, "cmp", |data| {
        data.be32(1, REGISTER).be32(2, operation).nest(3, |cell| cell.bytes_attribute(1, value))
    })
}

fn meta(rule: &mut Batch, key: u32) -> &mut Batch {
    expression(rule, "meta", |data| data.be32(2, key).be32(1, REGISTER))
}

fn family(rule: &mut Batch, family: u8) -> &mut Batch {
    equals(meta(rule, NFPROTO), &[family])
}

fn transport(rule: &mut Batch, protocol: u8) -> &mut Batch {
    equals(meta(rule, L4PROTO), &[protocol])
}

/// Loads part of the network (1) or transport (2) header.
fn payload(rule: &mut Batch, base: u32, offset: u32, length: u32) -> &mut Batch {
    expression(rule, "payload", |data| data.be32(1, REGISTER).be32(2, base).be32(3, offset).be32(4, length))
}

/// The destination is 127.0.0.0/8: the first byte says so.
fn own_v4(rule: &mut Batch) -> &mut Batch {
    equals(payload(family(rule, NFPROTO_IPV4), 1, 16, 1), &[127])
}

fn own_v6(rule: &mut Batch) -> &mut Batch {
    equals(payload(family(rule, NFPROTO_IPV6), 1, 24, 16), &Ipv6Addr::LOCALHOST.octets())
}

/// The destination lies in a network. Only the bytes that the prefix touches are looked at.
fn to_network(rule: &mut Batch, network: Network) -> &mut Batch {
    let (version, offset, address) = match network.address {
        IpAddr::V4(address) => (NFPROTO_IPV4, 16, address.octets().to_vec()),
        IpAddr::V6(address) => (NFPROTO_IPV6, 24, address.octets().to_vec()),
    };
    let rule = family(rule, version);
    let length = usize::from(network.length.div_ceil(8));
    if length == 0 {
        return rule;
    }
    let mut mask = vec![0xff; length];
    let beyond = length * 8 - usize::from(network.length);
    mask[length - 1] = 0xff << beyond;
    let first: Vec<u8> = address.iter().zip(&mask).map(|(byte, mask)| byte & mask).collect();
    let width = length as u32;
    let rule = payload(rule, 1, offset, width);
    if beyond > 0 {
        masked(rule, &mask);
    }
    equals(rule, &first)
}

/// Keeps only the bits of the mask in the register.
fn masked<'a>(rule: &'a mut Batch, mask: &[u8]) -> &'a mut Batch {
    expression(rule, "bitwise", |data| {
        data.be32(1, REGISTER).be32(2, REGISTER).be32(3, mask.len() as u32);
        data.nest(4, |cell| cell.bytes_attribute(1, mask));
        data.nest(5, |xor| xor.bytes_attribute(1, &vec![0; mask.len()]))
    })
}

fn to_port(rule: &mut Batch, port: u16) -> &mut Batch {
    equals(payload(rule, 2, 2, 2), &port.to_be_bytes())
}

/// Packets of a known flow and the errors about one.
fn answers(rule: &mut Batch) -> &mut Batch {
    const ESTABLISHED_OR_RELATED: u32 = 2 | 4;
    expression(rule, "ct", |data| data.be32(2, 0).be32(1, REGISTER));
    masked(rule, &ESTABLISHED_OR_RELATED.to_ne_bytes());
    compare(rule, NOT_EQUAL, &[0; 4])
}

fn verdict(rule: &mut Batch, code: u32) -> &mut Batch {
    expression(rule, "immediate", |data| {
        data.be32(1, VERDICT).nest(2, |cell| cell.nest(2, |verdict| verdict.be32(1, code)))
    })
}

fn redirect(rule: &mut Batch, port: u16) -> &mut Batch {
    expression(rule, "immediate", |data| {
        data.be32(1, REGISTER).nest(2, |cell| cell.bytes_attribute(1, &port.to_be_bytes()))
    });
    // NF_NAT_RANGE_PROTO_SPECIFIED
    expression(rule, "redir", |data| data.be32(1, REGISTER).be32(3, 2))
}

/// `reject with tcp reset`: the connection is refused.
fn reset(rule: &mut Batch) -> &mut Batch {
    expression(rule, "reject", |data| data.be32(1, 1).bytes_attribute(2, &[0]))
}

/// `reject with icmpx port-unreachable`: a UDP socket sees "connection refused" at once.
fn refuse(rule: &mut Batch) -> &mut Batch {
    expression(rule, "reject", |data| data.be32(1, 2).bytes_attribute(2, &[1]))
}
