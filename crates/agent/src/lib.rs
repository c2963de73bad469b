//! The agent: what attaches this machine to a forge.
//!
//! So far: labels, the file that keeps a registration, registering, and taking over what the forges' own runners registered.

mod import;
pub mod job;
mod label;
mod register;
mod registration;

pub use import::{Difference, DockerLabels, HostLabels, ImportError, Imported, import_runner_file};
pub use label::{Backend, InvalidLabel, Label};
pub use register::{NewRunner, Note, RegisterError, Registered, register};
pub use registration::{Registration, RegistrationError, RegistrationFile};
