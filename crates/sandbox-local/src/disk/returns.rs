//! The way of an image from the job that hardly used it to the next one, where each job has a process of its own: emptied by the job's
//! process, sent to the fork server, inherited by the process that is forked next. Called by `fork_server` and `namespaces::ready`.

use super::directory::Fate;
use super::image::Image;
use super::pool::{DiskLimit, DiskUsage, KEPT, Next, Pool};
use crate::channel::Message;
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

/// An image, but for the descriptor of its mount.
#[derive(Debug, Serialize, Deserialize)]
struct Returned {
    /// The pool's.
    folder: PathBuf,
    device: String,
    limit: DiskLimit,
    job: u32,
    empty: DiskUsage,
    removed: u64,
}

impl Image {
    /// Sends it. Where the socket is full it is thrown away instead: nobody's job waits for it.
    pub(super) fn send(self, socket: &OwnedFd, folder: &Path) -> io::Result<()> {
        let Self { mount, device, limit, job, empty, removed, .. } = self;
        let returned = Returned { folder: folder.to_owned(), device, limit, job, empty, removed };
        Message::new(0, &returned, vec![mount])?.send_or_fail(socket)
    }
}

impl Pool {
    /// Takes an image that was sent back. No more wait than there are jobs, which may want them.
    pub(crate) fn take_back(&self, mut message: Message, jobs: usize) -> io::Result<()> {
        let Returned { folder, device, limit, job, empty, removed } = message.decode()?;
        let mount = message.fds.pop().ok_or(io::ErrorKind::InvalidData)?;
        let mut state = self.state();
        if folder == self.folder() && state.emptied.len() < jobs.max(KEPT) {
            state.emptied.push(Image { mount, device, limit, fate: Fate::Discarded, job, empty, removed });
        }
        Ok(())
    }

    /// Has the next process find an image of this limit, if there is one, and keeps none that it could not use.
    pub(crate) fn offer(&self, limit: DiskLimit, job: u32) {
        self.state().emptied.retain(|image| image.is_for(limit, job));
    }

    /// Whether images wait.
    pub(crate) fn has_images(&self) -> bool {
        !self.state().emptied.is_empty()
    }

    /// Throws them away: no job came for long.
    pub(crate) fn forget_images(&self) {
        self.state().emptied.clear();
    }

    /// In a process that was just forked for one job: one image is its own, the others are its parent's. Where it sends what it has
    /// used; the descriptors that it has of all this.
    pub(crate) fn is_of_job(&self, returns: OwnedFd) -> Vec<RawFd> {
        let mut state = self.state();
        let own = state.emptied.pop();
        let mut fds = vec![returns.as_raw_fd()];
        fds.extend(own.as_ref().map(|image| image.mount().as_raw_fd()));
        // Their descriptors are closed with all others, and their numbers may be others' then.
        std::mem::replace(&mut state.emptied, own.into_iter().collect()).into_iter().for_each(std::mem::forget);
        state.next = Next::Others(returns);
        fds
    }

    /// In the parent of that process: the image is the process's.
    pub(crate) fn is_handed_over(&self) {
        drop(self.state().emptied.pop());
    }
}
