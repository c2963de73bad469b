//! Linux namespaces and plain host mode.

pub mod cgroup;
pub mod disk;
pub mod landlock;
pub mod netns;
mod owner;
pub mod seccomp;
