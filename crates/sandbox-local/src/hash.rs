//! `hashFiles`: walks and digests (`execution-semantics` 1.8). Called by the init, in a process of its own, and by the host
//! backend.

use crate::wire::Fault;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, fstatfs, openat2};
use sandbox::SandboxError;
use sandbox::glob::{Globs, Match};
use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The reference's limit.
const LIMIT: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Links {
    Follow,
    Leave,
}

/// `hashFiles(patterns…)` over the files of a folder of this machine (`ekiden eval`); both paths are absolute.
///
/// # Errors
/// When a pattern is wrong or a file cannot be read.
pub fn hash_files(patterns: &[String], workspace: &Path, home: &Path) -> Result<String, SandboxError> {
    digest(patterns, workspace, home).map_err(crate::namespaces::error_of)
}

/// The digest of what `patterns` match below `workspace`, lower-case hex; empty when nothing matches.
pub(crate) fn digest(patterns: &[String], workspace: &Path, home: &Path) -> Result<String, Fault> {
    let (links, patterns) = match patterns.split_first() {
        Some((first, rest)) if first == "--follow-symbolic-links" => (Links::Follow, rest),
        Some((first, _)) if first.starts_with("--") => {
            return Err(Fault::Invalid(format!(
                "Invalid glob option {first}, available option: '--follow-symbolic-links'."
            )));
        }
        _ => (Links::Leave, patterns),
    };
    let text = |path: &Path| {
        path.to_str()
            .map(str::to_owned)
            .ok_or_else(|| Fault::Invalid(format!("the path {} is not UTF-8", path.display())))
    };
    let workspace = text(workspace)?;
    let globs = Globs::parse(&patterns.join("\n"), &workspace, &text(home)?)
        .map_err(|error| Fault::Invalid(error.to_string()))?;
    let below = format!("{workspace}/");
    let mut whole = Sha256::new();
    let mut found = 0_u64;
    let stop = Instant::now() + LIMIT;
    walk(&globs, links, &mut |path| {
        if Instant::now() > stop {
            return Err(Fault::Invalid(format!("hashFiles took longer than {} seconds", LIMIT.as_secs())));
        }
        let inside = path.to_str().is_some_and(|path| path.starts_with(&below));
        if let (true, Some(digest)) = (inside, file(path)?) {
            whole.update(digest);
            found += 1;
        }
        Ok(())
    })?;
    if found == 0 {
        return Ok(String::new());
    }
    Ok(whole.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Depth first, before what a directory holds, in byte order of the names.
fn walk(globs: &Globs, links: Links, take: &mut dyn FnMut(&Path) -> Result<(), Fault>) -> Result<(), Fault> {
    // Each with the real paths of the directories above it, to see a circle of links.
    let mut stack: Vec<(PathBuf, Vec<PathBuf>)> = Vec::new();
    for path in globs.search_paths().into_iter().rev() {
        if std::fs::symlink_metadata(path).is_ok() {
            stack.push((PathBuf::from(path), Vec::new()));
        }
    }
    while let Some((path, mut above)) = stack.pop() {
        let Some(text) = path.to_str() else { continue };
        let matched = globs.matches(text);
        let enter = matched != Match::Nothing || globs.may_match_below(text);
        if !enter {
            continue;
        }
        let failed = |error: io::Error| Fault::system(format!("hash {}", path.display()), error);
        let meta = match links {
            Links::Leave => std::fs::symlink_metadata(&path).map_err(failed)?,
            Links::Follow => match std::fs::metadata(&path) {
                Ok(meta) => meta,
                // A broken link is left out.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            },
        };
        if !meta.is_dir() {
            if matched == Match::All {
                take(&path)?;
            }
            continue;
        }
        if links == Links::Follow {
            let real = path.canonicalize().map_err(failed)?;
            if above.contains(&real) {
                continue;
            }
            above.push(real);
        }
        let mut children: Vec<PathBuf> = std::fs::read_dir(&path)
            .map_err(failed)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        children.sort_unstable_by(|left, right| right.as_os_str().cmp(left.as_os_str()));
        stack.extend(children.into_iter().map(|child| (child, above.clone())));
    }
    Ok(())
}

/// The digest of one file; `None` of a directory (a link may lead to one).
fn file(path: &Path) -> Result<Option<[u8; 32]>, Fault> {
    let failed = |error: io::Error| Fault::system(format!("hash {}", path.display()), error);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let opened =
        openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS).map_err(|error| failed(error.into()))?;
    let kind = FileType::from_raw_mode(fstat(&opened).map_err(|error| failed(error.into()))?.st_mode);
    if kind == FileType::Directory {
        return Ok(None);
    }
    // A FIFO or a device has no end, and what `/proc` shows to this process is not the job's.
    let proc = fstatfs(&opened).is_ok_and(|stat| stat.f_type == rustix::fs::PROC_SUPER_MAGIC);
    if kind != FileType::RegularFile || proc {
        return Err(Fault::Invalid(format!("could not hash {}: it is not a file", path.display())));
    }
    let mut opened = std::fs::File::from(opened);
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match opened.read(&mut buffer) {
            Ok(0) => return Ok(Some(digest.finalize().into())),
            Ok(length) => digest.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn sha(bytes: &[u8]) -> [u8; 32] {
        Sha256::digest(bytes).into()
    }
    fn hex(parts: &[[u8; 32]]) -> String {
        Sha256::digest(parts.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
    fn hash(dir: &Path, patterns: &[&str]) -> Result<String, Fault> {
        let patterns: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
        digest(&patterns, dir, Path::new("/nowhere"))
    }

    #[test]
    fn digests_of_digests_in_order() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path();
        std::fs::create_dir_all(dir.join("a")).unwrap();
        for name in ["a/z", "a.b", "a/B", "é"] {
            std::fs::write(dir.join(name), name).unwrap();
        }
        let order = ["a/B", "a/z", "a.b", "é"].map(|name| sha(name.as_bytes()));
        assert_eq!(hash(dir, &["**"]).unwrap(), hex(&order));
        assert_eq!(hash(dir, &["é", "a.b"]).unwrap(), hex(&[order[3], order[2]]), "roots keep the patterns' order");
        assert_eq!(hash(dir, &["*.none"]).unwrap(), "");
        assert_eq!(hash(dir, &["a", "!**/z"]).unwrap(), hex(&[order[0]]));
        assert!(hash(dir, &["--other", "a"]).is_err());
    }

    #[test]
    fn links() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path();
        std::fs::create_dir_all(dir.join("d/e")).unwrap();
        std::fs::write(dir.join("d/e/f"), "f").unwrap();
        symlink("f", dir.join("d/e/g")).unwrap();
        symlink("..", dir.join("d/e/up")).unwrap();
        let (file, link) = (sha(b"f"), sha(b"f"));
        assert_eq!(hash(dir, &["**"]).unwrap(), hex(&[file, link]), "a link to a directory is left out");
        let followed = hash(dir, &["--follow-symbolic-links", "**"]).unwrap();
        assert_eq!(followed, hex(&[file, link]), "a circle ends");
        symlink("nowhere", dir.join("d/broken")).unwrap();
        assert!(hash(dir, &["**"]).is_err());
        assert_eq!(hash(dir, &["--follow-symbolic-links", "**"]).unwrap(), followed);
    }
}
