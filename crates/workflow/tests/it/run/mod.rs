//! The machine over a plan.

mod calls;
mod cancel;
pub(crate) mod driver;
mod matrix;
mod needs;
mod properties;
