//! Keys of runners that wait, looked up together. Ten thousand that ask once a minute cost some statements a second, not two hundred. Called by
//! `caller`.

use super::service::refused;
use domain::control::{Admission, Contact, TokenPhase};
use domain::{RunnerId, Timestamp};
use protocol::{Code, Refusal};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{KeyStanding, Store, TokenHash};
use tokio::sync::oneshot;

/// So long a key waits for others. Who leaves its question open for most of a minute does not see it.
const TOGETHER: Duration = Duration::from_millis(50);

/// The keys that are to be looked up.
#[derive(Debug, Clone, Default)]
pub(super) struct Lookups(Arc<Mutex<Vec<Wanted>>>);

#[derive(Debug)]
struct Wanted {
    key: TokenHash,
    found: oneshot::Sender<Result<Option<KeyStanding>, Refusal>>,
}

impl Lookups {
    /// How the key of a runner stands; nothing where it is none any more.
    pub(super) async fn find(&self, store: &Store, key: TokenHash) -> Result<Option<KeyStanding>, Refusal> {
        let (found, answer) = oneshot::channel();
        let is_first = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(Wanted { key, found });
            all.len() == 1
        };
        if is_first {
            let (lookups, store) = (self.clone(), store.clone());
            tokio::spawn(async move {
                tokio::time::sleep(TOGETHER).await;
                lookups.look(&store).await;
            });
        }
        answer.await.unwrap_or_else(|_| Err(Refusal::new(Code::Unavailable, "the server ends")))
    }

    async fn look(&self, store: &Store) {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let keys: Vec<TokenHash> = all.iter().map(|wanted| wanted.key).collect();
        match store.key_standings(&keys).await {
            Ok(standings) => {
                for Wanted { key, found } in all {
                    // Who asked may have gone.
                    let _ = found.send(Ok(standings.get(&key).cloned()));
                }
            }
            Err(error) => {
                let refusal = refused(error);
                for Wanted { found, .. } in all {
                    let _ = found.send(Err(refusal.clone()));
                }
            }
        }
    }
}

/// Whether a runner's key opens what it did, for a runner that is what it was but for when it was heard of.
pub(super) fn is_as_before(standing: &KeyStanding, id: RunnerId, admission: Admission, now: Timestamp) -> bool {
    standing.runner == id
        && standing.phase.admission() == admission
        && matches!(standing.phase.contact(), Contact::Online(_))
        && !matches!(standing.key.at(now), TokenPhase::Dead { .. })
}
