//! The agent: what attaches this machine to a forge.
//!
//! So far: labels, the file that keeps a registration, registering, and taking over what the forges' own runners registered.

mod import;
pub mod job;
mod label;
mod labels;
mod register;
mod registration;
pub mod report;

pub use import::{Difference, DockerLabels, HostLabels, ImportError, Imported, import_runner_file};
pub use label::{Backend, InvalidLabel, Label};
pub use labels::{LabelNote, Labels, LabelsError};
pub use register::{NewRunner, Note, RegisterError, Registered, await_forge, register};
pub use registration::{Registration, RegistrationError, RegistrationFile};
