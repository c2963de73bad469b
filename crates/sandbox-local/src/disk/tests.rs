//! Disks end to end, on the real kernel.

use super::*;
use domain::LimitReached;
use rustix::fs::{Mode, OFlags};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const SMALL: DiskLimit = DiskLimit { bytes: 16 << 20, inodes: 512 };

fn create(tree: BorrowedFd<'_>, name: &str) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(tree, name, OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RWXU)
}

fn fill(tree: BorrowedFd<'_>, name: &str, bytes: usize) -> rustix::io::Result<()> {
    let file = create(tree, name)?;
    let block = vec![7; 1 << 16];
    for _ in 0..bytes >> 16 {
        rustix::io::write(&file, &block)?;
    }
    Ok(())
}

fn images() -> Option<(tempfile::TempDir, Pool)> {
    let dir = tempfile::tempdir().unwrap();
    let pool = Pool::open(dir.path()).unwrap();
    match pool.take(SMALL, "probe", 1001).unwrap() {
        Disk::Image(_) => Some((dir, pool)),
        Disk::Directory(_, reason) => {
            eprintln!("SKIP: {reason}");
            None
        }
    }
}

fn loop_devices_of(dir: &std::path::Path) -> usize {
    let text = std::process::Command::new("losetup").args(["-n", "-O", "BACK-FILE"]).output().unwrap().stdout;
    String::from_utf8_lossy(&text).lines().filter(|line| line.contains(&*dir.to_string_lossy())).count()
}

#[test]
fn an_image_ends_exactly_at_its_size() {
    let Some((dir, pool)) = images() else { return };
    let disk = pool.take(SMALL, "size", 1001).unwrap();
    assert_eq!(disk.limit_reached(), None);
    fill(disk.tree(), "half", 8 << 20).unwrap();
    assert!(disk.usage().bytes >= 8 << 20 && disk.usage().inodes == 1, "{:?}", disk.usage());
    assert_eq!(fill(disk.tree(), "rest", 16 << 20), Err(rustix::io::Errno::NOSPC));
    assert_eq!(disk.limit_reached(), Some(LimitReached::Disk { bytes: SMALL.bytes }));
    pool.give_back(disk).unwrap();
    let fresh = pool.take(SMALL, "fresh", 1001).unwrap();
    assert_eq!(fresh.usage(), DiskUsage::default(), "nothing of an earlier job");
    drop(fresh);
    drop(pool);
    assert_eq!(loop_devices_of(dir.path()), 0);
}

#[test]
fn an_image_ends_at_its_inodes() {
    let Some((_dir, pool)) = images() else { return };
    let disk = pool.take(SMALL, "inodes", 1001).unwrap();
    let made = (0..4096).take_while(|name| create(disk.tree(), &name.to_string()).is_ok()).count();
    assert!((490..=600).contains(&made), "{made}");
    assert_eq!(disk.limit_reached(), Some(LimitReached::Inodes { count: SMALL.inodes }));
}

#[test]
fn a_folder_that_was_removed_is_made_again() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("state/disks");
    let pool = Pool::open(&folder).unwrap();
    let kind = |pool: &Pool, name: &str| matches!(pool.take(SMALL, name, 1001).unwrap(), Disk::Image(_));
    let first = kind(&pool, "first");
    std::fs::remove_dir_all(dir.path().join("state")).unwrap();
    assert_eq!(kind(&pool, "second"), first);
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_template_is_made_once_and_each_image_is_new() {
    let Some((dir, pool)) = images() else { return };
    drop(pool.take(SMALL, "first", 1001).unwrap());
    let template = dir.path().join("template-16777216-512-1001.ext4");
    let made = std::fs::metadata(&template).unwrap().modified().unwrap();
    let (one, two) = (pool.take(SMALL, "one", 1001).unwrap(), pool.take(SMALL, "two", 1001).unwrap());
    fill(one.tree(), "file", 1 << 16).unwrap();
    assert_eq!(two.usage(), DiskUsage::default());
    assert_eq!(std::fs::metadata(&template).unwrap().modified().unwrap(), made);
    let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["template-16777216-512-1001.ext4"], "images have no names");
}

/// Every path of a tree with its owner, mode and extended attributes' names.
fn listed(tree: BorrowedFd<'_>) -> Vec<String> {
    use std::os::unix::fs::MetadataExt;
    let mut all = Vec::new();
    let mut todo = vec![std::path::PathBuf::new()];
    let top = std::path::PathBuf::from(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&tree)));
    while let Some(at) = todo.pop() {
        for entry in std::fs::read_dir(top.join(&at)).unwrap() {
            let path = at.join(entry.unwrap().file_name());
            let meta = std::fs::symlink_metadata(top.join(&path)).unwrap();
            let mut names = [0_u8; 256];
            let length = rustix::fs::llistxattr(top.join(&path), &mut names[..]).unwrap();
            all.push(format!("{} {} {:o} {length}", path.display(), meta.uid(), meta.mode()));
            todo.extend(meta.is_dir().then_some(path));
        }
    }
    all.sort();
    all
}

#[test]
fn a_hardly_used_image_serves_again_with_nothing_of_the_earlier_job() {
    let Some((dir, pool)) = images() else { return };
    let first = pool.take(SMALL, "first", 1001).unwrap();
    let fresh = listed(first.tree());
    assert!(fresh.contains(&"u0/home/runner/work/_temp 1001 40755 0".to_owned()), "{fresh:?}");
    let top = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&first.tree()));
    fill(first.tree(), "u0/home/runner/secret", 1 << 20).unwrap();
    std::fs::create_dir_all(format!("{top}/u0/a/b/c/d")).unwrap();
    std::os::unix::fs::symlink("/etc", format!("{top}/u0/home/runner/link")).unwrap();
    std::fs::set_permissions(format!("{top}/u0/home"), std::os::unix::fs::PermissionsExt::from_mode(0o4777)).unwrap();
    rustix::fs::setxattr(format!("{top}/u0"), "user.left", b"1", rustix::fs::XattrFlags::empty()).unwrap();
    pool.give_back(first).unwrap();
    assert_eq!(loop_devices_of(dir.path()), 1, "it was kept");
    let second = pool.take(SMALL, "second", 1001).unwrap();
    assert_eq!(loop_devices_of(dir.path()), 1, "the same again");
    assert_eq!((second.usage(), listed(second.tree())), (DiskUsage::default(), fresh));
    // Another user of a job gets another image.
    let other = pool.take(SMALL, "other", 0).unwrap();
    assert_eq!(loop_devices_of(dir.path()), 2);
    assert!(listed(other.tree()).contains(&"u0/home/runner/work/_temp 0 40755 0".to_owned()));
}

#[test]
fn an_image_in_which_much_was_freed_serves_nobody() {
    let Some((_dir, pool)) = images() else { return };
    let mut fresh = 0;
    for job in 0..64 {
        let disk = pool.take(SMALL, &job.to_string(), 1001).unwrap();
        let Disk::Image(image) = &disk else { panic!("{disk:?}") };
        fresh += u32::from(image.removed == 0);
        (0..20).for_each(|name| drop(create(disk.tree(), &name.to_string()).unwrap()));
        pool.give_back(disk).unwrap();
    }
    assert!((3..=32).contains(&fresh), "of 64 jobs so many had a new image: {fresh}");
}

#[test]
fn a_watched_directory_stops_bytes_and_files() {
    let dir = tempfile::tempdir().unwrap();
    for bytes in [true, false] {
        let limit = DiskLimit { bytes: 8 << 20, inodes: 200 };
        let directory = Directory::make(dir.path(), "job", limit).unwrap();
        let (send, reached) = channel();
        let watch = directory.watch(move |limit| drop(send.send(limit))).unwrap();
        let start = Instant::now();
        if bytes {
            fill(directory.fd(), "big", 9 << 20).unwrap();
        } else {
            (0..250).for_each(|name| drop(create(directory.fd(), &name.to_string()).unwrap()));
        }
        let expected = if bytes {
            LimitReached::Disk { bytes: limit.bytes }
        } else {
            LimitReached::Inodes { count: limit.inodes }
        };
        assert_eq!(reached.recv_timeout(Duration::from_secs(10)).unwrap(), expected);
        eprintln!("watcher: {expected:?} after {:?}", start.elapsed());
        assert_eq!(directory.limit_reached(), Some(expected));
        drop(watch);
        let path = directory.path().to_owned();
        Pool::open(dir.path()).unwrap().give_back(Disk::Directory(directory, String::new())).unwrap();
        assert!(!path.exists());
    }
}

#[test]
fn a_count_follows_no_link_and_counts_links_once() {
    let dir = tempfile::tempdir().unwrap();
    let directory = Directory::make(dir.path(), "job", SMALL).unwrap();
    fill(directory.fd(), "file", 1 << 20).unwrap();
    std::fs::hard_link(directory.path().join("file"), directory.path().join("again")).unwrap();
    std::os::unix::fs::symlink("/", directory.path().join("link")).unwrap();
    let usage = count::count(directory.fd().as_fd()).usage;
    assert!((1 << 20..2 << 20).contains(&usage.bytes), "{usage:?}");
    assert_eq!(usage.inodes, 2);
}

#[test]
fn default_limits_take_few_values() {
    assert_eq!(round_down(0), 0);
    assert_eq!(round_down(7), 7);
    assert_eq!(round_down((18 << 30) + 12345), 18 << 30);
    assert_eq!(round_down((19 << 30) + (1 << 29)), 18 << 30);
}

#[test]
#[ignore = "a measurement; run with --release --ignored"]
fn cost() {
    let Some((_dir, pool)) = images() else { return };
    let limit = DiskLimit::new(18 << 30, None);
    let start = Instant::now();
    drop(pool.take(limit, "first", 1001).unwrap());
    eprintln!("first disk of a limit: {:?}", start.elapsed());
    let (mut takes, mut gives) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let start = Instant::now();
        let disk = pool.take(limit, "next", 1001).unwrap();
        takes.push(start.elapsed());
        let start = Instant::now();
        pool.give_back(disk).unwrap();
        gives.push(start.elapsed());
    }
    takes.sort();
    gives.sort();
    eprintln!(
        "disk: take median {:?}, p95 {:?}; give back median {:?}, p95 {:?}",
        takes[100], takes[190], gives[100], gives[190]
    );
}
