//! Who is connected: no more than there are descriptors for, and nobody takes all of them.
//!
//! Where a bound is reached, the connection whose client the server has waited for longest gives way to the new one. Who
//! is being served does not wait on anybody's idle connections then, however many there are.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ipnet::IpNet;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use crate::{
    auth::client::{ClientAddress, Peer},
    config::Config,
    log_limit::LogLimit,
    metrics,
    pace::Wait,
};

/// How often it is looked whether somebody can give way, where all are being served.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a connection is left to show what it wants, before it may have to give way.
const SETTLED: Duration = Duration::from_millis(100);

/// The connections that there are.
#[derive(Debug)]
pub struct Crowd {
    most: usize,
    most_per_address: usize,
    /// Proxies, who connect for many.
    trusted: Vec<IpNet>,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    taken: HashMap<u64, Taken>,
    by_network: HashMap<ClientAddress, usize>,
    next: u64,
    told: LogLimit,
}

#[derive(Debug)]
struct Taken {
    network: Option<ClientAddress>,
    wait: Arc<Wait>,
    _leave: oneshot::Sender<()>,
}

/// A connection that was admitted.
#[derive(Debug)]
pub struct Admission {
    pub place: Place,
    pub wait: Arc<Wait>,
    /// Ends when the connection has to give way.
    pub leave: oneshot::Receiver<()>,
}

/// A connection's place, which is free again when this is dropped. The stream holds it: it may go on as a WebSocket.
#[derive(Debug)]
pub struct Place {
    crowd: Arc<Crowd>,
    number: u64,
}

impl Crowd {
    pub fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            most: config.server.max_connections,
            most_per_address: config.server.max_connections_per_address,
            trusted: config.server.trusted_proxies.clone(),
            places: Mutex::default(),
        })
    }

    /// A place for a new connection; `None` when all those of its address are being served at this moment. Where everybody
    /// is being served, it waits for the first who is not.
    pub async fn admit(self: &Arc<Self>, peer: Peer) -> Option<Admission> {
        let network = match peer {
            Peer::Address(address) if !self.is_trusted(&address) => {
                Some(ClientAddress(Some(address)).network())
            }
            _ => None,
        };
        loop {
            let taken = self.places().take(self, network);
            match taken {
                Ok((number, wait, leave)) => {
                    let crowd = Arc::clone(self);
                    return Some(Admission {
                        place: Place { crowd, number },
                        wait,
                        leave,
                    });
                }
                Err(Full::Address) => return None,
                Err(Full::All) => sleep(PAUSE).await,
            }
        }
    }

    fn is_trusted(&self, address: &IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        // Nothing below panics between two changes that belong together.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which bound is reached, with nobody who could give way.
enum Full {
    Address,
    All,
}

impl Places {
    fn take(
        &mut self,
        crowd: &Crowd,
        network: Option<ClientAddress>,
    ) -> Result<(u64, Arc<Wait>, oneshot::Receiver<()>), Full> {
        if let Some(network) = network
            && self.by_network.get(&network).copied().unwrap_or(0) >= crowd.most_per_address
        {
            self.longest_waiting_leaves(|taken| taken.network == Some(network))
                .ok_or(Full::Address)?;
        }
        if self.taken.len() >= crowd.most {
            self.tell(crowd.most);
            // One that has only just come may have sent its request, and nobody has looked yet.
            let is_settled = |since: Instant| since.elapsed() >= SETTLED;
            self.longest_waiting_leaves(|taken| taken.wait.since().is_some_and(is_settled))
                .ok_or(Full::All)?;
        }
        if let Some(network) = network {
            *self.by_network.entry(network).or_default() += 1;
        }
        let number = self.next;
        self.next += 1;
        let wait = Wait::new();
        let (_leave, leave) = oneshot::channel();
        let taken = Taken {
            network,
            wait: Arc::clone(&wait),
            _leave,
        };
        self.taken.insert(number, taken);
        metrics::set_number(metrics::CONNECTIONS, self.taken.len());
        Ok((number, wait, leave))
    }

    fn longest_waiting_leaves(&mut self, among: impl Fn(&Taken) -> bool) -> Option<()> {
        let those = self.taken.iter().filter(|(_, taken)| among(taken));
        let waiting = those.filter_map(|(number, taken)| Some((taken.wait.since()?, *number)));
        let (_, number) = waiting.min()?;
        self.free(number);
        Some(())
    }

    /// No matter if it is free already: its connection was told to leave.
    fn free(&mut self, number: u64) {
        let taken = self.taken.remove(&number);
        metrics::set_number(metrics::CONNECTIONS, self.taken.len());
        let Some(Taken {
            network: Some(network),
            ..
        }) = taken
        else {
            return;
        };
        if let Some(count) = self.by_network.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                self.by_network.remove(&network);
            }
        }
    }

    fn tell(&self, most: usize) {
        if let Some(left_out) = self.told.turn() {
            tracing::warn!(
                most,
                left_out,
                "all connections are taken (CLOAKROOM_MAX_CONNECTIONS); those that are idle give way to new ones"
            );
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.places().free(self.number);
    }
}
