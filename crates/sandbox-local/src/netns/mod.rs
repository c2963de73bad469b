//! The inside of a job's network namespace: loopback up, every address local, every TCP connection and DNS question turned
//! to sockets that are born here and served from outside (`isolation` 5.2, variant b2).
//!
//! Who calls what, in which process: the init, in its fresh network namespace, with `CAP_NET_ADMIN` over it, before it gives
//! capabilities up: [`set_up`]. It sends the sockets of [`Way::Relayed`] to the agent (`SCM_RIGHTS`), which hands them to
//! `egress::serve`, and closes its own. `resolv.conf` inside holds [`RESOLV_CONF`].

mod netlink;
mod rules;
mod set_up;

pub use set_up::{NetnsError, RESOLV_CONF, Sockets, Way, set_up};

// Signatures that callers code against (bodies follow):
// pub fn set_up(way: Way) -> Result<Option<Sockets>, NetnsError>;   // init; no allocation beyond a few KiB, no threads
// pub enum Way { Relayed, LoopbackOnly }
// pub struct Sockets { pub tcp4: OwnedFd, pub tcp6: Option<OwnedFd>, pub udp4: OwnedFd, pub udp6: Option<OwnedFd> }   // in this order over SCM_RIGHTS
// pub const RESOLV_CONF: &str;
// agent: egress::serve(egress::Sockets { tcp4, tcp6, udp4, udp6 }, egress::Policy::new(&allow: &[String])?) -> egress::Handle; drop or `Handle::stop().await` ends it.
