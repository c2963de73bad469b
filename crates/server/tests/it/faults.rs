//! What goes wrong around a log.

use crate::support::{TASK, batch, files, line, open, rows, runtime, text};
use domain::LogEnd;
use server::logs::{LogError, LogObjects, LogSettings, LogStore, Sharing};
use std::path::Path;

#[tokio::test]
async fn one_folder_is_for_one_server() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let settings = LogSettings {
        sharing: Sharing::Alone,
        folder: folder.path().join("open"),
        objects: LogObjects::folder(&folder.path().join("objects")).unwrap(),
    };
    let error = LogStore::open(settings).unwrap_err();
    assert!(matches!(error, LogError::Used { .. }), "{error}");
    drop(first);
    open(folder.path());
}

#[tokio::test]
async fn a_log_waits_in_its_folder_while_the_object_store_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let (objects, away) = (folder.path().join("objects"), folder.path().join("away"));
    let store = open(folder.path());
    store.append(batch(0, rows(0..1, 10), LogEnd::Open)).await.unwrap();
    std::fs::rename(&objects, &away).unwrap();
    std::fs::write(&objects, "no folder").unwrap();
    assert_eq!(store.append(batch(1, rows(1..100, 50_000), LogEnd::Last)).await.unwrap(), 100);
    assert!(matches!(store.settle().await, Err(LogError::Objects { .. })));
    let expected: String = rows(0..1, 10).iter().chain(&rows(1..100, 50_000)).map(|row| line(row) + "\n").collect();
    assert!(text(&store, TASK).await == expected);
    std::fs::remove_file(&objects).unwrap();
    std::fs::rename(&away, &objects).unwrap();
    store.settle().await.unwrap();
    assert_eq!(files(&folder.path().join("open")).len(), 0);
    assert!(text(&store, TASK).await == expected);
}

#[tokio::test]
async fn a_changed_or_missing_chunk_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.append(batch(0, rows(0..100, 50_000), LogEnd::Last)).await.unwrap();
    store.settle().await.unwrap();
    let mut chunks = files(&folder.path().join("objects"));
    chunks.retain(|path| path.extension().is_some_and(|end| end == "zst"));
    assert!(chunks.len() >= 2);
    let whole = std::fs::read(&chunks[1]).unwrap();
    let mut changed = whole.clone();
    changed[100] ^= 1;
    std::fs::write(&chunks[1], changed).unwrap();
    assert!(matches!(store.tail(TASK, 100).await, Err(LogError::Damaged { .. })));
    assert_eq!(store.read(TASK, 0, 5).await.unwrap().rows, rows(0..5, 50_000), "the others are sound");
    std::fs::remove_file(&chunks[1]).unwrap();
    let error = store.tail(TASK, 100).await.unwrap_err().to_string();
    assert!(error.contains("it is gone"), "{error}");
    // A chunk in the place of another.
    std::fs::copy(&chunks[0], &chunks[1]).unwrap();
    assert!(matches!(store.tail(TASK, 100).await, Err(LogError::Damaged { .. })));
    std::fs::write(&chunks[1], whole).unwrap();
    assert_eq!(store.tail(TASK, 3).await.unwrap().rows, rows(97..100, 50_000));
}

#[test]
fn a_log_whose_list_cannot_be_read_can_be_removed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    life(folder, async |store| {
        store.append(batch(0, rows(0..100, 50_000), LogEnd::Last)).await.unwrap();
        store.settle().await.unwrap();
    });
    let list = files(&folder.join("objects")).into_iter().find(|path| path.ends_with("300.json")).unwrap();
    std::fs::write(&list, "{").unwrap();
    life(folder, async |store| {
        let error = store.tail(TASK, 1).await.unwrap_err();
        assert!(matches!(error, LogError::Damaged { .. }), "{error}");
        store.remove(TASK).await.unwrap();
        assert!(files(&folder.join("objects")).is_empty());
        assert_eq!(store.append(batch(0, rows(0..2, 10), LogEnd::Open)).await.unwrap(), 2);
    });
}

/// What a process does with the logs; when it is gone, so is all that it did in the background.
fn life<T>(folder: &Path, work: impl AsyncFnOnce(LogStore) -> T) -> T {
    runtime().block_on(async { work(open(folder)).await })
}

#[test]
fn a_part_whose_chunk_did_not_reach_the_disk_is_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (part, kept) = life(folder, async |store| {
        store.append(batch(0, rows(0..30, 50_000), LogEnd::Open)).await.unwrap();
        let part = files(&folder.join("open")).remove(0);
        let kept = std::fs::read(&part).unwrap();
        store.append(batch(30, rows(30..60, 50_000), LogEnd::Last)).await.unwrap();
        store.settle().await.unwrap();
        (part, kept)
    });
    let put_back = || {
        std::fs::create_dir_all(part.parent().unwrap()).unwrap();
        std::fs::write(&part, &kept).unwrap();
    };
    let chunk = folder.join("objects/00000/300/000000000000.zst");
    let object = std::fs::read(&chunk).unwrap();
    // The removal of the part was lost, and the chunk is whole: nothing is lost.
    put_back();
    life(folder, async |store| {
        let expected: String = rows(0..60, 50_000).iter().map(|row| line(row) + "\n").collect();
        assert!(text(&store, TASK).await == expected);
        assert_eq!(files(&folder.join("open")).len(), 0);
    });
    // The chunk was lost too: what the part has is a prefix, and goes on.
    put_back();
    std::fs::write(&chunk, &object[..object.len() / 2]).unwrap();
    life(folder, async |store| {
        assert_eq!(store.append(batch(30, rows(30..31, 10), LogEnd::Last)).await.unwrap(), 31);
        store.settle().await.unwrap();
        assert_eq!(store.tail(TASK, 2).await.unwrap().first, 29);
        assert_eq!(store.read(TASK, 0, 3).await.unwrap().rows, rows(0..3, 50_000));
    });
}

#[test]
fn a_short_log_is_one_object() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (part, kept) = life(folder, async |store| {
        store.append(batch(0, rows(0..5, 20), LogEnd::Open)).await.unwrap();
        let part = files(&folder.join("open")).remove(0);
        let kept = std::fs::read(&part).unwrap();
        store.append(batch(5, rows(5..9, 20), LogEnd::Last)).await.unwrap();
        store.settle().await.unwrap();
        (part, kept)
    });
    let expected: String = rows(0..9, 20).iter().map(|row| line(row) + "\n").collect();
    let list = files(&folder.join("objects"));
    assert!(list.len() == 1 && list[0].ends_with("300.json"), "{list:?}");
    // A removal of the part that was lost is made up for.
    std::fs::create_dir_all(part.parent().unwrap()).unwrap();
    std::fs::write(&part, &kept).unwrap();
    life(folder, async |store| {
        assert!(text(&store, TASK).await == expected);
        assert_eq!(store.read(TASK, 3, 2).await.unwrap().rows, rows(3..5, 20));
        assert_eq!(files(&folder.join("open")).len(), 0);
        let late = store.append(batch(9, rows(9..10, 20), LogEnd::Last)).await;
        assert!(matches!(late, Err(LogError::Ended { rows: 9, .. })), "{late:?}");
    });
    // What somebody changed in it is told, and can be removed.
    let good = std::fs::read_to_string(&list[0]).unwrap();
    let (before, chunk) = good.split_once(r#""chunk":"#).unwrap();
    std::fs::write(&list[0], format!(r#"{before}"chunk":{}"#, chunk.replacen("KLUv", "KLUw", 1))).unwrap();
    life(folder, async |store| {
        assert!(matches!(store.tail(TASK, 1).await, Err(LogError::Damaged { .. })));
        store.remove(TASK).await.unwrap();
        assert!(files(&folder.join("objects")).is_empty());
    });
}

#[test]
fn rows_behind_a_part_that_was_torn_are_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (objects, away) = (folder.join("objects"), folder.join("away"));
    life(folder, async |store| {
        store.append(batch(0, rows(0..1, 10), LogEnd::Open)).await.unwrap();
        // Nothing can be sealed: the parts stay.
        std::fs::rename(&objects, &away).unwrap();
        std::fs::write(&objects, "no folder").unwrap();
        store.append(batch(1, rows(1..200, 50_000), LogEnd::Last)).await.unwrap();
    });
    std::fs::remove_file(&objects).unwrap();
    std::fs::rename(&away, &objects).unwrap();
    let parts = files(&folder.join("open"));
    assert!(parts.len() >= 4);
    let length = std::fs::metadata(&parts[1]).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&parts[1]).unwrap().set_len(length - 1).unwrap();
    life(folder, async |store| {
        let facts = *store.watch(TASK).await.unwrap().borrow();
        assert!(facts.rows > 1 && facts.rows < 150 && facts.end == LogEnd::Open, "{facts:?}");
        assert_eq!(files(&folder.join("open")).len(), 2);
        // Its runner hears that rows were lost; here it has them still.
        let left = rows(facts.rows..200, 50_000);
        assert_eq!(store.append(batch(facts.rows, left, LogEnd::Last)).await.unwrap(), 200);
        store.settle().await.unwrap();
        let lines: String = rows(0..1, 10).iter().chain(&rows(1..200, 50_000)).map(|row| line(row) + "\n").collect();
        assert!(text(&store, TASK).await == lines);
    });
}
