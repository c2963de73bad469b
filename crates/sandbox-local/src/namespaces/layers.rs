//! Layers that are made, for who wants the same. Kept by `ready` for the processes of jobs, and by each process for its sandboxes.

use super::layer::Made;
use super::mask::{self, Kind};
use super::seen::Seen;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;

/// So many are kept, those that were used last: one for each repository whose jobs come again and again. Each is some sixty entries of a
/// file system in memory.
const KEPT: usize = 32;

/// Those that are kept.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// What was used last stands last.
    kept: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    kind: Kind,
    seen: Seen,
    made: Made,
    uses: Uses,
}

/// How many processes one is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Uses {
    /// Each takes a copy.
    Many,
    /// Kernels before 6.15 copy no mount that is in nobody's tree: then each sandbox has a layer of its own.
    Once,
}

impl Layers {
    /// Has the layer of a kind, as what it is made from is now. Where it cannot be made, who needs it will tell.
    pub(super) fn get_ready(&mut self, kind: &Kind, folder: &Path) {
        // It would be made anew by who needs it.
        if self.kept.iter().any(|kept| kept.kind == *kind && kept.seen.is_never_sure()) {
            return;
        }
        if let Some(kept) = self.current(kind) {
            return self.keep(kept);
        }
        if let Ok((seen, made)) = mask::layer(kind, folder) {
            let uses = if made.try_clone().is_ok() { Uses::Many } else { Uses::Once };
            self.keep(Kept { kind: kind.clone(), seen, made, uses });
        }
    }

    /// The layer of a kind for one sandbox, and what it was made from.
    pub(super) fn take(&mut self, kind: &Kind, folder: &Path) -> io::Result<(Seen, Made)> {
        let (seen, made) = match self.current(kind) {
            Some(kept) => (kept.seen, kept.made),
            None => mask::layer(kind, folder)?,
        };
        let Ok(own) = made.try_clone() else { return Ok((seen, made)) };
        self.keep(Kept { kind: kind.clone(), seen: seen.clone(), made, uses: Uses::Many });
        Ok((seen, own))
    }

    /// A process was forked, and has all these: what one alone can use is its own.
    pub(super) fn are_handed_over(&mut self) {
        self.kept.retain(|kept| kept.uses == Uses::Many);
    }

    /// The descriptors in them.
    pub(super) fn fds(&self) -> Vec<RawFd> {
        let mount = |made: &Made| match made {
            Made::Mount(mount) => Some(mount.as_raw_fd()),
            Made::Directory(_) => None,
        };
        self.kept.iter().flat_map(|kept| kept.seen.fd().into_iter().chain(mount(&kept.made))).collect()
    }

    /// Takes one out, which is forgotten where it is not what would be made now.
    fn current(&mut self, kind: &Kind) -> Option<Kept> {
        let at = self.kept.iter().position(|kept| kept.kind == *kind)?;
        let kept = self.kept.remove(at);
        (kept.seen.is_so_still(kind) && kept.made.is_there()).then_some(kept)
    }

    fn keep(&mut self, kept: Kept) {
        if self.kept.len() >= KEPT {
            self.kept.remove(0);
        }
        self.kept.push(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::super::mask::{Caller, Hiding};
    use super::*;
    use crate::wire::{Net, Profile};
    use std::time::{Duration, SystemTime};

    /// Two folders: a root, and one for layers.
    fn folders() -> [tempfile::TempDir; 2] {
        [(); 2].map(|()| tempfile::tempdir().unwrap())
    }

    fn kind(base: &Path, repository: &str) -> Kind {
        Kind {
            base: base.to_owned(),
            caller: Caller::User,
            profile: Profile::Hardened,
            repository: repository.to_owned(),
            network: Net::Relayed,
            hiding: Hiding::Private,
        }
    }

    fn repositories(layers: &Layers) -> Vec<&str> {
        layers.kept.iter().map(|kept| kept.kind.repository.as_str()).collect()
    }

    #[test]
    fn those_that_are_used_stay() {
        let [base, folder] = folders();
        let mut layers = Layers::default();
        for number in 0..2 * KEPT {
            layers.get_ready(&kind(base.path(), "often"), folder.path());
            layers.get_ready(&kind(base.path(), &number.to_string()), folder.path());
        }
        let names = repositories(&layers);
        assert_eq!((names.len(), names.contains(&"often"), names.last()), (KEPT, true, Some(&"63")));
        assert!(names.contains(&"33") && !names.contains(&"32"), "{names:?}");
    }

    #[test]
    fn what_one_alone_can_use_is_made_once_and_given_to_one() {
        let [base, folder] = folders();
        let mut layers = Layers::default();
        for name in ["copied", "alone"] {
            layers.get_ready(&kind(base.path(), name), folder.path());
        }
        layers.kept[1].uses = Uses::Once;
        layers.get_ready(&kind(base.path(), "alone"), folder.path());
        assert_eq!(repositories(&layers), ["copied", "alone"], "it is there for the next process");
        layers.are_handed_over();
        assert_eq!(repositories(&layers), ["copied"]);
    }

    #[test]
    fn what_would_be_made_anew_is_not_made_ahead() {
        let [base, folder] = folders();
        let (mut layers, kind) = (Layers::default(), kind(base.path(), "r"));
        layers.get_ready(&kind, folder.path());
        layers.kept[0].seen.looks_into(Path::new("/proc/self/task"));
        let Made::Directory(place) = &layers.kept[0].made else { panic!("an ordinary user's") };
        let place = place.clone();
        std::fs::remove_dir_all(&place).unwrap();
        layers.get_ready(&kind, folder.path());
        assert!(!place.exists());
        layers.take(&kind, folder.path()).unwrap();
        assert!(place.is_dir());
    }

    #[test]
    fn the_age_of_a_folder_tells_that_it_is_used() {
        let [base, folder] = folders();
        let (mut layers, kind) = (Layers::default(), kind(base.path(), "r"));
        layers.get_ready(&kind, folder.path());
        let Made::Directory(place) = &layers.kept[0].made else { panic!("an ordinary user's") };
        let place = place.clone();
        let age = || SystemTime::now().duration_since(std::fs::metadata(&place).unwrap().modified().unwrap()).unwrap();
        let long = Duration::from_secs(6 * 24 * 3600);
        for take in [false, true] {
            std::fs::File::open(&place).unwrap().set_modified(SystemTime::now() - long).unwrap();
            if take {
                layers.take(&kind, folder.path()).unwrap();
            } else {
                layers.get_ready(&kind, folder.path());
            }
            assert!(age() < Duration::from_secs(3600), "{take}");
        }
        std::fs::remove_dir_all(&place).unwrap();
        layers.get_ready(&kind, folder.path());
        assert!(place.is_dir());
    }
}
