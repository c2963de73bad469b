//! From `matrix` to configurations (`execution-semantics` 2.6). `run` calls it when a job's needs are done.

mod error;
mod expand;
mod filter;
mod name;

pub use error::{MatrixError, MatrixFault, PathSegment};
pub use expand::{Configuration, MAX_CONFIGURATIONS, expand};
pub use name::{ConfigurationIds, display_name};
