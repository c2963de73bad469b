//! The generated messages and services: `cargo xtask codegen` makes them from `proto/`. Seen by `convert`, `client` and `server` only.
#![expect(
    clippy::all,
    clippy::allow_attributes,
    clippy::expect_used,
    clippy::unwrap_used,
    dead_code,
    missing_debug_implementations,
    unreachable_pub,
    unused_imports,
    reason = "generated"
)]

pub(crate) mod ping {
    include!("generated/ping_v1.rs");
}

pub(crate) mod runner {
    include!("generated/runner_v1.rs");
}
