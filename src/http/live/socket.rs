//! One WebSocket, from `connection_init` to its end.

use std::{collections::HashMap, time::Duration};

use axum::extract::ws::{Message, WebSocket};
use futures_util::{
    StreamExt,
    future::{AbortHandle, Abortable, Aborted, BoxFuture, FutureExt},
    stream::FuturesUnordered,
};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    messages::{Close, FromClient, ToClient, raw, read, token},
    sockets::Known,
    subscription::{self, Outcome, Subscription},
};
use crate::{
    auth::{self, Caller, credential::Credential},
    error::{Code, Error},
    http::{
        Context,
        answer::{server_error, written_errors},
    },
};

/// How long a client may take to send `connection_init`.
const INIT_WITHIN: Duration = Duration::from_secs(10);
/// The longest id of a subscription, bytes; clients take UUIDs or numbers.
const ID_MAX: usize = 128;

/// Why a socket ends: a code to close it with, or nothing where nobody listens any more.
type Ended = Option<Close>;
type Next = Abortable<BoxFuture<'static, (Subscription, Outcome)>>;

/// Serves one socket until it ends.
pub async fn serve(context: Context, caller: Caller, stream: WebSocket) {
    let mut socket = Socket {
        patience: context.app.config.server.client_timeout,
        allowance: Allowance::new(context.app.config.live.socket_messages_per_minute),
        context,
        stream,
    };
    let sockets = socket.context.sockets.clone();
    let opened = tokio::select! {
        opened = timeout(INIT_WITHIN, Box::pin(socket.open(caller))) => {
            opened.unwrap_or(Err(Some(Close::NoInit)))
        }
        () = sockets.ending() => Err(Some(Close::Restart)),
    };
    let ended = match opened {
        Err(ended) => ended,
        Ok((caller, credential, known)) => {
            let open = Open {
                caller,
                credential,
                known,
                begun: HashMap::new(),
                running: FuturesUnordered::new(),
            };
            open.run(&mut socket).await
        }
    };
    if let Some(close) = ended {
        socket.close(close).await;
    }
}

struct Socket {
    context: Context,
    stream: WebSocket,
    /// How long the client may take to take a message.
    patience: Duration,
    allowance: Allowance,
}

impl Socket {
    /// Waits for `connection_init`, and acknowledges it. Nobody stays who is not signed in.
    async fn open(&mut self, mut caller: Caller) -> Result<(Caller, Credential, Known), Ended> {
        let payload = loop {
            let message = self.stream.recv().await;
            match self.message(message)? {
                Some(FromClient::ConnectionInit { payload }) => break payload,
                Some(FromClient::Ping) => self.send(&ToClient::Pong).await?,
                Some(FromClient::Subscribe { .. }) => return Err(Some(Close::NotAcknowledged)),
                Some(_) | None => {}
            }
        };
        if let Some(secret) = token(payload.as_ref()) {
            let actor = auth::api_token::actor(&self.context.app, secret).await;
            caller.actor = actor.map_err(|error| Some(refusal(&error)))?;
        }
        let (Some(viewer), Some(credential)) = (caller.actor.viewer(), Credential::of(&caller))
        else {
            return Err(Some(Close::Unauthorized));
        };
        let known = self.context.sockets.admit(viewer.id(), credential.clone());
        let known = known.map_err(Some)?;
        self.send(&ToClient::ConnectionAck).await?;
        Ok((caller, credential, known))
    }

    /// What a frame says; `None` for one that says nothing.
    fn message(
        &mut self,
        frame: Option<Result<Message, axum::Error>>,
    ) -> Result<Option<FromClient>, Ended> {
        let text = match frame {
            None | Some(Err(_)) | Some(Ok(Message::Close(_))) => return Err(None),
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Binary(_))) => return Err(Some(Close::Malformed)),
            // Pings are answered below this; pongs are the answers to our own.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => match self.allowance.take() {
                true => return Ok(None),
                false => return Err(Some(Close::TooManyMessages)),
            },
        };
        if !self.allowance.take() {
            return Err(Some(Close::TooManyMessages));
        }
        read(&text).map(Some).ok_or(Some(Close::Malformed))
    }

    async fn send(&mut self, message: &ToClient<'_>) -> Result<(), Ended> {
        let message = message.message().map_err(|_| Some(Close::Internal))?;
        self.write(message).await
    }

    /// Who does not take a message in time is cut off, and comes back by a cursor.
    async fn write(&mut self, message: Message) -> Result<(), Ended> {
        match timeout(self.patience, self.stream.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(None),
        }
    }

    /// Says why, and waits a little for the client to say the same.
    async fn close(mut self, close: Close) {
        if self.write(close.frame()).await.is_ok() {
            let said = async { while let Some(Ok(_)) = self.stream.recv().await {} };
            let _ = timeout(Duration::from_secs(1), said).await;
        }
    }
}

fn refusal(error: &Error) -> Close {
    match error.code {
        Code::Unauthenticated => Close::Unauthorized,
        _ => Close::Internal,
    }
}

/// A subscription that goes on.
struct Begun {
    abort: AbortHandle,
    /// How many bytes its document and variables have.
    bytes: usize,
}

/// A socket that is acknowledged.
struct Open {
    caller: Caller,
    credential: Credential,
    known: Known,
    begun: HashMap<String, Begun>,
    running: FuturesUnordered<Next>,
}

impl Open {
    async fn run(mut self, socket: &mut Socket) -> Ended {
        let every = socket.context.app.config.live.socket_ping;
        let (mut ping_at, mut is_there) = (Instant::now() + every, true);
        loop {
            let step = tokio::select! {
                close = &mut self.known.close => return Some(close.unwrap_or(Close::Restart)),
                frame = socket.stream.recv() => {
                    is_there = true;
                    match socket.message(frame) {
                        Ok(Some(message)) => Box::pin(self.on(socket, message)).await,
                        Ok(None) => Ok(()),
                        Err(ended) => Err(ended),
                    }
                }
                Some(outcome) = self.running.next(), if !self.running.is_empty() => {
                    self.come(socket, outcome).await
                }
                () = sleep_until(ping_at) => {
                    if !std::mem::take(&mut is_there) {
                        return None;
                    }
                    ping_at = Instant::now() + every;
                    socket.write(Message::Ping(Vec::new().into())).await
                }
            };
            if let Err(ended) = step {
                return ended;
            }
        }
    }

    async fn on(&mut self, socket: &mut Socket, message: FromClient) -> Result<(), Ended> {
        match message {
            FromClient::ConnectionInit { .. } => Err(Some(Close::SecondInit)),
            FromClient::Ping => socket.send(&ToClient::Pong).await,
            FromClient::Pong => Ok(()),
            FromClient::Complete { id } => {
                if let Some(begun) = self.begun.remove(&id) {
                    begun.abort.abort();
                }
                Ok(())
            }
            FromClient::Subscribe { id, payload } => self.subscribe(socket, id, payload).await,
        }
    }

    async fn subscribe(
        &mut self,
        socket: &mut Socket,
        id: String,
        payload: serde_json::Value,
    ) -> Result<(), Ended> {
        if id.len() > ID_MAX {
            return Err(Some(Close::Malformed));
        }
        if self.begun.contains_key(&id) {
            return Err(Some(Close::SameId));
        }
        let bytes = payload.to_string().len();
        if let Err(error) = self.check_room(&socket.context, bytes) {
            return self
                .fail(socket, &id, written_errors(vec![server_error(error)]))
                .await;
        }
        let (caller, credential) = (&self.caller, &self.credential);
        let begun = subscription::begin(&socket.context, caller, credential, id.clone(), payload);
        match begun.await {
            Ok(subscription) => {
                self.go_on(subscription, bytes);
                Ok(())
            }
            Err(errors) => self.fail(socket, &id, Ok(errors)).await,
        }
    }

    /// Refuses one subscription more, of so many bytes, than the socket may have.
    fn check_room(&self, context: &Context, bytes: usize) -> crate::error::Result<()> {
        let limits = &context.app.config.live;
        let most = limits.max_subscriptions_per_socket;
        if self.begun.len() >= most {
            let detail =
                format!("One WebSocket may have {most} subscriptions; end one, or open another.");
            return Err(Error::new(Code::RateLimited, detail).with("limit", most));
        }
        let most = limits.max_subscription_bytes_per_socket;
        let held: usize = self.begun.values().map(|begun| begun.bytes).sum();
        if held + bytes > most {
            let detail = format!(
                "The subscriptions of one WebSocket may have {most} bytes together, documents and variables; end one, or open \
                 another."
            );
            return Err(Error::new(Code::RateLimited, detail).with("limitBytes", most));
        }
        Ok(())
    }

    fn go_on(&mut self, subscription: Subscription, bytes: usize) {
        let (abort, registration) = AbortHandle::new_pair();
        self.begun
            .insert(subscription.id.clone(), Begun { abort, bytes });
        let next = Abortable::new(subscription.next().boxed(), registration);
        self.running.push(next);
    }

    async fn come(
        &mut self,
        socket: &mut Socket,
        outcome: Result<(Subscription, Outcome), Aborted>,
    ) -> Result<(), Ended> {
        // The client has ended it.
        let Ok((subscription, outcome)) = outcome else {
            return Ok(());
        };
        match outcome {
            Outcome::Next(answer) => {
                let payload = raw(answer).ok_or(Some(Close::Internal))?;
                let next = ToClient::Next {
                    id: &subscription.id,
                    payload: &payload,
                };
                socket.send(&next).await?;
                if let Some(begun) = self.begun.get(&subscription.id) {
                    let bytes = begun.bytes;
                    self.go_on(subscription, bytes);
                }
                Ok(())
            }
            Outcome::Failed(errors) => {
                self.begun.remove(&subscription.id);
                self.fail(socket, &subscription.id, Ok(errors)).await
            }
            Outcome::Unauthorized => Err(Some(Close::Unauthorized)),
        }
    }

    async fn fail(
        &mut self,
        socket: &mut Socket,
        id: &str,
        errors: serde_json::Result<Vec<u8>>,
    ) -> Result<(), Ended> {
        let payload = errors.ok().and_then(raw).ok_or(Some(Close::Internal))?;
        socket
            .send(&ToClient::Error {
                id,
                payload: &payload,
            })
            .await
    }
}

/// How many messages a client may send still.
struct Allowance {
    per_minute: f64,
    left: f64,
    at: Instant,
}

impl Allowance {
    fn new(per_minute: u32) -> Self {
        Self {
            per_minute: per_minute.into(),
            left: per_minute.into(),
            at: Instant::now(),
        }
    }

    fn take(&mut self) -> bool {
        let (now, most) = (Instant::now(), self.per_minute);
        let back = (now - self.at).as_secs_f64() * most / 60.0;
        self.left = (self.left + back).min(most);
        self.at = now;
        let is_left = self.left >= 1.0;
        if is_left {
            self.left -= 1.0;
        }
        is_left
    }
}
