//! What goes wrong while nobody says anything: starts that were never said, runners that fell silent, attempts without an end, jobs that no runner takes,
//! and what is kept longer than it should be (`runner-protocol` 3.6, 3.9, `security` R81, R82). Run by `serve` as one loop; each tick looks at the
//! store alone, and every server of a database may do it: the store lets one of them win.

mod attempts;
mod leases;
mod logs;
mod retention;
mod runners;
mod settings;
mod steady;
mod sweeper;

pub(crate) use settings::LATE_ROWS;
pub use settings::SweepSettings;
pub use sweeper::{Sweeper, Swept};
