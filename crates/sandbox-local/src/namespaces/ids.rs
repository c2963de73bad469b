//! Which ids a sandbox gets: for root a range of its own that nobody uses, for an ordinary user their own id, or their
//! subordinate range.

use crate::sys;
use crate::wire::{IdMap, Identity, Profile};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Ids per sandbox.
const COUNT: u32 = 65_536;
/// The first id of the first range. From here to 2^31 no known tool takes ids (systemd's list of ranges).
const FIRST: u32 = 0x7000_0000;
/// How many ranges fit.
const RANGES: u32 = 4_094;
/// The job's user in the profile `hardened`.
pub(super) const RUNNER: u32 = 1001;

/// Hands out ranges, none of them twice at a time on this machine: a byte of one file is locked for each, and the kernel
/// unlocks it when the process is gone.
#[derive(Debug)]
pub(super) struct Ranges {
    file: Option<File>,
    taken: Mutex<BTreeSet<u32>>,
}

/// A range in use. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Range {
    ranges: Arc<Ranges>,
    slot: u32,
}

impl Ranges {
    /// `places`: where the lock file may lie, the first that works.
    pub(super) fn open(places: &[&Path]) -> Self {
        let file = places.iter().find_map(|place| {
            std::fs::create_dir_all(place).ok()?;
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(place.join("ids")).ok()
        });
        Self { file, taken: Mutex::default() }
    }

    /// Takes a free range.
    pub(super) fn take(self: &Arc<Self>) -> io::Result<Range> {
        let file = self
            .file
            .as_ref()
            .ok_or_else(|| io::Error::other("the file that id ranges are locked in could not be made"))?;
        // Another process starts elsewhere, so that they seldom meet.
        let start = std::process::id().wrapping_mul(61) % RANGES;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in (0..RANGES).map(|offset| (start + offset) % RANGES) {
            if !taken.contains(&slot) && sys::lock_byte(file, slot)? {
                taken.insert(slot);
                return Ok(Range { ranges: self.clone(), slot });
            }
        }
        Err(io::Error::other("all id ranges are in use"))
    }
}

impl Range {
    fn base(&self) -> u32 {
        FIRST + self.slot * COUNT
    }
}

impl Drop for Range {
    fn drop(&mut self) {
        let mut taken = self.ranges.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.slot);
        if let Some(file) = &self.ranges.file {
            let _ = sys::unlock_byte(file, self.slot);
        }
    }
}

/// The ids of one sandbox.
#[derive(Debug)]
pub(super) struct Ids {
    /// The map.
    pub(super) map: IdMap,
    /// The init's user.
    pub(super) init: Identity,
    /// The job's user.
    pub(super) job: Identity,
    /// The job's user and group as the host sees them.
    pub(super) outside: (u32, u32),
    /// Held for as long as the sandbox lives.
    _range: Option<Range>,
}

/// The job's user by the number inside, where its ids are a range.
pub(super) fn job_of(profile: Profile) -> u32 {
    if profile == Profile::Root { ROOT.uid } else { JOB.uid }
}

const ROOT: Identity = Identity { uid: 0, gid: 0 };
const JOB: Identity = Identity { uid: RUNNER, gid: RUNNER };

impl Ids {
    /// For a caller who is root.
    pub(super) fn range(ranges: &Arc<Ranges>, profile: Profile) -> io::Result<Self> {
        let range = ranges.take()?;
        let base = range.base();
        let job = if profile == Profile::Root { ROOT } else { JOB };
        Ok(Self {
            map: IdMap::Range { base, count: COUNT },
            init: ROOT,
            job,
            outside: (base + job.uid, base + job.gid),
            _range: Some(range),
        })
    }

    /// For an ordinary user.
    pub(super) fn own(profile: Profile) -> Self {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let helped = (profile == Profile::Root).then(|| subordinate(uid).ok()).flatten();
        let (map, job) = match (profile, helped) {
            (Profile::Hardened, _) => (IdMap::Own { inside: RUNNER, uid, gid }, JOB),
            (Profile::Root, Some((users, groups))) => (IdMap::Helped { uid, gid, users, groups }, ROOT),
            (Profile::Root, None) => (IdMap::Own { inside: 0, uid, gid }, ROOT),
        };
        Self { map, init: job, job, outside: (uid, gid), _range: None }
    }

    /// What to tell about it.
    pub(super) fn described(&self) -> String {
        match &self.map {
            IdMap::Range { base, count } => format!("ids {base} to {}", base + (count - 1)),
            IdMap::Own { uid, .. } => format!("one id, {uid}"),
            IdMap::Helped { uid, users: (first, count), .. } => {
                format!("{uid} and ids {first} to {}", first + (count - 1))
            }
        }
    }
}

/// Ranges of an ordinary user: first id and length, of users and of groups.
pub(crate) type Subordinate = ((u32, u32), (u32, u32));

/// Why a job of this caller with the profile `root` has one id only, and what to run; `None` where it has more.
#[must_use]
pub fn one_id_only() -> Option<String> {
    let uid = rustix::process::geteuid();
    if uid.is_root() { None } else { subordinate(uid.as_raw()).err() }
}

/// The caller's ranges in `/etc/subuid` and `/etc/subgid`, when both and the helpers are there; else why not, and the fix.
pub(crate) fn subordinate(uid: u32) -> Result<Subordinate, String> {
    let helper =
        |name: &str| ["/usr/bin", "/bin", "/usr/local/bin"].iter().any(|place| Path::new(place).join(name).exists());
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let passwd = read("/etc/passwd");
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    let name = name.unwrap_or_else(|| uid.to_string());
    let (users, groups) = (read("/etc/subuid"), read("/etc/subgid"));
    let found = range(&users, &name, uid).zip(range(&groups, &name, uid));
    let helped = helper("newuidmap") && helper("newgidmap");
    match found.filter(|_| helped) {
        Some(found) => Ok(found),
        None => {
            let mut lines = Vec::new();
            if !helped {
                lines.push("apt-get install -y uidmap".to_owned());
            }
            if found.is_none() {
                let first = free(&users).max(free(&groups));
                let last = first + (COUNT - 1);
                lines.push(format!("usermod --add-subuids {first}-{last} --add-subgids {first}-{last} {name}"));
            }
            let why = if helped { "no subordinate ids belong to" } else { "newuidmap is not installed for" };
            Err(format!("{why} {name}; as root, once: {}", lines.join(" && ")))
        }
    }
}

fn range(text: &str, name: &str, uid: u32) -> Option<(u32, u32)> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let owner = fields.next()?;
        if owner != name && owner.parse() != Ok(uid) {
            return None;
        }
        let (first, count): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        (count >= 1000).then_some((first, count))
    })
}

/// The first id after all ranges.
fn free(text: &str) -> u32 {
    let ends = text.lines().filter_map(|line| {
        let mut fields = line.split(':').skip(1).filter_map(|field| field.parse::<u32>().ok());
        fields.next()?.checked_add(fields.next()?)
    });
    ends.max().unwrap_or(0).max(100_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_range_is_handed_out_twice() {
        let dir = tempfile::tempdir().unwrap();
        let ours = Arc::new(Ranges::open(&[dir.path()]));
        let theirs = Arc::new(Ranges::open(&[dir.path()]));
        let (one, two, three) = (ours.take().unwrap(), ours.take().unwrap(), theirs.take().unwrap());
        let bases = BTreeSet::from([one.base(), two.base(), three.base()]);
        assert_eq!(bases.len(), 3);
        let freed = two.base();
        drop(two);
        assert_eq!(theirs.take().unwrap().base(), freed);
        assert!(FIRST.checked_add(RANGES * COUNT).is_some_and(|end| end <= 1 << 31));
    }

    #[test]
    fn ranges_are_found_by_name_and_number_and_a_free_one_is_after_all() {
        let text = "alice:100000:65536\n1005:200000:65536\nbob:300000:10\n";
        assert_eq!(range(text, "alice", 1), Some((100_000, 65_536)));
        assert_eq!(range(text, "eve", 1005), Some((200_000, 65_536)));
        assert_eq!(range(text, "bob", 2), None, "too few");
        assert_eq!(free(text), 300_010);
        assert_eq!(free(""), 100_000);
    }
}
