//! Commands that see nothing of the caller's environment, so that a test gives the same on every machine.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// A command with a plain `PATH`, `home` as its home, English messages and nothing else.
#[must_use]
pub fn scrubbed(program: impl AsRef<OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()))
        .env("HOME", home)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0");
    command
}
