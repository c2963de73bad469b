//! The wall clock of the servers, moved while they run: libfaketime, which asks a file how far. The monotonic clock stays. Used by `plant` and `run`.

use crate::moment::since_1970;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where packages put the library.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
];

/// In seconds.
const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;

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
        clock.shift(0)?;
        Ok(clock)
    }

    /// Moves it so many days from the right time.
    pub(super) fn shift(&self, days: i8) -> Result<()> {
        let next = self.file.with_extension("next");
        std::fs::write(&next, format!("{days:+}d\n"))?;
        // Never a file that is half written.
        Ok(std::fs::rename(next, &self.file)?)
    }

    /// Has a program go by it.
    pub(super) fn give(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("FAKETIME_TIMESTAMP_FILE", &self.file);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
}

/// What has just been made says a moment so many days off the right time: a program that does not load the library goes by the machine's clock.
pub(super) fn ensure_made(days: i8, at: &str) -> Result<()> {
    let said = since_1970(at).with_context(|| format!("'{at}' is no moment"))?.as_secs_f64();
    let off = said - SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    // Making it, and asking for it, take a moment.
    let is_so = (off - f64::from(days) * DAY).abs() < HOUR;
    ensure!(is_so, "the servers' clock is not moved: it should be {days:+} days off, and a run was made at {at}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::ensure_made;

    #[test]
    fn a_clock_that_stays_is_found() {
        let long_ago = "2001-09-09T01:46:40Z";
        assert!(ensure_made(0, long_ago).is_err() && ensure_made(1, long_ago).is_err());
        assert!(ensure_made(0, "yesterday").is_err());
    }
}
