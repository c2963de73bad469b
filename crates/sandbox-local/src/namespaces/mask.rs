//! The layer that lies over the host's (or an image's) root and under the job's throw-away layer: it hides what is private,
//! and brings what a job needs (its user, its home, names, `sudo`). Made once per content, kept, shared read-only by all
//! sandboxes of the machine.

use super::ids::RUNNER;
use super::layer::{Cover, Entry, Made, directory, mount};
use super::lists::{FRESH, PRIVATE_ETC, PRIVATE_VAR};
use super::seen::Seen;
use super::{apt, sudo};
use crate::wire::{Net, Owner, Profile};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Directories of the host's root that a job sees; nothing else at the top is shown.
pub(super) const SHOWN: [&str; 15] = [
    "bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "opt", "var", "srv", "nix", "gnu", "libexec",
    "snap",
];
/// The sandbox's host name.
pub(super) const HOST_NAME: &str = "ekiden";
/// Where tools are cached, as on the servers' machines.
pub(super) const TOOL_CACHE: &str = "/opt/hostedtoolcache";
/// Whether a path lies in a directory that jobs are shown, hidden there or not.
pub(super) fn is_shown(path: &Path) -> bool {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real.components().nth(1).and_then(|top| top.as_os_str().to_str()).is_some_and(|top| SHOWN.contains(&top))
}

/// Whether the layer hides a path of a directory that is shown.
pub(super) fn is_hidden(path: &Path) -> bool {
    let below = |top: &str, names: &str| {
        let rest = path.strip_prefix(top).ok();
        rest.is_some_and(|rest| names.split_whitespace().any(|name| rest.starts_with(name)))
    };
    let fresh = path.strip_prefix("/").is_ok_and(|path| FRESH.iter().any(|(name, _)| path.starts_with(name)));
    fresh || below("/etc", PRIVATE_ETC) || below("/var", PRIVATE_VAR)
}

/// What the layer is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Kind {
    /// The root below: `/`, or a directory.
    pub(super) base: PathBuf,
    /// Whether the caller is root.
    pub(super) caller: Caller,
    pub(super) profile: Profile,
    pub(super) network: Net,
    /// The last part of the workspace's path. Directories made here cost a sandbox nothing; made in its overlay, each copies
    /// its parents.
    pub(super) repository: String,
    pub(super) hiding: Hiding,
}

/// What of the root below is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum Hiding {
    /// Everything private.
    Private,
    /// Nothing: a test sees that hiding is what protects.
    Nothing,
}

/// Who makes sandboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum Caller {
    Root,
    User,
}

impl Caller {
    /// Who this process is.
    pub(super) fn own() -> Self {
        if rustix::process::geteuid().is_root() { Self::Root } else { Self::User }
    }
}

/// The layer's entries by path; parents come before what they hold.
struct Layer<'a> {
    kind: &'a Kind,
    seen: &'a mut Seen,
    entries: BTreeMap<PathBuf, Entry>,
}

impl Kind {
    /// Whether the job is root while the host's files are nobody's: then it needs an `/etc` of its own to be root over.
    pub(super) fn has_own_etc(&self) -> bool {
        (self.caller, self.profile) == (Caller::User, Profile::Root) && self.base == Path::new("/")
    }
}

/// Makes the layer: for root in memory, for an ordinary user in `folder`, where it may lie made already. Tells what it was made from.
pub(super) fn layer(kind: &Kind, folder: &Path) -> io::Result<(Seen, Made)> {
    let mut seen = Seen::now(kind);
    let entries = entries(kind, &mut seen);
    let made = match kind.caller {
        Caller::Root => mount(&entries).map(Made::Mount),
        Caller::User => directory(&entries, folder).map(Made::Directory),
    };
    made.map(|made| (seen, made))
}

fn entries(kind: &Kind, seen: &mut Seen) -> BTreeMap<PathBuf, Entry> {
    let mut layer = Layer { kind, seen, entries: BTreeMap::new() };
    let hides = kind.hiding == Hiding::Private;
    for (path, mode) in FRESH {
        layer.directory(path, mode, Owner::Root, if hides { Cover::Opaque } else { Cover::Merge });
    }
    let on_host = kind.base == Path::new("/");
    if on_host {
        layer.top();
    }
    if on_host && hides {
        layer.private("etc", PRIVATE_ETC);
        layer.private("var", PRIVATE_VAR);
        if kind.profile == Profile::Root && kind.caller == Caller::Root {
            // Root of a mapped root could read what the host's people cannot.
            for top in ["etc", "var/lib", "var/cache", "opt", "srv", "usr/local/etc"] {
                layer.unreadable(Path::new(top), 0);
            }
        }
    }
    if kind.has_own_etc() {
        layer.local();
    }
    layer.homes();
    layer.names();
    for place in ["usr/local/bin/sudo", "usr/bin/sudo"] {
        layer.file(place, 0o755, sudo::script(kind.profile));
    }
    layer.entries
}

impl Layer<'_> {
    fn below(&self, path: &Path) -> PathBuf {
        self.kind.base.join(path)
    }

    /// A directory and, where they lack, its parents, which look as they do below.
    fn directory(&mut self, path: impl AsRef<Path>, mode: u32, owner: Owner, cover: Cover) {
        let path = path.as_ref();
        self.parents(path);
        self.entries.insert(path.to_owned(), Entry::Directory { mode, owner, cover });
    }

    fn parents(&mut self, path: &Path) {
        let parents: Vec<PathBuf> =
            path.ancestors().skip(1).filter(|at| !at.as_os_str().is_empty()).map(Path::to_owned).collect();
        for parent in parents {
            if !self.entries.contains_key(&parent) {
                let mode = std::fs::metadata(self.below(&parent)).map_or(0o755, |meta| meta.mode() & 0o7777);
                self.entries
                    .insert(parent, Entry::Directory { mode: mode | 0o555, owner: Owner::Root, cover: Cover::Merge });
            }
        }
    }

    fn file(&mut self, path: impl AsRef<Path>, mode: u32, content: impl Into<Vec<u8>>) {
        let path = path.as_ref();
        self.parents(path);
        self.entries.insert(path.to_owned(), Entry::File { mode, content: content.into() });
    }

    /// Hides what is there, if anything is.
    fn hide(&mut self, path: &Path) {
        let covered = path.ancestors().skip(1).any(|at| {
            matches!(self.entries.get(at), Some(Entry::Whiteout | Entry::Directory { cover: Cover::Opaque, .. }))
        });
        if !covered && !self.entries.contains_key(path) && std::fs::symlink_metadata(self.below(path)).is_ok() {
            self.parents(path);
            self.entries.insert(path.to_owned(), Entry::Whiteout);
        }
    }

    /// The top of the host's root: only what is listed.
    fn top(&mut self) {
        let Ok(listed) = std::fs::read_dir(&self.kind.base) else { return };
        for entry in listed.filter_map(Result::ok) {
            let name = PathBuf::from(entry.file_name());
            let shown = name.to_str().is_some_and(|name| SHOWN.contains(&name));
            match entry.file_type() {
                Ok(kind) if shown && kind.is_symlink() => {
                    if let Ok(target) = std::fs::read_link(entry.path()) {
                        self.entries.insert(name, Entry::Link(target));
                    }
                }
                Ok(kind) if shown && kind.is_dir() => self.directory(&name, 0o755, Owner::Root, Cover::Merge),
                _ if self.kind.hiding == Hiding::Private => self.hide(&name),
                _ => {}
            }
        }
        for name in ["etc", "opt", "usr", "var"] {
            if !self.entries.contains_key(Path::new(name)) {
                self.directory(name, 0o755, Owner::Root, Cover::Merge);
            }
        }
    }

    fn private(&mut self, top: &str, names: &str) {
        for name in names.split_whitespace() {
            self.hide(&Path::new(top).join(name));
        }
    }

    /// Hides everything that not everybody may read on the host.
    fn unreadable(&mut self, path: &Path, depth: usize) {
        const DEPTH: usize = 4;
        let below = self.below(path);
        // Before its content is looked at: what changes later is heard.
        self.seen.looks_into(&below);
        let Ok(listed) = std::fs::read_dir(below) else { return };
        for entry in listed.filter_map(Result::ok) {
            let Ok(meta) = entry.metadata() else { continue };
            let at = path.join(entry.file_name());
            if meta.is_symlink() || matches!(self.entries.get(&at), Some(Entry::File { .. } | Entry::Whiteout)) {
                continue;
            }
            let open = if meta.is_dir() { 0o005 } else { 0o004 };
            if meta.mode() & open != open {
                if meta.is_dir() {
                    self.directory(&at, meta.mode() & 0o7777, Owner::Root, Cover::Opaque);
                } else {
                    self.hide(&at);
                }
            } else if meta.is_dir() && depth < DEPTH {
                self.unreadable(&at, depth + 1);
            }
        }
    }

    /// Where an administrator puts things, writable for a job that is root; and what says what it cannot write.
    fn local(&mut self) {
        for (top, depth) in [("usr/local", 2), ("opt", 0), ("srv", 0)] {
            self.shown(Path::new(top), depth);
        }
        for name in ["apt", "apt-get"] {
            if self.below(&Path::new("usr/bin").join(name)).exists() {
                self.file(Path::new("usr/local/bin").join(name), 0o755, apt::SCRIPT);
            }
        }
    }

    /// Directories of the host that belong to the job's root, their content as it is.
    fn shown(&mut self, path: &Path, depth: usize) {
        let below = self.below(path);
        let Ok(meta) = std::fs::symlink_metadata(&below) else { return };
        if !meta.is_dir() || self.entries.get(path).is_some_and(|entry| !matches!(entry, Entry::Directory { .. })) {
            return;
        }
        if !self.entries.contains_key(path) {
            self.directory(path, meta.mode() & 0o777 | 0o755, Owner::Root, Cover::Merge);
        }
        let Ok(listed) = std::fs::read_dir(below) else { return };
        for entry in listed.filter_map(Result::ok).filter(|_| depth > 0) {
            self.shown(&path.join(entry.file_name()), depth - 1);
        }
    }

    /// The job's home and work folders.
    fn homes(&mut self) {
        let owner = if self.kind.profile == Profile::Root { Owner::Root } else { Owner::Job };
        let work = Path::new("home/runner/work").join(&self.kind.repository);
        let workspace = work.join(&self.kind.repository);
        let fixed = ["home/runner", "home/runner/work", "home/runner/work/_temp", TOOL_CACHE.trim_start_matches('/')];
        for path in fixed.into_iter().map(Path::new).chain([work.as_path(), workspace.as_path()]) {
            self.directory(path, 0o755, owner, Cover::Opaque);
        }
    }

    /// Who is who, and where what is.
    fn names(&mut self) {
        let read = |path: &str| std::fs::read_to_string(self.below(Path::new(path))).unwrap_or_default();
        let shell = shell(&self.kind.base);
        let users = accounts(&read("etc/passwd"), "root:x:0:0:root:/root:/bin/sh");
        let groups = accounts(&read("etc/group"), "root:x:0:");
        let known: Vec<&str> = users.iter().filter_map(|line| line.split(':').next()).collect();
        let mut passwd = users.join("\n");
        let _ = writeln!(passwd, "\nrunner:x:{RUNNER}:{RUNNER}:runner:/home/runner:{shell}");
        let mut group = String::new();
        for line in &groups {
            let (head, members) = line.rsplit_once(':').unwrap_or((line, ""));
            let members: Vec<&str> = members.split(',').filter(|member| known.contains(member)).collect();
            let _ = writeln!(group, "{head}:{}", members.join(","));
        }
        let _ = writeln!(group, "runner:x:{RUNNER}:");
        let names = |text: &str| -> Vec<String> {
            text.lines().filter_map(|line| line.split(':').next()).map(str::to_owned).collect()
        };
        if self.kind.profile == Profile::Root {
            let lines = |names: Vec<String>, rest: &str| {
                names.iter().map(|name| format!("{name}:*:{rest}\n")).collect::<String>()
            };
            self.file("etc/shadow", 0o640, lines(names(&passwd), "20000:0:99999:7:::"));
            self.file("etc/gshadow", 0o640, lines(names(&group), ":"));
            self.file("etc/subuid", 0o644, "");
            self.file("etc/subgid", 0o644, "");
        }
        let resolver = match self.kind.network {
            Net::Relayed => crate::netns::RESOLV_CONF.to_owned(),
            Net::Loopback => String::new(),
            Net::Host => std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default(),
        };
        let hosts =
            format!("127.0.0.1\tlocalhost {HOST_NAME}\n::1\tlocalhost ip6-localhost ip6-loopback {HOST_NAME}\n");
        let switch = "passwd: files\ngroup: files\nshadow: files\ngshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\nethers: files\nrpc: files\n";
        for (path, content) in [
            ("etc/passwd", passwd),
            ("etc/group", group),
            ("etc/hostname", format!("{HOST_NAME}\n")),
            ("etc/hosts", hosts),
            ("etc/nsswitch.conf", switch.to_owned()),
            ("etc/resolv.conf", resolver),
            ("etc/machine-id", "656b6964656e656b6964656e656b6964\n".to_owned()),
        ] {
            self.file(path, 0o644, content);
        }
        self.entries.insert(PathBuf::from("etc/mtab"), Entry::Link(PathBuf::from("/proc/self/mounts")));
    }
}

/// The shell of the job's user.
pub(super) fn shell(root: &Path) -> &'static str {
    if root.join("bin/bash").exists() { "/bin/bash" } else { "/bin/sh" }
}

/// The accounts that programs need: those of the system. People's are not shown.
fn accounts(text: &str, root: &str) -> Vec<String> {
    let mut kept: Vec<String> = text
        .lines()
        .filter(|line| {
            let mut fields = line.split(':');
            let (name, id) = (fields.next(), fields.nth(1).and_then(|id| id.parse::<u32>().ok()));
            name != Some("runner") && id.is_some_and(|id| (id < 1000 || id == 65_534) && id != RUNNER)
        })
        .map(str::to_owned)
        .collect();
    if !kept.iter().any(|line| line.starts_with("root:")) {
        kept.insert(0, root.to_owned());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(base: &Path, profile: Profile) -> Kind {
        Kind {
            base: base.to_owned(),
            caller: Caller::User,
            profile,
            repository: "r".to_owned(),
            network: Net::Relayed,
            hiding: Hiding::Private,
        }
    }

    #[test]
    fn people_are_left_out_and_the_runner_is_there() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("etc")).unwrap();
        std::fs::write(
            dir.path().join("etc/passwd"),
            "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/zsh\nnobody:x:65534:65534::/:/bin/false\nrunner:x:500:5::/x:/y\n",
        )
        .unwrap();
        std::fs::write(dir.path().join("etc/group"), "root:x:0:alice,root\nalice:x:1000:\n").unwrap();
        let kind = kind(dir.path(), Profile::Root);
        let entries = entries(&kind, &mut Seen::now(&kind));
        let text = |path: &str| match &entries[Path::new(path)] {
            Entry::File { content, .. } => String::from_utf8(content.clone()).unwrap(),
            other => panic!("{other:?}"),
        };
        let passwd = text("etc/passwd");
        assert!(!passwd.contains("alice") && passwd.matches("\nrunner:").count() == 1 && passwd.contains("nobody"));
        assert!(text("etc/group").starts_with("root:x:0:root\n"));
        assert!(text("etc/shadow").contains("runner:*:"));
    }

    #[test]
    fn the_same_content_is_made_once() {
        let (base, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let kind = kind(base.path(), Profile::Hardened);
        let entries = entries(&kind, &mut Seen::now(&kind));
        let first = directory(&entries, folder.path()).unwrap();
        assert_eq!(directory(&entries, folder.path()).unwrap(), first);
        assert!(first.join("usr/bin/sudo").is_file() && first.join("home/runner/work/_temp").is_dir());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
