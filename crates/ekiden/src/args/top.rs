//! `ekiden top`: its flags.

use super::{Duration, ServerAt};
use clap::Args;

/// `ekiden top`.
#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// How often to look.
    #[arg(long, value_name = "TIME", default_value = "1s")]
    pub(crate) every: Duration,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}
