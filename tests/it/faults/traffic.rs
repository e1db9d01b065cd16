//! Traffic: a client for each account, which uploads, shares, revokes, trashes, restores and purges as the seed has it,
//! and notes all of it in the journal.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use reqwest::Client;
use tokio::task::JoinHandle;

use super::{
    caller::Refusal,
    journal::{Access, Entry, Journal, Life},
    random::Random,
    scribe::Scribe,
};

/// Above this many files a client would rather delete than upload.
const FILES: usize = 10;
/// The size of most files, and of the largest.
const SMALL: u64 = 4 * 1024;
const LARGE: u64 = 256 * 1024;

/// Clients at work.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Starts a client for each account of the journal. Each ends when it is told to, or when its connection is cut.
    pub fn start(base: &str, journal: &Arc<Journal>, random: &Random) -> Self {
        Self::of(base, journal, random, 0..journal.accounts.len())
    }

    /// The same for some of the accounts, by their numbers.
    pub fn of(base: &str, journal: &Arc<Journal>, random: &Random, accounts: Range<usize>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let http = Client::builder().no_proxy().build().unwrap();
        let client = |number| {
            let client = TrafficClient {
                scribe: Scribe::new(&http, base, journal, number),
                random: random.fork(number as u64),
            };
            tokio::spawn(client.run(Arc::clone(&stop)))
        };
        let clients = accounts.map(client).collect();
        Self { stop, clients }
    }

    /// Lets every client end what it is doing, and waits for that.
    pub async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.ended().await;
    }

    /// Waits until every client has noticed that its server is gone.
    pub async fn ended(self) {
        for client in self.clients {
            client.await.unwrap();
        }
    }
}

struct TrafficClient {
    scribe: Scribe,
    random: Random,
}

impl TrafficClient {
    async fn run(mut self, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::Relaxed) {
            match self.act().await {
                Ok(()) => {}
                Err(Refusal::Code(code)) => {
                    *self
                        .scribe
                        .journal
                        .counts()
                        .refused
                        .entry(code)
                        .or_default() += 1;
                }
                Err(Refusal::Cut) => {
                    self.scribe.journal.counts().in_doubt += 1;
                    return;
                }
            }
        }
    }

    /// One step, of a kind that the state of this client's files allows.
    async fn act(&mut self) -> Result<(), Refusal> {
        let files =
            self.files(|entry| matches!(entry.life.certain(), Some(Life::Live | Life::Trashed)));
        let many = files.len() >= FILES;
        let kind = self.random.below(if many { 8 } else { 14 });
        let (life, number) = match kind {
            0 => return self.share().await,
            1 => return self.revoke().await,
            2 | 3 => (Life::Trashed, self.choose(Life::Live)),
            4 => (Life::Live, self.choose(Life::Trashed)),
            5..=7 => (Life::Purged, self.choose(Life::Trashed)),
            _ => return self.upload().await,
        };
        match number {
            Some(number) => self.scribe.change(number, life).await,
            None if many => match self.choose(Life::Live) {
                Some(number) => self.scribe.change(number, Life::Trashed).await,
                None => self.upload().await,
            },
            None => self.upload().await,
        }
    }

    /// The numbers of this client's files about which everything is known, and which are as `wanted`.
    fn files(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<usize> {
        let entries = self.scribe.journal.entries();
        let mine = entries.iter();
        mine.filter(|(_, entry)| entry.owner == self.scribe.account && entry.is_certain())
            .filter(|(_, entry)| wanted(entry))
            .map(|(number, _)| *number)
            .collect()
    }

    fn choose(&mut self, life: Life) -> Option<usize> {
        let files = self.files(|entry| entry.life.certain() == Some(life));
        self.random.pick(&files).copied()
    }

    async fn upload(&mut self) -> Result<(), Refusal> {
        let large = self.random.below(8) == 0;
        let size = self.random.below(if large { LARGE } else { SMALL });
        let seed = self.random.next();
        let size = size as usize;
        match self.random.below(3) {
            0 => self.scribe.upload_in_parts(seed, size).await.map(drop),
            _ => self.scribe.upload(seed, size).await.map(drop),
        }
    }

    async fn share(&mut self) -> Result<(), Refusal> {
        let accounts = self.scribe.journal.accounts.len();
        let others = self.random.below(accounts as u64 - 1) as usize;
        let grantee = (self.scribe.account + 1 + others) % accounts;
        match self.choose(Life::Live) {
            Some(number) => self.scribe.share(number, grantee).await,
            None => self.upload().await,
        }
    }

    async fn revoke(&mut self) -> Result<(), Refusal> {
        let granted = |entry: &Entry| {
            let mut grants = entry.grants.iter();
            let granted =
                grants.find(|(_, grant)| grant.history.certain() == Some(Access::Granted));
            granted.map(|(grantee, _)| *grantee)
        };
        let shared = self
            .files(|entry| entry.life.certain() == Some(Life::Live) && granted(entry).is_some());
        let Some(number) = self.random.pick(&shared).copied() else {
            return self.share().await;
        };
        let grantee = granted(&self.scribe.journal.entry(number)).unwrap();
        self.scribe.revoke(number, grantee).await
    }
}
