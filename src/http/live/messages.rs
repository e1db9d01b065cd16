//! The messages of `graphql-transport-ws`, and why sockets are closed.

use axum::extract::ws::{CloseFrame, Message};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromClient {
    ConnectionInit {
        #[serde(default)]
        payload: Option<serde_json::Value>,
    },
    Subscribe {
        id: String,
        payload: serde_json::Value,
    },
    Complete {
        id: String,
    },
    Ping,
    Pong,
}

/// What the server says.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToClient<'m> {
    ConnectionAck,
    Next { id: &'m str, payload: &'m RawValue },
    Error { id: &'m str, payload: &'m RawValue },
    Pong,
}

/// Why a socket is closed, by the numbers of RFC 6455 §7.4 and of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The server stops: clients connect again.
    Restart,
    TooManyMessages,
    Malformed,
    /// The credential is none any more, or nobody is signed in by it.
    Unauthorized,
    NotAcknowledged,
    NoInit,
    SameId,
    SecondInit,
    TooManySockets,
    /// What should not happen.
    Internal,
}

impl Close {
    pub fn frame(self) -> Message {
        let (code, reason) = match self {
            Self::Restart => (1012, "The server restarts; connect again"),
            Self::TooManyMessages => (1008, "Too many messages"),
            Self::Malformed => (4400, "This is no message of graphql-transport-ws"),
            Self::Unauthorized => (4401, "Sign in and connect again"),
            Self::NotAcknowledged => (4401, "Send connection_init first"),
            Self::NoInit => (4408, "Connection initialisation timeout"),
            Self::SameId => (4409, "A subscription has this id already"),
            Self::SecondInit => (4429, "Too many initialisation requests"),
            Self::TooManySockets => (4429, "Too many sockets of this user"),
            Self::Internal => (1011, "Something failed on the server's side"),
        };
        Message::Close(Some(CloseFrame {
            code,
            reason: reason.into(),
        }))
    }
}

impl ToClient<'_> {
    pub fn message(&self) -> serde_json::Result<Message> {
        Ok(Message::Text(serde_json::to_string(self)?.into()))
    }
}

/// What a text says; `None` for what is no message.
pub fn read(text: &str) -> Option<FromClient> {
    serde_json::from_str(text).ok()
}

/// JSON as it was written.
pub fn raw(json: Vec<u8>) -> Option<Box<RawValue>> {
    let text = String::from_utf8(json).ok()?;
    RawValue::from_string(text).ok()
}

/// The bearer token of `connection_init`, as clients write it there.
pub fn token(payload: Option<&serde_json::Value>) -> Option<&str> {
    let payload = payload?.as_object()?;
    let authorization = payload
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
    let authorization = authorization.1.as_str()?;
    let (scheme, secret) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}
