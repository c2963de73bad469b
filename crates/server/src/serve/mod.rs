//! The server as a whole: how it is to be ([`ServerSettings`]), what it answers (`routes`), how it starts and stops ([`start`]). Called by the commands
//! `server` and `up`.

mod health;
mod routes;
mod settings;
mod start;

pub use settings::{FOLDERS, ServeError, ServerSettings};
pub use start::{Running, start};
