//! A runtime for one exchange with a server or a forge.

use crate::failure::Failure;

/// On this thread.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::platform("could not start the runtime").cause(&error))
}
