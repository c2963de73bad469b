//! From `matrix` to configurations (`execution-semantics` 2.6). `run` calls it when a job's needs are done.

mod error;
mod expand;
mod filter;
mod name;

pub use error::{MatrixError, MatrixFault, PathSegment};
pub use expand::{Configuration, MAX_CONFIGURATIONS, expand};
pub use name::{ConfigurationIds, display_name};

/// Which of the configurations of a matrix a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellPlace {
    /// Its number, from 0.
    pub index: usize,
    /// How many there are.
    pub total: usize,
}
