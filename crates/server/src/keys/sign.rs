//! Signatures over numbers, and fresh random bytes for tokens. Called by `task` for the tokens of jobs, and by whoever makes a token.

use super::ring::{KeyRing, MasterKey};
use aws_lc_rs::{hmac, rand};

/// So many bytes of a signature are kept: nobody finds one by trying.
const SIGNATURE: usize = 12;
const PURPOSE: &[u8] = b"ekiden job token";

/// The system gives no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers; no token can be made")]
pub struct NoRandom;

/// What a token is made of.
///
/// # Errors
/// When the system gives no random numbers.
pub fn random() -> Result<[u8; 20], NoRandom> {
    let mut bytes = [0; 20];
    rand::fill(&mut bytes).map_err(|_| NoRandom)?;
    Ok(bytes)
}

impl KeyRing {
    /// The signature of a task's number, by the newest key.
    #[must_use]
    pub fn sign_task(&self, number: [u8; 8]) -> [u8; SIGNATURE] {
        sign(self.newest(), number)
    }

    /// Whether one of the keys signed this number.
    #[must_use]
    pub fn is_signed(&self, number: [u8; 8], signature: &[u8]) -> bool {
        self.keys().any(|key| aws_lc_rs::constant_time::verify_slices_are_equal(&sign(key, number), signature).is_ok())
    }
}

fn sign(key: &MasterKey, number: [u8; 8]) -> [u8; SIGNATURE] {
    let mut signature = [0; SIGNATURE];
    // Only a length that HKDF cannot draw would fail, and this is none.
    if let Some(drawn) = key.draw(b"", PURPOSE) {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &drawn), &number);
        signature.copy_from_slice(&tag.as_ref()[..SIGNATURE]);
    }
    signature
}
