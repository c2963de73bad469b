//! Linux namespaces and plain host mode.

pub mod cgroup;
