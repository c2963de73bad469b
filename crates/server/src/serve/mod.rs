//! The server as a whole: how it is to be ([`ServerSettings`]), what it answers (`routes`), how it
//! takes connections (`listen`, `pace`, `tls`), how it starts and stops ([`start`]). Called by the commands
//! `server` and `up`.

mod health;
mod listen;
mod pace;
mod reserved;
mod routes;
mod settings;
mod start;
mod tls;

pub use pace::Pace;
pub(crate) use reserved::is_of_path;
pub use reserved::is_reserved;
pub use settings::{ActionsFrom, CONNECTIONS, FOLDERS, ServeError, ServerSettings};
pub use start::{Running, start};
pub use tls::{Renewal, Tls, TlsError};
