//! The generated messages and services: `cargo xtask codegen` makes them from `proto/`. Seen by `convert`, `client` and `server` only.
#![expect(
    clippy::all,
    clippy::allow_attributes,
    clippy::redundant_closure_for_method_calls,
    clippy::semicolon_if_nothing_returned,
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
