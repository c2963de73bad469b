//! One job, from its set-up to its report. Called by [`crate::local`] and by the agent.

mod actions;
mod background;
mod complete;
mod containers;
mod contexts;
mod environment;
mod frame;
mod guard;
mod hooks;
mod naming;
mod node;
mod phases;
mod process;
mod programs;
mod ready;
mod refused;
mod request;
mod run;
mod running;
mod sequence;
mod set_up;
mod shell;
mod state;
mod step;
mod top;
mod views;

pub use mask::Masker;
pub use programs::Programs;
pub use ready::{given, minutes};
pub use refused::refuse;
pub use request::{
    CheckoutRules, CheckoutTime, GivenContexts, Hook, HookShell, Hooks, JobInFile, JobReport, JobRequest, Keep,
    RunnerFacts, SandboxRequest, Timing,
};
pub use run::run;
