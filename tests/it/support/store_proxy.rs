//! A network between a server and its object store that loses what a test names, or answers it itself.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use super::{Store, TestApp};

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Act {
    /// The store never gets it.
    LoseRequest,
    /// The store does it, and nobody hears of that.
    LoseAnswer,
    /// This status and body are the answer; the store never gets the request.
    Answer(u16, &'static str),
    /// The answer breaks off a byte before its end.
    CutAnswer,
    /// The store gets it once there is a permit.
    Hold(Arc<Semaphore>),
    /// The store gets other bytes than were sent.
    Corrupt,
    /// The store gets it so many bytes at a time, with a pause of a millisecond between them.
    Slow(usize),
    /// The test hears of it by a permit, and nobody gets an answer. The store does it before that, or never.
    Report(Arc<Semaphore>, Moment),
}

/// When a test hears of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

/// The kinds of calls that a server makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Begin,
    Part,
    Complete,
    Abort,
    ListParts,
    ListUploads,
    List,
    Put,
    Look,
    Get,
    Delete,
}

/// Those that an upload in parts makes, and its end.
pub const OF_PARTS: [Call; 4] = [Call::Begin, Call::Part, Call::Complete, Call::Look];

impl Call {
    /// What the first line of a request asks for.
    fn of(line: &str) -> Self {
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap_or_default());
        let has = |parameter: &str| {
            let (_, query) = target.split_once('?').unwrap_or_default();
            query
                .split('&')
                .any(|pair| pair.split('=').next() == Some(parameter))
        };
        match method {
            "POST" if has("uploads") => Self::Begin,
            "POST" => Self::Complete,
            "PUT" if has("partNumber") => Self::Part,
            "PUT" => Self::Put,
            "HEAD" => Self::Look,
            "DELETE" if has("uploadId") => Self::Abort,
            "DELETE" => Self::Delete,
            _ if has("uploadId") => Self::ListParts,
            _ if has("uploads") => Self::ListUploads,
            _ if has("list-type") => Self::List,
            _ => Self::Get,
        }
    }
}

#[derive(Debug)]
struct Fault {
    of: Call,
    /// Only of calls that name one of these; of all, where there are none.
    names: Vec<String>,
    /// How many more calls of the kind are well.
    after: usize,
    /// How many calls meet it then.
    times: usize,
    act: Act,
}

#[derive(Debug, Default)]
struct State {
    faults: Vec<Fault>,
    calls: Vec<Call>,
}

/// The way to a store.
pub struct StoreProxy {
    pub endpoint: String,
    state: Arc<Mutex<State>>,
}

impl StoreProxy {
    /// A store, and the way to it.
    pub async fn with_store() -> (Self, Store) {
        let store = Store::create().await;
        let proxy = Self::start(&store.endpoint).await;
        let store = Store {
            endpoint: proxy.endpoint.clone(),
            ..store
        };
        (proxy, store)
    }

    /// A server, and its way to its store.
    pub async fn with_server() -> (Self, TestApp) {
        let (proxy, store) = Self::with_store().await;
        (proxy, TestApp::without_grace(&store).await)
    }

    /// Passes on to the store at `endpoint`.
    pub async fn start(endpoint: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_, to) = endpoint.split_once("://").unwrap();
        let (to, state) = (to.to_owned(), Arc::<Mutex<State>>::default());
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (to, state) = (to.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    // Whoever breaks off first, the other one sees it.
                    let _ = pass_on(client, &to, &state).await;
                });
            }
        });
        Self {
            endpoint: format!("http://{address}"),
            state,
        }
    }

    /// From now on, so many calls of this kind come to that.
    pub fn fault(&self, of: Call, act: Act, times: usize) {
        self.add(of, act, (0, times));
    }

    /// The call of this kind that comes after so many others comes to that.
    pub fn fault_after(&self, after: usize, of: Call, act: Act) {
        self.add(of, act, (after, 1));
    }

    /// From now on, each call of this kind that names one of these objects comes to that.
    pub fn fault_on(&self, names: Vec<String>, of: Call, act: Act) {
        let fault = Fault {
            of,
            names,
            after: 0,
            times: usize::MAX,
            act,
        };
        self.state.lock().unwrap().faults.push(fault);
    }

    fn add(&self, of: Call, act: Act, (after, times): (usize, usize)) {
        let fault = Fault {
            of,
            names: Vec::new(),
            after,
            times,
            act,
        };
        self.state.lock().unwrap().faults.push(fault);
    }

    /// All is well again.
    pub fn mend(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.state.lock().unwrap().calls.clone()
    }

    /// How many calls of a kind there were.
    pub fn count(&self, call: Call) -> usize {
        let state = self.state.lock().unwrap();
        state.calls.iter().filter(|it| **it == call).count()
    }
}

/// The fault that a call meets, whose first line is `line`.
fn met(state: &Mutex<State>, line: &str) -> Option<Act> {
    let mut state = state.lock().unwrap();
    let call = Call::of(line);
    state.calls.push(call);
    let is_named = |fault: &Fault| {
        fault.names.is_empty() || fault.names.iter().any(|name| line.contains(&**name))
    };
    let mut faults = state.faults.iter_mut();
    let fault = faults.find(|fault| fault.of == call && fault.times > 0 && is_named(fault))?;
    if fault.after > 0 {
        fault.after -= 1;
        return None;
    }
    fault.times -= 1;
    Some(fault.act.clone())
}

async fn pass_on(mut client: TcpStream, to: &str, state: &Mutex<State>) -> std::io::Result<()> {
    let mut seen = Vec::new();
    let head_end = loop {
        if let Some(at) = seen.windows(4).position(|it| it == b"\r\n\r\n") {
            break at + 4;
        }
        if client.read_buf(&mut seen).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&seen[..head_end]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().unwrap())
    });
    let end = head_end + length.unwrap_or(0);
    while seen.len() < end {
        if client.read_buf(&mut seen).await? == 0 {
            return Ok(());
        }
    }
    let act = met(state, head.lines().next().unwrap());
    match &act {
        Some(Act::LoseRequest) => return Ok(()),
        Some(Act::Answer(status, body)) => {
            let answer = format!(
                "HTTP/1.1 {status} So\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            return client.write_all(answer.as_bytes()).await;
        }
        Some(Act::Hold(permits)) => permits.acquire().await.unwrap().forget(),
        Some(Act::Report(heard, Moment::Before)) => {
            heard.add_permits(1);
            return gone(client).await;
        }
        Some(Act::Corrupt) => *seen.last_mut().unwrap() ^= 1,
        Some(Act::Slow(_) | Act::LoseAnswer | Act::CutAnswer | Act::Report(_, Moment::After))
        | None => {}
    }
    let mut store = TcpStream::connect(to).await?;
    // One request a connection, so that each can be judged by itself.
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    store.write_all(head.as_bytes()).await?;
    match act {
        Some(Act::Slow(bytes)) => {
            for piece in seen[head_end..end].chunks(bytes) {
                store.write_all(piece).await?;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        _ => store.write_all(&seen[head_end..end]).await?,
    }
    match act {
        Some(Act::LoseAnswer) => store.read_to_end(&mut Vec::new()).await.map(drop),
        Some(Act::CutAnswer) => {
            let mut answer = Vec::new();
            store.read_to_end(&mut answer).await?;
            answer.pop();
            client.write_all(&answer).await
        }
        Some(Act::Report(heard, _)) => {
            store.read_to_end(&mut Vec::new()).await?;
            heard.add_permits(1);
            gone(client).await
        }
        _ => tokio::io::copy(&mut store, &mut client).await.map(drop),
    }
}

/// Waits until whoever asked has gone.
async fn gone(mut client: TcpStream) -> std::io::Result<()> {
    client.read_to_end(&mut Vec::new()).await.map(drop)
}
