//! The pages that people see: runs, one run, one job with its live log, the queue, the runners. Merged into the server's routes by `serve`.
//!
//! A handler finds out who looks (`visit`), asks the store and other rooms, fills a view (`view`: plain data and a template each) and answers. Every link
//! is made by `links`, every answer gets its headers in `guard`, rows of logs become markup in `rows` and `ansi`; what is live streams from `live` and
//! `changes`. What is not there and what one may not see look the same. Everything can be read without the script.

mod actions;
mod ansi;
mod assets;
mod changes;
mod colour;
mod fault;
mod fill;
mod forge;
mod guard;
mod job;
mod links;
mod live;
mod login;
mod pairs;
mod queue;
mod raw;
mod routes;
mod rows;
mod run;
mod runners;
mod runs;
mod sections;
mod start;
mod text;
mod view;
mod visit;
mod waiting;

pub(crate) use guard::is_our_name;
pub use login::link_address;
pub use routes::routes;
