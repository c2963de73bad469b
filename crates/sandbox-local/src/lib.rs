//! Linux namespaces and plain host mode.
