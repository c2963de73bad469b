//! The `ekiden` binary: the composition root.

fn main() {}
