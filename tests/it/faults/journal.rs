//! The journal: what clients asked for and what the server acknowledged, kept outside the server.
//!
//! A step is *attempted* before its request and *acknowledged* after its answer. Between the two, and for ever when no
//! answer comes, it is in doubt: it may have happened or not. `hold` compares with what a server has.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use sha2::{Digest, Sha256};

use super::{history::History, random::Random};

/// Whether a file is there, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Life {
    #[default]
    Absent,
    Live,
    Trashed,
    Purged,
}

/// Whether a user may read somebody else's file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    #[default]
    Never,
    Granted,
    Revoked,
}

/// A user, by the name and the API token.
#[derive(Clone, Debug)]
pub struct Account {
    pub username: String,
    pub secret: String,
}

/// What a file was shared for with one user.
#[derive(Clone, Debug, Default)]
pub struct Grant {
    pub share: Option<String>,
    /// An earlier ticket of theirs, without the server's address.
    pub ticket: Option<String>,
    pub history: History<Access>,
}

/// One file: what was sent, and what became of it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The number of the account.
    pub owner: usize,
    /// No other file of the journal has it.
    pub name: String,
    pub size: usize,
    pub sha256: String,
    /// What its bytes are made of.
    seed: u64,
    /// Known from an answer only.
    pub id: Option<String>,
    /// An earlier ticket of the owner's.
    pub ticket: Option<String>,
    pub life: History<Life>,
    /// By the number of the account.
    pub grants: BTreeMap<usize, Grant>,
    /// Whether anything happened since a server was last held to it.
    pub fresh: bool,
}

impl Entry {
    pub fn bytes(&self) -> Vec<u8> {
        Random::bytes(self.seed, self.size)
    }

    /// Whether everything about it is known.
    pub fn is_certain(&self) -> bool {
        let mut grants = self.grants.values();
        self.life.certain().is_some() && grants.all(|grant| grant.history.certain().is_some())
    }
}

/// How many steps of each kind were acknowledged, and how the others ended.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub acknowledged: BTreeMap<&'static str, u64>,
    /// Answered by an error, by its code; such a step stays in doubt.
    pub refused: BTreeMap<String, u64>,
    /// Not answered at all.
    pub in_doubt: u64,
    /// Files looked at by `hold`.
    pub held: u64,
}

/// Shared by all clients of a server.
#[derive(Debug)]
pub struct Journal {
    pub seed: u64,
    pub accounts: Vec<Account>,
    /// By number; an entry that `hold` found to have ended is moved to the second map, where no client looks.
    entries: Mutex<BTreeMap<usize, Entry>>,
    ended: Mutex<BTreeMap<usize, Entry>>,
    counts: Mutex<Counts>,
}

impl Journal {
    pub fn new(seed: u64, accounts: Vec<Account>) -> Self {
        Self {
            seed,
            accounts,
            entries: Mutex::default(),
            ended: Mutex::default(),
            counts: Mutex::default(),
        }
    }

    pub fn entries(&self) -> MutexGuard<'_, BTreeMap<usize, Entry>> {
        lock(&self.entries)
    }

    pub fn ended(&self) -> MutexGuard<'_, BTreeMap<usize, Entry>> {
        lock(&self.ended)
    }

    pub fn counts(&self) -> MutexGuard<'_, Counts> {
        lock(&self.counts)
    }

    pub fn entry(&self, number: usize) -> Entry {
        self.entries()[&number].clone()
    }

    fn change<T>(&self, number: usize, change: impl FnOnce(&mut Entry) -> T) -> T {
        change(self.entries().get_mut(&number).unwrap())
    }

    /// Before an upload by `owner`: its number here, and what to send.
    pub fn attempt_upload(&self, owner: usize, seed: u64, size: usize) -> (usize, Entry) {
        let sha256 = cloakroom::hex::encode(&Sha256::digest(Random::bytes(seed, size)));
        let mut entries = self.entries();
        let number = entries.len() + self.ended().len();
        let mut entry = Entry {
            owner,
            name: format!("{number:06}.bin"),
            size,
            sha256,
            seed,
            id: None,
            ticket: None,
            life: History::default(),
            grants: BTreeMap::new(),
            fresh: true,
        };
        entry.life.attempt(Life::Live);
        entries.insert(number, entry.clone());
        (number, entry)
    }

    pub fn acknowledge_upload(&self, number: usize, id: &str) {
        self.change(number, |entry| entry.id = Some(id.to_owned()));
        self.acknowledge(number);
    }

    /// Before file `number` is to become `life`.
    pub fn attempt(&self, number: usize, life: Life) {
        self.change(number, |entry| {
            entry.fresh = true;
            entry.life.attempt(life);
        });
    }

    pub fn acknowledge(&self, number: usize) {
        let what = self.change(number, |entry| {
            entry.life.acknowledge();
            match (entry.life.certain(), entry.life.len()) {
                (Some(Life::Live), 1) => "uploads",
                (Some(Life::Live), _) => "restorations",
                (Some(Life::Trashed), _) => "trashings",
                _ => "purges",
            }
        });
        self.count(what);
    }

    /// Ends the doubt about file `number` before a server is held to it.
    pub fn expect(&self, number: usize, life: Life) {
        self.change(number, |entry| entry.life.settle(life));
    }

    /// Before `grantee` is to have `access` to file `number`.
    pub fn attempt_access(&self, number: usize, grantee: usize, access: Access) {
        self.change(number, |entry| {
            entry.fresh = true;
            let grant = entry.grants.entry(grantee).or_default();
            grant.history.attempt(access);
        });
    }

    pub fn acknowledge_access(&self, number: usize, grantee: usize, share: &str) {
        let access = self.change(number, |entry| {
            let grant = entry.grants.get_mut(&grantee).unwrap();
            grant.history.acknowledge();
            grant.share = Some(share.to_owned());
            grant.history.certain()
        });
        let granted = access == Some(Access::Granted);
        self.count(if granted { "shares" } else { "revocations" });
    }

    /// Keeps a ticket that `grantee` got for file `number`.
    pub fn keep_ticket(&self, number: usize, grantee: usize, ticket: String) {
        self.change(number, |entry| {
            entry.grants.get_mut(&grantee).unwrap().ticket = Some(ticket);
        });
    }

    /// Waits until this many more steps are acknowledged.
    pub async fn has_acknowledged_more(&self, steps: u64) {
        let acknowledged = || self.counts().acknowledged.values().sum::<u64>();
        let enough = acknowledged() + steps;
        while acknowledged() < enough {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn count(&self, what: &'static str) {
        *self.counts().acknowledged.entry(what).or_default() += 1;
    }

    /// When something was acknowledged, in no order.
    pub fn acknowledgements(&self) -> Vec<SystemTime> {
        let (entries, ended) = (self.entries(), self.ended());
        let entries = entries.values().chain(ended.values());
        let moments = entries.flat_map(|entry| {
            let grants = entry.grants.values();
            let grants = grants.flat_map(|grant| grant.history.acknowledgements());
            entry.life.acknowledgements().chain(grants)
        });
        moments.collect()
    }

    /// The journal as it was at `moment`: later answers are not in it, and later requests neither.
    pub fn until(&self, moment: SystemTime) -> Self {
        self.as_of(moment, moment)
    }

    /// Later answers than `known` are not in it, and later requests than `begun` neither: what is between is in doubt.
    pub fn as_of(&self, known: SystemTime, begun: SystemTime) -> Self {
        let mut entries = self.entries().clone();
        entries.extend(self.ended().clone());
        for entry in entries.values_mut() {
            entry.fresh = true;
            entry.life = entry.life.as_of(known, begun);
            for grant in entry.grants.values_mut() {
                grant.history = grant.history.as_of(known, begun);
            }
        }
        Self {
            entries: Mutex::new(entries),
            ..Self::new(self.seed, self.accounts.clone())
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_journal_tells_what_was_in_doubt_at_a_moment() {
    let journal = Journal::new(0, Vec::new());
    let (number, _) = journal.attempt_upload(0, 0, 0);
    let attempted = SystemTime::now();
    journal.acknowledge_upload(number, "id");
    let acknowledged = SystemTime::now();
    journal.attempt(number, Life::Trashed);

    let possible = |journal: &Journal| journal.entry(number).life.possible();
    let then = possible(&journal.until(attempted));
    assert_eq!(then, BTreeSet::from([Life::Absent, Life::Live]));
    let then = possible(&journal.until(acknowledged));
    assert_eq!(then, BTreeSet::from([Life::Live]));
    let now = possible(&journal);
    assert_eq!(now, BTreeSet::from([Life::Live, Life::Trashed]));
}
