//! Whose turn it is to append: the newest request's. Older ones of this process are told at once. Those of other processes
//! look now and then at the upload's row, where the newest one has counted.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{sync::watch, task::JoinHandle};
use uuid::Uuid;

use super::{
    Purpose,
    fenced::{self, Fence},
    rows,
};
use crate::{
    access::Resumable,
    app::SharedApp,
    error::{Code, Error, Result},
    patience,
    storage::{ContentKey, Hold, Writer},
};

/// How long an older request may go on before it sees that a newer one has come to another process.
const LOOK: Duration = Duration::from_millis(250);
/// Between two tries to take hold of the bytes.
const PAUSE: Duration = Duration::from_millis(10);
/// How long an older request may take to end, once it has seen that: it makes durable what has come, which is megabytes at most.
const OVERDUE: Duration = Duration::from_secs(5);

/// The requests of this process that append to uploads, or are about to.
#[derive(Debug, Default)]
pub struct Turns(Mutex<HashMap<Uuid, Vec<Arc<watch::Sender<bool>>>>>);

impl Turns {
    /// Tells the older requests that append to the upload to end. One that only looks, or ends it, is soon done, and need not be
    /// told.
    pub(super) fn claim(
        &self,
        app: &SharedApp,
        (id, generation): (Uuid, i64),
        purpose: Purpose,
    ) -> Claim {
        let superseded = Arc::new(watch::Sender::new(false));
        let mut turns = self.lock();
        let requests = turns.entry(id).or_default();
        for older in requests.drain(..) {
            older.send_replace(true);
        }
        match purpose {
            Purpose::Append => requests.push(Arc::clone(&superseded)),
            Purpose::Look | Purpose::End => {
                turns.remove(&id);
            }
        }
        drop(turns);
        Claim {
            app: SharedApp::clone(app),
            id,
            generation,
            superseded,
            looking: None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Vec<Arc<watch::Sender<bool>>>>> {
        // A list of requests stays one, whatever panicked while holding it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's claim to an upload, from when it comes until it is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    app: SharedApp,
    id: Uuid,
    /// How many requests had counted when this one came, this one included if it has.
    generation: i64,
    superseded: Arc<watch::Sender<bool>>,
    looking: Option<JoinHandle<()>>,
}

impl Claim {
    /// Takes hold of the bytes, as soon as no older request has them. They stay [`Hold::Taken`] where that one does not end.
    pub async fn hold(&mut self, key: &ContentKey, is_new: bool) -> Result<Hold> {
        let (app, id) = (SharedApp::clone(&self.app), self.id);
        let mut counted = None;
        let hold = async {
            let began = Instant::now();
            loop {
                match app.storage.hold(key, is_new).await? {
                    Hold::Taken if began.elapsed() < OVERDUE => {}
                    hold => return Ok(hold),
                }
                if counted.is_none() {
                    counted = Some(rows::count_request(&app, id).await?);
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let held = tokio::select! {
            biased;
            () = self.superseded() => Err(superseded()),
            held = patience::wait(hold) => held?,
        };
        self.generation = counted.unwrap_or(self.generation);
        held
    }

    /// The same for a storage without locks: takes the right to append.
    pub async fn take(&mut self) -> Result<Fence> {
        let take = fenced::take(&self.app, self.id);
        let (fence, counted) = tokio::select! {
            biased;
            () = self.superseded() => return Err(superseded()),
            taken = patience::wait(take) => taken??,
        };
        self.generation = counted.unwrap_or(self.generation);
        Ok(fence)
    }

    /// Takes hold of the bytes once more, after this request has let go of them; `None` where there are none.
    pub async fn hold_again(&self, key: &ContentKey) -> Result<Option<Writer>> {
        let hold = async {
            loop {
                match self.app.storage.hold(key, false).await? {
                    Hold::Held(writer) => return Ok(Some(writer)),
                    Hold::Missing => return Ok(None),
                    // What syncs them beside has not ended yet.
                    Hold::Taken => tokio::time::sleep(PAUSE).await,
                }
            }
        };
        patience::wait(hold).await?
    }

    pub fn app(&self) -> &SharedApp {
        &self.app
    }

    /// Whether a newer request than this one has counted, as `upload` says.
    pub fn is_older_than(&self, upload: &Resumable) -> bool {
        upload.generation > self.generation
    }

    /// From now on looks whether a newer request has counted, and keeps the upload from expiring.
    pub fn look(&mut self) {
        let (app, id, generation) = (SharedApp::clone(&self.app), self.id, self.generation);
        let superseded = Arc::clone(&self.superseded);
        self.looking = Some(tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                // Where the database cannot be asked at present, the next look does.
                let Ok(now) = rows::present(&app, id).await else {
                    continue;
                };
                let Some(now) = now.filter(|now| now.generation <= generation) else {
                    superseded.send_replace(true);
                    return;
                };
                let half = app.clock.after(app.config.uploads.resumable_ttl / 2);
                if now.expires_at < half
                    && let Err(error) = rows::prolong(&app, id).await
                {
                    tracing::debug!(%error, "an upload under way could not be prolonged at once");
                }
            }
        }));
    }

    /// Waits until a newer request has come.
    pub async fn superseded(&self) {
        // It cannot fail: the sender is here.
        let _ = self.superseded.subscribe().wait_for(|it| *it).await;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(looking) = &self.looking {
            looking.abort();
        }
        let mut turns = self.app.upload_turns.lock();
        if let Some(requests) = turns.get_mut(&self.id) {
            requests.retain(|request| !Arc::ptr_eq(request, &self.superseded));
            if requests.is_empty() {
                turns.remove(&self.id);
            }
        }
    }
}

/// What a request is told that a newer one has ended.
pub(super) fn superseded() -> Error {
    Error::new(
        Code::Conflict,
        "A newer request for this upload has come; ask for the offset and go on from there.",
    )
}
