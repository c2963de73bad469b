//! What of a runner's rows nobody may read: the secrets that its job was given, and the job's token. Runners mask what they send; one that does not, or not
//! all of it, shows nothing all the same. Called by `log`.

use crate::logs::NewRows;
use domain::{LogEnd, Secret, TaskId, Timestamp};
use mask::{FixedMasker, Masker};
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

/// Secrets with more bytes than these take a while to be made ready.
const MANY: usize = 4 * 1024;

/// The secrets of a task. Most tasks send few rows: what looks for the secrets is made when the first come.
#[derive(Debug, Clone)]
pub(super) struct Masks(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    secrets: Vec<Secret>,
    masker: OnceLock<FixedMasker>,
}

impl Masks {
    /// Of these.
    pub(super) fn of(secrets: impl IntoIterator<Item = Secret>) -> Self {
        Self(Arc::new(Kept { secrets: secrets.into_iter().collect(), masker: OnceLock::new() }))
    }

    /// Whether looking takes no longer than the rows are long.
    pub(super) fn are_ready(&self) -> bool {
        self.0.masker.get().is_some() || self.0.secrets.iter().map(|one| one.expose().len()).sum::<usize>() <= MANY
    }

    /// Whether one of them stands in a text.
    pub(super) fn find_in(&self, text: &str) -> bool {
        self.masker().finds(text.as_bytes())
    }

    fn masker(&self) -> &FixedMasker {
        self.0.masker.get_or_init(|| {
            let masker = Masker::new();
            for secret in &self.0.secrets {
                // One of a single character is not masked, and was told when it was set.
                let _ = masker.add(secret.expose());
            }
            masker.fixed()
        })
    }
}

/// Rows of which those that held a secret are others.
#[derive(Debug)]
pub(super) struct Masked<R> {
    rows: R,
    /// By their place, in order.
    others: Vec<(usize, Vec<u8>)>,
}

impl<R: NewRows> Masked<R> {
    /// Looks through all rows.
    pub(super) fn new(rows: R, masks: &Masks) -> Self {
        let masker = masks.masker();
        let mut others = Vec::new();
        // Most hold none, and one look at all of them takes less than one at each.
        if rows.body().is_some_and(|body| !masker.finds(body)) {
            return Self { rows, others };
        }
        for (at, (_, text)) in rows.rows().enumerate() {
            // It was looked at when it came; to look for what is none is slower.
            let text = std::str::from_utf8(text).map_or_else(|_| String::from_utf8_lossy(text), Cow::Borrowed);
            if let Cow::Owned(masked) = masker.mask_text(&text) {
                others.push((at, masked.into_bytes()));
            }
        }
        Self { rows, others }
    }
}

impl<R: NewRows> NewRows for Masked<R> {
    fn task(&self) -> TaskId {
        self.rows.task()
    }

    fn index(&self) -> u64 {
        self.rows.index()
    }

    fn end(&self) -> LogEnd {
        self.rows.end()
    }

    fn count(&self) -> usize {
        self.rows.count()
    }

    fn bytes(&self) -> usize {
        self.rows.bytes() + self.others.iter().map(|(_, text)| text.len()).sum::<usize>()
    }

    fn rows(&self) -> impl Iterator<Item = (Timestamp, &[u8])> + Send {
        let mut others = self.others.iter().peekable();
        self.rows.rows().enumerate().map(move |(at, (moment, text))| {
            let other = others.next_if(|(place, _)| *place == at);
            (moment, other.map_or(text, |(_, masked)| masked.as_slice()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Masked, Masks};
    use crate::logs::NewRows;
    use domain::{LogBatch, LogEnd, LogRow, Secret, TaskId, Timestamp};

    /// Rows with the message that they came in.
    #[derive(Debug)]
    struct InOnePiece(LogBatch, Vec<u8>);

    impl InOnePiece {
        fn of(batch: LogBatch) -> Self {
            let body = batch.rows.iter().map(|row| row.content.as_str()).collect::<Vec<_>>().join("\x05").into_bytes();
            Self(batch, body)
        }
    }

    impl NewRows for InOnePiece {
        fn task(&self) -> TaskId {
            self.0.task()
        }

        fn index(&self) -> u64 {
            self.0.index()
        }

        fn end(&self) -> LogEnd {
            self.0.end()
        }

        fn count(&self) -> usize {
            self.0.count()
        }

        fn bytes(&self) -> usize {
            self.0.bytes()
        }

        fn body(&self) -> Option<&[u8]> {
            Some(&self.1)
        }

        fn rows(&self) -> impl Iterator<Item = (Timestamp, &[u8])> + Send {
            self.0.rows()
        }
    }

    #[test]
    fn rows_that_hold_a_secret_are_others_and_the_rest_stays() {
        let row = |text: &str| LogRow { at: Timestamp(7), content: text.to_owned() };
        let rows = ["plain", "a hunter2-xyz b", "", "aHVudGVyMi14eXo=", "line two", "end"].map(row).to_vec();
        let batch = LogBatch { task: TaskId(1), index: 5, rows, end: LogEnd::Last };
        let masks = Masks::of(["hunter2-xyz", "line one\nline two", "x"].map(Secret::new));
        let masked = Masked::new(InOnePiece::of(batch.clone()), &masks);
        assert_eq!(masked.others.len(), 3, "its message is looked at too");
        let none = Masked::new(InOnePiece::of(batch.clone()), &Masks::of([Secret::new("elsewhere")]));
        assert_eq!(none.others, []);
        let masked = Masked::new(batch, &masks);
        let texts: Vec<_> = masked.rows().map(|(_, text)| String::from_utf8_lossy(text).into_owned()).collect();
        assert_eq!(texts, ["plain", "a *** b", "", "***", "***", "end"]);
        assert_eq!((masked.count(), masked.index(), masked.end()), (6, 5, LogEnd::Last));
        assert!(masked.bytes() >= texts.iter().map(String::len).sum());
    }
}
