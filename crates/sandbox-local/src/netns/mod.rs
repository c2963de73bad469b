//! The inside of a job's network namespace: loopback up, every address local, every TCP connection and DNS question turned
//! to sockets that are born here and served from outside (`isolation` 5.2, variant b2).
//!
//! Who calls what, in which process: the init, in its fresh network namespace, with `CAP_NET_ADMIN` over it, before it gives
//! capabilities up: [`set_up`], or [`set_up_for`] with the job's policy. With [`Way::Relayed`] it gets [`Sockets`], sends them to the agent (`SCM_RIGHTS`, in the
//! order of the fields) and closes its own; the agent hands them to `egress::serve`. `resolv.conf` inside holds
//! [`RESOLV_CONF`].
//!
//! Connections to `127.0.0.0/8` and `::1` are the job's own and stay untouched. All other TCP goes to the relay, all other
//! UDP to port 53 to the DNS stub, and the rest is refused at once, so that programs fall back from QUIC without waiting.

mod expressions;
mod netlink;
mod rules;
mod set_up;
#[cfg(test)]
mod way_out;

pub use set_up::{NetnsError, RESOLV_CONF, Sockets, Way, set_up, set_up_for};
