//! A sandbox for tests of what the engine reads: files that are there, and nothing that runs.

use async_trait::async_trait;
use domain::Receipt;
use sandbox::{Exec, InsideFile, Layout, Process, Sandbox, SandboxError, Signal};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A sandbox whose workspace is `/w/repo`, that holds files and runs nothing.
#[derive(Debug)]
pub struct Shelf {
    layout: Layout,
    files: HashMap<PathBuf, Vec<u8>>,
}

impl Shelf {
    /// A shelf with these files: absolute paths and what they hold.
    #[must_use]
    pub fn new(files: &[(&str, &str)]) -> Self {
        let layout = Layout {
            work: "/w".into(),
            workspace: "/w/repo".into(),
            temp: "/t".into(),
            tool_cache: "/c".into(),
            home: "/h".into(),
            user: "u".into(),
            path: String::new(),
            env: Vec::new(),
        };
        let files = files.iter().map(|(path, content)| (PathBuf::from(path), content.as_bytes().to_vec())).collect();
        Self { layout, files }
    }
}

#[async_trait]
impl Sandbox for Shelf {
    fn layout(&self) -> &Layout {
        &self.layout
    }
    async fn exec(&self, _: Exec) -> Result<Box<dyn Process>, SandboxError> {
        Err(SandboxError::Gone)
    }
    async fn place(&self, _: &str, _: &Path) -> Result<(), SandboxError> {
        Err(SandboxError::Gone)
    }
    async fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, SandboxError> {
        match self.files.get(path) {
            Some(content) if content.len() as u64 > limit => Err(SandboxError::Invalid("too large".into())),
            found => Ok(found.cloned()),
        }
    }
    async fn write(&self, _: Vec<InsideFile>) -> Result<(), SandboxError> {
        Err(SandboxError::Gone)
    }
    async fn remove(&self, _: Vec<PathBuf>) -> Result<(), SandboxError> {
        Err(SandboxError::Gone)
    }
    async fn hash(&self, _: &[String]) -> Result<String, SandboxError> {
        Err(SandboxError::Gone)
    }
    async fn signal_all(&self, _: Signal) -> Result<(), SandboxError> {
        Err(SandboxError::Gone)
    }
    async fn destroy(&self, _: bool) -> Result<Receipt, SandboxError> {
        Err(SandboxError::Gone)
    }
}
