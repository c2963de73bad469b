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
    match pool.take(SMALL, "probe").unwrap() {
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
    let disk = pool.take(SMALL, "size").unwrap();
    assert_eq!(disk.limit_reached(), None);
    fill(disk.tree(), "half", 8 << 20).unwrap();
    assert!(disk.usage().bytes >= 8 << 20 && disk.usage().inodes == 1, "{:?}", disk.usage());
    assert_eq!(fill(disk.tree(), "rest", 16 << 20), Err(rustix::io::Errno::NOSPC));
    assert_eq!(disk.limit_reached(), Some(LimitReached::Disk { bytes: SMALL.bytes }));
    disk.discard().unwrap();
    let fresh = pool.take(SMALL, "fresh").unwrap();
    assert_eq!(fresh.usage(), DiskUsage::default(), "nothing of an earlier job");
    drop(fresh);
    drop(pool);
    assert_eq!(loop_devices_of(dir.path()), 0);
}

#[test]
fn an_image_ends_at_its_inodes() {
    let Some((_dir, pool)) = images() else { return };
    let disk = pool.take(SMALL, "inodes").unwrap();
    let made = (0..4096).take_while(|name| create(disk.tree(), &name.to_string()).is_ok()).count();
    assert!((490..=600).contains(&made), "{made}");
    assert_eq!(disk.limit_reached(), Some(LimitReached::Inodes { count: SMALL.inodes }));
}

#[test]
fn a_template_is_made_once_and_ready_images_are_used_up() {
    let Some((dir, pool)) = images() else { return };
    pool.keep_ready(SMALL, 3);
    let template = dir.path().join("template-16777216-512.ext4");
    let made = std::fs::metadata(&template).unwrap().modified().unwrap();
    let (one, two) = (pool.take(SMALL, "one").unwrap(), pool.take(SMALL, "two").unwrap());
    fill(one.tree(), "file", 1 << 16).unwrap();
    pool.keep_ready(SMALL, 0);
    assert_eq!(two.usage(), DiskUsage::default());
    assert_eq!(std::fs::metadata(&template).unwrap().modified().unwrap(), made);
    let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["template-16777216-512.ext4"], "images have no names");
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
        Disk::Directory(directory, String::new()).discard().unwrap();
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
    drop(pool.take(limit, "first").unwrap());
    eprintln!("first disk of a limit: {:?}", start.elapsed());
    let (mut takes, mut gives) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let start = Instant::now();
        let disk = pool.take(limit, "next").unwrap();
        takes.push(start.elapsed());
        let start = Instant::now();
        disk.discard().unwrap();
        gives.push(start.elapsed());
    }
    takes.sort();
    gives.sort();
    eprintln!(
        "disk: take median {:?}, p95 {:?}; give back median {:?}, p95 {:?}",
        takes[100], takes[190], gives[100], gives[190]
    );
}
