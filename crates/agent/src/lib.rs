//! The agent: what attaches this machine to a forge, takes jobs from it, runs each in a process of its own and reports it.
//!
//! [`run()`] is the whole: `poll` asks for tasks, `slots` holds the room and the journal, `supervise` sees each attempt through with
//! [`report`] and the job's process ([`job`]); `control` and `health` say how it goes. Beside it: labels, the file that keeps a
//! registration, registering, and taking over what the forges' own runners registered.

mod chance;
mod control;
mod health;
mod import;
pub mod job;
mod journal;
mod label;
mod label_use;
mod labels;
mod poll;
mod register;
mod registration;
pub mod report;
mod run;
mod settings;
mod slots;
mod starter;
mod status;
mod stop;
mod supervise;

pub use control::{ControlError, Draining, ask, drain};
pub use import::{
    Carried, CarriedHooks, CarriedLimits, Difference, DockerLabels, Foreign, HostLabels, ImportError, Imported,
    ImportedSettings, KeyReport, Origin, RunnerFile, import, import_settings, runner_file_of,
};
pub use journal::JournalError;
pub use label::{Backend, InvalidLabel, Label};
pub use label_use::LabelUse;
pub use labels::{LabelNote, Labels, LabelsError};
pub use poll::PaceLimits;
pub use register::{NewRunner, Note, RegisterError, Registered, await_forge, register};
pub use registration::{Registration, RegistrationError, RegistrationFile};
pub use run::{AgentEnd, AgentError, run};
pub use settings::{AfterJob, AgentSettings, JobProgram, Mode, StandbyTimes, Wait};
pub use starter::{JobPipes, JobProcess, JobStarter, Later};
pub use status::{AttemptStatus, Contact, Counts, Status, Trouble, Work};
pub use stop::{Stop, Stopper};
