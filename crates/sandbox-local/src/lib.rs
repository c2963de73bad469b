//! Where jobs run on this machine: Linux namespaces made by our own code, and plain host mode.
//!
//! `main` calls [`Zygote::start`] first, then makes [`Namespaces`] (or [`Host`]), which the engine drives through the traits of
//! `sandbox`. A prepared sandbox is three processes' work: the parent (`namespaces`) makes control group, disk and spec; the
//! zygote (`zygote`) forks; the init (`init`) builds the root, binds itself and starts commands.

pub mod cgroup;
pub mod disk;
pub mod landlock;
pub mod netns;
mod owner;
pub mod seccomp;

mod channel;
mod files;
mod fork_server;
mod hash;
mod host;
mod init;
mod mapped;
mod namespaces;
mod sys;
mod wire;
mod writable;
mod zygote;

pub use fork_server::{ForkServer, Forked, Served, serve as serve_forks};
pub use hash::hash_files;
pub use host::Host;
pub use mapped::{RootError, remove_root, unpack_root};
pub use namespaces::{
    HostVariables, Kept, Namespaces, Options, Ready, Wanted, default_limits, kept, one_id_only, remove_kept,
};
pub use wire::Protection;
pub use zygote::{Zygote, ZygoteError};
