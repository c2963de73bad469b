//! Starts one command: files, process, directory, program. The init is bound already, so nothing is left to give up here.

use crate::files;
use crate::sys::{self, Programs};
use crate::wire::{ExecRequest, Fault, Protection};
use rustix::process::Pid;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// Starts a command and returns when it has replaced its process, or could not.
pub(super) fn start(request: &ExecRequest, fds: &[OwnedFd], off: &[Protection]) -> Result<Pid, Fault> {
    let prepared = Prepared::new(request, off)?;
    let (stdin, stdout, stderr) = match fds {
        [stdout, stderr] => (None, stdout, stderr),
        [stdout, stderr, stdin] => (Some(stdin), stdout, stderr),
        _ => return Err(Fault::Invalid("a command needs a stdout and a stderr".to_owned())),
    };
    request.files.iter().try_for_each(files::write)?;
    let spawned = sys::spawn(|| prepared.replace(stdin, stdout, stderr));
    let (pid, stopped) = spawned.map_err(|error| Fault::system("start a process in the sandbox", error))?;
    let Some(stopped) = stopped else { return Ok(pid) };
    let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
    let program = || request.argv.first().cloned().unwrap_or_default();
    Err(match stopped {
        Stopped::Preparing(error) => Fault::system("prepare a process in the sandbox", error),
        Stopped::Entering(error) => Fault::system(format!("enter the directory {}", request.cwd.display()), error),
        Stopped::Running(error)
            if error.kind() == io::ErrorKind::NotFound && !exists(prepared.programs.candidates()) =>
        {
            Fault::NotFound { program: program() }
        }
        Stopped::Running(error) => Fault::system(format!("run {}", program()), error),
    })
}

/// Why a new process did not become a program.
enum Stopped {
    Preparing(io::Error),
    Entering(io::Error),
    Running(io::Error),
}

/// What a new process needs, made before it.
struct Prepared {
    programs: Programs,
    directory: CString,
    descriptors: Others,
}

/// What becomes of the init's descriptors in a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    Closed,
    /// A test sees that closing them is what protects.
    Left,
}

impl Prepared {
    fn new(request: &ExecRequest, off: &[Protection]) -> Result<Self, Fault> {
        let text = |text: String| {
            CString::new(text)
                .map_err(|_| Fault::Invalid("an argument or variable of a command holds a NUL".to_owned()))
        };
        let program = request.argv.first().ok_or_else(|| Fault::Invalid("a command needs a program".to_owned()))?;
        let path = request.env.iter().find(|(name, _)| name == "PATH").map_or("", |(_, value)| value.as_str());
        let candidates = if program.contains('/') {
            vec![text(program.clone())?]
        } else {
            let directories = path.split(':').map(|directory| if directory.is_empty() { "." } else { directory });
            directories.map(|directory| text(format!("{directory}/{program}"))).collect::<Result<_, _>>()?
        };
        let argv = request.argv.iter().cloned().map(text).collect::<Result<_, _>>()?;
        let env = request.env.iter().map(|(name, value)| text(format!("{name}={value}"))).collect::<Result<_, _>>()?;
        let directory = CString::new(std::os::unix::ffi::OsStrExt::as_bytes(request.cwd.as_os_str()));
        let directory = directory.map_err(|_| Fault::Invalid("a directory holds a NUL".to_owned()))?;
        let keeps_descriptors = off.contains(&Protection::Descriptors);
        let descriptors = if keeps_descriptors { Others::Left } else { Others::Closed };
        Ok(Self { programs: Programs::new(candidates, argv, env), directory, descriptors })
    }

    /// In the new process, which shares the init's memory: takes none of it. Returns only when it fails.
    fn replace(&self, stdin: Option<&OwnedFd>, stdout: &OwnedFd, stderr: &OwnedFd) -> Stopped {
        if let Err(error) = self.prepare(stdin, stdout, stderr) {
            return Stopped::Preparing(error);
        }
        match rustix::process::chdir(&self.directory) {
            Ok(()) => Stopped::Running(self.programs.execute()),
            Err(error) => Stopped::Entering(error.into()),
        }
    }

    fn prepare(&self, stdin: Option<&OwnedFd>, stdout: &OwnedFd, stderr: &OwnedFd) -> io::Result<()> {
        rustix::process::setsid()?;
        // The init's own 0 to 2 are /dev/null, so these are never among them, and the first stays where none is given.
        if let Some(stdin) = stdin {
            sys::put_at(stdin.as_fd(), 0)?;
        }
        sys::put_at(stdout.as_fd(), 1)?;
        sys::put_at(stderr.as_fd(), 2)?;
        if let Some(stdin) = stdin.filter(|stdin| rustix::termios::isatty(stdin)) {
            // A person's shell: signals of its keys go to it.
            rustix::process::ioctl_tiocsctty(stdin)?;
        }
        match self.descriptors {
            Others::Closed => sys::close_from_on_exec(3)?,
            Others::Left => sys::leave_open(3..64),
        }
        sys::fresh_signals();
        Ok(())
    }
}

/// Whether one of the candidates is there after all; then its interpreter is what is missing.
fn exists(candidates: &[CString]) -> bool {
    candidates.iter().any(|candidate| candidate.to_str().is_ok_and(|path| Path::new(path).exists()))
}
