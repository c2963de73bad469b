//! The control plane: what runners, people and forges talk to.

pub mod keys;
pub mod logs;
