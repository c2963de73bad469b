//! The agent against a forge over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, in its helpers too")]

mod register;
mod report;
mod whole;
