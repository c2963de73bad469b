//! Tests over real git repositories.

mod changes;
mod repository;
