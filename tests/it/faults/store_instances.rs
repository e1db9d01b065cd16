//! Three instances over one database and one object store, killed and started under load: the journal holds as for one.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::Client;
use tokio::task::JoinHandle;

use super::{
    hold::Scope,
    journal::{Access, Journal, Life},
    random::{Random, seed},
    site::{Site, long},
    traffic::Traffic,
};
use crate::support::{Store, program::Serving};

const INSTANCES: usize = 3;
/// So many accounts stay together, at one instance.
const TOGETHER: usize = 2;
/// How many kills the short form has.
const KILLS: u64 = 12;
/// How long three instances may work before one is killed.
const MOMENTS: Duration = Duration::from_millis(700);

/// Where the instances are at present.
type Bases = Arc<Mutex<Vec<String>>>;

/// Somebody who has all tickets of the journal, and tries them at any instance.
struct Reader {
    bases: Bases,
    journal: Arc<Journal>,
    random: Random,
    client: Client,
    /// How many tickets opened a file, and how many were refused.
    opened: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
}

/// A ticket, and what it has to do as long as the journal says the same about it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Expected {
    ticket: String,
    access: Access,
    steps: [usize; 2],
}

impl Reader {
    fn expected(&self, number: usize, grantee: usize) -> Option<Expected> {
        let entries = self.journal.entries();
        let entry = entries.get(&number)?;
        let grant = entry.grants.get(&grantee)?;
        (entry.life.certain() == Some(Life::Live)).then_some(())?;
        Some(Expected {
            ticket: grant.ticket.clone()?,
            access: grant.history.certain()?,
            steps: [entry.life.len(), grant.history.len()],
        })
    }

    fn choose(&mut self) -> Option<(usize, usize)> {
        let entries = self.journal.entries();
        let grants = entries.iter().flat_map(|(number, entry)| {
            let grantees = entry.grants.keys();
            grantees.map(|grantee| (*number, *grantee))
        });
        let grants: Vec<_> = grants.collect();
        drop(entries);
        self.random.pick(&grants).copied()
    }

    /// One of the instances.
    fn base(&mut self) -> String {
        let bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        self.random.pick(&bases).unwrap().clone()
    }

    async fn read(&mut self) {
        let Some((number, grantee)) = self.choose() else {
            return tokio::task::yield_now().await;
        };
        let Some(expected) = self.expected(number, grantee) else {
            return tokio::task::yield_now().await;
        };
        let url = format!("{}/download/{}", self.base(), expected.ticket);
        // It may be killed at any moment.
        let Ok(answer) = self.client.get(url).send().await else {
            return;
        };
        let status = answer.status();
        let Ok(bytes) = answer.bytes().await else {
            return;
        };
        if self.expected(number, grantee).as_ref() != Some(&expected) {
            return;
        }
        let (seed, entry) = (self.journal.seed, self.journal.entry(number));
        match expected.access {
            Access::Granted => {
                assert!(
                    status == 200 && bytes == entry.bytes(),
                    "{status}: {entry:#?}; seed {seed}"
                );
                self.opened.fetch_add(1, Ordering::Relaxed);
            }
            _ => {
                assert_eq!(status, 403, "a stale answer: {entry:#?}; seed {seed}");
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn start(mut self, stop: &Arc<AtomicBool>) -> JoinHandle<()> {
        let stop = Arc::clone(stop);
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                self.read().await;
            }
        })
    }
}

/// Instances, and who works at which of them.
struct Fleet {
    site: Site,
    random: Random,
    servers: Vec<Serving>,
    bases: Bases,
    /// By groups of accounts: the number of their instance, and what they do there.
    traffic: Vec<(usize, Traffic)>,
}

impl Fleet {
    fn traffic(&mut self, group: usize, at: usize) -> Traffic {
        let number = self.random.next();
        let accounts = group * TOGETHER..(group + 1) * TOGETHER;
        let base = &self.servers[at].base;
        Traffic::of(
            base,
            &self.site.journal,
            &self.random.fork(number),
            accounts,
        )
    }

    /// Kills an instance, and starts another in its place. Whoever was there goes on at any.
    async fn kill_one(&mut self) {
        let killed = self.random.below(INSTANCES as u64) as usize;
        self.servers.remove(killed).kill();
        let server = self.site.program.serve();
        self.bases.lock().unwrap()[killed] = server.base.clone();
        self.servers.insert(killed, server);
        for group in 0..self.traffic.len() {
            if self.traffic[group].0 == killed {
                let at = self.random.below(INSTANCES as u64) as usize;
                let next = self.traffic(group, at);
                let (_, before) = std::mem::replace(&mut self.traffic[group], (at, next));
                before.ended().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_instances_lose_nothing_while_they_are_killed_and_started() {
    let (seed, kills) = (seed(), long().unwrap_or(KILLS));
    let store = Store::create().await;
    let site = Site::in_store(&store, &store.endpoint, seed, INSTANCES * TOGETHER).await;
    let servers: Vec<_> = (0..INSTANCES).map(|_| site.program.serve()).collect();
    let bases = servers.iter().map(|server| server.base.clone()).collect();
    let mut fleet = Fleet {
        site,
        random: Random::new(seed),
        servers,
        bases: Arc::new(Mutex::new(bases)),
        traffic: Vec::new(),
    };
    for group in 0..INSTANCES {
        let traffic = fleet.traffic(group, group);
        fleet.traffic.push((group, traffic));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (opened, refused) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let readers = (0..2).map(|number| {
        let reader = Reader {
            bases: Arc::clone(&fleet.bases),
            journal: Arc::clone(&fleet.site.journal),
            random: fleet.random.fork(number),
            client: Client::builder().no_proxy().build().unwrap(),
            opened: Arc::clone(&opened),
            refused: Arc::clone(&refused),
        };
        reader.start(&stop)
    });
    let readers: Vec<_> = readers.collect();

    for _ in 0..kills {
        let moment = fleet.random.below(MOMENTS.as_micros() as u64);
        tokio::time::sleep(Duration::from_micros(moment)).await;
        fleet.kill_one().await;
    }
    fleet.site.recovers_within(Duration::from_secs(30)).await;
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    for (_, traffic) in fleet.traffic {
        traffic.stop().await;
    }
    for server in fleet.servers {
        server.terminate();
        server.ended().await;
    }

    let site = fleet.site;
    let server = site.serve().await;
    site.journal.hold(&server.base, Scope::Everything).await;
    // Another instance says the same.
    let another = site.program.serve();
    site.holds_everything(&another.base).await;
    let tickets = [&opened, &refused].map(|it| it.load(Ordering::Relaxed));
    eprintln!("{kills} kills; tickets opened and refused: {tickets:?}");
    eprintln!("{:?}; seed {seed}", site.journal.counts());
}
