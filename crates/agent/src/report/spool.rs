//! Rows on disk: a file that is written at its end and read from its front, and emptied when all is read. Called by `backlog` and `lanes`.
//!
//! A file holds the number of its first row, then records: a moment (8 bytes), a length (4 bytes), so many bytes of whole lines. Numbers are
//! little-endian. What a crash cuts off at the end is ignored by the one who reads it.

use super::rows::Chunk;
use domain::Timestamp;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const HEAD: u64 = 8;
const RECORD_HEAD: usize = 12;
/// Written at once when so much is pending.
const WRITE: usize = 128 * 1024;

/// A file of rows.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    file: Option<fs_err::File>,
    /// Records that are not in the file yet.
    pending: Vec<u8>,
    /// How long the file is.
    written: u64,
    /// How far it was read.
    read: u64,
}

impl Spool {
    /// An empty one; its file is made with its first row.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None, pending: Vec::new(), written: 0, read: 0 }
    }

    /// What another process left; answers the number of its first row too. `None`: nothing. It is read and stays as it is, in case this process
    /// ends before it is done with it.
    pub(super) fn open(path: &Path) -> io::Result<Option<(Self, u64)>> {
        let file = match fs_err::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let written = file.metadata()?.len();
        let mut head = [0; HEAD as usize];
        if written <= HEAD {
            return Ok(None);
        }
        file.file().read_exact_at(&mut head, 0)?;
        let spool = Self { path: path.to_owned(), file: Some(file), pending: Vec::new(), written, read: HEAD };
        Ok(Some((spool, u64::from_le_bytes(head))))
    }

    /// Whether there is no row in it.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes() == 0
    }

    /// Bytes that were not read.
    pub(super) fn bytes(&self) -> u64 {
        self.written - self.read + self.pending.len() as u64
    }

    /// The room that it takes on disk.
    pub(super) fn size(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    /// Adds rows, of which `number` is the first; on a fault they are not added.
    pub(super) fn push(&mut self, number: u64, chunk: &Chunk) -> io::Result<()> {
        if self.file.is_none() {
            if let Some(folder) = self.path.parent() {
                fs_err::create_dir_all(folder)?;
            }
            let mut options = std::fs::OpenOptions::new();
            options.read(true).write(true).create(true).truncate(true).mode(0o600);
            self.file = Some(fs_err::OpenOptions::from_options(options).open(&self.path)?);
        }
        if self.written == 0 {
            self.set_number(number)?;
            (self.written, self.read) = (HEAD, HEAD);
        }
        if self.pending.len() >= WRITE {
            self.flush()?;
        }
        self.hold(chunk);
        Ok(())
    }

    /// Adds rows after those that there are, without writing anything.
    pub(super) fn hold(&mut self, chunk: &Chunk) {
        let text = chunk.text().as_bytes();
        // An event is much smaller.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.pending.extend_from_slice(&chunk.at.0.to_le_bytes());
        self.pending.extend_from_slice(&length.to_le_bytes());
        self.pending.extend_from_slice(text.get(..length as usize).unwrap_or(text));
    }

    /// Puts everything into the file. What cannot be written now stays pending.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if let (Some(file), false) = (&self.file, self.pending.is_empty()) {
            file.file().write_all_at(&self.pending, self.written)?;
            self.written += self.pending.len() as u64;
            self.pending.clear();
        }
        Ok(())
    }

    /// Changes the number of the first row.
    pub(super) fn set_number(&self, number: u64) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.file().write_all_at(&number.to_le_bytes(), 0))
    }

    /// Takes the next records, of about so many bytes, but one at least; empties the file with the last.
    pub(super) fn take(&mut self, most: usize) -> io::Result<Vec<Chunk>> {
        // What a full disk does not take is read from memory, when its turn comes.
        let _later = self.flush();
        let mut chunks = Vec::new();
        let Some(file) = &self.file else { return Ok(chunks) };
        let mut bytes = 0;
        while self.read < self.written && (bytes < most || chunks.is_empty()) {
            let mut head = [0; RECORD_HEAD];
            let from = self.read + RECORD_HEAD as u64;
            if from > self.written {
                self.read = self.written;
                break;
            }
            file.file().read_exact_at(&mut head, self.read)?;
            let (at, length) = of_head(head);
            if from + u64::from(length) > self.written {
                self.read = self.written;
                break;
            }
            let mut text = vec![0; length as usize];
            file.file().read_exact_at(&mut text, from)?;
            bytes += text.len();
            self.read = from + u64::from(length);
            chunks.extend(of_record(at, &text));
        }
        if self.read == self.written && (chunks.is_empty() || self.pending.is_empty()) {
            let mut rest = self.pending.as_slice();
            while let Some((head, after)) = rest.split_first_chunk() {
                let (at, length) = of_head(*head);
                let Some((text, after)) = after.split_at_checked(length as usize) else { break };
                chunks.extend(of_record(at, text));
                rest = after;
            }
            self.clear();
        }
        Ok(chunks)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        if let Some(file) = &self.file {
            // What stays in the file is written over.
            let _unused = file.file().set_len(0);
        }
        self.pending.clear();
        (self.written, self.read) = (0, 0);
    }
}

fn of_head([at @ .., l0, l1, l2, l3]: [u8; RECORD_HEAD]) -> (Timestamp, u32) {
    (Timestamp(u64::from_le_bytes(at)), u32::from_le_bytes([l0, l1, l2, l3]))
}

/// It was text when it was written; a disk may have changed it.
fn of_record(at: Timestamp, text: &[u8]) -> Option<Chunk> {
    Chunk::new(at, String::from_utf8_lossy(text).into())
}

#[cfg(test)]
mod tests {
    use super::super::rows::Chunk;
    use super::Spool;
    use domain::Timestamp;
    use std::os::unix::fs::PermissionsExt;

    fn chunk(at: u64, text: &str) -> Chunk {
        Chunk::new(Timestamp(at), text.into()).unwrap()
    }

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("task/rows");
        let mut spool = Spool::new(path.clone());
        let mut expected = std::collections::VecDeque::new();
        let mut seen = 0;
        for round in 0_u64..200 {
            let text = "é\n".repeat(1 + usize::try_from(round * 37 % 3000).unwrap());
            spool.push(round, &chunk(round, &text)).unwrap();
            expected.push_back(chunk(round, &text));
            if round % 3 == 0 {
                for got in spool.take(4000).unwrap() {
                    assert_eq!(Some(got), expected.pop_front());
                    seen += 1;
                }
            }
        }
        while !spool.is_empty() {
            for got in spool.take(10_000).unwrap() {
                assert_eq!(Some(got), expected.pop_front());
                seen += 1;
            }
        }
        assert_eq!((seen, expected.len(), spool.size()), (200, 0, 0));
        let meta = std::fs::metadata(&path).unwrap();
        assert_eq!((meta.permissions().mode() & 0o777, meta.len()), (0o600, 0));
    }

    #[test]
    fn another_process_reads_what_was_flushed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        assert!(Spool::open(&path).unwrap().is_none());
        let mut spool = Spool::new(path.clone());
        spool.push(41, &chunk(1, "a\n")).unwrap();
        spool.push(42, &chunk(2, "b\nc\n")).unwrap();
        spool.flush().unwrap();
        drop(spool);
        // A crash cuts the last record off.
        let length = std::fs::metadata(&path).unwrap().len();
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
        let (mut left, number) = Spool::open(&path).unwrap().unwrap();
        assert_eq!((number, left.take(1000).unwrap()), (41, vec![chunk(1, "a\n")]));
        assert_eq!(left.take(1000).unwrap(), []);
    }
}
