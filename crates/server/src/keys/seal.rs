//! Secrets at rest: sealed with a key of their own, bound to whose they are and how they are called. Called by the routes of secrets, and where a task
//! is made.
//!
//! A sealed value is `1`, the number of the master key (4 bytes), a salt (32 bytes), and the AES-256-GCM ciphertext with its tag. The key is drawn from
//! the master key with the salt, so no key seals twice and the nonce can be zero. Scope and name are authenticated: a value that was moved to
//! another row does not open (`security` R79).

use super::ring::KeyRing;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand;
use domain::Secret;
use domain::control::Scope;

const VERSION: u8 = 1;
const SALT: usize = 32;
const HEAD: usize = 1 + 4 + SALT;
const PURPOSE: &[u8] = b"ekiden secret";

/// A sealed value, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

/// Why a value does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// Its key is not there.
    #[error(
        "the secret {name} was sealed with master key {key}, which is not in the file of master keys; restore that file, or set the secret again"
    )]
    Key {
        /// The secret.
        name: String,
        /// The number of the key.
        key: u32,
    },
    /// It is not what was sealed, or is somebody else's.
    #[error(
        "the secret {name} does not open: it was changed in the database, or the file of master keys is another's; set the secret again"
    )]
    Changed {
        /// The secret.
        name: String,
    },
}

/// A value could not be sealed: the system gives no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret could not be sealed: the system gives no random numbers")]
pub struct SealError;

impl KeyRing {
    /// Seals the value of a secret.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn seal(&self, scope: Scope, name: &str, value: &Secret) -> Result<Sealed, SealError> {
        let master = self.newest();
        let mut salt = [0; SALT];
        rand::fill(&mut salt).map_err(|_| SealError)?;
        let key = master.draw(&salt, PURPOSE).and_then(|key| cipher(&key)).ok_or(SealError)?;
        let mut body = value.expose().as_bytes().to_vec();
        key.seal_in_place_append_tag(nonce(), Aad::from(place(scope, name)), &mut body).map_err(|_| SealError)?;
        let mut sealed = Vec::with_capacity(HEAD + body.len());
        sealed.push(VERSION);
        sealed.extend(master.number.to_be_bytes());
        sealed.extend(salt);
        sealed.extend(body);
        Ok(Sealed(sealed))
    }

    /// Opens the value of a secret.
    ///
    /// # Errors
    /// When its key is not there, or it is not what was sealed under this name.
    pub fn unseal(&self, scope: Scope, name: &str, sealed: &Sealed) -> Result<Secret, UnsealError> {
        let changed = || UnsealError::Changed { name: name.to_owned() };
        let (head, body) = sealed.0.split_at_checked(HEAD).ok_or_else(changed)?;
        let [VERSION, a, b, c, d, salt @ ..] = head else { return Err(changed()) };
        let number = u32::from_be_bytes([*a, *b, *c, *d]);
        let master = self.key(number).ok_or_else(|| UnsealError::Key { name: name.to_owned(), key: number })?;
        let key = master.draw(salt, PURPOSE).and_then(|key| cipher(&key)).ok_or_else(changed)?;
        let mut body = body.to_vec();
        let open = key.open_in_place(nonce(), Aad::from(place(scope, name)), &mut body).map_err(|_| changed())?;
        std::str::from_utf8(open).map(Secret::new).map_err(|_| changed())
    }
}

fn cipher(key: &[u8]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

/// No key is used twice, so neither is a nonce.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

/// Whose and which, so that no two places have one form.
fn place(scope: Scope, name: &str) -> Vec<u8> {
    let (kind, number) = match scope {
        Scope::Instance => (b'i', 0),
        Scope::Owner(owner) => (b'o', owner.0),
        Scope::Repository(project) => (b'r', project.0),
    };
    let mut place = vec![kind];
    place.extend(number.to_be_bytes());
    place.extend(name.as_bytes());
    place
}

#[cfg(test)]
mod tests {
    use super::{HEAD, Sealed, UnsealError};
    use crate::keys::{KeyRing, Start};
    use domain::Secret;
    use domain::control::{OwnerId, ProjectId, Scope};
    use proptest::prelude::*;

    fn ring() -> (KeyRing, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (KeyRing::open(&folder.path().join("keys"), Start::First).unwrap(), folder)
    }

    #[test]
    fn a_value_opens_where_it_was_sealed_and_nowhere_else() {
        let (ring, _folder) = ring();
        let (scope, value) = (Scope::Repository(ProjectId(1)), Secret::new("s3cr3t"));
        let sealed = ring.seal(scope, "S", &value).unwrap();
        assert_eq!(ring.unseal(scope, "S", &sealed).unwrap(), value);
        assert!(!sealed.0.windows(6).any(|bytes| bytes == b"s3cr3t"));
        assert_ne!(ring.seal(scope, "S", &value).unwrap(), sealed);
        let changed = |name: &str| Err(UnsealError::Changed { name: name.to_owned() });
        assert_eq!(ring.unseal(scope, "T", &sealed), changed("T"));
        for other in [Scope::Repository(ProjectId(2)), Scope::Owner(OwnerId(1)), Scope::Instance] {
            assert_eq!(ring.unseal(other, "S", &sealed), changed("S"));
        }
        let (others, _folder) = super::tests::ring();
        assert_eq!(others.unseal(scope, "S", &sealed), changed("S"));
        let mut of_another_key = sealed.clone();
        of_another_key.0[4] = 9;
        let error = ring.unseal(scope, "S", &of_another_key).unwrap_err();
        assert_eq!(error, UnsealError::Key { name: "S".to_owned(), key: 9 });
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
        #[test]
        fn any_value_opens_again_and_any_changed_one_does_not(
            value in ".{0,200}",
            name in "[A-Z_]{1,20}",
            at in any::<prop::sample::Index>(),
            bit in 0_u8..8,
        ) {
            let (ring, _folder) = ring();
            let sealed = ring.seal(Scope::Instance, &name, &Secret::new(value.clone())).unwrap();
            let opened = ring.unseal(Scope::Instance, &name, &sealed).unwrap();
            prop_assert_eq!(opened.expose(), value.as_str());
            let mut changed = sealed.clone();
            let at = at.index(changed.0.len());
            changed.0[at] ^= 1 << bit;
            prop_assert!(ring.unseal(Scope::Instance, &name, &changed).is_err());
            let short = Sealed(sealed.0[..at.min(HEAD + 15)].to_vec());
            prop_assert!(ring.unseal(Scope::Instance, &name, &short).is_err());
        }
    }
}
