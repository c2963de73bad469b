//! A private view of files for a job: made ready out of sight by `sandbox.prepare`, put in place by a step.
//!
//! `source` describes it, the composition root hands it to the sandbox, the built-in checkout places it.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A tree to show a job, writable for it and never changing what lies on the host (copy-on-write).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The name by which `place` asks for it; unique in a sandbox.
    pub name: String,
    /// Host directories, the first of them at the top of the view (`at` empty), others laid over it.
    pub parts: Vec<ViewPart>,
    /// Files written into the view on top of the parts, before it is placed.
    pub files: Vec<ViewFile>,
    /// Paths, relative to the view, that are not shown (a directory becomes absent, a file too).
    pub hidden: Vec<PathBuf>,
}

/// One host directory in a view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewPart {
    /// The directory on the host; it is only ever read.
    pub host: PathBuf,
    /// Where it lies in the view, relative; empty for the top.
    pub at: PathBuf,
}

/// One file laid into a view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewFile {
    /// Where it lies in the view, relative.
    pub at: PathBuf,
    /// What it holds.
    pub content: Vec<u8>,
}
