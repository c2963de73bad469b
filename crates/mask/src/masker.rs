//! The secrets of a job, shared by everything that prints. Used by the engine and the server.

use crate::forms::{forms, is_short};
use crate::index::Span;
use crate::needles::Needles;
use crate::{MASK, Stream};
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Holds secrets and masks them. Clones share the same secrets; secrets can be added at any time and are never forgotten.
#[derive(Clone, Default)]
pub struct Masker(Arc<Shared>);

#[derive(Default)]
struct Shared {
    secrets: Mutex<Secrets>,
    /// Counts changes, so that streams notice them without the lock.
    version: AtomicU64,
}

#[derive(Default)]
struct Secrets {
    known: HashSet<String>,
    added: Vec<String>,
    needles: Needles,
}

/// What became of a value given to [`Masker::add`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is masked from now on (or was already).
    Masked,
    /// It is too short: nothing or a single character. It is not masked; people should be told.
    TooShort,
}

/// The secrets that a [`Masker`] knew at one moment.
#[derive(Clone, Default)]
pub struct FixedMasker(Needles);

impl FixedMasker {
    /// Whether a secret stands anywhere in these bytes.
    #[must_use]
    pub fn finds(&self, bytes: &[u8]) -> bool {
        let mut spans: Vec<Span> = Vec::new();
        self.0.find(bytes, &mut spans);
        !spans.is_empty()
    }

    /// The text with each secret replaced by [`MASK`]; hits that overlap or touch become one.
    #[must_use]
    pub fn mask_text<'text>(&self, text: &'text str) -> Cow<'text, str> {
        let mut spans: Vec<Span> = Vec::new();
        self.0.find(text.as_bytes(), &mut spans);
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut masked = String::with_capacity(text.len());
        let mut from = 0;
        for (start, end) in spans {
            // Needles are whole characters, so these are character borders.
            masked.push_str(text.get(from..start).unwrap_or_default());
            masked.push_str(MASK);
            from = end;
        }
        masked.push_str(text.get(from..).unwrap_or_default());
        Cow::Owned(masked)
    }
}

impl std::fmt::Debug for FixedMasker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FixedMasker").finish_non_exhaustive()
    }
}

impl Masker {
    /// A masker without secrets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A masker of its own that knows the same secrets from its start: what is added to one of them is unknown to the other.
    /// Cheap: what was prepared for looking is shared.
    #[must_use]
    pub fn fork(&self) -> Self {
        let (_, needles) = self.snapshot();
        let known = self.secrets().known.clone();
        let secrets = Mutex::new(Secrets { known, added: Vec::new(), needles });
        Self(Arc::new(Shared { secrets, version: AtomicU64::new(0) }))
    }

    /// Masks a value, each of its lines, and their encoded forms from now on.
    pub fn add(&self, value: &str) -> Added {
        if is_short(value) {
            return Added::TooShort;
        }
        let mut secrets = self.secrets();
        if !secrets.known.contains(value) {
            secrets.known.insert(value.to_owned());
            secrets.added.extend(forms(value));
            self.0.version.fetch_add(1, Ordering::Release);
        }
        Added::Masked
    }

    /// The text with each secret replaced by [`MASK`]; hits that overlap or touch become one.
    #[must_use]
    pub fn mask_text<'text>(&self, text: &'text str) -> Cow<'text, str> {
        self.fixed().mask_text(text)
    }

    /// What is known now, for many texts: nothing is asked for again with each of them.
    #[must_use]
    pub fn fixed(&self) -> FixedMasker {
        FixedMasker(self.snapshot().1)
    }

    /// Whether the text holds a secret in any form (job outputs that do are dropped, `execution-semantics` 3.7).
    #[must_use]
    pub fn holds_secret(&self, text: &str) -> bool {
        matches!(self.mask_text(text), Cow::Owned(_))
    }

    /// A masker for one stream of bytes, such as a step's standard output.
    #[must_use]
    pub fn stream(&self) -> Stream {
        Stream::new(self.clone())
    }

    pub(crate) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    /// Everything to look for now, and the version that it belongs to.
    pub(crate) fn snapshot(&self) -> (u64, Needles) {
        let mut secrets = self.secrets();
        let version = self.version();
        if !secrets.added.is_empty() {
            let added = std::mem::take(&mut secrets.added);
            secrets.needles = std::mem::take(&mut secrets.needles).with(added);
        }
        (version, secrets.needles.clone())
    }

    fn secrets(&self) -> MutexGuard<'_, Secrets> {
        // Nothing in here is left half done by a panic.
        self.0.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Masker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Masker").field("secrets", &self.secrets().known.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Masker;

    #[test]
    fn what_is_fixed_knows_what_was_known_then() {
        let masker = Masker::new();
        masker.add("hunter2");
        let fixed = masker.fixed();
        masker.add("later-word");
        assert_eq!(fixed.mask_text("hunter2 later-word"), "*** later-word");
        assert_eq!(masker.mask_text("hunter2 later-word"), "*** ***");
    }

    #[test]
    fn a_fork_knows_what_its_origin_knew_and_goes_its_own_way() {
        let origin = Masker::new();
        origin.add("first-secret");
        let fork = origin.fork();
        fork.add("second-secret");
        origin.add("third-secret");
        assert_eq!(fork.mask_text("first-secret second-secret third-secret"), "*** *** third-secret");
        assert_eq!(origin.mask_text("first-secret second-secret third-secret"), "*** second-secret ***");
    }
}
