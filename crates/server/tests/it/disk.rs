//! A disk without room.

use crate::support::{TASK, batch, line, open, rows, text};
use domain::LogEnd;
use server::logs::LogError;
use std::path::Path;
use std::process::Command;

/// A small disk, while it lives.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", size, "none"]).arg(folder.path()).status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_acknowledged_that_is_not_stored() {
    let Some(disk) = Disk::mount("size=3m") else {
        println!("SKIP: only root mounts a small disk");
        return;
    };
    let store = open(disk.path());
    std::fs::write(disk.path().join("ballast"), vec![0; 1024 * 1024]).unwrap();
    let mut acked = 0;
    let error = loop {
        match store.append(batch(acked, rows(acked..acked + 7, 30_000), LogEnd::Open)).await {
            Ok(rows) => acked = rows,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, LogError::Full { .. }) && error.is_passing(), "{error:?}");
    assert!(error.to_string().contains("no room"), "{error}");
    assert!(acked > 0);
    let facts = *store.watch(TASK).await.unwrap().borrow();
    assert!(facts.rows >= acked, "what was acknowledged is there");
    // Another process finds the same.
    drop(store);
    let store = open(disk.path());
    assert_eq!(*store.watch(TASK).await.unwrap().borrow(), facts);
    std::fs::remove_file(disk.path().join("ballast")).unwrap();
    let got = store.append(batch(acked, rows(acked..acked + 7, 30_000), LogEnd::Last)).await.unwrap();
    assert_eq!(got, acked + 7);
    store.settle().await.unwrap();
    let expected: String = rows(0..acked + 7, 30_000).iter().map(|row| line(row) + "\n").collect();
    assert!(text(&store, TASK).await == expected);
}
