//! As what a layer is made from was when it was made, and whether it is so still. A layer may be kept for days (a fork server's are), and
//! what the host's people hide meanwhile must be hidden from the next job. Used by `mask`, `ready` and `spare`.

use super::lists::PARENTS;
use super::mask::Kind;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
use rustix::fs::{AtFlags, Mode, OFlags};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::Arc;

/// What else is looked at: what a layer is made from, and where file systems are mounted that it looks into.
const LOOKED_AT: [&str; 10] =
    ["", "etc", "var", "var/lib", "opt", "srv", "usr/local/etc", "etc/passwd", "etc/group", "etc/resolv.conf"];

/// When what every layer is made from was last changed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp(Vec<Option<(i64, i64)>>);

impl Stamp {
    fn of(kind: &Kind) -> Self {
        let base = rustix::fs::open(&kind.base, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        let Ok(base) = base else { return Self(Vec::new()) };
        let times = LOOKED_AT.iter().chain(&PARENTS).map(|file| {
            let file = if file.is_empty() { "." } else { file };
            let stat = rustix::fs::statat(&base, file, AtFlags::empty()).ok()?;
            Some((stat.st_ctime, i64::try_from(stat.st_ctime_nsec).ok()?))
        });
        Self(times.collect())
    }
}

/// What a layer was made from.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    stamp: Stamp,
    deep: Deep,
}

/// What was looked at beyond the stamp.
#[derive(Debug, Clone)]
enum Deep {
    /// Nothing.
    Nothing,
    /// Directories, of which the kernel says here that something in them has changed. Nobody reads it: it says so to all who ask.
    Watched(Arc<OwnedFd>),
    /// Some whose changes the kernel does not tell of. What was made from them is made anew each time.
    Unheard,
}

impl Seen {
    /// As it is now, before the layer is made.
    pub(super) fn now(kind: &Kind) -> Self {
        Self { stamp: Stamp::of(kind), deep: Deep::Nothing }
    }

    /// A directory is about to be looked into; of one on another kind of file system than those of this machine, changes by others would
    /// not be heard.
    pub(super) fn looks_into(&mut self, directory: &Path) {
        if let Deep::Nothing = self.deep {
            self.deep = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
                .map_or(Deep::Unheard, |watch| Deep::Watched(Arc::new(watch)));
        }
        if let Deep::Watched(watch) = &self.deep {
            // A file that is made or moved here, and one whose mode or owner changes.
            let changes = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ATTRIB | WatchFlags::MOVE_SELF;
            let how = WatchFlags::ONLYDIR | WatchFlags::DONT_FOLLOW;
            if !is_of_this_machine(directory) || add_watch(&**watch, directory, changes | how).is_err() {
                self.deep = Deep::Unheard;
            }
        }
    }

    /// Whether nothing has changed since.
    pub(super) fn is_so_still(&self, kind: &Kind) -> bool {
        let has_changed = match &self.deep {
            Deep::Nothing => false,
            Deep::Watched(watch) => {
                let mut polled = [PollFd::new(&**watch, PollFlags::IN)];
                !matches!(poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(0))
            }
            Deep::Unheard => true,
        };
        !has_changed && self.stamp == Stamp::of(kind)
    }

    /// Whether nobody can tell if something has changed.
    pub(super) fn is_never_sure(&self) -> bool {
        matches!(self.deep, Deep::Unheard)
    }

    /// The descriptor in it.
    pub(super) fn fd(&self) -> Option<RawFd> {
        match &self.deep {
            Deep::Watched(watch) => Some(watch.as_raw_fd()),
            Deep::Nothing | Deep::Unheard => None,
        }
    }
}

/// Whether others than this machine's processes cannot change what is there.
fn is_of_this_machine(directory: &Path) -> bool {
    // ext4, xfs, btrfs, f2fs, zfs, bcachefs, tmpfs, ramfs, overlay, squashfs, erofs.
    const KINDS: [u32; 11] = [
        0xef53,
        0x5846_5342,
        0x9123_683e,
        0xf2f5_2010,
        0x2fc1_2fc1,
        0xca45_1a4e,
        0x0102_1994,
        0x8584_58f6,
        0x794c_7630,
        0x7371_7368,
        0xe0f5_e1e2,
    ];
    // The number is of 32 bits, whatever the type is on a machine.
    rustix::fs::statfs(directory).is_ok_and(|stat| KINDS.contains(&(stat.f_type as u32)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::namespaces::lists::{PRIVATE_ETC, PRIVATE_VAR};
    use crate::namespaces::mask::{Caller, Hiding};
    use crate::wire::{Net, Profile};
    use std::os::unix::fs::PermissionsExt;

    fn kind(base: &Path) -> Kind {
        Kind {
            base: base.to_owned(),
            caller: Caller::Root,
            profile: Profile::Root,
            repository: "r".to_owned(),
            network: Net::Relayed,
            hiding: Hiding::Private,
        }
    }

    #[test]
    fn a_private_name_that_appears_is_seen() {
        for (top, names) in [("etc", PRIVATE_ETC), ("var", PRIVATE_VAR)] {
            for name in names.split_whitespace() {
                let base = tempfile::tempdir().unwrap();
                let path = base.path().join(top).join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                let kind = kind(base.path());
                let seen = Seen::now(&kind);
                assert!(seen.is_so_still(&kind));
                let mut tries = 0;
                // A stamp is as coarse as the kernel's clock: a name that comes and goes within one tick was not there.
                while seen.is_so_still(&kind) {
                    let _before = std::fs::remove_file(&path);
                    std::fs::write(&path, "").unwrap();
                    tries += 1;
                    assert!(tries < 1_000_000, "{}", path.display());
                }
            }
        }
    }

    #[test]
    fn what_is_hidden_or_comes_deep_down_is_seen() {
        let base = tempfile::tempdir().unwrap();
        let deep = base.path().join("opt/app/conf");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("open"), "").unwrap();
        let kind = kind(base.path());
        let look = || {
            let mut seen = Seen::now(&kind);
            seen.looks_into(&deep);
            assert!(seen.is_so_still(&kind) && seen.fd().is_some());
            seen
        };
        let seen = look();
        std::fs::read_to_string(deep.join("open")).unwrap();
        assert!(seen.is_so_still(&kind), "reading changes nothing");
        std::fs::set_permissions(deep.join("open"), PermissionsExt::from_mode(0o600)).unwrap();
        assert!(!seen.is_so_still(&kind) && !seen.clone().is_so_still(&kind), "whoever asks");
        let seen = look();
        std::fs::write(deep.join("new"), "").unwrap();
        assert!(!seen.is_so_still(&kind));
        let seen = look();
        std::fs::rename(base.path().join("opt/app/conf/new"), base.path().join("opt/app/conf/newer")).unwrap();
        assert!(!seen.is_so_still(&kind));
        let mut seen = Seen::now(&kind);
        seen.looks_into(Path::new("/proc/self/task"));
        assert!(!seen.is_so_still(&kind) && seen.is_never_sure(), "nobody would tell");
    }
}
