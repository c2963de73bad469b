//! Starts one command: fork, files, directory, exec. The init is bound already, so nothing is left to give up here.

use crate::files;
use crate::sys::{self, Forked};
use crate::wire::{ExecRequest, Fault, Protection};
use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;
use std::ffi::CString;
use std::io::{self, Read};
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
    let (report, reported) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
        .map_err(|error| Fault::system("make a pipe in the sandbox", error))?;
    match sys::fork().map_err(|error| Fault::system("start a process in the sandbox", error))? {
        Forked::Child => {
            let fault = prepared.replace(request, stdin, stdout, stderr);
            let text = postcard::to_allocvec(&fault).unwrap_or_default();
            let _ = rustix::io::write(&reported, &text);
            sys::exit_now(127)
        }
        Forked::Parent(pid) => {
            drop(reported);
            let mut text = Vec::new();
            // The pipe ends with the exec.
            let read = std::fs::File::from(report).read_to_end(&mut text);
            if text.is_empty() && read.is_ok() {
                return Ok(pid);
            }
            let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
            Err(postcard::from_bytes(&text)
                .unwrap_or_else(|_| Fault::Invalid("a process in the sandbox broke before it began".to_owned())))
        }
    }
}

/// The strings of an exec, made before the fork.
struct Prepared {
    argv: Vec<CString>,
    env: Vec<CString>,
    /// Where the program may be, in order.
    candidates: Vec<CString>,
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
        let keeps_descriptors = off.contains(&Protection::Descriptors);
        Ok(Self { argv, env, candidates, descriptors: if keeps_descriptors { Others::Left } else { Others::Closed } })
    }

    /// In the new process. Returns only when it fails.
    fn replace(&self, request: &ExecRequest, stdin: Option<&OwnedFd>, stdout: &OwnedFd, stderr: &OwnedFd) -> Fault {
        match self.try_replace(request, stdin, stdout, stderr) {
            Err(fault) => fault,
            Ok(error) => {
                let program = request.argv.first().cloned().unwrap_or_default();
                if error.kind() == io::ErrorKind::NotFound && !exists(&self.candidates) {
                    return Fault::NotFound { program };
                }
                Fault::system(format!("run {program}"), error)
            }
        }
    }

    fn try_replace(
        &self,
        request: &ExecRequest,
        stdin: Option<&OwnedFd>,
        stdout: &OwnedFd,
        stderr: &OwnedFd,
    ) -> Result<io::Error, Fault> {
        let failed = |error: io::Error| Fault::system("prepare a process in the sandbox", error);
        rustix::process::setsid().map_err(|error| failed(error.into()))?;
        let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| failed(error.into()))?;
        // The init's own 0 to 2 are /dev/null, so these two are never among them.
        sys::put_at(stdin.unwrap_or(&null).as_fd(), 0).map_err(failed)?;
        sys::put_at(stdout.as_fd(), 1).map_err(failed)?;
        sys::put_at(stderr.as_fd(), 2).map_err(failed)?;
        if let Some(stdin) = stdin.filter(|stdin| rustix::termios::isatty(stdin)) {
            // A person's shell: signals of its keys go to it.
            rustix::process::ioctl_tiocsctty(stdin).map_err(|error| failed(error.into()))?;
        }
        match self.descriptors {
            Others::Closed => sys::close_from_on_exec(3).map_err(failed)?,
            Others::Left => sys::leave_open(3..64),
        }
        sys::fresh_signals();
        request.files.iter().try_for_each(files::write)?;
        rustix::process::chdir(&request.cwd)
            .map_err(|error| Fault::system(format!("enter the directory {}", request.cwd.display()), error))?;
        let mut worst = io::Error::from_raw_os_error(libc::ENOENT);
        for candidate in &self.candidates {
            let error = sys::execve(candidate, &self.argv, &self.env);
            match error.raw_os_error() {
                Some(libc::ENOENT | libc::ENOTDIR) => {}
                // As execvp: go on, but remember that there was one.
                Some(libc::EACCES) => worst = error,
                _ => return Ok(error),
            }
        }
        Ok(worst)
    }
}

/// Whether one of the candidates is there after all; then its interpreter is what is missing.
fn exists(candidates: &[CString]) -> bool {
    candidates.iter().any(|candidate| candidate.to_str().is_ok_and(|path| Path::new(path).exists()))
}
