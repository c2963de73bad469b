//! What a name leads to, as the host resolves it (`/etc/hosts`, search domains and all). Called by the stub, so that a name
//! that does not exist is told so at once, and by the relay at dial time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// What the host's resolver says of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// It has these addresses, never none.
    Addresses(Vec<IpAddr>),
    /// It exists without an address.
    NoAddress,
    /// It does not exist.
    NoSuchName,
    /// Nobody could tell.
    Failed,
}

/// Asks the host's resolver, on threads of its own, and remembers for a moment: a question and the connection that follows
/// it cost one look-up.
#[derive(Debug)]
pub(crate) struct Resolver {
    known: Mutex<HashMap<String, (Instant, Lookup)>>,
    /// So many look-ups at once: a job that floods names waits for itself alone.
    turns: Semaphore,
}

const REMEMBER: Duration = Duration::from_secs(10);
const MOST_KNOWN: usize = 4096;

impl Default for Resolver {
    fn default() -> Self {
        Self { known: Mutex::default(), turns: Semaphore::new(16) }
    }
}

impl Resolver {
    pub(crate) async fn look_up(&self, name: &str) -> Lookup {
        if let Some(known) = self.remembered(name) {
            return known;
        }
        let Ok(_turn) = self.turns.acquire().await else { return Lookup::Failed };
        // Another question for the name may have been answered meanwhile.
        if let Some(known) = self.remembered(name) {
            return known;
        }
        let found = match tokio::net::lookup_host((name, 0)).await {
            Ok(addresses) => {
                let mut list: Vec<IpAddr> = Vec::new();
                for address in addresses.map(|address| address.ip()) {
                    if !list.contains(&address) {
                        list.push(address);
                    }
                }
                if list.is_empty() { Lookup::NoAddress } else { Lookup::Addresses(list) }
            }
            Err(error) => failure(&error.to_string()),
        };
        if found != Lookup::Failed {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MOST_KNOWN {
                known.clear();
            }
            known.insert(name.to_owned(), (Instant::now(), found.clone()));
        }
        found
    }

    /// Answers that a test gives, in place of the host's.
    #[cfg(test)]
    pub(crate) fn preset(&self, name: &str, lookup: Lookup) {
        self.known.lock().unwrap().insert(name.to_owned(), (Instant::now(), lookup));
    }

    fn remembered(&self, name: &str) -> Option<Lookup> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).filter(|(when, _)| when.elapsed() < REMEMBER).map(|(_, lookup)| lookup.clone())
    }
}

/// The resolver's error is only to be had as the C library's text, which is English without a locale of ours.
fn failure(text: &str) -> Lookup {
    if text.contains("No address associated") {
        Lookup::NoAddress
    } else if text.contains("not known") || text.contains("does not resolve") || text.contains("non-recoverable") {
        Lookup::NoSuchName
    } else {
        Lookup::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_of_the_hosts_own_file_are_known() {
        let resolver = Resolver::default();
        let Lookup::Addresses(addresses) = resolver.look_up("localhost").await else { panic!() };
        assert!(addresses.iter().all(IpAddr::is_loopback));
        assert!(resolver.remembered("localhost").is_some());
    }

    #[test]
    fn failures_are_told_apart() {
        assert_eq!(failure("failed to lookup address information: Name or service not known"), Lookup::NoSuchName);
        assert_eq!(
            failure("failed to lookup address information: No address associated with hostname"),
            Lookup::NoAddress
        );
        assert_eq!(
            failure("failed to lookup address information: Temporary failure in name resolution"),
            Lookup::Failed
        );
    }
}
