//! Reads a backup: all of it, beside the place where it will be, before anything is in that place.

use super::archive::{DUMP, Database, END, End, FORM, HEAD, Head, KEYS, LOGS, SQLITE, is_known};
use super::error::RestoreError;
use super::postgres;
use crate::keys::{KeyRing, Start};
use domain::Timestamp;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The first and last files are no longer than this.
const SHORT: u64 = 64 * 1024;

/// A restore that is asked for.
#[derive(Debug, Clone)]
pub struct RestoreOrder {
    /// The backup.
    pub from: PathBuf,
    /// The server's folder to be: not there, or empty.
    pub data: PathBuf,
    /// The PostgreSQL to restore into, where the backup holds one.
    pub database: Option<String>,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// How many files.
    pub files: u64,
    /// When the backup was made.
    pub made: Timestamp,
    /// By which version.
    pub version: String,
}

/// Restores a backup into a folder that holds nothing, and, where its database is a PostgreSQL, into one that holds nothing.
///
/// # Errors
/// When the file is no whole backup, or the place is not empty. Nothing is changed then.
pub async fn restore_backup(order: RestoreOrder) -> Result<Restored, RestoreError> {
    let checked = order.clone();
    let head = blocking(move || {
        let (head, _) = open(&checked.from)?;
        is_free(&checked.data)?;
        Ok(head)
    })
    .await?;
    match (head.database, &order.database) {
        (Database::Sqlite, None) => {}
        (Database::Sqlite, Some(_)) => return Err(RestoreError::OtherDatabase),
        (Database::Postgres, None) => return Err(RestoreError::NoDatabase),
        (Database::Postgres, Some(url)) if !store::is_empty(url).await? => return Err(RestoreError::DatabaseNotEmpty),
        (Database::Postgres, Some(_)) => {}
    }
    let unpacking = order.clone();
    let (room, files) = blocking(move || unpack(&unpacking)).await?;
    let inner = room.path().join("server");
    KeyRing::open(&inner.join(KEYS), Start::Again)?;
    match &order.database {
        None => store::ready_sqlite(&inner.join(SQLITE)).await?,
        Some(url) => {
            let (url, dump) = (url.clone(), inner.join(DUMP));
            let (into, from) = (url.clone(), dump.clone());
            blocking(move || Ok(postgres::load(&into, &from)?)).await?;
            store::ready_postgres(&url).await?;
            std::fs::remove_file(&dump).map_err(|source| RestoreError::Io { verb: "remove", path: dump, source })?;
        }
    }
    // An empty folder gives way.
    let data = order.data;
    std::fs::rename(&inner, &data).map_err(|source| match source.kind() {
        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => {
            RestoreError::NotEmpty { path: data.clone() }
        }
        _ => RestoreError::Io { verb: "make", path: data.clone(), source },
    })?;
    Ok(Restored { files, made: Timestamp(head.made), version: head.ekiden })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RestoreError> + Send + 'static,
) -> Result<T, RestoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| RestoreError::Ending)?
}

type Archive = tar::Archive<zstd::stream::read::Decoder<'static, io::BufReader<File>>>;

/// Opens a backup, and reads what it says of itself.
fn open(path: &Path) -> Result<(Head, Archive), RestoreError> {
    let failed = |source| RestoreError::Io { verb: "read", path: path.to_owned(), source };
    let none = |fact: String| RestoreError::NotOne { path: path.to_owned(), fact };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(none("it is a folder".to_owned()));
    }
    let unpacker = zstd::stream::read::Decoder::new(file).map_err(failed)?;
    let mut archive = tar::Archive::new(unpacker);
    let head = {
        let mut entries = archive.entries().map_err(|error| none(error.to_string()))?;
        let first = entries.next().ok_or_else(|| none("it holds nothing".to_owned()))?;
        let mut first = first.map_err(|error| none(error.to_string()))?;
        if first.path().map_err(|error| none(error.to_string()))? != Path::new(HEAD) {
            return Err(none(format!("it does not begin with {HEAD}")));
        }
        short(&mut first).map_err(|error| none(error.to_string()))?
    };
    let head: serde_json::Value = serde_json::from_slice(&head).map_err(|error| none(error.to_string()))?;
    let form = head.get("form").and_then(serde_json::Value::as_u64).unwrap_or(0);
    if form > u64::from(FORM) {
        return Err(RestoreError::Newer {
            path: path.to_owned(),
            form: u32::try_from(form).unwrap_or(u32::MAX),
            known: FORM,
            made_by: head.get("ekiden").and_then(serde_json::Value::as_str).unwrap_or("unknown").to_owned(),
        });
    }
    let head = serde_json::from_value(head).map_err(|error| none(error.to_string()))?;
    // To be read from its beginning.
    let again = zstd::stream::read::Decoder::new(File::open(path).map_err(failed)?).map_err(failed)?;
    Ok((head, tar::Archive::new(again)))
}

fn short(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    from.take(SHORT).read_to_end(&mut text)?;
    Ok(text)
}

/// Whether a folder can be restored into.
fn is_free(data: &Path) -> Result<(), RestoreError> {
    let mut entries = match std::fs::read_dir(data) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(RestoreError::Io { verb: "read", path: data.to_owned(), source }),
    };
    if entries.next().is_none() {
        return Ok(());
    }
    let lock = File::open(data.join(LOGS).join("lock"));
    if lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(std::fs::TryLockError::WouldBlock))) {
        return Err(RestoreError::Used { path: data.to_owned() });
    }
    Err(RestoreError::NotEmpty { path: data.to_owned() })
}

/// Unpacks all of it into a folder beside the place where it will be.
fn unpack(order: &RestoreOrder) -> Result<(TempDir, u64), RestoreError> {
    let parent = order.data.parent().unwrap_or(Path::new("/"));
    let made = |path: &Path, source| RestoreError::Io { verb: "make", path: path.to_owned(), source };
    std::fs::create_dir_all(parent).map_err(|source| made(parent, source))?;
    let room = tempfile::Builder::new().prefix(".ekiden-restore-").tempdir_in(parent);
    let room = room.map_err(|source| made(parent, source))?;
    let into = room.path().join("server");
    private(&into).map_err(|source| made(&into, source))?;
    let damaged = |fact: String| RestoreError::Damaged { path: order.from.clone(), fact };
    let (_, mut archive) = open(&order.from)?;
    let (mut files, mut end) = (0_u64, None);
    for entry in archive.entries().map_err(|error| damaged(error.to_string()))? {
        let mut entry = entry.map_err(|error| damaged(error.to_string()))?;
        let name = entry.path().map_err(|error| damaged(error.to_string()))?.into_owned();
        if end.is_some() {
            return Err(damaged(format!("{} comes after its end", name.display())));
        }
        if name == Path::new(END) {
            let text = short(&mut entry).map_err(|error| damaged(error.to_string()))?;
            end = Some(serde_json::from_slice::<End>(&text).map_err(|error| damaged(error.to_string()))?);
            continue;
        }
        files += 1;
        if name == Path::new(HEAD) {
            continue;
        }
        if !entry.header().entry_type().is_file() || !is_known(&name) {
            return Err(damaged(format!("{} does not belong into one", name.display())));
        }
        let path = into.join(&name);
        if let Some(folder) = path.parent() {
            private(folder).map_err(|source| made(folder, source))?;
        }
        let mut options = File::options();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(&path).map_err(|source| made(&path, source))?;
        match io::copy(&mut entry, &mut file) {
            Ok(length) if length == entry.size() => {}
            Ok(_) => return Err(damaged(format!("{} is not whole", name.display()))),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => return Err(made(&path, error)),
            Err(error) => return Err(damaged(format!("{}: {error}", name.display()))),
        }
    }
    let end = end.ok_or_else(|| damaged("its end is missing".to_owned()))?;
    if end.files != files {
        return Err(damaged(format!("it holds {files} files and not {}", end.files)));
    }
    // The checksum of all of it stands at the very end.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| damaged(error.to_string()))?;
    Ok((room, files))
}

fn private(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
