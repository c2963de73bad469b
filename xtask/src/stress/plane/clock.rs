//! The wall clock of the servers, moved while they run: libfaketime, which asks a file how far. The monotonic clock stays. Used by `plant` and `run`.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where packages put the library.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
];

/// A clock that can be moved.
#[derive(Debug, Clone)]
pub(super) struct MovedClock {
    library: PathBuf,
    file: PathBuf,
}

impl MovedClock {
    /// One that is right still.
    pub(super) fn new(work: &Path) -> Result<Self> {
        let library = LIBRARIES.iter().map(Path::new).find(|library| library.exists());
        let library = library.context("libfaketime is not installed here (package faketime)")?.to_owned();
        let clock = Self { library, file: work.join("clock") };
        clock.shift("+0")?;
        Ok(clock)
    }

    /// Moves it so far from the right time: `+1d`, `-1d`, `+0`.
    pub(super) fn shift(&self, by: &str) -> Result<()> {
        let next = self.file.with_extension("next");
        std::fs::write(&next, format!("{by}\n"))?;
        // Never a file that is half written.
        Ok(std::fs::rename(next, &self.file)?)
    }

    /// Has a program go by it.
    pub(super) fn give(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("FAKETIME_TIMESTAMP_FILE", &self.file);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
}
