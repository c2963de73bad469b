//! Empty ext4 file systems, made once per limit by `mkfs.ext4` and copied for each job: a handful of blocks each, the rest is
//! a hole. The directories that every job makes first are in them already. Called by `pool`.

use super::pool::DiskLimit;
use rustix::fs::{AtFlags, Gid, Mode, OFlags, SeekFrom, Uid, chmodat, chownat, mkdirat};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Smaller than this no ext4 of ours fits.
pub(super) const SMALLEST: u64 = 1 << 20;

/// What is in a file system before its first job: the layer and work directory of the first overlay, and in the layer the way to
/// the directory that each step's files are written to, which an overlay would copy up one by one.
const MADE: [(&str, Owner, u32); 6] = [
    ("u0", Owner::Root, 0o755),
    ("w0", Owner::Root, 0o700),
    ("u0/home", Owner::Root, 0o755),
    ("u0/home/runner", Owner::Job, 0o755),
    ("u0/home/runner/work", Owner::Job, 0o755),
    ("u0/home/runner/work/_temp", Owner::Job, 0o755),
];

/// Whose a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Root,
    /// The job's user, by the number inside.
    Job,
}

/// The written parts of an empty file system.
#[derive(Debug, Clone)]
pub(super) struct Template {
    limit: DiskLimit,
    job: u32,
    parts: Vec<(u64, Vec<u8>)>,
}

impl Template {
    /// The template of a limit: read from the folder, or made there first.
    pub(super) fn get(folder: &Path, limit: DiskLimit, job: u32) -> io::Result<Self> {
        match Self::made(folder, limit, job) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(folder, &Self::path(folder, limit, job), limit, job)?;
                Self::made(folder, limit, job)
            }
            made => made,
        }
    }

    /// The template of a limit, where it was made before.
    pub(super) fn made(folder: &Path, limit: DiskLimit, job: u32) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::open(Self::path(folder, limit, job), flags, Mode::empty())?;
        Ok(Self { limit, job, parts: written_parts(&file)? })
    }

    /// Removes the template of a limit, so that the next [`Template::get`] makes it anew.
    pub(super) fn forget(folder: &Path, limit: DiskLimit, job: u32) -> io::Result<()> {
        std::fs::remove_file(Self::path(folder, limit, job))
    }

    fn path(folder: &Path, limit: DiskLimit, job: u32) -> PathBuf {
        folder.join(format!("template-{}-{}-{job}.ext4", limit.bytes, limit.inodes))
    }

    /// Whether it is for this limit and this user of a job.
    pub(super) fn is_for(&self, limit: DiskLimit, job: u32) -> bool {
        self.limit == limit && self.job == job
    }

    pub(super) fn limit(&self) -> DiskLimit {
        self.limit
    }

    /// The job's user, by the number inside.
    pub(super) fn job(&self) -> u32 {
        self.job
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
fn make(folder: &Path, path: &Path, limit: DiskLimit, job: u32) -> io::Result<()> {
    let program = mkfs().ok_or_else(|| io::Error::other("mkfs.ext4 is not installed (package e2fsprogs)"))?;
    // Threads of one process may be at the same template.
    static DRAFTS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = DRAFTS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    // What is left of them when this process is killed, the next one sweeps by their owner's name.
    let own = crate::owner::own_name(Path::new("/proc"));
    let draft = folder.join(format!("{own}draft-{number}"));
    let stage = folder.join(format!("{own}stage-{number}"));
    let made = stage_at(&stage, job).and_then(|()| {
        std::fs::File::create(&draft)?.set_len(limit.bytes)?;
        let output = Command::new(program)
            .args(["-q", "-F", "-b", "4096", "-m", "0", "-I", "256", "-N", &limit.inodes.to_string()])
            // No journal: the image does not outlive the job. No copies of the superblock, tables left for the first use: the
            // template stays a handful of blocks.
            .args(["-O", "^has_journal,^resize_inode,sparse_super2,metadata_csum,uninit_bg"])
            .args(["-E", "lazy_itable_init=1,nodiscard,num_backup_sb=0,root_owner=0:0,packed_meta_blocks=1"])
            .arg("-d")
            .args([&stage, &draft])
            .env_clear()
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(format!("mkfs.ext4 failed: {}", text.trim())));
        }
        std::fs::rename(&draft, path)
    });
    let _ = std::fs::remove_dir_all(&stage);
    if made.is_err() {
        let _ = std::fs::remove_file(&draft);
    } else {
        forget_old(folder, path);
    }
    made
}

/// What is to be in the file system, to be copied into it.
fn stage_at(stage: &Path, job: u32) -> io::Result<()> {
    std::fs::create_dir(stage)?;
    fill(std::fs::File::open(stage)?, job)
}

/// Makes the directories that an empty file system has.
pub(super) fn fill(top: impl AsFd, job: u32) -> io::Result<()> {
    for (path, owner, mode) in MADE {
        mkdirat(&top, path, Mode::from_raw_mode(mode))?;
        // The umask may have taken bits of the mode away.
        chmodat(&top, path, Mode::from_raw_mode(mode), AtFlags::empty())?;
        if owner == Owner::Job {
            let (uid, gid) = (Uid::from_raw(job), Gid::from_raw(job));
            chownat(&top, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
    }
    Ok(())
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
