//! All logs: the verbs, and which logs are in memory. Called by the runner service, REST and the pages.

use super::error::LogError;
use super::kept::Shares;
use super::log::{Due, Log, LogFacts, State};
use super::manifest::{Filed, Manifest};
use super::new::NewRows;
use super::objects::{LogObjects, manifest_path, spread};
use super::part;
use super::read::{LogPage, LogText, Pieces, page, tail};
use super::recover::{blocking, recover};
use super::seal::{Turns, seal};
use super::share::{Held, Look, Sharing};
use super::short;
use domain::{LogBatch, LogEnd, LogRow, TaskId};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fs::TryLockError;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OnceCell, OwnedMutexGuard, watch};
use tokio::task::JoinSet;

/// A server that is just ending has so long to let go of the folder.
const ENDING: Duration = Duration::from_secs(1);
/// Less room than this is none.
const ROOM: usize = 64 * 1024;
/// So many logs are remembered before idle ones are forgotten.
const LOGS: usize = 4096;
/// So many files are open before idle ones are closed.
const FILES: usize = 256;
/// The lists of chunks of logs that are watched are looked at no more often.
const LISTS: Duration = Duration::from_secs(1);
/// So many logs are settled at a time.
const SETTLERS: usize = 16;

/// Where logs are kept.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// What is not in the object store yet: a folder on a disk.
    pub folder: PathBuf,
    /// Whether other servers use it too.
    pub sharing: Sharing,
    /// What is sealed.
    pub objects: LogObjects,
}

/// The logs of all tasks. Clones share it. Its verbs need a tokio runtime.
#[derive(Debug, Clone)]
pub struct LogStore(Arc<Logs>);

#[derive(Debug)]
struct Logs {
    settings: LogSettings,
    /// Says that this server uses the folder.
    _lock: fs_err::File,
    logs: Mutex<HashMap<TaskId, Arc<Entry>>>,
    /// Counts uses; the lowest number is the longest unused.
    uses: AtomicU64,
    shares: Arc<Shares>,
    turns: Turns,
}

/// A log that only one changes now.
type Writing = OwnedMutexGuard<State>;
/// How many rows a log has that was put into the object store; or all that is needed to write them elsewhere.
type Filing = Result<u64, (Writing, Held)>;

/// A log in memory.
#[derive(Debug, Default)]
struct Entry {
    used: AtomicU64,
    log: OnceCell<Arc<Log>>,
}

impl LogStore {
    /// Opens the logs; may wait for a second. What a crash left unsealed is sealed by [`Self::settle`].
    ///
    /// # Errors
    /// When the folder cannot be used, or is used by another server.
    pub fn open(settings: LogSettings) -> Result<Self, LogError> {
        let folder = settings.folder.clone();
        fs_err::create_dir_all(&folder).map_err(LogError::file(&folder))?;
        let path = folder.join("lock");
        let lock = fs_err::File::create(&path).map_err(LogError::file(&path))?;
        let take = || match settings.sharing {
            Sharing::Alone => lock.file().try_lock(),
            Sharing::Shared => lock.file().try_lock_shared(),
        };
        let end = Instant::now() + ENDING;
        loop {
            match take() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(ENDING / 100),
                Err(TryLockError::WouldBlock) => return Err(LogError::Used { folder }),
                Err(TryLockError::Error(source)) => return Err(LogError::File { path, source }),
            }
        }
        Ok(Self(Arc::new(Logs {
            settings,
            _lock: lock,
            logs: Mutex::default(),
            uses: AtomicU64::new(0),
            shares: Arc::default(),
            turns: Turns::default(),
        })))
    }

    /// Adds rows, and says how many the log has now: what a runner hears as `ack_index`. A gap before the batch: nothing is stored. Rows that
    /// are there already are left out. What is acknowledged outlives the process.
    ///
    /// # Errors
    /// [`LogError::Ended`] for new rows after the end; [`LogError::Full`] when there is no room. The rows before the fault may be there;
    /// who sends them all again does no harm.
    pub async fn append(&self, rows: impl NewRows) -> Result<u64, LogError> {
        let index = rows.index();
        self.add(rows, move |facts| Some(usize::try_from(facts.rows.checked_sub(index)?).unwrap_or(usize::MAX))).await
    }

    /// Ends a log that nobody else ends: `why` are its last rows. One that has ended stays as it is. Answers the number of rows.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub async fn finish(&self, task: TaskId, why: Vec<LogRow>) -> Result<u64, LogError> {
        let last = LogBatch { task, index: 0, rows: why, end: LogEnd::Last };
        self.add(last, |facts| (facts.end == LogEnd::Open).then_some(0)).await
    }

    /// Adds rows at the end, but for so many of the first as `known` says; none when it does not say.
    async fn add(&self, rows: impl NewRows, known: impl FnOnce(LogFacts) -> Option<usize>) -> Result<u64, LogError> {
        let (task, end) = (rows.task(), rows.end());
        let log = self.log(task).await?;
        let mut state = Arc::clone(&log.state).lock_owned().await;
        let Logs { settings: LogSettings { folder, sharing, objects }, .. } = &*self.0;
        let held = sharing.hold(folder, task).await?;
        sharing.refresh(objects, &log, &mut state).await?;
        let facts = state.facts();
        let Some(known) = known(facts) else { return Ok(facts.rows) };
        match (facts.end, rows.count() > known) {
            (LogEnd::Last, true) => return Err(LogError::Ended { task, rows: facts.rows }),
            (LogEnd::Last, false) => return Ok(facts.rows),
            (LogEnd::Open, false) if end == LogEnd::Open => return Ok(facts.rows),
            (LogEnd::Open, _) => {}
        }
        let (mut state, mut held) = (state, held);
        if let Some(list) = short::whole(&rows, &state, objects.distance) {
            (state, held) = match self.file(&log, list, state, held).await? {
                Ok(rows) => return Ok(rows),
                // It goes to a file, and is sealed when it can be.
                Err(back) => back,
            };
        }
        let shares = Arc::clone(&self.0.shares);
        let writing = Arc::clone(&log);
        let (due, rows) = blocking(task, move || {
            let done = state.add((task, &writing.stem), &shares, &rows, known);
            drop(held);
            let facts = state.facts();
            writing.facts.send_if_modified(|known| std::mem::replace(known, facts) != facts);
            done.map(|()| (state.due(), facts.rows))
        })
        .await?;
        // Who seals it now looks again before it ends.
        if due == Due::Seal && log.sealing.try_lock().is_ok() {
            let logs = Arc::clone(&self.0);
            tokio::spawn(async move {
                if let Err(error) = seal(&logs.settings, &log, &logs.turns).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, %task, "a log stays in its folder for now");
                }
            });
        }
        Ok(rows)
    }

    /// Puts a whole log into the object store, even where nobody waits any more, and says how many rows it has. Where that fails, it gives back what it was given.
    async fn file(&self, log: &Arc<Log>, list: Manifest, mut state: Writing, held: Held) -> Result<Filing, LogError> {
        let (logs, log, task) = (Arc::clone(&self.0), Arc::clone(log), log.task);
        let bytes = list.write()?;
        let filing = tokio::spawn(async move {
            let _turn = logs.turns.putting().await;
            if logs.settings.objects.put(&manifest_path(task), bytes).await.is_err() {
                return Err((state, held));
            }
            *state = State::filed(list);
            let facts = state.facts();
            log.facts.send_replace(facts);
            Ok(facts.rows)
        });
        filing.await.map_err(|_| LogError::Ending { task })
    }

    /// At most `limit` rows from row `from` on; fewer when they are very long (a page has about 4 MiB), one at least where there is one.
    ///
    /// # Errors
    /// When what is stored cannot be read.
    pub async fn read(&self, task: TaskId, from: u64, limit: u64) -> Result<LogPage, LogError> {
        let log = self.current(task).await?;
        let facts = *log.facts.borrow();
        page(self.pieces(log, from, facts.rows.min(from.saturating_add(limit))), facts).await
    }

    /// The last `limit` rows; fewer when they are very long (about 4 MiB).
    ///
    /// # Errors
    /// When what is stored cannot be read.
    pub async fn tail(&self, task: TaskId, limit: u64) -> Result<LogPage, LogError> {
        let log = self.current(task).await?;
        let facts = *log.facts.borrow();
        tail(self.pieces(log, facts.rows.saturating_sub(limit), facts.rows), facts).await
    }

    /// The whole text, to be read piece by piece.
    ///
    /// # Errors
    /// When the log cannot be found.
    pub async fn text(&self, task: TaskId) -> Result<LogText, LogError> {
        let log = self.current(task).await?;
        let facts = *log.facts.borrow();
        Ok(LogText::new(self.pieces(log, 0, facts.rows), facts))
    }

    fn pieces(&self, log: Arc<Log>, from: u64, until: u64) -> Pieces {
        Pieces::new(self.0.settings.clone(), log, from, until)
    }

    /// Whether rows can be written: the folder is there, and its disk has room.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self) -> Result<(), LogError> {
        let folder = self.0.settings.folder.clone();
        blocking(TaskId(0), move || {
            // A file without a name: a kill leaves nothing of it.
            let written = tempfile::tempfile_in(&folder).and_then(|mut file| file.write_all(&[0; ROOM]));
            written.map_err(LogError::file(&folder))
        })
        .await
    }

    /// How long a log is, now and whenever that changes; a log that is removed has no rows.
    ///
    /// # Errors
    /// When the log cannot be found.
    pub async fn watch(&self, task: TaskId) -> Result<watch::Receiver<LogFacts>, LogError> {
        Ok(self.current(task).await?.facts.subscribe())
    }

    /// Looks now and then whether other servers added to logs that are watched here, until it is dropped. For servers that share the folder.
    pub async fn follow(&self, every: Duration) {
        let mut last = Instant::now();
        loop {
            tokio::time::sleep(every).await;
            let look = if last.elapsed() < LISTS { Look::Files } else { Look::All };
            if look == Look::All {
                last = Instant::now();
            }
            for log in self.0.watched() {
                if let Err(error) = self.0.settings.look(&log, look).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, task = %log.task, "a log that is watched cannot be looked at");
                }
            }
        }
    }

    /// Removes a log. It is no fault when there is none; what a crash leaves of it, the next call removes.
    ///
    /// # Errors
    /// When something of it cannot be removed.
    pub async fn remove(&self, task: TaskId) -> Result<(), LogError> {
        let log = match self.log(task).await {
            // What cannot be read can be removed all the same; nobody finds it while it goes.
            Err(LogError::Damaged { .. }) => {
                let anew = || async {
                    {
                        let _held = self.0.settings.hold(task).await?;
                        self.forget(task).await?;
                        self.drop_chunks(task).await?;
                    }
                    self.find(task).await
                };
                self.entry(task).log.get_or_try_init(anew).await.map(Arc::clone)?
            }
            log => log?,
        };
        let _alone = log.sealing.lock().await;
        let mut state = log.state.lock().await;
        let _held = self.0.settings.hold(task).await?;
        self.forget(task).await?;
        *state = State::new(Vec::new(), VecDeque::new(), LogEnd::Open, Filed::Open);
        log.facts.send_replace(state.facts());
        self.drop_chunks(task).await
    }

    /// Removes the parts of a log and the list of its chunks: without these there is no log.
    async fn forget(&self, task: TaskId) -> Result<(), LogError> {
        let stem = self.stem(task);
        blocking(task, move || part::remove(&stem).map_err(LogError::file(&stem))).await?;
        self.0.settings.objects.remove(&manifest_path(task)).await
    }

    async fn drop_chunks(&self, task: TaskId) -> Result<(), LogError> {
        let objects = &self.0.settings.objects;
        for path in objects.of(task).await? {
            objects.remove(&path).await?;
        }
        Ok(())
    }

    /// Seals all that is due: what a crash left, and what the object store did not take when it was away. To be called at the start, now and
    /// then, and before the end. Every log is tried.
    ///
    /// # Errors
    /// The first fault.
    pub async fn settle(&self) -> Result<(), LogError> {
        let folder = self.0.settings.folder.clone();
        let tasks = blocking(TaskId(0), move || tasks(&folder).map_err(LogError::file(&folder))).await?;
        let (mut settlers, mut fault) = (JoinSet::new(), Ok(()));
        let heard = |done: Result<_, tokio::task::JoinError>| done.unwrap_or(Err(LogError::Ending { task: TaskId(0) }));
        for task in tasks {
            if settlers.len() >= SETTLERS
                && let Some(done) = settlers.join_next().await
            {
                fault = fault.and(heard(done));
            }
            let store = self.clone();
            settlers.spawn(async move {
                let log = store.current(task).await?;
                seal(&store.0.settings, &log, &store.0.turns).await
            });
        }
        while let Some(done) = settlers.join_next().await {
            fault = fault.and(heard(done));
        }
        fault
    }

    /// The tasks whose logs are on the disk still and took no row for so long.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn quiet(&self, time: Duration) -> Result<Vec<TaskId>, LogError> {
        let folder = self.0.settings.folder.clone();
        blocking(TaskId(0), move || {
            spreads(&folder, |spread| part::quiet(spread, time)).map_err(LogError::file(&folder))
        })
        .await
    }

    /// The log of a task, found on disk where it is not in memory.
    async fn log(&self, task: TaskId) -> Result<Arc<Log>, LogError> {
        self.entry(task).log.get_or_try_init(|| self.find(task)).await.map(Arc::clone)
    }

    /// The same, with what other servers did to it.
    async fn current(&self, task: TaskId) -> Result<Arc<Log>, LogError> {
        let log = self.log(task).await?;
        self.0.settings.look(&log, Look::All).await?;
        Ok(log)
    }

    /// The place of a log in memory, which is used now.
    fn entry(&self, task: TaskId) -> Arc<Entry> {
        let logs = &self.0;
        let mut map = logs.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() > LOGS || logs.shares.files.load(Ordering::Relaxed) > FILES {
            logs.trim(&mut map);
        }
        let entry = Arc::clone(map.entry(task).or_default());
        entry.used.store(logs.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        entry
    }

    async fn find(&self, task: TaskId) -> Result<Arc<Log>, LogError> {
        let stem = self.stem(task);
        let state = {
            // Others do not write while what a crash left is cut off.
            let _held = self.0.settings.hold(task).await?;
            recover(&self.0.settings.objects, task, &stem).await?
        };
        let facts = watch::Sender::new(state.facts());
        let (state, sealing) = (Arc::new(tokio::sync::Mutex::new(state)), tokio::sync::Mutex::default());
        Ok(Arc::new(Log { task, stem, state, sealing, facts }))
    }

    /// What the paths of a log's parts begin with.
    fn stem(&self, task: TaskId) -> PathBuf {
        self.0.settings.folder.join(spread(task)).join(task.to_string())
    }
}

impl LogSettings {
    /// The right to change the log of a task.
    pub(super) async fn hold(&self, task: TaskId) -> Result<Held, LogError> {
        self.sharing.hold(&self.folder, task).await
    }

    /// Makes true what is known of a log that is about to be read.
    pub(super) async fn look(&self, log: &Log, look: Look) -> Result<(), LogError> {
        self.sharing.look(look, &self.objects, &self.folder, log).await
    }
}

impl Logs {
    /// Logs that somebody waits for.
    fn watched(&self) -> Vec<Arc<Log>> {
        let map = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let logs = map.values().filter_map(|entry| entry.log.get());
        logs.filter(|log| log.facts.receiver_count() > 0 && log.facts.borrow().end == LogEnd::Open).cloned().collect()
    }

    /// Forgets logs that nobody uses and closes files, the longest unused first, until there is room for a quarter more.
    fn trim(&self, map: &mut HashMap<TaskId, Arc<Entry>>) {
        let mut tasks: Vec<(u64, TaskId)> =
            map.iter().map(|(task, entry)| (entry.used.load(Ordering::Relaxed), *task)).collect();
        tasks.sort_unstable();
        for (_, task) in tasks {
            let crowded = map.len() > LOGS / 4 * 3;
            if !crowded && self.shares.files.load(Ordering::Relaxed) <= FILES / 4 * 3 {
                break;
            }
            let Some(entry) = map.get(&task) else { continue };
            if crowded && entry.is_idle() {
                map.remove(&task);
            } else if let Some(log) = entry.log.get()
                && let Ok(mut state) = log.state.try_lock()
            {
                state.close_file();
            }
        }
    }
}

impl Entry {
    /// Whether nobody uses or watches it. Asked under the lock of the map, where alone users come from.
    fn is_idle(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1
            && self.log.get().is_none_or(|log| Arc::strong_count(log) == 1 && log.facts.receiver_count() == 0)
    }
}

/// The tasks that have parts.
fn tasks(folder: &Path) -> io::Result<Vec<TaskId>> {
    spreads(folder, part::tasks)
}

/// Tasks of all folders in the folder.
fn spreads(folder: &Path, of: impl Fn(&Path) -> io::Result<BTreeSet<TaskId>>) -> io::Result<Vec<TaskId>> {
    let mut tasks = Vec::new();
    for spread in fs_err::read_dir(folder)? {
        let spread = spread?;
        if !spread.file_type()?.is_dir() {
            continue;
        }
        tasks.extend(of(&spread.path())?);
    }
    Ok(tasks)
}
