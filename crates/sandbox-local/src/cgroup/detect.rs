//! What control groups this host offers to this process; read once. Called at start by whoever makes sandboxes.

use super::group::{CgroupError, Group};
use crate::owner::PREFIX;
use crate::owner::own_name;
use sandbox::Limits;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The controllers that limits need.
pub(super) const LIMITING: [&str; 3] = ["memory", "pids", "cpu"];

/// Where groups can be made on this host, and what each place can limit.
#[derive(Debug, Clone)]
pub struct Cgroups {
    /// The parent of our v2 groups, when v2 is mounted and writable.
    pub(super) v2: Option<V2>,
    /// The parents of our v1 groups, by controller.
    pub(super) v1: BTreeMap<&'static str, PathBuf>,
    /// Why a controller cannot be had, by controller.
    pub(super) missing: BTreeMap<&'static str, String>,
    /// Names the owner in each group's name.
    pub(super) owner: String,
    proc_root: PathBuf,
}

/// The parent of our v2 groups.
#[derive(Debug, Clone)]
pub(super) struct V2 {
    pub(super) parent: PathBuf,
    /// Those of [`LIMITING`] that groups below `parent` have.
    pub(super) controllers: Vec<&'static str>,
}

/// One mounted hierarchy.
struct Hierarchy {
    /// Controllers of v1; empty for v2.
    controllers: Vec<String>,
    /// Where it is mounted.
    at: PathBuf,
    /// The directory of this process in it.
    own: PathBuf,
}

impl Cgroups {
    /// What [`Cgroups::detect`] found when it was first asked in this process, or in the one that this one was forked from. The groups are this
    /// process's own.
    #[must_use]
    pub fn of_this_machine() -> Self {
        static FOUND: OnceLock<Cgroups> = OnceLock::new();
        let found = FOUND.get_or_init(Self::detect).clone();
        Self { owner: own_name(&found.proc_root), ..found }
    }

    /// Finds out what this host offers. Never fails: what is missing is told by [`Group::isolation`].
    #[must_use]
    pub fn detect() -> Self {
        Self::detect_in(Path::new("/proc"))
    }

    /// [`Cgroups::detect`] over another `/proc`, for tests.
    pub(super) fn detect_in(proc_root: &Path) -> Self {
        let read = |name: &str| std::fs::read_to_string(proc_root.join("self").join(name)).unwrap_or_default();
        let hierarchies = hierarchies(&read("mountinfo"), &read("cgroup"));
        let v2_mount = hierarchies.iter().find(|hierarchy| hierarchy.controllers.is_empty());
        let v2 = v2_mount.and_then(v2_parent);
        let mut v1 = BTreeMap::new();
        let mut missing = BTreeMap::new();
        for controller in LIMITING {
            if v2.as_ref().is_some_and(|v2| v2.controllers.contains(&controller)) {
                continue;
            }
            let mounted =
                hierarchies.iter().find(|hierarchy| hierarchy.controllers.iter().any(|name| name == controller));
            match mounted {
                Some(hierarchy) => {
                    // A v1 group takes any process of its owner, so root can give an ordinary user one.
                    let uid = rustix::process::geteuid().as_raw();
                    let given = hierarchy.at.join(format!("{PREFIX}{uid}"));
                    match [&hierarchy.own, &hierarchy.at, &given].into_iter().find(|place| writable(place)) {
                        Some(place) => drop(v1.insert(controller, place.clone())),
                        None => {
                            let (own, given) = (hierarchy.own.display(), given.display());
                            let reason =
                                format!("{own} is not writable; as root, once: mkdir {given} && chown {uid} {given}");
                            missing.insert(controller, reason);
                        }
                    }
                }
                None => drop(missing.insert(controller, reason_without_v1(controller, v2_mount, v2.as_ref()))),
            }
        }
        // The freezer is wanted only where v2 cannot freeze and kill.
        if v2.is_none() {
            let freezer =
                hierarchies.iter().find(|hierarchy| hierarchy.controllers.iter().any(|name| name == "freezer"));
            if let Some(place) =
                freezer.and_then(|hierarchy| [&hierarchy.own, &hierarchy.at].into_iter().find(|place| writable(place)))
            {
                v1.insert("freezer", place.clone());
            }
        }
        Self { v2, v1, missing, owner: crate::owner::own_name(proc_root), proc_root: proc_root.to_owned() }
    }

    /// Makes the groups of one sandbox and sets its limits. `name`: letters, digits, `-`.
    ///
    /// # Errors
    /// When a group could not be made where one can be made; nothing is left then.
    pub fn create(&self, name: &str, limits: &Limits) -> Result<Group, CgroupError> {
        Group::create(self, name, limits)
    }

    /// The group of that [`Group::name`], made by another process, to end and remove it.
    #[must_use]
    pub fn adopt(&self, name: &str) -> Group {
        Group::adopt(self, name)
    }

    /// Ends and removes the groups whose owner is gone; returns how many. Cheap when there are none.
    pub fn sweep(&self) -> usize {
        super::stale::sweep(self, &self.proc_root)
    }

    /// Every directory that groups are made in.
    pub(super) fn parents(&self) -> impl Iterator<Item = &Path> {
        self.v2.iter().map(|v2| v2.parent.as_path()).chain(self.v1.values().map(PathBuf::as_path))
    }
}

/// The v2 directory for our groups: the nearest one, from our own upwards, that is ours to write and passes on the most of
/// the controllers; one that passes on none still freezes, kills and counts.
fn v2_parent(mount: &Hierarchy) -> Option<V2> {
    let mut best: Option<V2> = None;
    for place in mount.own.ancestors().take_while(|place| place.starts_with(&mount.at)) {
        if !writable(place) {
            continue;
        }
        let controllers = passed_on(place, place == mount.at);
        if best.as_ref().is_none_or(|best| controllers.len() > best.controllers.len()) {
            best = Some(V2 { parent: place.to_owned(), controllers });
        }
    }
    best
}

/// The controllers that groups below `place` have. At the top, root may ask for those that are only available there.
fn passed_on(place: &Path, top: bool) -> Vec<&'static str> {
    let words = |file: &str| -> Vec<String> {
        let text = std::fs::read_to_string(place.join(file)).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    };
    let available = words("cgroup.controllers");
    let mut enabled = words("cgroup.subtree_control");
    let wanted: Vec<&str> = LIMITING
        .into_iter()
        .filter(|name| available.iter().any(|have| have == name) && !enabled.iter().any(|have| have == name))
        .collect();
    if top && !wanted.is_empty() {
        // Refused (EBUSY) when this is a container's top with processes in it; then the answer stays what it was.
        let request = wanted.iter().map(|name| format!("+{name}")).collect::<Vec<_>>().join(" ");
        if std::fs::write(place.join("cgroup.subtree_control"), request).is_ok() {
            enabled = words("cgroup.subtree_control");
        }
    }
    LIMITING.into_iter().filter(|name| enabled.iter().any(|have| have == name)).collect()
}

fn reason_without_v1(controller: &str, mount: Option<&Hierarchy>, v2: Option<&V2>) -> String {
    match (mount, v2) {
        (None, _) => {
            format!("no control group file system with `{controller}` is mounted; mount cgroup2 at /sys/fs/cgroup")
        }
        (Some(mount), None) => format!(
            "{} is not delegated to this user; start ekiden with `systemd-run --user --scope -p Delegate=yes ekiden …`",
            mount.own.display()
        ),
        (Some(_), Some(v2)) => format!(
            "`{controller}` is not passed on below {}; as root: echo +{controller} > {}/cgroup.subtree_control",
            v2.parent.display(),
            v2.parent.display()
        ),
    }
}

fn writable(place: &Path) -> bool {
    rustix::fs::access(place, rustix::fs::Access::WRITE_OK).is_ok() && !read_only(place)
}

fn read_only(place: &Path) -> bool {
    rustix::fs::statvfs(place).is_ok_and(|stat| stat.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

/// Parses `/proc/self/mountinfo` and `/proc/self/cgroup`.
fn hierarchies(mountinfo: &str, own: &str) -> Vec<Hierarchy> {
    let mut found = Vec::new();
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let left: Vec<&str> = left.split(' ').collect();
        let right: Vec<&str> = right.split(' ').collect();
        let (Some(root), Some(at), Some(kind)) = (left.get(3), left.get(4), right.first()) else { continue };
        let controllers: Vec<String> = match *kind {
            "cgroup2" => Vec::new(),
            "cgroup" => right.get(2).map(|options| options.split(',').map(str::to_owned).collect()).unwrap_or_default(),
            _ => continue,
        };
        let path = own.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':');
            let (_, names, path) = (parts.next()?, parts.next()?, parts.next()?);
            let same = if *kind == "cgroup2" {
                names.is_empty()
            } else {
                !names.is_empty() && names.split(',').all(|name| controllers.iter().any(|have| have == name))
            };
            same.then_some(path)
        });
        let at = PathBuf::from(unescape(at));
        let below = path
            .and_then(|path| Path::new(path).strip_prefix(unescape(root)).ok().map(Path::to_owned))
            .unwrap_or_default();
        let own = if below.as_os_str().is_empty() { at.clone() } else { at.join(below) };
        let own = if own.is_dir() { own } else { at.clone() };
        found.push(Hierarchy { controllers, at, own });
    }
    found
}

/// `\040` and its like stand for blanks in mountinfo.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(dir: &Path, mountinfo: &str, own: &str) -> Cgroups {
        let own_dir = dir.join("proc/self");
        std::fs::create_dir_all(&own_dir).unwrap();
        std::fs::write(own_dir.join("mountinfo"), mountinfo.replace("@", &dir.display().to_string())).unwrap();
        std::fs::write(own_dir.join("cgroup"), own).unwrap();
        Cgroups::detect_in(&dir.join("proc"))
    }
    fn group(dir: &Path, path: &str, available: &str, passed_on: &str) {
        let place = dir.join(path);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("cgroup.controllers"), available).unwrap();
        std::fs::write(place.join("cgroup.subtree_control"), passed_on).unwrap();
    }

    #[test]
    fn a_systemd_user_session_uses_the_nearest_delegated_slice() {
        let dir = tempfile::tempdir().unwrap();
        group(dir.path(), "cg", "cpu memory pids", "cpu memory pids");
        group(dir.path(), "cg/user@1.service", "memory pids", "memory pids");
        group(dir.path(), "cg/user@1.service/app.slice", "memory pids", "memory pids");
        group(dir.path(), "cg/user@1.service/app.slice/x.scope", "memory pids", "");
        let locked = dir.path().join("cg");
        let mut mode = std::fs::metadata(&locked).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o555);
        std::fs::set_permissions(&locked, mode).unwrap();
        let found =
            host(dir.path(), "30 1 0:26 / @/cg rw - cgroup2 cgroup2 rw\n", "0::/user@1.service/app.slice/x.scope\n");
        let v2 = found.v2.unwrap();
        if rustix::process::geteuid().is_root() {
            // Root may write everywhere, so the place with all three controllers is the best.
            assert_eq!(v2.parent, dir.path().join("cg"));
        } else {
            assert_eq!(v2.parent, dir.path().join("cg/user@1.service/app.slice"));
            assert_eq!(v2.controllers, ["memory", "pids"]);
            assert!(found.missing.contains_key("cpu"));
        }
    }

    #[test]
    fn hybrid_hosts_take_limits_from_v1_and_the_kill_from_v2() {
        let dir = tempfile::tempdir().unwrap();
        group(dir.path(), "u", "hugetlb", "");
        for place in ["memory/outer/own", "pids", "cpu"] {
            std::fs::create_dir_all(dir.path().join(place)).unwrap();
        }
        let mounts = "30 1 0:1 / @/u rw - cgroup2 cgroup2 rw\n31 1 0:2 / @/memory rw - cgroup cgroup rw,memory\n32 1 0:3 / @/pids rw - cgroup cgroup rw,pids\n";
        let found = host(dir.path(), mounts, "8:pids:/\n4:memory:/outer/own\n1:cpu:/\n0::/\n");
        assert_eq!(found.v1["memory"], dir.path().join("memory/outer/own"));
        assert_eq!(found.v1["pids"], dir.path().join("pids"));
        assert_eq!(found.v2.unwrap().controllers, Vec::<&str>::new());
        assert!(found.missing["cpu"].contains("cpu"), "{:?}", found.missing);
    }

    #[test]
    fn a_host_without_control_groups_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let found = host(dir.path(), "", "");
        assert!(found.v2.is_none() && found.v1.is_empty());
        assert_eq!(found.missing.len(), 3);
    }
}
