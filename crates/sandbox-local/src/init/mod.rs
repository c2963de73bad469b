//! The init of one sandbox: forked from the zygote (no exec), pid 1 inside. It builds the root, gives up its privileges,
//! then starts, reaps and signals commands, and reads, writes and digests files for the engine, as the job's user.
//!
//! Order: [`tree`] builds the root, the network comes up; that needs no knowledge of the job, so an init can wait here. Then
//! [`tree`] adds what is the job's and enters the root, [`privileges`] are settled, [`serve`] answers. Nothing of the job runs before the last of them, and by then the
//! init has no more rights than the job.

mod device;
mod place;
mod privileges;
mod scratch;
mod serve;
mod signal;
mod step;
mod tree;
mod view;

pub(crate) use signal::came_from;

use crate::channel::{self, Message, Receiver};
use crate::seccomp::Filters;
use crate::sys;
use crate::wire::{Fault, Frame, Reply, Setup};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Becomes the init of a sandbox that the parent talks to by `socket`. Waits for `go` twice: the zygote says when ids and groups
/// are in place, and later what the sandbox is to be.
///
/// `fds` are those of the frame, the first of which it knows as number `first`.
pub(crate) fn run(
    frame: &Frame,
    fds: Vec<OwnedFd>,
    first: usize,
    socket: &OwnedFd,
    go: &OwnedFd,
    filters: &Filters,
) -> ! {
    // A panic must not unwind into the zygote's frames, which this process has a copy of.
    let code = catch_unwind(AssertUnwindSafe(|| live(frame, (fds, first), socket, go, filters))).unwrap_or(101);
    sys::exit_now(code)
}

fn live(frame: &Frame, fds: (Vec<OwnedFd>, usize), socket: &OwnedFd, go: &OwnedFd, filters: &Filters) -> i32 {
    // If the zygote is killed, the sandbox dies with it.
    if rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).is_err() {
        return 1;
    }
    let mut told = Told { go, receiver: Receiver::default(), setup: None };
    if !matches!(told.mapped(), Ok(true)) {
        return 1;
    }
    match stand(frame, fds, told, filters) {
        Ok(Stand::Built { ready, children }) => {
            if ready.send(socket).is_err() {
                return 1;
            }
            drop(ready);
            i32::from(serve::serve(socket, &children, &frame.off).is_err())
        }
        Ok(Stand::NotWanted) => 0,
        Err(fault) => {
            let _ = channel::send_value(socket.as_fd(), 0, &Reply::Failed(fault), &[]);
            1
        }
    }
}

/// What became of an init.
enum Stand {
    /// The sandbox stands; this says so, with all that goes to the parent.
    Built { ready: Message, children: OwnedFd },
    /// It waited for nothing.
    NotWanted,
}

fn stand(frame: &Frame, fds: (Vec<OwnedFd>, usize), mut told: Told<'_>, filters: &Filters) -> Result<Stand, Fault> {
    let mut builder = tree::begin(frame, scratch::make(frame)?, fds)?;
    let sockets = privileges::network(frame)?;
    let children = sys::child_signals().map_err(|error| Fault::system("watch for children", error))?;
    privileges::lower(frame)?;
    let asked = told.setup().map_err(|error| Fault::system("learn what the sandbox is to be", error))?;
    let Some(mut asked) = asked else { return Ok(Stand::NotWanted) };
    let unclear = |error| Fault::system("understand what the sandbox is to be", error);
    if asked.number != SETUP {
        return Err(asked.decode::<Fault>().map_err(unclear)?);
    }
    let setup: Setup = asked.decode().map_err(unclear)?;
    let views = builder.finish(&setup, std::mem::take(&mut asked.fds))?;
    drop(builder);
    let protections = privileges::settle(frame, filters)?;
    let reply = Reply::Ready { protections, sockets: sockets.len() };
    // Its own end, then the sockets, then the views; the init keeps none of them.
    let ready = sys::own_pidfd()
        .and_then(|own| Message::new(0, &reply, [own].into_iter().chain(sockets).chain(views).collect()))
        .map_err(|error| Fault::system("say that the sandbox stands", error))?;
    Ok(Stand::Built { ready, children })
}

/// What an init is told before its sandbox stands. The zygote and the parent both speak, in any order.
struct Told<'a> {
    go: &'a OwnedFd,
    receiver: Receiver,
    /// Came early.
    setup: Option<Message>,
}

impl Told<'_> {
    /// Waits until ids and mounts are mapped; false when nobody is there any more.
    fn mapped(&mut self) -> io::Result<bool> {
        while let Some(message) = self.receiver.wait(self.go)? {
            if message.number == MAPPED {
                return Ok(true);
            }
            self.setup = Some(message);
        }
        Ok(false)
    }

    /// Waits for what the sandbox is to be.
    fn setup(&mut self) -> io::Result<Option<Message>> {
        match self.setup.take() {
            Some(message) => Ok(Some(message)),
            None => self.receiver.wait(self.go),
        }
    }
}

/// The number of the message by which the zygote says that ids and mounts are mapped.
pub(crate) const MAPPED: u64 = 0;
/// The number of the message that holds a [`Setup`]; any other holds the [`Fault`] that kept the zygote from passing one on.
pub(crate) const SETUP: u64 = 1;
