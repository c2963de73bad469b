//! One job, from its set-up to its report. Called by [`crate::local`] and later by the agent.

mod request;

pub use request::{
    CheckoutRules, CheckoutTime, GivenContexts, JobInFile, JobReport, JobRequest, Keep, RunnerFacts, SandboxRequest,
    Timing,
};
