//! Commits and tags out of a repository's object database, read without git: loose objects, packs with their deltas, alternates.
//!
//! For the few small objects whose content a run needs (the commit at HEAD, a tag on it); a git process costs milliseconds.

use flate2::read::ZlibDecoder;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The most that one of these objects may hold.
const LARGEST: u64 = 16 << 20;
/// The longest chain of deltas; git writes at most 4,095 and 50 by itself.
const LONGEST_CHAIN: usize = 256;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Commit,
    Tag,
    Tree,
    Blob,
}

/// The object database of one repository.
#[derive(Debug)]
pub(crate) struct Objects {
    /// The `objects` folders: the repository's own, then alternates.
    folders: Vec<PathBuf>,
}

impl Objects {
    pub(crate) fn open(common_dir: &Path) -> Self {
        let mut folders = vec![common_dir.join("objects")];
        let mut at = 0;
        // Alternates may have alternates; git stops at five levels.
        while at < folders.len() && folders.len() < 32 {
            for path in alternates(&folders[at]) {
                if !folders.contains(&path) {
                    folders.push(path);
                }
            }
            at += 1;
        }
        Self { folders }
    }

    /// The folders other than the repository's own.
    pub(crate) fn alternates(&self) -> &[PathBuf] {
        &self.folders[1..]
    }

    /// The content of an object; `None` when it is not here or cannot be read this way.
    pub(crate) fn read(&self, id: &str) -> Option<(Kind, Vec<u8>)> {
        let raw = bytes_of_hex(id)?;
        self.folders.iter().find_map(|folder| loose(folder, id)).or_else(|| self.packed(&raw, 0))
    }

    fn packed(&self, id: &[u8], depth: usize) -> Option<(Kind, Vec<u8>)> {
        for folder in &self.folders {
            let Ok(entries) = fs_err::read_dir(folder.join("pack")) else { continue };
            for entry in entries.flatten() {
                let path = entry.path();
                if path.extension().is_some_and(|extension| extension == "idx")
                    && let Some(offset) = find_in_index(&path, id)
                {
                    let mut pack = File::open(path.with_extension("pack")).ok()?;
                    return self.entry(&mut pack, offset, id.len(), depth);
                }
            }
        }
        None
    }

    fn entry(&self, pack: &mut File, offset: u64, id_length: usize, depth: usize) -> Option<(Kind, Vec<u8>)> {
        if depth > LONGEST_CHAIN {
            return None;
        }
        pack.seek(SeekFrom::Start(offset)).ok()?;
        let mut reader = BufReader::with_capacity(4096, &*pack);
        let (kind, size) = entry_header(&mut reader)?;
        if size > LARGEST {
            return None;
        }
        let base = match kind {
            1 => return Some((Kind::Commit, inflate(reader, size)?)),
            2 => return Some((Kind::Tree, inflate(reader, size)?)),
            3 => return Some((Kind::Blob, inflate(reader, size)?)),
            4 => return Some((Kind::Tag, inflate(reader, size)?)),
            6 => Base::At(offset.checked_sub(offset_of_base(&mut reader)?)?),
            7 => {
                let mut id = vec![0; id_length];
                reader.read_exact(&mut id).ok()?;
                Base::Named(id)
            }
            _ => return None,
        };
        let delta = inflate(reader, size)?;
        let (kind, base) = match base {
            Base::At(offset) => self.entry(pack, offset, id_length, depth + 1)?,
            Base::Named(id) => self.packed(&id, depth + 1)?,
        };
        Some((kind, apply_delta(&base, &delta)?))
    }
}

enum Base {
    At(u64),
    Named(Vec<u8>),
}

fn alternates(folder: &Path) -> Vec<PathBuf> {
    let Ok(text) = fs_err::read_to_string(folder.join("info/alternates")) else { return Vec::new() };
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with(['#', '"']))
        .filter_map(|line| fs_err::canonicalize(folder.join(line)).ok())
        .collect()
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    (text.len().is_multiple_of(2) && text.is_ascii())
        .then(|| (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()).collect())
        .flatten()
}

fn loose(folder: &Path, id: &str) -> Option<(Kind, Vec<u8>)> {
    let file = File::open(folder.join(id.get(..2)?).join(id.get(2..)?)).ok()?;
    let mut content = Vec::new();
    ZlibDecoder::new(BufReader::new(file)).take(LARGEST + 64).read_to_end(&mut content).ok()?;
    let end = content.iter().position(|byte| *byte == 0)?;
    let (kind, size) = std::str::from_utf8(&content[..end]).ok()?.split_once(' ')?;
    let kind = match kind {
        "commit" => Kind::Commit,
        "tag" => Kind::Tag,
        "tree" => Kind::Tree,
        "blob" => Kind::Blob,
        _ => return None,
    };
    let size: usize = size.parse().ok()?;
    content.drain(..=end);
    (content.len() == size).then_some((kind, content))
}

/// The offset of an object in the pack of a version 2 index (`gitformat-pack`): header, 256 counts, ids, checksums, offsets.
fn find_in_index(path: &Path, id: &[u8]) -> Option<u64> {
    let index = File::open(path).ok()?;
    let four = |at: u64| {
        let mut bytes = [0; 4];
        index.read_exact_at(&mut bytes, at).ok().map(|()| u32::from_be_bytes(bytes))
    };
    if four(0)? != 0xff74_4f63 || four(4)? != 2 {
        return None;
    }
    let first = u64::from(*id.first()?);
    let width = id.len() as u64;
    let total = u64::from(four(8 + 255 * 4)?);
    let mut low = if first == 0 { 0 } else { u64::from(four(8 + (first - 1) * 4)?) };
    let mut high = u64::from(four(8 + first * 4)?);
    let ids = 8 + 256 * 4;
    let mut candidate = vec![0; id.len()];
    while low < high {
        let middle = low.midpoint(high);
        index.read_exact_at(&mut candidate, ids + middle * width).ok()?;
        match candidate.as_slice().cmp(id) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => {
                let offsets = ids + total * (width + 4);
                let offset = four(offsets + middle * 4)?;
                if offset & 0x8000_0000 == 0 {
                    return Some(u64::from(offset));
                }
                let mut bytes = [0; 8];
                index.read_exact_at(&mut bytes, offsets + total * 4 + u64::from(offset & 0x7fff_ffff) * 8).ok()?;
                return Some(u64::from_be_bytes(bytes));
            }
        }
    }
    None
}

fn byte(reader: &mut impl Read) -> Option<u8> {
    let mut one = [0];
    reader.read_exact(&mut one).ok().map(|()| one[0])
}

/// The kind and the inflated size in front of a pack's entry.
fn entry_header(reader: &mut impl Read) -> Option<(u8, u64)> {
    let mut current = byte(reader)?;
    let kind = (current >> 4) & 7;
    let mut size = u64::from(current & 15);
    let mut shift = 4;
    while current & 0x80 != 0 {
        current = byte(reader)?;
        size |= u64::from(current & 0x7f).checked_shl(shift)?;
        shift += 7;
        if shift > 57 {
            return None;
        }
    }
    Some((kind, size))
}

fn offset_of_base(reader: &mut impl Read) -> Option<u64> {
    let mut current = byte(reader)?;
    let mut offset = u64::from(current & 0x7f);
    while current & 0x80 != 0 {
        current = byte(reader)?;
        offset = offset.checked_add(1)?.checked_mul(128)? | u64::from(current & 0x7f);
    }
    Some(offset)
}

fn inflate(reader: impl std::io::BufRead, size: u64) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    flate2::bufread::ZlibDecoder::new(reader).take(size + 1).read_to_end(&mut content).ok()?;
    (content.len() as u64 == size).then_some(content)
}

/// Git's delta: sizes of base and result, then copies out of the base and literal bytes.
fn apply_delta(base: &[u8], mut delta: &[u8]) -> Option<Vec<u8>> {
    let size = |delta: &mut &[u8]| {
        let (mut value, mut shift) = (0_u64, 0_u32);
        loop {
            let current = byte(delta)?;
            value |= u64::from(current & 0x7f).checked_shl(shift)?;
            shift += 7;
            if current & 0x80 == 0 {
                return Some(value);
            }
            if shift > 57 {
                return None;
            }
        }
    };
    if size(&mut delta)? != base.len() as u64 {
        return None;
    }
    let wanted = size(&mut delta)?;
    if wanted > LARGEST {
        return None;
    }
    let mut result = Vec::new();
    while !delta.is_empty() {
        let operation = byte(&mut delta)?;
        if operation & 0x80 != 0 {
            let (mut offset, mut length) = (0_usize, 0_usize);
            for bit in 0..7 {
                if operation & (1 << bit) != 0 {
                    let value = usize::from(byte(&mut delta)?);
                    if bit < 4 {
                        offset |= value << (8 * bit);
                    } else {
                        length |= value << (8 * (bit - 4));
                    }
                }
            }
            let length = if length == 0 { 0x10000 } else { length };
            result.extend_from_slice(base.get(offset..offset.checked_add(length)?)?);
        } else {
            let length = usize::from(operation);
            if length == 0 {
                return None;
            }
            result.extend_from_slice(delta.get(..length)?);
            delta = &delta[length..];
        }
        if result.len() as u64 > wanted {
            return None;
        }
    }
    (result.len() as u64 == wanted).then_some(result)
}

#[cfg(test)]
mod tests {
    use super::{apply_delta, bytes_of_hex};

    #[test]
    fn deltas_copy_and_insert() {
        // base 10, result 8: copy 4 from offset 2, insert "abcd".
        let delta = [10, 8, 0b1001_0001, 2, 4, 4, b'a', b'b', b'c', b'd'];
        assert_eq!(apply_delta(b"0123456789", &delta).as_deref(), Some(&b"2345abcd"[..]));
        assert_eq!(apply_delta(b"012345678", &delta), None);
        assert_eq!(apply_delta(b"0123456789", &delta[..9]), None);
        assert_eq!(apply_delta(b"0123456789", &[10, 8, 0]), None);
    }

    #[test]
    fn hex_is_even_and_ascii() {
        assert_eq!(bytes_of_hex("00ff"), Some(vec![0, 255]));
        assert_eq!(bytes_of_hex("0"), None);
        assert_eq!(bytes_of_hex("zz"), None);
        assert_eq!(bytes_of_hex("éé"), None);
    }
}
