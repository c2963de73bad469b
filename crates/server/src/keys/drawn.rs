//! Tokens that are said more than once: drawn from a master key and a salt, so that no text of them is kept. Called by `access`.

use super::ring::KeyRing;
use domain::Secret;
use domain::control::TokenUse;

const PURPOSE: &[u8] = b"ekiden drawn token";

impl KeyRing {
    /// The number of the newest key.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.newest().number
    }

    /// The token of a salt, by the key of a number; nothing where that key is gone.
    #[must_use]
    pub fn drawn(&self, number: u32, salt: &[u8], usage: TokenUse) -> Option<Secret> {
        let bytes = self.key(number)?.draw(salt, PURPOSE)?;
        let (random, _) = bytes.split_first_chunk::<20>()?;
        Some(usage.text(*random))
    }
}

#[cfg(test)]
mod tests {
    use crate::keys::{KeyRing, Start};
    use domain::control::TokenUse;

    #[test]
    fn a_token_is_drawn_again_from_its_key_and_salt_alone() {
        let folder = tempfile::tempdir().unwrap();
        let ring = |name| KeyRing::open(&folder.path().join(name), Start::First).unwrap();
        let (keys, others) = (ring("keys"), ring("others"));
        let of = |keys: &KeyRing, number, salt: &[u8]| {
            keys.drawn(number, salt, TokenUse::Registration).map(|token| token.expose().to_owned())
        };
        let token = of(&keys, keys.number(), b"salt").unwrap();
        assert_eq!(TokenUse::of(&token), Ok(TokenUse::Registration));
        assert_eq!(of(&ring("keys"), 1, b"salt").unwrap(), token);
        assert_ne!(of(&keys, 1, b"other").unwrap(), token);
        assert_ne!(of(&others, 1, b"salt").unwrap(), token);
        assert_eq!(of(&keys, 2, b"salt"), None);
    }
}
