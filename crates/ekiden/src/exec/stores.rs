//! Opens the store of actions with the settings of a command.

use super::settings::{ActionSettings, Reach};
use crate::failure::Failure;
use domain::Secret;
use source::store::Access;
use source::{Store, StoreOptions};
use std::sync::Arc;
use std::time::Duration;

/// The store; `server` is asked after the mirrors, with `token` when there is one.
pub(crate) fn open(settings: &ActionSettings, server: &str, token: Option<&Secret>) -> Result<Arc<Store>, Failure> {
    let mut options = StoreOptions::at(settings.store.clone().unwrap_or_else(StoreOptions::usual_root));
    options.mirrors.clone_from(&settings.mirrors);
    options.access = match settings.reach {
        Reach::Network => Access::Online { fresh: Duration::ZERO },
        Reach::Offline => Access::Offline,
    };
    if let Some(token) = token {
        options.tokens.push((server.to_owned(), token.clone()));
    }
    let store =
        Store::open(options).map_err(|error| Failure::invalid("could not open the store of actions").cause(&error))?;
    Ok(Arc::new(store))
}
