//! Tests over real git repositories.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, in its helpers too")]

mod changes;
mod checkout;
mod hostile;
mod repository;
mod store;
mod view;
