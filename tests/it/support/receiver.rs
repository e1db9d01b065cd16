//! A receiver of webhooks, or of traces, which answers as a test says, and remembers all that it was told.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::sleep,
};

/// How long a test waits for what is to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a receiver answers.
#[derive(Clone, Debug)]
pub enum Reply {
    Status(u16),
    /// These bytes, and then nothing more.
    Raw(String),
    /// A head and bytes without an end.
    Endless,
    /// Informational answers without an end.
    Informational,
    /// One byte of a head now and then.
    Drip,
    /// Nothing; the connection stays.
    Silence,
    /// The connection is closed at once.
    Close,
    /// 204 once there is a permit.
    Hold(Arc<Semaphore>),
    /// 204 after a moment.
    Slowly,
}

/// What came by one request.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
    pub event: Value,
}

impl Delivery {
    pub fn kind(&self) -> &str {
        self.event["kind"].as_str().unwrap()
    }

    pub fn place(&self) -> i64 {
        self.event["place"].as_i64().unwrap()
    }

    /// How many of the signatures are by `secret`.
    pub fn signatures_by(&self, secret: &str) -> usize {
        let key = BASE64_STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap())
            .unwrap();
        let header = |name: &str| self.headers[name].as_str();
        let signed = format!(
            "{}.{}.{}",
            header("webhook-id"),
            header("webhook-timestamp"),
            self.body
        );
        let mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        let mac = mac.chain_update(signed).finalize().into_bytes();
        let expected = format!("v1,{}", BASE64_STANDARD.encode(mac));
        let signatures = header("webhook-signature").split(' ');
        signatures.filter(|one| *one == expected).count()
    }
}

#[derive(Debug)]
struct State {
    reply: Mutex<Reply>,
    came: Mutex<Vec<Delivery>>,
    connections: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

#[derive(Clone)]
pub struct Receiver {
    pub port: u16,
    state: Arc<State>,
}

impl Receiver {
    /// One that acknowledges everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            reply: Mutex::new(Reply::Status(204)),
            came: Mutex::default(),
            connections: AtomicUsize::new(0),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { port, state }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook/hidden-path", self.port)
    }

    /// Answers so from now on.
    pub fn answer(&self, reply: Reply) {
        *self.state.reply.lock().unwrap() = reply;
    }

    /// All that came until now.
    pub fn came(&self) -> Vec<Delivery> {
        self.state.came.lock().unwrap().clone()
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// How many requests were under way at once at most.
    pub fn most_at_once(&self) -> usize {
        self.state.most_at_once.load(Ordering::SeqCst)
    }

    /// Waits until so many requests came, and returns all of them.
    pub async fn wait_for(&self, number: usize) -> Vec<Delivery> {
        self.wait_until(|came| came.len() >= number).await
    }

    /// Waits until what came is enough.
    pub async fn wait_until(&self, enough: impl Fn(&[Delivery]) -> bool) -> Vec<Delivery> {
        let began = std::time::Instant::now();
        loop {
            let came = self.came();
            if enough(&came) {
                return came;
            }
            assert!(began.elapsed() < PATIENCE, "only these came: {came:#?}");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let mut buffer = Vec::new();
    while let Some(delivery) = request(&mut stream, &mut buffer).await {
        let now = state.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_at_once.fetch_max(now, Ordering::SeqCst);
        state.came.lock().unwrap().push(delivery);
        let reply = state.reply.lock().unwrap().clone();
        let goes_on = answer(&mut stream, reply, &state).await;
        if !goes_on {
            return;
        }
    }
}

/// Answers, and says whether another request may come by the connection.
async fn answer(stream: &mut TcpStream, reply: Reply, state: &State) -> bool {
    let ended = || state.at_once.fetch_sub(1, Ordering::SeqCst);
    let status = match reply {
        Reply::Status(status) => status,
        Reply::Hold(permit) => {
            permit.acquire().await.unwrap().forget();
            204
        }
        Reply::Slowly => {
            sleep(Duration::from_millis(20)).await;
            204
        }
        other => {
            ended();
            misbehave(stream, other).await;
            return false;
        }
    };
    ended();
    let location = "Location: http://127.0.0.2:1/\r\n";
    let head = format!("HTTP/1.1 {status} x\r\n{location}Content-Length: 0\r\n\r\n");
    stream.write_all(head.as_bytes()).await.is_ok()
}

async fn misbehave(stream: &mut TcpStream, reply: Reply) {
    match reply {
        Reply::Raw(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Reply::Endless => {
            let head = b"HTTP/1.1 500 x\r\nContent-Length: 999999999999\r\n\r\n";
            let _ = stream.write_all(head).await;
            while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
        }
        Reply::Informational => while stream.write_all(b"HTTP/1.1 103 x\r\n\r\n").await.is_ok() {},
        Reply::Drip => {
            let _ = stream.write_all(b"HTTP/1.1 200 x\r\nX: ").await;
            while stream.write_all(b"x").await.is_ok() {
                sleep(Duration::from_millis(20)).await;
            }
        }
        Reply::Silence => {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        }
        Reply::Close | Reply::Status(_) | Reply::Hold(_) | Reply::Slowly => {}
    }
}

/// The next request of a connection; what comes behind it stays in `buffer`.
async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Delivery> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let lines = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "));
    let headers: BTreeMap<_, _> = lines
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers["content-length"].parse().unwrap();
    while buffer.len() < end + length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8(buffer[end..end + length].to_vec()).unwrap();
    buffer.drain(..end + length);
    let event = serde_json::from_str(&body).unwrap();
    Some(Delivery {
        path,
        headers,
        body,
        event,
    })
}
