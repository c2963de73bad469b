//! The init of one sandbox: forked from the zygote (no exec), pid 1 inside. It builds the root, gives up its privileges,
//! then starts, reaps and signals commands, and reads, writes and digests files for the engine, as the job's user.
//!
//! Order: [`tree`] builds and enters the root, the network comes up, [`privileges`] are settled, [`serve`] answers. Nothing of
//! the job runs before the last of them.

mod device;
mod files;
mod hash;
mod place;
mod privileges;
mod serve;
mod signal;
mod step;
mod tree;
mod view;

pub(crate) use files::{make_parents, read_file, write_file};
pub(crate) use hash::digest;
pub(crate) use step::StepRules;

use crate::channel::{self, Receiver};
use crate::sys;
use crate::wire::{Reply, Setup};
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Becomes the init of a sandbox. `fds`: those of the spec, the init's socket first. Waits for `go`, which the zygote sends when
/// ids and groups are in place.
pub(crate) fn run(setup: Setup, fds: Vec<OwnedFd>, go: &OwnedFd, rules: &StepRules) -> ! {
    // A panic must not unwind into the zygote's frames, which this process has a copy of.
    let code = catch_unwind(AssertUnwindSafe(|| live(setup, fds, go, rules))).unwrap_or(101);
    sys::exit_now(code)
}

fn live(setup: Setup, fds: Vec<OwnedFd>, go: &OwnedFd, rules: &StepRules) -> i32 {
    // If the zygote is killed, the sandbox dies with it.
    if rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).is_err() {
        return 1;
    }
    if !matches!(Receiver::default().wait(go), Ok(Some(_))) {
        return 1;
    }
    let mut fds = fds.into_iter();
    let Some(socket) = fds.next() else { return 1 };
    let fds: Vec<OwnedFd> = fds.collect();
    let ready = tree::enter(&setup, fds).and_then(|views| {
        let sockets = privileges::network(&setup)?;
        let protections = privileges::settle(&setup, rules)?;
        Ok((views, sockets, protections))
    });
    match ready {
        Ok((views, sockets, protections)) => {
            let sockets: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
            if channel::send_value(socket.as_fd(), 0, &Reply::Ready { protections: protections.shown }, &sockets).is_err() {
                return 1;
            }
            drop(sockets);
            match serve::serve(&socket, &setup, &views, &protections.rules, rules) {
                Ok(()) => 0,
                Err(_) => 1,
            }
        }
        Err(fault) => {
            let _ = channel::send_value(socket.as_fd(), 0, &Reply::Failed(fault), &[]);
            1
        }
    }
}
