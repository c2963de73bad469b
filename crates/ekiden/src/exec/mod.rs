//! What `ekiden exec` puts together before the engine runs: the command line, `ekiden.toml`, the repository and the event become
//! plans and runs. Called by `commands::exec`.

pub(crate) mod cells;
pub(crate) mod dotenv;
pub(crate) mod event;
pub(crate) mod expose;
pub(crate) mod facts;
pub(crate) mod findings;
pub(crate) mod github;
pub(crate) mod hints;
pub(crate) mod hooks;
pub(crate) mod interrupt;
pub(crate) mod labels;
pub(crate) mod listing;
pub(crate) mod machine;
pub(crate) mod reader;
pub(crate) mod run;
pub(crate) mod select;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod stores;
pub(crate) mod trigger;
pub(crate) mod trust;
pub(crate) mod values;
