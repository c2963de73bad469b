//! Linux namespaces and plain host mode.

pub mod cgroup;
pub mod landlock;
pub mod netns;
pub mod seccomp;
