//! A backup of a server that works becomes a server that goes on; what is no backup changes nothing.

use crate::plane::{Hand, World, audit, settings};
use crate::support::{files, text};
use domain::control::Scope;
use domain::{Conclusion, LogEnd, Secret, TaskId};
use server::backup::{
    BackupError, BackupOrder, Mirrors, RestoreError, RestoreOrder, Restored, Stop, make_backup, restore_backup,
};
use server::keys::Sealed;
use server::serve::{ServeError, ServerSettings, start};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use store::{HoldingKind, NewHolding};
use tempfile::TempDir;

const WORKFLOW: &str = "on: workflow_dispatch\njobs:\n  a: {runs-on: lab, steps: [{run: 'true'}]}\n  b: {runs-on: lab, steps: [{run: 'true'}]}\n  c: {needs: [a, b], runs-on: lab, steps: [{run: 'true'}]}\n";

fn order(world: &World, into: &Path, database: Option<&str>) -> BackupOrder {
    BackupOrder {
        data: world.data.path().to_owned(),
        database: database.map(str::to_owned),
        into: into.to_owned(),
        mirrors: Mirrors::Kept,
        version: "0.0.0",
        now: world.server.plane.now(),
        stop: Stop::never(),
    }
}

async fn restore(from: &Path, data: &Path, database: Option<&str>) -> Result<Restored, RestoreError> {
    let (from, data) = (from.to_owned(), data.to_owned());
    restore_backup(RestoreOrder { from, data, database: database.map(str::to_owned), stop: Stop::never() }).await
}

/// A backup with one of its files changed.
fn changed(from: &Path, into: &Path, name: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) {
    let bytes = zstd::decode_all(std::fs::File::open(from).unwrap()).unwrap();
    let mut archive = tar::Archive::new(bytes.as_slice());
    let mut other = tar::Builder::new(Vec::new());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let (path, mut header) = (entry.path().unwrap().into_owned(), entry.header().clone());
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        if path == Path::new(name) {
            bytes = change(bytes);
        }
        header.set_size(bytes.len() as u64);
        other.append_data(&mut header, path, bytes.as_slice()).unwrap();
    }
    std::fs::write(into, zstd::encode_all(other.into_inner().unwrap().as_slice(), 1).unwrap()).unwrap();
}

fn stopped() -> Stop {
    // The last value stays when its sender goes.
    Stop::when(tokio::sync::watch::channel(true).1)
}

/// Backs up while a job runs and talks, loses the server, restores elsewhere, and lets everything go on.
async fn lost_and_restored(first: Option<&str>, second: Option<&str>) {
    let with = |data: &Path, database: Option<&str>| ServerSettings {
        database: database.map(str::to_owned),
        ..settings(data)
    };
    let world = World::with_settings(&[(".github/workflows/ci.yml", WORKFLOW)], |data| with(data, first)).await;
    let plane = &world.server.plane;
    let scope = Scope::Repository(world.project.id);
    let sealed = plane.keys.seal(scope, "WORD", &Secret::new("hunter2")).unwrap();
    let secret = NewHolding {
        kind: HoldingKind::Secret,
        scope,
        name: "WORD".to_owned(),
        description: String::new(),
        value: sealed.0,
    };
    plane.store.set_holding(&secret, plane.now(), &audit()).await.unwrap();
    let hand = world.runner(&["lab"]).await;
    let run = world.dispatch("ci").await;
    let (a, b) = (hand.take().await.id, hand.take().await.id);
    hand.start(a).await;
    hand.log(a, 0, &["of a", "its end"], LogEnd::Last).await.unwrap();
    hand.end(a, Conclusion::Success, &[]).await;
    hand.start(b).await;
    let mut said = hand.log(b, 0, &["first"], LogEnd::Open).await.unwrap();
    // Rows come and runs are made all the while.
    let room = TempDir::new().unwrap();
    let into = room.path().join("it's a backup.tar.zst");
    let backup = make_backup(order(&world, &into, first));
    tokio::pin!(backup);
    let made = loop {
        tokio::select! {
            made = &mut backup => break made.unwrap(),
            row = hand.log(b, said, &["more"], LogEnd::Open) => said = row.unwrap(),
        }
        world.dispatch("ci").await;
    };
    assert!(made.files > 5 && made.bytes == std::fs::metadata(&into).unwrap().len(), "{made:?}");
    assert_eq!(std::fs::metadata(&into).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(files(room.path()), std::slice::from_ref(&into), "nothing else is left");
    let again = make_backup(order(&world, &into, first)).await;
    assert!(matches!(again, Err(BackupError::Present { .. })), "{again:?}");
    let used = restore(&into, world.data.path(), second).await;
    assert!(matches!(used, Err(RestoreError::Used { .. })), "{used:?}");
    // What happens now is lost.
    let lost = hand.take().await.id;
    let World { server, project, repository, data } = world;
    server.stop().await;
    // A log that is being sealed may hold the lock for a moment still.
    let full = restore(&into, data.path(), second).await;
    assert!(matches!(full, Err(RestoreError::NotEmpty { .. } | RestoreError::Used { .. })), "{full:?}");

    let data = TempDir::new().unwrap();
    // A link to an empty folder, as to a disk that is mounted elsewhere.
    let house = data.path().join("house");
    std::fs::create_dir(data.path().join("disk")).unwrap();
    std::os::unix::fs::symlink("disk", &house).unwrap();
    restore(&into, &house, second).await.unwrap();
    assert!(house.is_symlink());
    for file in files(&house) {
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "{}", file.display());
    }
    let server = start(with(&house, second)).await.unwrap();
    assert!(server.first_token.is_none(), "the tokens of before open");
    let world = World { server, project, repository, data };
    let plane = &world.server.plane;
    let held = plane.store.holdings_for(world.project.id).await.unwrap();
    let word = plane.keys.unseal(scope, "WORD", &Sealed(held[0].new.value.clone())).unwrap();
    assert_eq!(word.expose(), "hunter2");
    assert_eq!(text(&plane.logs, a).await.lines().map(|line| &line[29..]).collect::<Vec<_>>(), ["of a", "its end"]);
    // The runner goes on as if nothing had been: its key opens, and what it had in hand ends.
    let hand = Hand::at(&world, hand.key);
    let rows = plane.logs.watch(b).await.unwrap().borrow().rows;
    assert!(rows >= 1 && rows <= said, "{rows} of {said}");
    hand.log(b, rows, &["after"], LogEnd::Last).await.unwrap();
    hand.end(b, Conclusion::Success, &[]).await;
    let last = loop {
        let task = hand.take().await;
        assert!(task.id.0 > lost.0 + 1000, "a number that was given is not given again");
        hand.start(task.id).await;
        hand.end(task.id, Conclusion::Success, &[]).await;
        if world.states(&run).await == ["a: success", "b: success", "c: success"] {
            break task.id;
        }
    };
    assert!(last > TaskId(0));
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    assert!(text(&plane.logs, b).await.ends_with("after\n"));
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_lost_goes_on_from_its_backup() {
    lost_and_restored(None, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_postgresql_too() {
    let Some(server) = testkit::Postgres::shared().unwrap() else {
        println!("SKIP: PostgreSQL is not installed");
        return;
    };
    let (first, second) = (server.database().unwrap(), server.database().unwrap());
    lost_and_restored(Some(&first), Some(&second)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_whole_backup_changes_nothing() {
    let world = World::with(&[(".github/workflows/ci.yml", WORKFLOW)]).await;
    let room = TempDir::new().unwrap();
    let good = room.path().join("good");
    let none = BackupOrder { data: room.path().to_owned(), ..order(&world, &good, None) };
    assert!(matches!(make_backup(none).await, Err(BackupError::NoServer { .. })));
    make_backup(order(&world, &good, None)).await.unwrap();
    let bytes = std::fs::read(&good).unwrap();
    let mut bent = bytes.clone();
    let middle = bent.len() / 2;
    // A single bit may be one that means nothing.
    bent[middle..middle + 64].iter_mut().for_each(|byte| *byte ^= 0x5a);
    let packed = |text: &[u8]| zstd::encode_all(text, 1).unwrap();
    let bad: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("text", b"hello".to_vec()),
        ("another archive", packed(b"hello")),
        ("bent", bent),
        ("longer", [bytes.clone(), b"more".to_vec()].concat()),
        ("cut at a byte", bytes[..bytes.len() - 1].to_vec()),
        ("cut at the checksum", bytes[..bytes.len() - 4].to_vec()),
        ("cut in the middle", bytes[..middle].to_vec()),
        ("cut at its head", bytes[..40].to_vec()),
    ];
    let house = room.path().join("house");
    for (name, bytes) in bad {
        let from = room.path().join(name);
        std::fs::write(&from, bytes).unwrap();
        let refused = restore(&from, &house, None).await.unwrap_err();
        let is_told = matches!(refused, RestoreError::NotOne { .. } | RestoreError::Damaged { .. });
        assert!(is_told, "{name}: {refused:?}");
        std::fs::remove_file(&from).unwrap();
        assert_eq!(files(room.path()), std::slice::from_ref(&good), "{name}");
        assert!(!house.exists(), "{name}");
    }
    let nowhere = restore(&room.path().join("none"), &house, None).await;
    assert!(matches!(nowhere, Err(RestoreError::Io { .. })), "{nowhere:?}");
    let other = restore(&good, &house, Some("postgres://nobody@127.0.0.1:1/none")).await;
    assert!(matches!(other, Err(RestoreError::OtherDatabase)), "{other:?}");
    // An empty folder is as good as none.
    std::fs::create_dir(&house).unwrap();
    restore(&good, &house, None).await.unwrap();
    let kept: Vec<PathBuf> = files(&house);
    assert!(kept.contains(&house.join("admin-token")) && kept.contains(&house.join("master-keys")), "{kept:?}");
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_off_or_too_new_leaves_nothing() {
    let world = World::with(&[(".github/workflows/ci.yml", WORKFLOW)]).await;
    let room = TempDir::new().unwrap();
    let (good, newer, house) = (room.path().join("good"), room.path().join("newer"), room.path().join("house"));
    let broken = make_backup(BackupOrder { stop: stopped(), ..order(&world, &good, None) }).await;
    assert!(matches!(broken, Err(BackupError::Ending)), "{broken:?}");
    assert_eq!(files(room.path()), [] as [PathBuf; 0]);
    make_backup(order(&world, &good, None)).await.unwrap();
    let broken =
        restore_backup(RestoreOrder { from: good.clone(), data: house.clone(), database: None, stop: stopped() }).await;
    assert!(matches!(broken, Err(RestoreError::Ending)), "{broken:?}");
    changed(&good, &newer, "backup.json", |head| {
        let mut head: serde_json::Value = serde_json::from_slice(&head).unwrap();
        assert!(head["schema"].as_i64().is_some_and(|schema| schema >= 10), "{head}");
        head["schema"] = 9999.into();
        serde_json::to_vec(&head).unwrap()
    });
    let refused = restore(&newer, &house, None).await.unwrap_err();
    assert!(matches!(refused, RestoreError::NewerSchema { schema: 9999, .. }), "{refused:?}");
    assert!(!house.exists());
    // One of before, which did not say.
    changed(&good, &newer, "backup.json", |head| {
        let mut head: serde_json::Value = serde_json::from_slice(&head).unwrap();
        head.as_object_mut().unwrap().remove("schema");
        serde_json::to_vec(&head).unwrap()
    });
    restore(&newer, &house, None).await.unwrap();
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_server_starts_on_what_is_half_restored() {
    let room = TempDir::new().unwrap();
    std::fs::create_dir_all(room.path().join(".ekiden-restore-killed/moving")).unwrap();
    let refused = start(settings(room.path())).await.map(|_| ()).unwrap_err();
    assert!(matches!(refused, ServeError::HalfRestored { .. }), "{refused:?}");
    assert_eq!(files(room.path()), [] as [PathBuf; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_that_was_filled_for_nothing_is_told() {
    let Some(server) = testkit::Postgres::shared().unwrap() else {
        println!("SKIP: PostgreSQL is not installed");
        return;
    };
    let (first, second, other) = (server.database().unwrap(), server.database().unwrap(), server.database().unwrap());
    let with = |data: &Path| ServerSettings { database: Some(first.clone()), ..settings(data) };
    let world = World::with_settings(&[(".github/workflows/ci.yml", WORKFLOW)], with).await;
    let room = TempDir::new().unwrap();
    let (good, bad, house) = (room.path().join("good"), room.path().join("bad"), room.path().join("house"));
    let unnamed = make_backup(order(&world, &good, None)).await;
    assert!(matches!(unnamed, Err(BackupError::NoDatabase { .. })), "{unnamed:?}");
    make_backup(order(&world, &good, Some(&first))).await.unwrap();
    // A dump that loads, and is none of a server.
    let dump = room.path().join("dump");
    let ran = |tool: &str, arguments: &[&str]| {
        let done = std::process::Command::new(tool).args(arguments).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    ran("psql", &["--quiet", "--dbname", &other, "--command", "CREATE TABLE letters (id INT)"]);
    ran("pg_dump", &["--format=custom", "--dbname", &other, "--file", dump.to_str().unwrap()]);
    changed(&good, &bad, "database.pgdump", |_| std::fs::read(&dump).unwrap());
    let refused = restore(&bad, &house, Some(&second)).await.unwrap_err();
    assert!(matches!(refused, RestoreError::Filled(_)), "{refused:?}");
    assert!(!house.exists());
    let again = restore(&good, &house, Some(&second)).await.unwrap_err();
    assert!(matches!(again, RestoreError::DatabaseNotEmpty), "{again:?}");
    // A folder that cannot be is no reason to fill a database.
    let third = server.database().unwrap();
    let nowhere = restore(&good, &good.join("house"), Some(&third)).await.unwrap_err();
    assert!(matches!(nowhere, RestoreError::Io { .. }), "{nowhere:?}");
    assert!(store::is_empty(&third).await.unwrap());
    world.server.stop().await;
}
