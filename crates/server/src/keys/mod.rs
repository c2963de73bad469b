//! The server's own keys, and what it does with them: hashes tokens with a pepper, seals secrets. Called by the server's start, its interceptors and
//! its routes of secrets.
//!
//! The master keys lie in a file of the server's folder, outside the database: a copy of the database alone opens nothing. All other keys are
//! drawn from them.

mod drawn;
mod ring;
mod seal;
mod sign;

pub use ring::{KeyRing, KeyRingError, Start};
pub use seal::{SealError, Sealed, UnsealError};
pub use sign::{NoRandom, random};
