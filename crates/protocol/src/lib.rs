//! The runner protocol of Gitea and Forgejo: `ping.v1` and `runner.v1` over Connect RPC, client and server side.
//!
//! The agent calls a forge through [`Client`]; the server mounts [`router`] over its [`RunnerService`]. Both speak the words of `domain` and of
//! the calls below; protobuf types exist nowhere outside this crate. Where peers differ stands in [`quirks`].

mod call;
mod client;
mod code;
mod convert;
mod error;
mod gate;
mod packed;
mod pb;
pub mod quirks;
mod rest;
mod room;
mod server;
mod transport;
mod weight;

pub use call::{Declaration, Declared, Fetch, Fetched, Pong, Registration, Report, Reported, RequestKey, Runner, Want};
pub use client::{Authority, Client, ClientSettings, Codec, Compression};
pub use error::{Advice, CallError, ClientError, Code, Refusal};
pub use packed::{BatchWriter, PackedBatch, PackedRows, Rows, both_readings};
pub use quirks::Dialect;
pub use rest::{InvalidScope, Removal, RemovalError, Scope};
pub use server::{Asked, Caller, RunnerService, router};
pub use weight::weight;

/// Where the services lie below the URL of an instance.
pub const BASE_PATH: &str = "/api/actions";

/// What a forge that holds fetches says of itself when a runner declares itself ([`Declared::capabilities`]).
pub const HOLDS: &str = "ekiden-wait";

/// So long a client keeps a connection that rests. Servers close it later (ours after 30 s): a call that meets the end of its connection is lost.
pub const RESTS: std::time::Duration = std::time::Duration::from_secs(20);

/// Entries of a task's context that our server writes for our agent alone. Other runners never see them, and no job does.
pub mod context {
    /// Where the job's workflow file comes from, a called one too: a mapping with `path`; of another repository also `repository` and
    /// `reference`, and `host` where one was named. Without it, the file is that of `workflow_ref`.
    pub const WORKFLOW: &str = "ekiden_workflow";
    /// The inputs of a called workflow, booleans as texts: `event` and `event_name` stay those of the run, as on GitHub. The forges write
    /// them over `event.inputs`, and `workflow_call` as the event's name.
    pub const INPUTS: &str = "ekiden_inputs";
}

/// Headers that both sides know.
pub(crate) mod header {
    pub(crate) const UUID: &str = "x-runner-uuid";
    pub(crate) const TOKEN: &str = "x-runner-token";
    /// Agents before `Declare`, and ours, for the logs of a forge.
    pub(crate) const VERSION: &str = "x-runner-version";
    pub(crate) const REQUEST_KEY: &str = "x-runner-request-key";
    /// What a proxy says of whom it speaks for.
    pub(crate) const FORWARDED: &str = "x-forwarded-for";
    /// Ours: how many milliseconds a fetch may be held until there is a task. Others ignore it.
    pub(crate) const WAIT: &str = "x-ekiden-wait";
    /// Ours: no fetch with this request key was sent before, so that there is no answer to it that was lost. Others ignore it.
    pub(crate) const FIRST: &str = "x-ekiden-first";
}

/// Largest message that either side takes. The forges set no limit; a batch of log or the event of a task may be some megabytes.
pub const MESSAGE_MAX: usize = 64 * 1024 * 1024;
/// Largest message of a call that brings little: all but outputs and rows.
pub(crate) const SMALL_MAX: usize = 256 * 1024;
/// Largest memory for the elements of one message, so that many empty ones cannot blow it up.
pub(crate) const ELEMENTS_MAX: usize = 256 * 1024 * 1024;
