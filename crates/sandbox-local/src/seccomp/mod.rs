//! System calls that a job may make: one allow-list per profile (`isolation` 8.1), compiled once per process.
//!
//! Who calls what, in which process:
//! - zygote, once, before the first clone: [`Filters::compile`]; the filters are plain memory that a forked init inherits;
//! - the process that is to be bound, last before job code: [`Filters::load`]. It sets `no_new_privs`, allocates nothing, and
//!   binds the calling thread and everything that comes from it, for ever. Either the init binds itself once, after its
//!   mounts (then a step costs nothing more, and the init can mount no more), or each step between fork and exec.

mod compile;
mod program;
mod table;

pub use compile::{Filters, SeccompError};
