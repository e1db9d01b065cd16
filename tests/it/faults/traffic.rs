//! Traffic: a client for each account, which uploads, shares, revokes, trashes, restores and purges as the seed has it,
//! and notes all of it in the journal.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use reqwest::Client;
use serde_json::json;
use tokio::task::JoinHandle;

use super::{
    caller::{Caller, Refusal, text},
    journal::{Access, Entry, Journal, Life},
    random::Random,
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
        let stop = Arc::new(AtomicBool::new(false));
        let http = Client::builder().no_proxy().build().unwrap();
        let client = |(account, number)| {
            let client = TrafficClient {
                caller: Caller::new(&http, base, account),
                journal: Arc::clone(journal),
                account: number,
                random: random.fork(number as u64),
            };
            tokio::spawn(client.run(Arc::clone(&stop)))
        };
        let clients = journal.accounts.iter().zip(0..).map(client).collect();
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
    caller: Caller,
    journal: Arc<Journal>,
    account: usize,
    random: Random,
}

impl TrafficClient {
    async fn run(mut self, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::Relaxed) {
            match self.act().await {
                Ok(()) => {}
                Err(Refusal::Code(code)) => {
                    *self.journal.counts().refused.entry(code).or_default() += 1;
                }
                Err(Refusal::Cut) => {
                    self.journal.counts().in_doubt += 1;
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
            Some(number) => self.change(number, life).await,
            None if many => match self.choose(Life::Live) {
                Some(number) => self.change(number, Life::Trashed).await,
                None => self.upload().await,
            },
            None => self.upload().await,
        }
    }

    /// The numbers of this client's files about which everything is known, and which are as `wanted`.
    fn files(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<usize> {
        let entries = self.journal.entries();
        let mine = entries.iter();
        mine.filter(|(_, entry)| entry.owner == self.account && entry.is_certain())
            .filter(|(_, entry)| wanted(entry))
            .map(|(number, _)| *number)
            .collect()
    }

    fn choose(&mut self, life: Life) -> Option<usize> {
        let files = self.files(|entry| entry.life.certain() == Some(life));
        self.random.pick(&files).copied()
    }

    async fn upload(&mut self) -> Result<(), Refusal> {
        let limit = if self.random.below(8) == 0 {
            LARGE
        } else {
            SMALL
        };
        let size = self.random.below(limit) as usize;
        let seed = self.random.next();
        let (number, entry) = self.journal.attempt_upload(self.account, seed, size);
        let id = self.caller.upload(&entry).await?;
        self.journal.acknowledge_upload(number, &id);
        Ok(())
    }

    /// Trashes, restores or purges.
    async fn change(&self, number: usize, life: Life) -> Result<(), Refusal> {
        let mutation = match life {
            Life::Trashed => "deleteFile(id: $id)",
            Life::Purged => "purgeFile(id: $id)",
            Life::Live | Life::Absent => "restoreFile(id: $id) { id }",
        };
        let query = format!("mutation($id: ID!) {{ {mutation} }}");
        let id = self.journal.entry(number).id;
        self.journal.attempt(number, life);
        self.caller.ask(&query, json!({ "id": id })).await?;
        self.journal.acknowledge(number);
        Ok(())
    }

    /// Shares a file with somebody, who takes a ticket at once.
    async fn share(&mut self) -> Result<(), Refusal> {
        let accounts = self.journal.accounts.len();
        let grantee =
            (self.account + 1 + self.random.below(accounts as u64 - 1) as usize) % accounts;
        let Some(number) = self.choose(Life::Live) else {
            return self.upload().await;
        };
        let account = self.journal.accounts[grantee].clone();
        let id = self.journal.entry(number).id.unwrap();
        self.journal
            .attempt_access(number, grantee, Access::Granted);
        let query =
            "mutation($f: ID!, $u: String!) { shareWithUser(fileId: $f, username: $u) { id } }";
        let variables = json!({ "f": id, "u": account.username });
        let data = self.caller.ask(query, variables).await?;
        let share = text(&data["shareWithUser"]["id"]);
        self.journal.acknowledge_access(number, grantee, &share);
        let ticket = self.caller.of(&account).ticket(&id).await?;
        self.journal.keep_ticket(number, grantee, ticket);
        Ok(())
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
        let entry = self.journal.entry(number);
        let grantee = granted(&entry).unwrap();
        let share = entry.grants[&grantee].share.clone().unwrap();
        self.journal
            .attempt_access(number, grantee, Access::Revoked);
        let query = "mutation($s: ID!) { revokeShare(id: $s) }";
        self.caller.ask(query, json!({ "s": share })).await?;
        self.journal.acknowledge_access(number, grantee, &share);
        Ok(())
    }
}
