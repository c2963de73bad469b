//! System calls that a job may make: one allow-list per profile (`isolation` 8.1), compiled once per process.
//!
//! Who calls what, in which process:
//! - zygote, once, before the first clone: [`Filters::compile`] (the filters are plain memory that the forked init inherits);
//! - the child that becomes a step, after `no_new_privs` and after Landlock, right before `execve`: [`Filters::load`].
//!   It makes one system call, allocates nothing, and may be called between fork and exec.

mod compile;
mod table;

pub use compile::{Filters, SeccompError};

// Signatures that callers code against (bodies follow):
// impl Filters {
//   pub fn compile() -> Result<Filters, SeccompError>;                        // zygote, once
//   pub fn load(&self, profile: sandbox::Profile) -> rustix::io::Result<()>;  // step child, last before execve; async-signal-safe
//   pub fn isolation() -> domain::Isolation;
// }
