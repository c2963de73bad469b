//! Reads a backup: all of it, under a hidden name in the place where it will be, before anything is in that place.

use super::archive::{DUMP, Database, END, End, FORM, HEAD, Head, is_known};
use super::error::{RestoreError, ToolError};
use super::place::Place;
use super::postgres;
use super::stop::Stop;
use crate::folder::{DATABASE, KEYS};
use crate::keys::{KeyRing, Start};
use domain::Timestamp;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The first and last files are no longer than this.
const SHORT: u64 = 64 * 1024;
/// So much is read at once.
const BUFFER: usize = 128 * 1024;

/// A restore that is asked for.
#[derive(Debug, Clone)]
pub struct RestoreOrder {
    /// The backup.
    pub from: PathBuf,
    /// The server's folder to be: not there, or empty.
    pub data: PathBuf,
    /// The PostgreSQL to restore into, where the backup holds one.
    pub database: Option<String>,
    /// Breaks it off.
    pub stop: Stop,
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
/// When the file is no whole backup, or the place is not empty. Nothing is changed then, or it says so (`Filled`).
pub async fn restore_backup(order: RestoreOrder) -> Result<Restored, RestoreError> {
    let from = order.from.clone();
    let head = blocking(move || Ok(open(&from)?.0)).await?;
    match (head.database, &order.database) {
        (Database::Sqlite, None) => {}
        (Database::Sqlite, Some(_)) => return Err(RestoreError::OtherDatabase),
        (Database::Postgres, None) => return Err(RestoreError::NoDatabase),
        (Database::Postgres, Some(url)) if !store::is_empty(url).await? => return Err(RestoreError::DatabaseNotEmpty),
        (Database::Postgres, Some(_)) => {}
    }
    let unpacking = order.clone();
    // The folder is taken, holds all of it and has room for it, before a database is filled.
    let (place, files) = blocking(move || {
        let place = Place::take(&unpacking.data)?;
        let files = unpack(&unpacking, &place.inner())?;
        Ok((place, files))
    })
    .await?;
    let inner = place.inner();
    KeyRing::open(&inner.join(KEYS), Start::Again)?;
    // After this all is quickly done, and nobody is heard any more.
    match &order.database {
        None => {
            store::ready_sqlite(&inner.join(DATABASE)).await?;
            if !order.stop.goes_on() {
                return Err(RestoreError::Ending);
            }
            blocking(move || place.fill()).await?;
        }
        Some(url) => {
            load(url, &inner.join(DUMP), &order.stop).await?;
            let filled = fill_after(url, place).await;
            filled.map_err(|error| RestoreError::Filled(Box::new(error)))?;
        }
    }
    Ok(Restored { files, made: Timestamp(head.made), version: head.ekiden })
}

/// Fills an empty database: all of it, or nothing, or it says so.
async fn load(url: &str, dump: &Path, stop: &Stop) -> Result<(), RestoreError> {
    match postgres::load(url, dump, stop).await {
        Ok(()) => Ok(()),
        // It may have been done just then.
        Err(ToolError::Ended { .. }) if store::is_empty(url).await.unwrap_or(false) => Err(RestoreError::Ending),
        Err(ToolError::Ended { .. }) => Err(RestoreError::Filled(Box::new(RestoreError::Ending))),
        Err(error) => Err(error.into()),
    }
}

/// The rest, once a database is filled.
async fn fill_after(url: &str, place: Place) -> Result<(), RestoreError> {
    store::ready_postgres(url).await?;
    blocking(move || {
        let dump = place.inner().join(DUMP);
        std::fs::remove_file(&dump).map_err(|source| RestoreError::Io { verb: "remove", path: dump, source })?;
        place.fill()
    })
    .await
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
    let head: Head = serde_json::from_value(head).map_err(|error| none(error.to_string()))?;
    let known = store::newest_schema();
    if head.schema > known {
        let (path, schema) = (path.to_owned(), head.schema);
        return Err(RestoreError::NewerSchema { path, schema, known, made_by: head.ekiden });
    }
    // To be read from its beginning.
    let again = zstd::stream::read::Decoder::new(File::open(path).map_err(failed)?).map_err(failed)?;
    Ok((head, tar::Archive::new(again)))
}

fn short(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    from.take(SHORT).read_to_end(&mut text)?;
    Ok(text)
}

/// Unpacks all of it into an empty folder.
fn unpack(order: &RestoreOrder, into: &Path) -> Result<u64, RestoreError> {
    let made = |path: &Path, source| RestoreError::Io { verb: "make", path: path.to_owned(), source };
    let damaged = |fact: String| RestoreError::Damaged { path: order.from.clone(), fact };
    let (_, mut archive) = open(&order.from)?;
    let (mut files, mut end, mut buffer) = (0_u64, None, vec![0; BUFFER]);
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
        let mut length = 0;
        loop {
            let read = entry.read(&mut buffer).map_err(|error| damaged(format!("{}: {error}", name.display())))?;
            if !order.stop.goes_on() {
                return Err(RestoreError::Ending);
            }
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            file.write_all(bytes).map_err(|source| RestoreError::Io { verb: "write", path: path.clone(), source })?;
            length += read as u64;
        }
        if length != entry.size() {
            return Err(damaged(format!("{} is not whole", name.display())));
        }
    }
    let end = end.ok_or_else(|| damaged("its end is missing".to_owned()))?;
    if end.files != files {
        return Err(damaged(format!("it holds {files} files and not {}", end.files)));
    }
    // The checksum of all of it stands at the very end.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| damaged(error.to_string()))?;
    Ok(files)
}

fn private(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
