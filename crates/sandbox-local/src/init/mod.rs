//! The init of one sandbox: forked from the zygote (no exec), pid 1 inside. It builds the root, gives up its privileges,
//! then starts, reaps and signals commands, and reads, writes and digests files for the engine, as the job's user.
//!
//! Order: [`tree`] builds and enters the root, the network comes up, [`privileges`] are settled, [`serve`] answers. Nothing of
//! the job runs before the last of them, and by then the init has no more rights than the job.

mod device;
mod place;
mod privileges;
mod serve;
mod signal;
mod step;
mod tree;
mod view;

pub(crate) use signal::came_from;

use crate::channel::{self, Message, Receiver};
use crate::seccomp::Filters;
use crate::sys;
use crate::wire::{Reply, Setup};
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Becomes the init of a sandbox. `fds`: those of the spec, the init's socket first. Waits for `go`, which the zygote sends when
/// ids and groups are in place.
pub(crate) fn run(setup: &Setup, fds: Vec<OwnedFd>, go: &OwnedFd, filters: &Filters) -> ! {
    // A panic must not unwind into the zygote's frames, which this process has a copy of.
    let code = catch_unwind(AssertUnwindSafe(|| live(setup, fds, go, filters))).unwrap_or(101);
    sys::exit_now(code)
}

fn live(setup: &Setup, fds: Vec<OwnedFd>, go: &OwnedFd, filters: &Filters) -> i32 {
    // If the zygote is killed, the sandbox dies with it.
    if rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).is_err() {
        return 1;
    }
    if !matches!(Receiver::default().wait(go), Ok(Some(_))) {
        return 1;
    }
    let mut fds = fds.into_iter();
    let Some(socket) = fds.next() else { return 1 };
    let ready = tree::enter(setup, fds.collect()).and_then(|views| {
        let sockets = privileges::network(setup)?;
        let children = sys::child_signals().map_err(|error| crate::wire::Fault::system("watch for children", error))?;
        let protections = privileges::settle(setup, filters)?;
        Ok((views, sockets, children, protections))
    });
    match ready {
        Ok((views, sockets, children, protections)) => {
            let reply = Reply::Ready { protections, sockets: sockets.len() };
            // Its own end, then the sockets, then the views; the init keeps none of them.
            let handed = sys::own_pidfd()
                .and_then(|own| Message::new(0, &reply, [own].into_iter().chain(sockets).chain(views).collect()));
            if handed.and_then(|message| message.send(&socket)).is_err() {
                return 1;
            }
            i32::from(serve::serve(&socket, &children, &setup.off).is_err())
        }
        Err(fault) => {
            let _ = channel::send_value(socket.as_fd(), 0, &Reply::Failed(fault), &[]);
            1
        }
    }
}
