//! Writes a backup.

use super::archive::{DUMP, Database, END, End, FILES, FORM, HEAD, Head};
use super::error::{BackupError, ToolError};
use super::postgres;
use super::room::Room;
use super::stop::Stop;
use crate::folder::{DATABASE, KEYS, LOGS, MIRRORS, OBJECTS};
use domain::{TaskId, Timestamp};
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use store::Held;

/// Logs are packed already; the database packs well at any level.
const LEVEL: i32 = 3;
/// The room of one that is being made.
const PREFIX: &str = ".ekiden-backup-";
/// Its name there.
const WHOLE: &str = "backup.tar.zst";

/// A backup that is asked for.
#[derive(Debug, Clone)]
pub struct BackupOrder {
    /// The server's folder.
    pub data: PathBuf,
    /// Its database, where that is a PostgreSQL.
    pub database: Option<String>,
    /// The file to be.
    pub into: PathBuf,
    /// Whether the mirrors of repositories are in it.
    pub mirrors: Mirrors,
    /// This program's version.
    pub version: &'static str,
    /// Now.
    pub now: Timestamp,
    /// Breaks it off.
    pub stop: Stop,
}

/// Whether a backup holds the mirrors of repositories behind a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mirrors {
    /// They are fetched again after a restore.
    Left,
    /// They are in it, for repositories that may be gone then.
    Kept,
}

/// A backup that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// How many files are in it.
    pub files: u64,
    /// How long it is.
    pub bytes: u64,
}

/// Makes a backup; a server of the folder goes on meanwhile. The file is readable by its user alone: it holds the keys.
///
/// # Errors
/// When there is no server, the file is there already, or something cannot be read or written. No file is there then.
pub async fn make_backup(order: BackupOrder) -> Result<Made, BackupError> {
    if !order.data.join(KEYS).is_file() {
        return Err(BackupError::NoServer { path: order.data });
    }
    if order.into.exists() {
        return Err(BackupError::Present { path: order.into });
    }
    let parent = match order.into.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let own = order.data.join(DATABASE);
    if order.database.is_none() && !own.is_file() {
        return Err(BackupError::NoDatabase { path: order.data });
    }
    // The copy of the database lies where the backup will, until it is in it: there is room, or there is none for the backup either.
    let room = Room::make(&parent, PREFIX);
    let room = room.map_err(|source| BackupError::Io { verb: "write to", path: parent.clone(), source })?;
    let (database, held) = match &order.database {
        None => {
            let (into, stop) = (room.path().join(DATABASE), order.stop.clone());
            match store::copy_sqlite(&own, &into, move || stop.goes_on()).await {
                Ok(held) => (Database::Sqlite, held),
                Err(_) if !order.stop.goes_on() => return Err(BackupError::Ending),
                Err(error) => return Err(error.into()),
            }
        }
        Some(url) => {
            let held = store::held_by_postgres(url).await?;
            match postgres::dump(url, &room.path().join(DUMP), &order.stop).await {
                Ok(()) => (Database::Postgres, held),
                Err(ToolError::Ended { .. }) => return Err(BackupError::Ending),
                Err(error) => return Err(error.into()),
            }
        }
    };
    blocking(move || write(&order, &parent, room.path(), database, held)).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| BackupError::Ending)?
}

fn write(order: &BackupOrder, parent: &Path, room: &Path, database: Database, held: Held) -> Result<Made, BackupError> {
    let failed = |source| BackupError::Io { verb: "write", path: order.into.clone(), source };
    let whole = room.join(WHOLE);
    // Mode 0600 from its first byte on.
    let file = File::options().write(true).create_new(true).mode(0o600).open(&whole).map_err(failed)?;
    let mut packer = zstd::stream::write::Encoder::new(file.try_clone().map_err(failed)?, LEVEL).map_err(failed)?;
    packer.include_checksum(true).map_err(failed)?;
    let mut archive = Writer { tar: tar::Builder::new(packer), order, files: 0 };
    let head = Head { form: FORM, ekiden: order.version.to_owned(), made: order.now.0, database, schema: held.schema };
    archive.text(HEAD, &serde_json::to_vec(&head).map_err(|error| failed(error.into()))?)?;
    let name = match database {
        Database::Sqlite => DATABASE,
        Database::Postgres => DUMP,
    };
    archive.file(&room.join(name), name)?;
    for name in FILES {
        archive.file(&order.data.join(name), name)?;
    }
    // Of tasks that the database knows: the number of a later one will be another's.
    archive.logs(LOGS, held.newest)?;
    archive.logs(OBJECTS, held.newest)?;
    if order.mirrors == Mirrors::Kept {
        // What refs name is there before them, so that it is read after them.
        archive.mirrors(Of::Refs)?;
        archive.mirrors(Of::Objects)?;
    }
    let (end, files) = (End { files: archive.files }, archive.files);
    archive.text(END, &serde_json::to_vec(&end).map_err(|error| failed(error.into()))?)?;
    archive.tar.into_inner().and_then(zstd::stream::write::Encoder::finish).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if !order.stop.goes_on() {
        return Err(BackupError::Ending);
    }
    // It takes no other file's place.
    let whole = tempfile::TempPath::try_from_path(whole).map_err(failed)?;
    whole.persist_noclobber(&order.into).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Present { path: order.into.clone() },
        _ => failed(error.error),
    })?;
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)?;
    Ok(Made { files, bytes })
}

/// Gives nothing more when a person wants no more.
struct Stopped<'a, R> {
    from: R,
    stop: &'a Stop,
}

impl<R: io::Read> io::Read for Stopped<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.goes_on() { self.from.read(buffer) } else { Err(io::Error::other("broken off")) }
    }
}

/// A part of a mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Refs,
    Objects,
}

struct Writer<'a, W: Write> {
    tar: tar::Builder<W>,
    order: &'a BackupOrder,
    files: u64,
}

impl<W: Write> Writer<'_, W> {
    fn text(&mut self, name: &str, text: &[u8]) -> Result<(), BackupError> {
        self.add(Path::new(name), text.len() as u64, text)
    }

    /// A file, where it is there: logs move on meanwhile. What grows is taken as long as it was; what shrinks is filled up with
    /// zeros, which no log takes for rows.
    fn file(&mut self, path: &Path, name: impl AsRef<Path>) -> Result<(), BackupError> {
        let failed = |source| BackupError::Io { verb: "read", path: path.to_owned(), source };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        let length = file.metadata().map_err(failed)?.len();
        self.add(name.as_ref(), length, file.chain(io::repeat(0)).take(length))
    }

    fn add(&mut self, name: &Path, length: u64, from: impl io::Read) -> Result<(), BackupError> {
        let mut header = tar::Header::new_gnu();
        header.set_size(length);
        header.set_mode(0o600);
        header.set_mtime(self.order.now.0 / 1000);
        let stop = &self.order.stop;
        self.tar.append_data(&mut header, name, Stopped { from, stop }).map_err(|source| match stop.goes_on() {
            true => BackupError::Io { verb: "write", path: self.order.into.clone(), source },
            false => BackupError::Ending,
        })?;
        self.files += 1;
        Ok(())
    }

    /// The logs of tasks up to one; a list of chunks before what it lists.
    fn logs(&mut self, folder: &str, newest: Option<TaskId>) -> Result<(), BackupError> {
        for spread in names(&self.order.data.join(folder))? {
            let (place, shown) = (self.order.data.join(folder).join(&spread), Path::new(folder).join(&spread));
            let mut entries = names(&place)?;
            entries.sort_by_key(|name| !name.to_string_lossy().ends_with(".json"));
            for name in entries {
                let number = name.to_str().and_then(|name| name.split('.').next()?.parse::<i64>().ok());
                if number.is_none_or(|number| newest.is_none_or(|newest| number > newest.0)) {
                    continue;
                }
                let (path, shown) = (place.join(&name), shown.join(&name));
                if !path.is_dir() {
                    self.of_log(&path, &shown)?;
                }
                for chunk in names(&path)? {
                    self.of_log(&path.join(&chunk), &shown.join(&chunk))?;
                }
            }
        }
        Ok(())
    }

    /// One that is being written has another name until it is whole.
    fn of_log(&mut self, path: &Path, shown: &Path) -> Result<(), BackupError> {
        if shown.to_string_lossy().contains('#') { Ok(()) } else { self.file(path, shown) }
    }

    /// The mirrors: their objects, or all else.
    fn mirrors(&mut self, of: Of) -> Result<(), BackupError> {
        let top = self.order.data.join(MIRRORS);
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            for name in names(&top.join(&folder))? {
                let (path, shown) = (folder.join(&name), name.to_string_lossy());
                let Ok(kind) = std::fs::symlink_metadata(top.join(&path)) else { continue };
                if kind.is_dir() {
                    folders.push(path);
                    continue;
                }
                let is =
                    if path.components().any(|part| part.as_os_str() == "objects") { Of::Objects } else { Of::Refs };
                let passes = shown.starts_with("tmp_") || shown.ends_with(".lock") || !kind.is_file();
                if is == of && !passes {
                    self.file(&top.join(&path), Path::new(MIRRORS).join(&path))?;
                }
            }
        }
        Ok(())
    }
}

/// The names in a folder, in order; none where it is not there, or is none.
fn names(folder: &Path) -> Result<Vec<std::ffi::OsString>, BackupError> {
    let failed = |source| BackupError::Io { verb: "read", path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(failed(error)),
    };
    let mut names: Vec<_> =
        entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<_, _>>().map_err(failed)?;
    names.sort();
    Ok(names)
}
