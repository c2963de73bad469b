//! Empty ext4 file systems, made once per limit by `mkfs.ext4` and copied for each job: a handful of blocks each, the rest is
//! a hole. Called by `pool`.

use super::pool::DiskLimit;
use rustix::fs::{Mode, OFlags, SeekFrom};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Smaller than this no ext4 of ours fits.
pub(super) const SMALLEST: u64 = 1 << 20;

/// The written parts of an empty file system.
#[derive(Debug, Clone)]
pub(super) struct Template {
    limit: DiskLimit,
    parts: Vec<(u64, Vec<u8>)>,
}

impl Template {
    /// The template of a limit: read from the folder, or made there first.
    pub(super) fn get(folder: &Path, limit: DiskLimit) -> io::Result<Self> {
        let path = Self::path(folder, limit);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(file) => file,
            Err(rustix::io::Errno::NOENT) => {
                make(folder, &path, limit)?;
                rustix::fs::open(&path, flags, Mode::empty())?
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { limit, parts: written_parts(&file)? })
    }

    /// Removes the template of a limit, so that the next [`Template::get`] makes it anew.
    pub(super) fn forget(folder: &Path, limit: DiskLimit) -> io::Result<()> {
        std::fs::remove_file(Self::path(folder, limit))
    }

    fn path(folder: &Path, limit: DiskLimit) -> PathBuf {
        folder.join(format!("template-{}-{}.ext4", limit.bytes, limit.inodes))
    }

    pub(super) fn limit(&self) -> DiskLimit {
        self.limit
    }

    /// Writes the file system into a file of its size.
    pub(super) fn copy_to(&self, file: impl AsFd) -> io::Result<()> {
        for (offset, bytes) in &self.parts {
            let mut done = 0;
            while done < bytes.len() {
                done += rustix::io::pwrite(&file, &bytes[done..], offset + done as u64)?;
            }
        }
        Ok(())
    }
}

/// What is not a hole.
fn written_parts(file: &OwnedFd) -> io::Result<Vec<(u64, Vec<u8>)>> {
    let mut parts = Vec::new();
    let mut at = 0;
    loop {
        let start = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(rustix::io::Errno::NXIO) => return Ok(parts),
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(file, SeekFrom::Hole(start))?;
        // On a file system that knows no holes this would be the whole image; such a template is refused.
        let length = usize::try_from(end - start).ok().filter(|length| *length <= 16 << 20);
        let Some(length) = length else { return Err(io::Error::other("this file system keeps no sparse files")) };
        let mut bytes = vec![0; length];
        let mut done = 0;
        while done < length {
            match rustix::io::pread(file, &mut bytes[done..], start + done as u64)? {
                0 => break,
                more => done += more,
            }
        }
        if bytes.iter().any(|byte| *byte != 0) {
            parts.push((start, bytes));
        }
        at = end;
    }
}

/// Runs `mkfs.ext4` on a nameless copy first, so that a half-made template never has the name.
fn make(folder: &Path, path: &Path, limit: DiskLimit) -> io::Result<()> {
    let program = mkfs().ok_or_else(|| io::Error::other("mkfs.ext4 is not installed (package e2fsprogs)"))?;
    // Threads of one process may be at the same template.
    static DRAFTS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = DRAFTS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let draft = folder.join(format!(".draft-{}-{number}", std::process::id()));
    let made = std::fs::File::create(&draft).and_then(|file| file.set_len(limit.bytes)).and_then(|()| {
        let output = Command::new(program)
            .args(["-q", "-F", "-b", "4096", "-m", "0", "-I", "256", "-N", &limit.inodes.to_string()])
            // No journal: the image does not outlive the job. No copies of the superblock, tables left for the first use: the
            // template stays a handful of blocks.
            .args(["-O", "^has_journal,^resize_inode,sparse_super2,metadata_csum,uninit_bg"])
            .args(["-E", "lazy_itable_init=1,nodiscard,num_backup_sb=0,root_owner=0:0,packed_meta_blocks=1"])
            .arg(&draft)
            .env_clear()
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(format!("mkfs.ext4 failed: {}", text.trim())));
        }
        std::fs::rename(&draft, path)
    });
    if made.is_err() {
        let _ = std::fs::remove_file(&draft);
    } else {
        forget_old(folder, path);
    }
    made
}

/// Limits change with the free disk; of the templates, the newest sixteen stay.
fn forget_old(folder: &Path, newest: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut all: Vec<(std::time::SystemTime, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let ours = entry.file_name().to_str()?.starts_with("template-") && entry.path() != newest;
            ours.then_some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        })
        .collect();
    all.sort();
    for (_, path) in all.iter().rev().skip(15) {
        let _ = std::fs::remove_file(path);
    }
}

/// Where distributions put it; often not on an ordinary `PATH`.
pub(super) fn mkfs() -> Option<&'static Path> {
    ["/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4", "/usr/bin/mkfs.ext4", "/bin/mkfs.ext4"]
        .into_iter()
        .map(Path::new)
        .find(|path| path.exists())
}
