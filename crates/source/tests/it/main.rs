//! Tests over real git repositories.

mod changes;
mod checkout;
mod hostile;
mod repository;
mod store;
mod view;
