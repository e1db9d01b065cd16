//! The WebSockets that there are: how many, whose, and whether their credentials are good still.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch},
    task::JoinHandle,
};
use uuid::Uuid;

use super::messages::Close;
use crate::{
    app::SharedApp,
    auth::credential::{self, Credential},
    metrics,
};

/// How often credentials are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The sockets of this process; clones share them.
#[derive(Clone, Debug)]
pub struct Sockets {
    places: Arc<Semaphore>,
    most: u32,
    most_per_user: usize,
    open: Arc<Mutex<Open>>,
    ending: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    by_number: HashMap<u64, Socket>,
}

#[derive(Debug)]
struct Socket {
    user_id: Uuid,
    credential: Credential,
    close: oneshot::Sender<Close>,
}

/// A socket that is known; it is not any more when this is dropped.
#[derive(Debug)]
pub struct Known {
    sockets: Sockets,
    number: u64,
    /// Says why the socket is to be closed.
    pub close: oneshot::Receiver<Close>,
}

impl Sockets {
    /// None yet. A quarter of the connections is left to other requests.
    pub fn new(app: &SharedApp) -> Self {
        let most = app
            .config
            .server
            .max_connections
            .saturating_mul(3)
            .div_ceil(4);
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        Self {
            places: Arc::new(Semaphore::new(most as usize)),
            most,
            most_per_user: app.config.live.max_sockets_per_user,
            open: Arc::default(),
            ending: watch::Sender::new(false),
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more socket, of whomever.
    pub fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// Makes a socket known as `user_id`'s; or says why it is to be closed.
    pub fn admit(&self, user_id: Uuid, credential: Credential) -> Result<Known, Close> {
        let mut open = self.open();
        if *self.ending.borrow() {
            return Err(Close::Restart);
        }
        let theirs = open.by_number.values();
        if theirs.filter(|socket| socket.user_id == user_id).count() >= self.most_per_user {
            return Err(Close::TooManySockets);
        }
        let (sender, close) = oneshot::channel();
        let number = open.next;
        open.next += 1;
        let socket = Socket {
            user_id,
            credential,
            close: sender,
        };
        open.by_number.insert(number, socket);
        metrics::set_number(metrics::SOCKETS, open.by_number.len());
        Ok(Known {
            sockets: self.clone(),
            number,
            close,
        })
    }

    /// Ready when all sockets are to end.
    pub async fn ending(&self) {
        // An error is that nobody can say so any more.
        let _ = self
            .ending
            .subscribe()
            .wait_for(|is_ending| *is_ending)
            .await;
    }

    /// Has the sockets closed whose credentials end, for as long as the task runs.
    pub fn watch(&self, app: &SharedApp) -> JoinHandle<()> {
        let (sockets, app) = (self.clone(), SharedApp::clone(app));
        let tasks = app.tasks.clone();
        tasks.keep("sockets", move || {
            let (sockets, app) = (sockets.clone(), SharedApp::clone(&app));
            async move {
                loop {
                    tokio::time::sleep(LOOK_EVERY).await;
                    sockets.look(&app).await;
                }
            }
        })
    }

    async fn look(&self, app: &SharedApp) {
        let held: Vec<_> = {
            let open = self.open();
            let sockets = open.by_number.iter();
            sockets
                .map(|(number, socket)| (*number, socket.credential.clone()))
                .collect()
        };
        if held.is_empty() {
            return;
        }
        let credentials = held.iter().map(|(_, credential)| credential.clone());
        // Where the database is away, so is every event: nothing is sent by a credential that nobody has looked at.
        let Ok(actors) = credential::actors(app, credentials).await else {
            return;
        };
        for (number, credential) in held {
            if !actors.contains_key(&credential)
                && let Some(socket) = self.open().by_number.remove(&number)
            {
                let _ = socket.close.send(Close::Unauthorized);
            }
        }
    }

    /// Closes all sockets, so that their clients connect again, and waits until they are closed.
    pub async fn end(&self) {
        let sockets: Vec<_> = {
            let mut open = self.open();
            self.ending.send_replace(true);
            open.by_number.drain().collect()
        };
        for (_, socket) in sockets {
            let _ = socket.close.send(Close::Restart);
        }
        // All places are free when all are closed.
        let _ = self.places.acquire_many(self.most).await;
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        let mut open = self.sockets.open();
        open.by_number.remove(&self.number);
        metrics::set_number(metrics::SOCKETS, open.by_number.len());
    }
}
