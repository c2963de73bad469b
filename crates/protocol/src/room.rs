//! The memory that large messages have together, and how their bodies come into it. Called by `gate`.
//!
//! What is charged is what is there, not what a caller announces: a body that comes slowly keeps nobody else's away. What is whole is charged once more for as
//! long as it is read, out of a room of its own: nobody who has some of that waits for more.

use crate::MESSAGE_MAX;
use axum::body::{Body, Bytes};
use bytes::BytesMut;
use domain::RunnerUuid;
use http_body_util::BodyExt as _;
use std::collections::HashMap;
use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Memory of bodies that come, in KiB.
const ARRIVING: u32 = 256 * 1024;
/// And of those that are read.
const READING: u32 = 256 * 1024;
/// So much of either one runner has at most; a message that takes more to read is read alone.
const SHARE: u32 = 64 * 1024;
/// A message takes so many times its length while it is read: rows and their texts are things of their own.
const GROWS: usize = 4;
/// So much is charged at a time.
const STEP: usize = 256 * 1024;
/// A large body has come after so long, whatever its pace: callers wait no longer for an answer.
const BODY: Duration = Duration::from_secs(60);
/// So long a message waits for room.
const PATIENCE: Duration = Duration::from_secs(20);
/// The last bytes of what gzip wrote say how long it was.
const TRAILER: usize = 4;

/// All the room.
#[derive(Debug)]
pub(crate) struct Room {
    all: Places,
    shares: Mutex<HashMap<RunnerUuid, Weak<Places>>>,
}

/// Places of either kind.
#[derive(Debug)]
struct Places {
    arriving: Arc<Semaphore>,
    reading: Arc<Semaphore>,
}

/// Why a body was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    /// It is too long, or will be.
    #[error("the message is too long")]
    TooLong,
    /// It did not come whole.
    #[error("the message did not come whole")]
    Cut(#[source] axum::Error),
    /// It took too long.
    #[error("the message did not come within {BODY:?}; send it faster, or less of it")]
    Slow,
    /// Others have the room.
    #[error("large messages had no room within {PATIENCE:?}: others come slowly; send it again")]
    Full,
    /// It cannot be unzipped.
    #[error("the message is not what gzip wrote")]
    Garbled,
}

/// What a message has of the room until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Held {
    permits: Vec<OwnedSemaphorePermit>,
    /// Its runner's share stays as long as somebody has some of it.
    share: Option<Arc<Places>>,
}

impl Places {
    fn new(arriving: u32, reading: u32) -> Self {
        let of = |size: u32| Arc::new(Semaphore::new(size as usize));
        Self { arriving: of(arriving), reading: of(reading) }
    }
}

impl Held {
    async fn take(&mut self, from: &Arc<Semaphore>, size: u32, until: Instant) -> Result<(), NotTaken> {
        let taken = timeout_at(until, Arc::clone(from).acquire_many_owned(size)).await;
        let permit = taken.ok().and_then(Result::ok).ok_or(NotTaken::Full)?;
        // One for each kind is kept, however many steps there are.
        match self.permits.iter_mut().find(|held| Arc::ptr_eq(held.semaphore(), from)) {
            Some(held) => held.merge(permit),
            None => self.permits.push(permit),
        }
        Ok(())
    }
}

impl Room {
    pub(crate) fn new() -> Self {
        Self { all: Places::new(ARRIVING, READING), shares: Mutex::default() }
    }

    fn share(&self, runner: Option<&RunnerUuid>) -> Arc<Places> {
        let anew = || Arc::new(Places::new(SHARE, SHARE));
        let Some(runner) = runner else { return anew() };
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(runner).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share = anew();
        shares.insert(runner.clone(), Arc::downgrade(&share));
        share
    }

    /// A whole body with at most so many bytes, and what it has of the room: the first `free` bytes need none.
    pub(crate) async fn body(
        &self,
        runner: Option<&RunnerUuid>,
        body: Body,
        (free, most): (usize, usize),
    ) -> Result<(Bytes, Held), NotTaken> {
        let coming = self.coming(runner, body, (free, most));
        timeout_at(Instant::now() + BODY, coming).await.unwrap_or(Err(NotTaken::Slow))
    }

    async fn coming(
        &self,
        runner: Option<&RunnerUuid>,
        mut body: Body,
        (free, most): (usize, usize),
    ) -> Result<(Bytes, Held), NotTaken> {
        let (mut whole, mut held, mut charged) = (BytesMut::new(), Held::default(), free);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(NotTaken::Cut)?.into_data() else { continue };
            if whole.len() + data.len() > most {
                return Err(NotTaken::TooLong);
            }
            let missing = (whole.len() + data.len()).saturating_sub(charged).div_ceil(STEP);
            if missing > 0 {
                let (size, until) = (kib(missing * STEP), Instant::now() + PATIENCE);
                let share = held.share.get_or_insert_with(|| self.share(runner)).clone();
                held.take(&share.arriving, size.min(SHARE), until).await?;
                held.take(&self.all.arriving, size, until).await?;
                charged += missing * STEP;
            }
            // In one piece from the start: as a list of what came, a body of single bytes would be many times as long.
            whole.extend_from_slice(&data);
        }
        Ok((whole.freeze(), held))
    }

    /// Room to read a whole message of that length.
    pub(crate) async fn reading(
        &self,
        runner: Option<&RunnerUuid>,
        length: usize,
        held: &mut Held,
    ) -> Result<(), NotTaken> {
        let (size, until) = (kib(length * GROWS).min(READING), Instant::now() + PATIENCE);
        let share = held.share.get_or_insert_with(|| self.share(runner)).clone();
        held.take(&share.reading, size.min(SHARE), until).await?;
        held.take(&self.all.reading, size, until).await
    }
}

/// How long a zipped message is unzipped, as it says itself.
pub(crate) fn unzipped_length(zipped: &[u8], most: usize) -> Result<usize, NotTaken> {
    let length = zipped.last_chunk::<TRAILER>().map(|length| u32::from_le_bytes(*length) as usize);
    match length {
        Some(length) if length <= most => Ok(length),
        Some(_) => Err(NotTaken::TooLong),
        None => Err(NotTaken::Garbled),
    }
}

/// Unzips a message that says to have that length; one that has another is none.
pub(crate) async fn unzipped(zipped: &[u8], length: usize) -> Result<Bytes, NotTaken> {
    let mut from = flate2::bufread::GzDecoder::new(zipped);
    let mut whole = Vec::with_capacity(length);
    loop {
        let step = STEP.min((length - whole.len()).saturating_add(1));
        let read = from.by_ref().take(step as u64).read_to_end(&mut whole).map_err(|_| NotTaken::Garbled)?;
        if whole.len() > length {
            return Err(NotTaken::Garbled);
        }
        if read == 0 {
            break;
        }
        // A long one lets others have their turn.
        tokio::task::yield_now().await;
    }
    if whole.len() == length { Ok(whole.into()) } else { Err(NotTaken::Garbled) }
}

/// In KiB, no more than there can be.
fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).min((MESSAGE_MAX * GROWS / 1024) as u32)
}

#[cfg(test)]
mod tests {
    use super::{ARRIVING, Body, NotTaken, Room, SHARE, STEP, unzipped, unzipped_length};
    use domain::RunnerUuid;
    use std::io::Write as _;
    use std::time::Duration;

    const MOST: usize = 64 << 20;

    fn runner(name: &str) -> RunnerUuid {
        RunnerUuid(name.to_owned())
    }

    #[tokio::test]
    async fn what_has_come_is_charged_and_one_runner_leaves_room_for_others() {
        let room = Room::new();
        let (one, other) = (runner("one"), runner("other"));
        let free = |room: &Room| room.all.arriving.available_permits();
        let take = async |runner, size: usize| room.body(Some(runner), Body::from(vec![0; size]), (STEP, MOST)).await;
        let (body, held) = take(&one, 63 << 20).await.unwrap();
        assert_eq!((body.len(), free(&room)), (63 << 20, ARRIVING as usize - (63 << 10) + 256));
        assert!(tokio::time::timeout(Duration::ZERO, take(&one, 8 << 20)).await.is_err(), "it has its share");
        assert!(free(&room) >= (ARRIVING - SHARE) as usize);
        let (body, of_other) = take(&other, 8 << 20).await.unwrap();
        assert_eq!(body.len(), 8 << 20);
        drop((held, of_other));
        assert_eq!(free(&room), ARRIVING as usize);
        assert_eq!(take(&one, 8 << 20).await.unwrap().0.len(), 8 << 20);
        assert!(matches!(take(&one, MOST + 1).await, Err(NotTaken::TooLong)));
    }

    fn zipped(bytes: &[u8]) -> Vec<u8> {
        let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zip.write_all(bytes).unwrap();
        zip.finish().unwrap()
    }

    #[tokio::test]
    async fn what_is_zipped_is_as_long_as_it_says() {
        for length in [0, 1, STEP, 3 * STEP + 7] {
            let text = vec![b'x'; length];
            let mut zip = zipped(&text);
            assert_eq!(unzipped_length(&zip, MOST).unwrap(), length);
            assert_eq!(unzipped(&zip, length).await.unwrap(), text);
            let at = zip.len() - 4;
            for lie in [length as u32 + 1, (length as u32).saturating_sub(1)] {
                zip[at..].copy_from_slice(&lie.to_le_bytes());
                let told = unzipped_length(&zip, MOST).unwrap();
                assert!(told == length || unzipped(&zip, told).await.is_err(), "{length} {lie}");
            }
        }
        assert!(matches!(unzipped_length(&zipped(&vec![0; 2048]), 2047), Err(NotTaken::TooLong)));
        assert!(matches!(unzipped_length(b"abc", MOST), Err(NotTaken::Garbled)));
        assert!(matches!(unzipped(b"no gzip at all", 14).await, Err(NotTaken::Garbled)));
    }
}
