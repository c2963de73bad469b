//! Batches, gaps, repeats, crashes and torn files in any order: the log is what a vector of rows would be.

use crate::support::{TASK, batch, files, line, open, row, runtime, text};
use domain::{LogEnd, LogRow};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use server::logs::{LogError, LogStore};

#[derive(Debug, Clone)]
enum Step {
    /// Rows from so many before (or after: a gap) the end.
    Append {
        back: i8,
        rows: u8,
        size: usize,
        end: bool,
    },
    /// The same batch again.
    Repeat,
    /// The process dies; another one begins.
    Crash,
    /// The machine loses its power: so many bytes at the end of the last part are lost.
    Tear(u16),
    Settle,
    Read {
        from: u16,
        limit: u16,
    },
    Tail(u16),
    Text,
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![4 => 0_usize..200, 1 => Just(20_000), 1 => Just(60_000), 1 => Just(70_000)];
    let back = prop_oneof![6 => Just(0_i8), 2 => 0_i8..40, 1 => -3_i8..0];
    prop_oneof![
        12 => (back, any::<u8>(), size, 0..30)
            .prop_map(|(back, rows, size, end)| Step::Append { back, rows, size, end: end == 0 }),
        2 => Just(Step::Repeat),
        3 => Just(Step::Crash),
        1 => any::<u16>().prop_map(Step::Tear),
        1 => Just(Step::Settle),
        2 => (any::<u16>(), 0_u16..500).prop_map(|(from, limit)| Step::Read { from, limit }),
        2 => (0_u16..500).prop_map(Step::Tail),
        1 => Just(Step::Text),
    ]
}

#[derive(Default)]
struct Model {
    rows: Vec<LogRow>,
    ended: bool,
    last: Option<domain::LogBatch>,
}

impl Model {
    fn len(&self) -> u64 {
        self.rows.len() as u64
    }

    async fn append(&mut self, store: &LogStore, sent: domain::LogBatch) {
        let got = store.append(sent.clone()).await;
        let new = usize::try_from(self.len().saturating_sub(sent.index)).unwrap();
        if sent.index > self.len() {
            assert_eq!(got.unwrap(), self.len());
        } else if self.ended && sent.rows.len() > new {
            assert!(matches!(got, Err(LogError::Ended { rows, .. }) if rows == self.len()));
        } else {
            self.rows.extend(sent.rows.iter().skip(new).map(stored));
            self.ended |= sent.end == LogEnd::Last;
            assert_eq!(got.unwrap(), self.len());
        }
        self.last = Some(sent);
        let facts = *store.watch(TASK).await.unwrap().borrow();
        assert_eq!((facts.rows, facts.end == LogEnd::Last), (self.len(), self.ended));
    }

    async fn check(&self, store: &LogStore) {
        let expected: String = self.rows.iter().map(|row| line(row) + "\n").collect();
        assert!(text(store, TASK).await == expected, "the text is another one");
    }
}

/// What becomes of a row.
fn stored(row: &LogRow) -> LogRow {
    let mut content = row.content.replace('\n', "\\n");
    content.truncate(content.floor_char_boundary(64 * 1024));
    LogRow { at: row.at, content }
}

fn play(steps: Vec<Step>) {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    let mut life = (runtime(), Some(open(folder.path())));
    for step in steps {
        let (runtime, store) = (&life.0, life.1.clone().unwrap());
        match step {
            Step::Append { back, rows, size, end } => {
                let index = if back >= 0 {
                    model.len().saturating_sub(u64::from(back.unsigned_abs()))
                } else {
                    model.len() + u64::from(back.unsigned_abs())
                };
                let rows = if size > 1000 { u64::from(rows % 24) } else { u64::from(rows) };
                let mut rows: Vec<LogRow> = (index..index + rows).map(|number| row(number, size)).collect();
                if let Some(row) = rows.last_mut() {
                    row.content.push_str("\nsecond line");
                }
                let end = if end { LogEnd::Last } else { LogEnd::Open };
                runtime.block_on(model.append(&store, batch(index, rows, end)));
            }
            Step::Repeat => {
                if let Some(last) = model.last.clone() {
                    runtime.block_on(model.append(&store, last));
                }
            }
            Step::Crash => {
                drop(store);
                life.1 = None;
                // What runs in the background ends at its next await, wherever that is.
                life.0 = self::runtime();
                life.1 = Some(open(folder.path()));
                life.0.block_on(model.check(life.1.as_ref().unwrap()));
            }
            Step::Tear(bytes) => {
                drop(store);
                life.1 = None;
                life.0 = self::runtime();
                if let Some(part) = files(&folder.path().join("open")).last() {
                    let length = std::fs::metadata(part).unwrap().len();
                    let file = std::fs::OpenOptions::new().write(true).open(part).unwrap();
                    file.set_len(length.saturating_sub(u64::from(bytes))).unwrap();
                }
                let store = open(folder.path());
                let facts = *life.0.block_on(store.watch(TASK)).unwrap().borrow();
                assert!(facts.rows <= model.len());
                model.rows.truncate(usize::try_from(facts.rows).unwrap());
                model.ended = facts.end == LogEnd::Last;
                life.0.block_on(model.check(&store));
                life.1 = Some(store);
            }
            Step::Settle => runtime.block_on(store.settle()).unwrap(),
            Step::Read { from, limit } => {
                let page = runtime.block_on(store.read(TASK, u64::from(from), u64::from(limit))).unwrap();
                let expected = model.rows.iter().skip(usize::from(from)).take(usize::from(limit));
                assert!(page.rows.iter().eq(expected.take(page.rows.len())));
                let full = model.rows.len().saturating_sub(usize::from(from)).min(usize::from(limit));
                let bytes: usize = page.rows.iter().map(|row| row.content.len()).sum();
                assert!(page.rows.len() == full || (page.rows.len() < full && bytes > 3_000_000), "a short page");
            }
            Step::Tail(limit) => {
                let page = runtime.block_on(store.tail(TASK, u64::from(limit))).unwrap();
                assert_eq!(page.first + page.rows.len() as u64, model.len());
                let first = usize::try_from(page.first).unwrap();
                assert!(page.rows == model.rows[first..]);
                let full = usize::from(limit).min(model.rows.len());
                let bytes: usize = page.rows.iter().map(|row| row.content.len()).sum();
                assert!(page.rows.len() == full || (page.rows.len() < full && bytes > 3_000_000), "a short tail");
            }
            Step::Text => runtime.block_on(model.check(&store)),
        }
    }
    let store = life.1.unwrap();
    life.0.block_on(async {
        store.settle().await.unwrap();
        model.check(&store).await;
        if model.ended {
            assert_eq!(files(&folder.path().join("open")), Vec::<std::path::PathBuf>::new(), "all is sealed");
        }
        store.remove(TASK).await.unwrap();
        assert_eq!(files(folder.path()), Vec::<std::path::PathBuf>::new(), "nothing stays");
        assert_eq!(store.watch(TASK).await.unwrap().borrow().rows, 0);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_log_is_what_a_vector_of_rows_would_be(steps in proptest::collection::vec(step(), 1..40)) {
        play(steps);
    }
}
