//! The process of one job: reads its order, runs it with the engine, says what happens. The hidden command `agent job` calls
//! [`serve`], with the folders and backends of its machine.

mod ahead;
mod call;
mod certificates;
mod contexts;
mod decide;
mod pipes;
mod place;
mod process;
mod request;
mod run;
mod services;
mod tier;

pub(crate) use ahead::of as ahead_of;
pub use place::{MakeBackend, Where};
pub use process::{ServeError, serve};
