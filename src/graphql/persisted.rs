//! Documents that clients name by their hash, once they have sent them whole: automatic persisted queries, as Apollo and urql
//! have them.
//!
//! What is kept is a document that was parsed and validated, and nothing of who sent it with which variables: whoever names
//! it is asked again who they are, and what they may see. Nothing here is durable, and each instance has its own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::prepare::Parsed;
use crate::{auth::client::ClientAddress, config::PersistedLimits};

/// The SHA-256 of a document's text.
pub type Hash = [u8; 32];

/// The part of all places, and of all bytes, that documents from one address take up: whoever sends many of them pushes out
/// their own.
const SHARE: usize = 4;

/// The documents that are kept.
#[derive(Clone, Debug)]
pub struct Persisted {
    limits: PersistedLimits,
    store: Arc<Mutex<Store>>,
}

#[derive(Debug, Default)]
struct Store {
    kept: HashMap<Hash, Kept>,
    /// How often documents were used: the age of each is told by it.
    uses: u64,
}

struct Kept {
    parsed: Arc<Parsed>,
    bytes: usize,
    /// Where it came from first.
    client: ClientAddress,
    used: u64,
}

/// Documents may hold passwords.
impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

impl Persisted {
    pub fn new(limits: PersistedLimits) -> Self {
        Self {
            limits,
            store: Arc::default(),
        }
    }

    /// Whether documents are kept at all.
    pub fn is_on(&self) -> bool {
        self.limits.documents > 0
    }

    /// The document of that hash, if it is kept.
    pub fn find(&self, hash: &Hash) -> Option<Arc<Parsed>> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.uses += 1;
        let uses = store.uses;
        let kept = store.kept.get_mut(hash)?;
        kept.used = uses;
        Some(Arc::clone(&kept.parsed))
    }

    /// Keeps a document that `client` sent whole, in place of those that were used longest ago: of the client's own where
    /// they have their share, otherwise of all. One that would take more than a share is not kept.
    pub fn keep(&self, client: &ClientAddress, hash: Hash, parsed: &Arc<Parsed>) {
        let (client, bytes) = (client.site(), parsed.memory());
        let all = self.limits;
        let share = PersistedLimits {
            documents: (all.documents / SHARE).max(1),
            bytes: all.bytes / SHARE,
        };
        if !self.is_on() || bytes > share.bytes {
            return;
        }
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.uses += 1;
        let used = store.uses;
        if let Some(kept) = store.kept.get_mut(&hash) {
            kept.used = used;
            return;
        }
        store.make_room(share, bytes, |kept| kept.client == client);
        store.make_room(all, bytes, |_| true);
        let kept = Kept {
            parsed: Arc::clone(parsed),
            bytes,
            client,
            used,
        };
        store.kept.insert(hash, kept);
    }
}

impl Store {
    /// Lets go of documents `of` somebody, the one that was used longest ago first, until `bytes` more fit into `limits`.
    fn make_room(&mut self, limits: PersistedLimits, bytes: usize, of: impl Fn(&Kept) -> bool) {
        let theirs = self.kept.values().filter(|kept| of(kept));
        let (mut count, mut sum) =
            theirs.fold((0, 0), |(count, sum), kept| (count + 1, sum + kept.bytes));
        while count > 0 && (count >= limits.documents || sum + bytes > limits.bytes) {
            let theirs = self.kept.iter().filter(|(_, kept)| of(kept));
            let oldest = theirs.min_by_key(|(_, kept)| kept.used);
            let Some(oldest) = oldest.map(|(hash, _)| *hash) else {
                return;
            };
            let gone = self.kept.remove(&oldest);
            count -= 1;
            sum -= gone.map_or(0, |kept| kept.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PersistedLimits = PersistedLimits {
        documents: 8,
        bytes: 64 << 10,
    };

    fn client(last: u8) -> ClientAddress {
        ClientAddress(Some([192, 0, 2, last].into()))
    }

    fn document(bytes: usize) -> Arc<Parsed> {
        Arc::new(Parsed::of(&format!("{{ a }}#{}", " ".repeat(bytes))))
    }

    /// How many of the hashes `from..to` are kept, none of which counts as used by this.
    fn kept(persisted: &Persisted, hashes: impl Iterator<Item = u8>) -> Vec<u8> {
        let store = persisted.store.lock().unwrap();
        hashes
            .filter(|hash| store.kept.contains_key(&[*hash; 32]))
            .collect()
    }

    #[test]
    fn whoever_sends_many_pushes_out_their_own() {
        let persisted = Persisted::new(LIMITS);
        for hash in 0..6 {
            persisted.keep(&client(hash), [hash; 32], &document(0));
        }
        for hash in 100..200 {
            persisted.keep(&client(100), [hash; 32], &document(0));
        }
        assert_eq!(kept(&persisted, 0..=255), [0, 1, 2, 3, 4, 5, 198, 199]);
        // Another one takes the place of what was used longest ago.
        assert!(persisted.find(&[0; 32]).is_some());
        persisted.keep(&client(200), [200; 32], &document(0));
        assert_eq!(kept(&persisted, 0..=255), [0, 2, 3, 4, 5, 198, 199, 200]);
    }

    #[test]
    fn bytes_are_bounded_as_well_as_documents() {
        let persisted = Persisted::new(LIMITS);
        persisted.keep(&client(1), [1; 32], &document(20 << 10));
        assert!(persisted.find(&[1; 32]).is_none(), "more than a share");
        for hash in 0..4 {
            persisted.keep(&client(1), [hash; 32], &document(10 << 10));
        }
        assert_eq!(kept(&persisted, 0..=255), [3]);
        for hash in 10..20 {
            persisted.keep(&client(hash), [hash; 32], &document(13 << 10));
        }
        assert_eq!(kept(&persisted, 0..=255), [16, 17, 18, 19]);
    }

    #[test]
    fn nothing_is_kept_where_there_is_no_place() {
        let none = Persisted::new(PersistedLimits {
            documents: 0,
            ..LIMITS
        });
        none.keep(&client(1), [1; 32], &document(0));
        assert!(none.find(&[1; 32]).is_none() && !none.is_on());
        let one = Persisted::new(PersistedLimits {
            documents: 1,
            ..LIMITS
        });
        for hash in 0..3 {
            one.keep(&client(hash), [hash; 32], &document(0));
        }
        assert_eq!(kept(&one, 0..=255), [2]);
    }
}
