//! The tasks that run beside the requests for as long as the server does, all started and ended here.
//!
//! Those of the database and of the storage start with them, when the [`App`](crate::app::App) is opened: commands need them
//! as well.

use std::{future::Future, time::Duration};

use futures_util::FutureExt;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    app::SharedApp,
    domain::{events, uploads, webhooks},
    janitor,
};

/// How long the last events may take to be written.
const LAST_EVENTS: Duration = Duration::from_secs(15);

/// The tasks of one server.
pub struct Background {
    /// Ends by itself when there are no more events to come, which `no_more_events` tells when it is dropped.
    events: JoinHandle<()>,
    no_more_events: oneshot::Sender<()>,
    /// What is safe to end at any time.
    others: Vec<JoinHandle<()>>,
    app: SharedApp,
}

impl Background {
    /// Starts all tasks.
    pub fn start(app: &SharedApp) -> Self {
        let mut background = Self::without_janitor(app);
        background.others.push(janitor::start(app));
        background
    }

    /// Starts all tasks but the janitor, for tests that say themselves when to sweep.
    #[doc(hidden)]
    pub fn without_janitor(app: &SharedApp) -> Self {
        let (no_more_events, ended) = oneshot::channel::<()>();
        let ended = ended.map(drop).shared();
        let events = keep(app, events::TASK, move |app| {
            let ended = ended.clone();
            async move { events::run(&app, ended).await }
        });
        let aborted = keep(app, uploads::TASK, |app| async move {
            uploads::run(&app).await;
        });
        let [places, wake] = events::TASKS;
        let places = keep(app, places, |app| async move {
            events::give_places(&app).await;
        });
        let wake = keep(app, wake, |app| async move { events::wake(&app).await });
        let webhooks = keep(app, webhooks::TASK, webhooks::run);
        Self {
            events,
            no_more_events,
            others: vec![aborted, places, wake, webhooks],
            app: SharedApp::clone(app),
        }
    }

    /// Ends the tasks, once all requests have ended. The events that wait are written first.
    pub(super) async fn end(self) {
        drop(self.no_more_events);
        self.others.iter().for_each(JoinHandle::abort);
        // One that panics each time would be started for ever.
        let written = tokio::time::timeout(LAST_EVENTS, self.events).await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::error!("the last events are lost");
        }
        webhooks::let_go(&self.app).await;
    }
}

/// Starts the task `name`, which is begun by `begin` each time.
fn keep<F>(
    app: &SharedApp,
    name: &'static str,
    begin: impl Fn(SharedApp) -> F + Send + Sync + 'static,
) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send,
{
    let tasks = app.tasks.clone();
    let app = SharedApp::clone(app);
    tasks.keep(name, move || begin(SharedApp::clone(&app)))
}
