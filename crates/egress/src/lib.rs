//! A job's way out: which targets it may reach, the answers to its DNS questions, and the relay of its TCP connections.
//!
//! It opens no namespace: it is handed sockets that were born in a job's network namespace, where every connection and every
//! question is turned to them (`isolation` 5.2), and dials from where it runs itself. `sandbox-local` calls [`serve`] in the
//! agent's process, once per sandbox, and asks [`Policy`] for what is better refused inside already.
//!
//! A name is answered with a synthetic address, private to the job; what it stands for is resolved at dial time, outside,
//! and checked then. So nothing that a name server says can lead a job to a private address.

mod address;
mod copy;
mod dial;
mod dns;
mod forward;
mod names;
mod policy;
mod resolve;
mod serve;
mod stub;
mod tcp;

pub use address::{Network, REFUSED_V4, REFUSED_V6};
pub use policy::{InvalidTarget, OpenHost, Opening, Policy, opens_one_neighbour};
pub use serve::{Handle, Refusal, Sockets, serve};
