//! A terminal for a person in a kept sandbox: a pair of its own, so that nothing inside holds the person's, with bytes carried
//! between the two. Used by `kept`.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};
use std::io;
use std::os::fd::OwnedFd;

/// How often the person's window is looked at.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };

/// A pair of terminals.
#[derive(Debug)]
pub(super) struct Terminal {
    outer: OwnedFd,
    inner: OwnedFd,
}

/// While it lives, the person's terminal hands on every key.
#[derive(Debug)]
pub(super) struct Relayed {
    before: Termios,
}

impl Terminal {
    /// A pair, when the caller sits at a terminal.
    pub(super) fn open() -> io::Result<Option<Self>> {
        if !isatty(io::stdin()) || !isatty(io::stdout()) {
            return Ok(None);
        }
        let outer = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&outer)?;
        unlockpt(&outer)?;
        let name = ptsname(&outer, Vec::new())?;
        let inner = rustix::fs::open(&*name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        if let Ok(size) = tcgetwinsize(io::stdin()) {
            tcsetwinsize(&inner, size)?;
        }
        Ok(Some(Self { outer, inner }))
    }

    /// The inner end as a command's streams.
    pub(super) fn streams(&self) -> io::Result<[OwnedFd; 3]> {
        Ok([self.inner.try_clone()?, self.inner.try_clone()?, self.inner.try_clone()?])
    }

    /// Carries bytes until the process ends, in threads.
    pub(super) fn relay(self) -> io::Result<Relayed> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        let relayed = Relayed { before };
        let outer = self.outer.try_clone()?;
        std::thread::Builder::new().name("terminal-out".to_owned()).spawn(move || carry_out(&outer))?;
        std::thread::Builder::new().name("terminal-in".to_owned()).spawn(move || carry_in(&self.outer))?;
        Ok(relayed)
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        // Waits until what was printed last is out.
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
    }
}

fn carry_out(outer: &OwnedFd) {
    let mut bytes = [0; 8192];
    while let Ok(count @ 1..) = rustix::io::read(outer, &mut bytes) {
        if write_all(io::stdout(), &bytes[..count]).is_err() {
            return;
        }
    }
}

fn carry_in(outer: &OwnedFd) {
    let (mut bytes, mut size) = ([0; 8192], None);
    loop {
        let stdin = io::stdin();
        let mut polled = [PollFd::new(&stdin, PollFlags::IN)];
        let came = poll(&mut polled, Some(&LOOK));
        let now = tcgetwinsize(&stdin).ok().map(|size| (size.ws_row, size.ws_col));
        if now != size {
            size = now;
            // The kernel tells the command.
            let _ = tcgetwinsize(&stdin).and_then(|size| tcsetwinsize(outer, size));
        }
        match came {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return,
        }
        match rustix::io::read(&stdin, &mut bytes) {
            Ok(count @ 1..) if write_all(outer, &bytes[..count]).is_ok() => {}
            _ => return,
        }
    }
}

fn write_all(to: impl std::os::fd::AsFd, mut bytes: &[u8]) -> rustix::io::Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::write(&to, bytes))?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// The caller's own streams, where there is no terminal.
pub(super) fn own_streams() -> io::Result<[OwnedFd; 3]> {
    let dup = |fd: std::os::fd::BorrowedFd<'_>| fd.try_clone_to_owned();
    use std::os::fd::AsFd;
    Ok([dup(io::stdin().as_fd())?, dup(io::stdout().as_fd())?, dup(io::stderr().as_fd())?])
}
