//! A client of the WebSocket: `graphql-transport-ws`, message by message.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};

use super::Person;

/// Longer than anything may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The cursor before every event.
pub const BEGINNING: &str = "MgAAAAAAAAAAAAAAAAAAAAA";

pub struct Live {
    pub stream: WebSocketStream<TcpStream>,
}

impl Live {
    /// A socket that nobody has said anything by; the status of the answer, where there is none.
    pub async fn connect(base: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let address = base.strip_prefix("http://").unwrap();
        let mut request = format!("ws://{address}/graphql")
            .into_client_request()
            .unwrap();
        let has_protocol = headers
            .iter()
            .any(|(name, _)| *name == "sec-websocket-protocol");
        let protocol = [("sec-websocket-protocol", "graphql-transport-ws")];
        let protocol = protocol.iter().filter(|_| !has_protocol);
        for (name, value) in headers.iter().chain(protocol) {
            if !value.is_empty() {
                let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
                request.headers_mut().insert(name, value.parse().unwrap());
            }
        }
        let stream = TcpStream::connect(address).await.unwrap();
        match client_async(request, stream).await {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// A socket with this person's credentials, not acknowledged yet.
    pub async fn of(person: &Person) -> Self {
        let credentials = person.credentials();
        let headers: Vec<_> = credentials
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        Self::connect(&person.base, &headers).await.unwrap()
    }

    /// An acknowledged socket with this person's credentials.
    pub async fn open(person: &Person) -> Self {
        let mut live = Self::of(person).await;
        live.init(Value::Null).await;
        live
    }

    pub async fn init(&mut self, payload: Value) {
        self.say(json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(self.hear().await, json!({ "type": "connection_ack" }));
    }

    pub async fn say(&mut self, message: Value) {
        // Whoever is cut off finds out by what it hears.
        let _ = self.stream.send(Message::text(message.to_string())).await;
    }

    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.say(json!({ "id": id, "type": "subscribe", "payload": payload }))
            .await;
    }

    /// Subscribes to events after a cursor, with these fields.
    pub async fn follow(&mut self, after: Option<&str>, fields: &str) {
        let query =
            format!("subscription($after: String) {{ events(after: $after) {{ {fields} }} }}");
        self.subscribe("1", &query, json!({ "after": after })).await;
    }

    /// What comes next: a message, or the code that the socket was closed with.
    pub async fn frame(&mut self) -> Result<Value, u16> {
        loop {
            let frame = timeout(PATIENCE, self.stream.next());
            match frame.await.expect("the server says nothing") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(why))) => {
                    return Err(why.map_or(1005, |why| CloseCode::into(why.code)));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    pub async fn hear(&mut self) -> Value {
        self.frame().await.unwrap()
    }

    /// The next event of a subscription.
    pub async fn event(&mut self) -> Value {
        let message = self.hear().await;
        assert_eq!(message["type"], "next", "{message}");
        assert!(message["payload"].get("errors").is_none(), "{message}");
        message["payload"]["data"]["events"].clone()
    }

    /// The code that the socket is closed with, whatever is said before.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.frame().await {
                return code;
            }
        }
    }

    /// Whether nothing comes for a while.
    pub async fn is_silent(&mut self, during: Duration) -> bool {
        timeout(during, self.frame()).await.is_err()
    }
}
