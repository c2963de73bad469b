//! The status of commits, told to the forge of a project that names one: one for each job of a run. One loop ([`Teller`]) with `tick(now)`, which looks at what is stored,
//! compares it with what was told last, and tells what is different; no run waits for it.

mod again;
mod blame;
mod statuses;
mod teller;

pub use teller::{TellSettings, Teller, Told};
