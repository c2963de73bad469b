//! A backup of a server that works becomes a server that goes on; what is no backup changes nothing.

use crate::plane::{Hand, World, audit, settings};
use crate::support::{files, text};
use domain::control::Scope;
use domain::{Conclusion, LogEnd, Secret, TaskId};
use server::backup::{
    BackupError, BackupOrder, Mirrors, RestoreError, RestoreOrder, Restored, make_backup, restore_backup,
};
use server::keys::Sealed;
use server::serve::{ServerSettings, start};
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
    }
}

async fn restore(from: &Path, data: &Path, database: Option<&str>) -> Result<Restored, RestoreError> {
    let (from, data) = (from.to_owned(), data.to_owned());
    restore_backup(RestoreOrder { from, data, database: database.map(str::to_owned) }).await
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
    let house = data.path().join("new/house");
    restore(&into, &house, second).await.unwrap();
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
