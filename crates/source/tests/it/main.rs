//! Tests over real git repositories.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, in its helpers too")]

mod changes;
mod checkout;
mod hostile;
mod project;
mod project_files;
mod repository;
mod store;
mod view;
