//! The file of master keys: one line a key, `NUMBER BASE64`, the newest first. Called by the server at its start.
//!
//! Everything new is made with the newest key; what was made with an older one opens as long as its line is there (`security` R9).

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Secret;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use store::TokenHash;

const BYTES: usize = 32;

/// The master keys.
pub struct KeyRing {
    keys: Vec<MasterKey>,
}

pub(super) struct MasterKey {
    pub(super) number: u32,
    bytes: [u8; BYTES],
    pepper: hmac::Key,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let numbers: Vec<u32> = self.keys.iter().map(|key| key.number).collect();
        f.debug_struct("KeyRing").field("keys", &numbers).finish_non_exhaustive()
    }
}

/// Whether there is anything that needs the keys of before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The database is empty.
    First,
    /// It holds tokens, and perhaps secrets, which new keys would not open.
    Again,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// The file cannot be read or written.
    #[error("could not {verb} the master keys in {}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not there, though the database was used with one.
    #[error("the master keys are not in {}; restore the file from a backup: without it no token and no secret of this database opens", path.display())]
    Gone {
        /// Where they should be.
        path: PathBuf,
    },
    /// Others of this machine may read it.
    #[error("others may read the master keys in {} (mode {mode:03o}); run `chmod 600 {}`, and rotate them if somebody may have", path.display(), path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It holds something else.
    #[error("{} line {line} is no master key: `NUMBER BASE64` of 32 bytes is wanted; restore the file from a backup: without it no secret opens", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

impl KeyRing {
    /// Reads the file of master keys; where there is none at a first start, makes one with a new key.
    ///
    /// # Errors
    /// When the file is missing or cannot be read or made, others may read it, or it holds something else.
    pub fn open(path: &Path, start: Start) -> Result<Self, KeyRingError> {
        let failed = |verb, source| KeyRingError::Io { verb, path: path.to_owned(), source };
        let text = match fs_err::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match start {
                    Start::First => make(path)?,
                    Start::Again => return Err(KeyRingError::Gone { path: path.to_owned() }),
                }
                fs_err::read_to_string(path).map_err(|error| failed("read", error))?
            }
            Err(error) => return Err(failed("read", error)),
        };
        let mode = fs_err::metadata(path).map_err(|error| failed("read", error))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyRingError::Open { path: path.to_owned(), mode });
        }
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let key = |(at, line): (usize, &str)| {
            MasterKey::parse(line).ok_or_else(|| KeyRingError::Form { path: path.to_owned(), line: at + 1 })
        };
        let keys: Vec<MasterKey> = lines.map(key).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(KeyRingError::Form { path: path.to_owned(), line: 1 });
        }
        Ok(Self { keys })
    }

    /// What is kept of a new token.
    #[must_use]
    pub fn hash(&self, token: &Secret) -> TokenHash {
        self.newest().hash(token)
    }

    /// What may be kept of a token that somebody shows: one for each key, the newest first.
    pub fn hashes<'a>(&'a self, token: &'a Secret) -> impl Iterator<Item = TokenHash> + 'a {
        self.keys.iter().map(|key| key.hash(token))
    }

    pub(super) fn newest(&self) -> &MasterKey {
        // A ring has a key: `open` makes none without.
        &self.keys[0]
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &MasterKey> {
        self.keys.iter()
    }

    pub(super) fn key(&self, number: u32) -> Option<&MasterKey> {
        self.keys.iter().find(|key| key.number == number)
    }
}

impl MasterKey {
    fn parse(line: &str) -> Option<Self> {
        let (number, key) = line.trim().split_once(' ')?;
        let bytes: [u8; BYTES] = STANDARD.decode(key.trim()).ok()?.try_into().ok()?;
        let mut drawn = [0; BYTES];
        draw(&bytes, b"", b"ekiden token pepper", &mut drawn)?;
        Some(Self { number: number.parse().ok()?, bytes, pepper: hmac::Key::new(hmac::HMAC_SHA256, &drawn) })
    }

    fn hash(&self, token: &Secret) -> TokenHash {
        let tag = hmac::sign(&self.pepper, token.expose().as_bytes());
        let mut hash = [0; BYTES];
        hash.copy_from_slice(tag.as_ref());
        TokenHash(hash)
    }

    /// Draws a key for one use from this one.
    pub(super) fn draw(&self, salt: &[u8], purpose: &[u8]) -> Option<[u8; BYTES]> {
        let mut drawn = [0; BYTES];
        draw(&self.bytes, salt, purpose, &mut drawn)?;
        Some(drawn)
    }
}

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        BYTES
    }
}

fn draw(master: &[u8], salt: &[u8], purpose: &[u8], into: &mut [u8; BYTES]) -> Option<()> {
    Salt::new(HKDF_SHA256, salt).extract(master).expand(&[purpose], Length).ok()?.fill(into).ok()
}

fn make(path: &Path) -> Result<(), KeyRingError> {
    let failed = |source| KeyRingError::Io { verb: "make", path: path.to_owned(), source };
    let mut bytes = [0; BYTES];
    rand::fill(&mut bytes).map_err(|_| KeyRingError::Random)?;
    // Of several servers one starts at a time (`serve`); who began this one by hand as well finds a file that is there.
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = match fs_err::OpenOptions::from_options(options).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    file.write_all(format!("1 {}\n", STANDARD.encode(bytes)).as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::{KeyRing, KeyRingError, Start};
    use domain::Secret;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn keys_are_made_once_and_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master-keys");
        let (first, second) =
            (KeyRing::open(&path, Start::First).unwrap(), KeyRing::open(&path, Start::Again).unwrap());
        let token = Secret::new("ekiden_user_x");
        assert_eq!(first.hash(&token), second.hash(&token));
        assert_ne!(first.hash(&token), first.hash(&Secret::new("ekiden_user_y")));
        let other = KeyRing::open(&folder.path().join("others"), Start::First).unwrap();
        assert_ne!(first.hash(&token), other.hash(&token));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!format!("{first:?}").contains(text.trim().split(' ').next_back().unwrap()));
    }

    #[test]
    fn what_an_older_key_made_is_known_as_long_as_its_line_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (folder.path().join("keys"), folder.path().join("new"));
        let token = Secret::new("ekiden_user_x");
        let old = KeyRing::open(&path, Start::First).unwrap().hash(&token);
        KeyRing::open(&new, Start::First).unwrap();
        let lines = [&new, &path].map(|path| std::fs::read_to_string(path).unwrap());
        std::fs::write(&path, format!("2{}{}", &lines[0][1..], lines[1])).unwrap();
        let ring = KeyRing::open(&path, Start::First).unwrap();
        assert_ne!(ring.hash(&token), old);
        assert_eq!(ring.hashes(&token).nth(1), Some(old));
        assert_eq!(format!("{ring:?}"), "KeyRing { keys: [2, 1], .. }");
    }

    #[test]
    fn a_file_that_is_none_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        KeyRing::open(&path, Start::First).unwrap();
        let good = std::fs::read_to_string(&path).unwrap();
        for bad in ["", "1", "x AAAA", "1 AAAA", &good.replace('1', "-1 ")] {
            std::fs::write(&path, bad).unwrap();
            let error = KeyRing::open(&path, Start::First).unwrap_err();
            assert!(matches!(error, KeyRingError::Form { line: 1, .. }), "{bad}: {error}");
        }
        std::fs::write(&path, good).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = KeyRing::open(&path, Start::First).unwrap_err();
        assert!(error.to_string().contains("(mode 640); run `chmod 600 "), "{error}");
        let nowhere = KeyRing::open(std::path::Path::new("/nowhere/keys"), Start::First).unwrap_err();
        let gone = KeyRing::open(&folder.path().join("gone"), Start::Again).unwrap_err();
        assert!(gone.to_string().contains("/gone; restore the file from a backup"), "{gone}");
        assert!(!folder.path().join("gone").exists());
        assert!(nowhere.to_string().starts_with("could not make the master keys in /nowhere"), "{nowhere}");
    }
}
