//! One subscription: reads the feed from a place on, and answers the operation with each event.

use std::{sync::Arc, time::Duration};

use async_graphql::{ServerError, parser::types::OperationType};
use uuid::Uuid;

use super::super::{
    Context,
    answer::{server_error, written, written_errors},
    graphql::prepare,
    params,
};
use crate::{
    app::SharedApp,
    auth::{
        Caller,
        credential::{self, Credential},
    },
    domain::events::{self, Subscriber},
    error::{Code, Error, Result},
    graphql::{self, Asker, Prepared, ReceivedFiles},
};

/// How long it waits until it reads again, where the database is away.
const AGAIN: Duration = Duration::from_secs(1);

/// A subscription that goes on.
pub struct Subscription {
    pub id: String,
    context: Context,
    caller: Caller,
    credential: Credential,
    prepared: Arc<Prepared>,
    subscriber: Subscriber,
    /// Its reader has what has this place and earlier ones.
    seq: i64,
    /// The event that it began after, which may not have had its place then.
    after: Option<Uuid>,
}

/// What comes of a subscription.
pub enum Outcome {
    /// An answer to an event, as JSON.
    Next(Vec<u8>),
    /// Why there are no more, as JSON.
    Failed(Vec<u8>),
    /// Its credential is none any more.
    Unauthorized,
}

/// Begins the subscription that `payload` asks for; otherwise the errors, as JSON.
pub async fn begin(
    context: &Context,
    caller: &Caller,
    credential: &Credential,
    id: String,
    payload: serde_json::Value,
) -> Result<Subscription, Vec<u8>> {
    let begun = try_begin(context, caller, credential, id, payload).await;
    begun.map_err(|errors| written_errors(errors).unwrap_or_else(|_| b"[]".to_vec()))
}

async fn try_begin(
    context: &Context,
    caller: &Caller,
    credential: &Credential,
    id: String,
    payload: serde_json::Value,
) -> Result<Subscription, Vec<ServerError>> {
    let refuse = |error: Error| vec![server_error(error)];
    let params = params::of_value(payload).map_err(refuse)?;
    let prepared = prepare(context, &caller.client, params).await;
    let prepared = prepared.map_err(|refusal| refuse(refusal.error))??;
    if prepared.operation.ty != OperationType::Subscription {
        let detail = "Only subscriptions come by a WebSocket; send this by POST.";
        return Err(refuse(Error::bad_input("query", detail)));
    }
    let viewer = caller.actor.reader().map_err(refuse)?;
    let after = prepared.subscribed_after();
    let after = after
        .map(|cursor| graphql::Keyset::Events.id("after", &cursor))
        .transpose();
    let after = after.map_err(refuse)?;
    // Before the first look at the feed: whatever comes after that look wakes it.
    let subscriber = Subscriber::new(&context.app, viewer.id());
    let seq = events::begin(&context.app, after).await.map_err(refuse)?;
    Ok(Subscription {
        id,
        context: context.clone(),
        caller: caller.clone(),
        credential: credential.clone(),
        prepared: Arc::new(prepared),
        subscriber,
        seq,
        after,
    })
}

impl Subscription {
    /// The next outcome, and the subscription itself.
    pub async fn next(mut self) -> (Self, Outcome) {
        loop {
            // In a box, which is not kept while nothing happens.
            match Box::pin(self.look()).await {
                Ok(Some(outcome)) => return (self, outcome),
                Ok(None) => self.subscriber.woken().await,
                Err(error) => {
                    tracing::debug!(%error, "a subscription waits for the database");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// What comes of the next event, where there is one. An error where that cannot be told now: nothing is passed over
    /// then.
    async fn look(&mut self) -> Result<Option<Outcome>> {
        let app = SharedApp::clone(&self.context.app);
        loop {
            let viewer = self.caller.actor.reader()?;
            let Some(entry) = events::event_after(&app, viewer, self.seq).await? else {
                return Ok(None);
            };
            if self.after == Some(entry.event.id) {
                self.seq = entry.seq;
                continue;
            }
            let mut actors = credential::actors(&app, [self.credential.clone()]).await?;
            let Some(actor) = actors.remove(&self.credential) else {
                return Ok(Some(Outcome::Unauthorized));
            };
            self.caller.actor = actor;
            let asker = Asker::new(&app, self.caller.clone(), ReceivedFiles::default(), false);
            let schema = &self.context.schema;
            let answer = graphql::execute_event(schema, &self.prepared, asker, entry.event).await;
            let answer = answer.and_then(|mut response| {
                let limits = app.config.answer_limits();
                written(limits, &mut response)?.map_err(Error::internal)
            });
            return match answer {
                Ok(answer) => {
                    self.seq = entry.seq;
                    Ok(Some(Outcome::Next(answer)))
                }
                Err(error) if error.code == Code::Unavailable => Err(error),
                Err(error) => {
                    let errors = written_errors(vec![server_error(error)]);
                    Ok(Some(Outcome::Failed(errors.map_err(Error::internal)?)))
                }
            };
        }
    }
}
