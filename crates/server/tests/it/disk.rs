//! A disk without room.

use crate::plane::{World, settings};
use crate::support::{TASK, batch, line, open, rows, text};
use domain::{Conclusion, LogEnd};
use server::logs::LogError;
use server::serve::ServerSettings;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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

/// What `/readyz` says.
async fn readiness(world: &World) -> String {
    let mut stream = tokio::net::TcpStream::connect(world.server.address).await.unwrap();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn until_ready_is(world: &World, wanted: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let said = readiness(world).await;
        if said.starts_with(&format!("HTTP/1.1 {wanted}")) {
            return;
        }
        assert!(Instant::now() < end, "/readyz does not say {wanted}: {said}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_a_full_disk_says_so_loses_nothing_and_goes_on() {
    let Some(disk) = Disk::mount("size=24m") else {
        println!("SKIP: only root mounts a small disk");
        return;
    };
    let data = disk.path().join("data");
    let jobs = "  a:\n    runs-on: lab\n    strategy: {matrix: {n: [1, 2]}}\n    steps: [{run: 'true'}]\n";
    let workflow = format!("on: workflow_dispatch\njobs:\n{jobs}");
    let world = World::with_settings(&[(".gitea/workflows/w.yml", workflow.as_str())], |other| ServerSettings {
        data: data.clone(),
        ..settings(other)
    })
    .await;
    let runner = world.runner(&["lab"]).await;
    let run = world.dispatch("w.yml").await;
    let task = runner.take().await;
    runner.start(task.id).await;
    assert_eq!(runner.log(task.id, 0, &["before"], LogEnd::Open).await.unwrap(), 1);
    until_ready_is(&world, "200").await;

    let ballast = disk.path().join("ballast");
    // It ends with the disk.
    let _full = std::fs::write(&ballast, vec![0; 64 * 1024 * 1024]);
    until_ready_is(&world, "503").await;
    let long = "x".repeat(200_000);
    let (mut sent, mut refused) = (1, None);
    while refused.is_none() {
        assert!(sent < 1000, "there was room for everything");
        match runner.log(task.id, sent, &[&long], LogEnd::Open).await {
            Ok(rows) => sent = rows,
            Err(error) => refused = Some(error.to_string()),
        }
    }
    assert!(refused.as_ref().is_some_and(|text| text.contains("no room")), "{refused:?}");

    std::fs::remove_file(&ballast).unwrap();
    until_ready_is(&world, "200").await;
    assert_eq!(runner.log(task.id, sent, &["after"], LogEnd::Last).await.unwrap(), sent + 1);
    runner.end(task.id, Conclusion::Success, &[]).await;
    let other = runner.take().await;
    assert_ne!(other.id, task.id);
    runner.end(other.id, Conclusion::Success, &[]).await;
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    let log = text(&world.server.plane.logs, task.id).await;
    assert_eq!(log.lines().count() as u64, sent + 1);
    assert!(log.contains(" before\n") && log.ends_with(" after\n"));
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_finds_no_room_at_its_start_says_so() {
    let Some(disk) = Disk::mount("size=200k") else {
        println!("SKIP: only root mounts a small disk");
        return;
    };
    let mut error: &dyn std::error::Error =
        &server::serve::start(crate::plane::settings(disk.path())).await.unwrap_err();
    let mut said = error.to_string();
    while let Some(source) = error.source() {
        said = format!("{said}: {source}");
        error = source;
    }
    assert!(said.contains("full") && !said.contains("version"), "{said}");
}
