//! The streaming masker.
