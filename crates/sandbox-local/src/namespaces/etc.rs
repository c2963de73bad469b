//! An `/etc` of its own for a job that is root for an ordinary user: the host's files are nobody's there, so `useradd`, `chown` and
//! editors could not change them. What the user may read is copied, once per content. Used by `Shared::begin`.

use super::layer::{self, Cover, Entry};
use super::lists::PRIVATE_ETC;
use crate::wire::Owner;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Larger files are left out: they are no configuration.
const LARGEST: u64 = 4 << 20;
/// More than this in all is not copied.
const MOST: u64 = 64 << 20;
const DEPTH: usize = 16;

/// The copy of `etc` in `folder`.
pub(super) fn copy(etc: &Path, folder: &Path) -> io::Result<PathBuf> {
    let mut copied = Copied { entries: BTreeMap::new(), left: MOST };
    copied.tree(etc, Path::new(""), 0);
    layer::directory(&copied.entries, folder)
}

struct Copied {
    entries: BTreeMap<PathBuf, Entry>,
    left: u64,
}

impl Copied {
    fn tree(&mut self, from: &Path, at: &Path, depth: usize) {
        let Ok(listed) = std::fs::read_dir(from) else { return };
        for entry in listed.filter_map(Result::ok) {
            let (path, at) = (entry.path(), at.join(entry.file_name()));
            let Ok(meta) = entry.metadata() else { continue };
            if PRIVATE_ETC.split_whitespace().any(|name| at == Path::new(name)) {
                continue;
            }
            if meta.is_symlink() {
                if let Ok(target) = std::fs::read_link(&path) {
                    self.entries.insert(at, Entry::Link(target));
                }
            } else if meta.is_dir() && depth < DEPTH {
                let mode = meta.mode() & 0o777 | 0o700;
                self.entries.insert(at.clone(), Entry::Directory { mode, owner: Owner::Root, cover: Cover::Merge });
                self.tree(&path, &at, depth + 1);
            } else if meta.is_file() && meta.len() <= LARGEST.min(self.left) {
                let mut content = Vec::new();
                let read = std::fs::File::open(&path).and_then(|file| file.take(LARGEST).read_to_end(&mut content));
                if read.is_ok() {
                    self.left = self.left.saturating_sub(meta.len());
                    self.entries.insert(at, Entry::File { mode: meta.mode() & 0o777, content });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::copy;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_may_be_read_is_copied_and_credentials_are_not() {
        let (etc, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir_all(etc.path().join("ssl/private")).unwrap();
        for name in ["hosts", "shadow", "ssl/private/key", "ssl/openssl.cnf"] {
            std::fs::write(etc.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("/usr/share/zoneinfo/UTC", etc.path().join("localtime")).unwrap();
        std::fs::set_permissions(etc.path().join("hosts"), PermissionsExt::from_mode(0o6644)).unwrap();
        let copied = copy(etc.path(), folder.path()).unwrap();
        assert_eq!(std::fs::read_to_string(copied.join("ssl/openssl.cnf")).unwrap(), "ssl/openssl.cnf");
        assert_eq!(copied.join("hosts").metadata().unwrap().permissions().mode() & 0o7777, 0o644);
        assert!(copied.join("localtime").is_symlink());
        assert!(!copied.join("shadow").exists() && !copied.join("ssl/private").exists());
        assert_eq!(copy(etc.path(), folder.path()).unwrap(), copied, "made once");
    }
}
