//! The programs that tests run, and the Debian packages that bring them. Used by `cargo xtask test`.

use crate::{run, say, tell};
use anyhow::{Result, bail};
use std::io::IsTerminal;
use std::process::{Command, Stdio};

/// Program → package.
const PROGRAMS: [(&str, &str); 9] = [
    ("cc", "gcc"),
    ("git", "git"),
    ("node", "nodejs"),
    ("python3", "python3"),
    ("perl", "perl"),
    ("newuidmap", "uidmap"),
    ("setpriv", "util-linux"),
    ("mkfs.ext4", "e2fsprogs"),
    ("initdb", "postgresql"),
];

/// Installs what is missing; says what to run where it cannot.
pub(crate) fn install() -> Result<()> {
    let missing: Vec<(&str, &str)> = PROGRAMS.into_iter().filter(|(program, _)| !exists(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let programs: Vec<&str> = missing.iter().map(|(program, _)| *program).collect();
    let mut packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    say(&format!("tests need {}", programs.join(", ")));
    if !exists("apt-get") {
        bail!("there is no apt-get here: install these programs, then run this again");
    }
    let line = format!("apt-get update && apt-get install -y --no-install-recommends {}", packages.join(" "));
    if is_root() {
        return run(Command::new("sh").args(["-ec", &line]).env("DEBIAN_FRONTEND", "noninteractive"));
    }
    let may_ask =
        exists("sudo") && (std::io::stdin().is_terminal() || quietly(Command::new("sudo").args(["-n", "true"])));
    if may_ask {
        say(&format!("sudo: {line}"));
        return run(Command::new("sudo").args(["sh", "-ec", &line]));
    }
    tell(&format!("run this as root, then again `cargo xtask test`:\n\n  {line}\n"));
    bail!("packages are missing: {}", packages.join(" "));
}

/// Whether a program is on the `PATH`, where an ordinary user's `PATH` does not look, or where Debian keeps those of PostgreSQL.
pub(crate) fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok().into_iter().flatten().flatten();
    let places = std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .chain(versions.map(|version| version.path().join("bin")));
    places.map(|place| place.join(program)).any(|file| file.is_file())
}

pub(crate) fn is_root() -> bool {
    // The owner of our own entry in /proc is who we are.
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

pub(crate) fn quietly(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
