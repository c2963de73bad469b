//! Limits, accounting and the certain end of a job's processes, through cgroup v2, v1 or both.
//!
//! Who calls what, in which process:
//! - once per process that makes sandboxes: [`Cgroups::detect`] (reads `/proc`, makes nothing), then [`Cgroups::sweep`];
//! - zygote or agent, before the clone: [`Cgroups::create`]; [`Group::clone_into`] is the directory for `CLONE_INTO_CGROUP`;
//! - zygote, after the clone and before it lets the child go on: [`Group::attach`] with the child's pid as the zygote sees it
//!   (does the v1 hierarchies, and v2 when the child was not cloned into it);
//! - at the end, outside the sandbox: [`Group::usage`], [`Group::limit_reached`], [`Group::kill`], [`Group::remove`];
//! - a process that did not make the group (the zygote after its parent died): [`Cgroups::adopt`] with [`Group::name`].
//!
//! A group's directory is named after its owner (pid namespace, pid, start time), so that a later start can tell stale ones.

mod detect;
mod end;
mod group;
mod stale;
#[cfg(test)]
mod tests;
mod usage;

pub use detect::Cgroups;
pub use group::{CgroupError, Group};
pub use usage::Usage;
