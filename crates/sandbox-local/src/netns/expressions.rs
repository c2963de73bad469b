//! Conditions and consequences that nftables rules are made of: each takes the rule so far and adds its expressions. Called by `rules`.

use super::netlink::Batch;
use egress::Network;
use std::net::{IpAddr, Ipv6Addr};

pub(super) const NFPROTO_IPV4: u8 = 2;
pub(super) const NFPROTO_IPV6: u8 = 10;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const ACCEPT: u32 = 1;
/// The register that holds a verdict, and the first for data.
const VERDICT: u32 = 0;
const REGISTER: u32 = 1;
/// Keys of `meta`, operations of `cmp`.
const NFPROTO: u32 = 15;
const L4PROTO: u32 = 16;
const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;

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

pub(super) fn family(rule: &mut Batch, family: u8) -> &mut Batch {
    equals(meta(rule, NFPROTO), &[family])
}

pub(super) fn transport(rule: &mut Batch, protocol: u8) -> &mut Batch {
    equals(meta(rule, L4PROTO), &[protocol])
}

pub(super) fn other_transport(rule: &mut Batch, protocol: u8) -> &mut Batch {
    compare(meta(rule, L4PROTO), NOT_EQUAL, &[protocol])
}

/// Loads part of the network (1) or transport (2) header.
pub(super) fn payload(rule: &mut Batch, base: u32, offset: u32, length: u32) -> &mut Batch {
    expression(rule, "payload", |data| data.be32(1, REGISTER).be32(2, base).be32(3, offset).be32(4, length))
}

/// The destination is 127.0.0.0/8: the first byte says so.
pub(super) fn own_v4(rule: &mut Batch) -> &mut Batch {
    equals(payload(family(rule, NFPROTO_IPV4), 1, 16, 1), &[127])
}

pub(super) fn own_v6(rule: &mut Batch) -> &mut Batch {
    equals(payload(family(rule, NFPROTO_IPV6), 1, 24, 16), &Ipv6Addr::LOCALHOST.octets())
}

/// The destination lies in a network. Only the bytes that the prefix touches are looked at.
pub(super) fn to_network(rule: &mut Batch, network: Network) -> &mut Batch {
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

/// The register holds something of a set.
pub(super) fn among<'a>(rule: &'a mut Batch, set: &str) -> &'a mut Batch {
    expression(rule, "lookup", |data| data.text(1, set).be32(2, REGISTER))
}

pub(super) fn to_port(rule: &mut Batch, port: u16) -> &mut Batch {
    equals(payload(rule, 2, 2, 2), &port.to_be_bytes())
}

/// The first packet of one kind that belongs to a known flow: what ends it.
pub(super) fn answers(rule: &mut Batch) -> &mut Batch {
    const RELATED: u32 = 4;
    expression(rule, "ct", |data| data.be32(2, 0).be32(1, REGISTER));
    equals(rule, &RELATED.to_ne_bytes())
}

pub(super) fn verdict(rule: &mut Batch, code: u32) -> &mut Batch {
    expression(rule, "immediate", |data| {
        data.be32(1, VERDICT).nest(2, |cell| cell.nest(2, |verdict| verdict.be32(1, code)))
    })
}

pub(super) fn redirect(rule: &mut Batch, port: u16) -> &mut Batch {
    expression(rule, "immediate", |data| {
        data.be32(1, REGISTER).nest(2, |cell| cell.bytes_attribute(1, &port.to_be_bytes()))
    });
    // NF_NAT_RANGE_PROTO_SPECIFIED
    expression(rule, "redir", |data| data.be32(1, REGISTER).be32(3, 2))
}

/// `reject with tcp reset`: the connection is refused.
pub(super) fn reset(rule: &mut Batch) -> &mut Batch {
    expression(rule, "reject", |data| data.be32(1, 1).bytes_attribute(2, &[0]))
}

/// `reject with icmpx port-unreachable`: a UDP socket sees "connection refused" at once.
pub(super) fn refuse(rule: &mut Batch) -> &mut Batch {
    expression(rule, "reject", |data| data.be32(1, 2).bytes_attribute(2, &[1]))
}
