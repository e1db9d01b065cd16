//! HTTP/2 requests that are taken back at once (CVE-2023-44487): whoever sends floods of them keeps nobody out.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
};

use crate::support::{
    TestApp,
    frames::{
        ACK, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, frame,
        post, receive, request,
    },
    multipart::CONTENT_TYPE,
    nginx::{Site, free_port},
};

const RESETS: usize = 20_000;
const CONNECTIONS: usize = 4;
/// Requests that are sent, and taken back, by one write: so many that nginx does not end the connection for it.
const AT_ONCE: u32 = 50;

const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// The head of a request: its headers, and whether a body is to come.
struct Head {
    flags: u8,
    block: Vec<u8>,
}

impl Head {
    /// A query, or an upload.
    fn of(is_upload: bool) -> Self {
        match is_upload {
            true => Self {
                flags: END_HEADERS,
                block: post("/graphql", CONTENT_TYPE, "crm_garbage", 1 << 30),
            },
            false => Self {
                flags: END_HEADERS | END_STREAM,
                block: request(false, "/graphql?query=%7Bme%7Bid%7D%7D"),
            },
        }
    }
}

/// Requests by streams from `first` on, each taken back at once.
fn taken_back(first: u32, head: &Head) -> Vec<u8> {
    let mut bytes = Vec::new();
    for n in 0..AT_ONCE {
        let stream = first + 2 * n;
        bytes.extend(frame(HEADERS, head.flags, stream, &head.block));
        bytes.extend(frame(RST_STREAM, 0, stream, &CANCEL));
    }
    bytes
}

async fn connect(port: u16) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // Another address than the people's.
    socket.bind("127.0.0.2:0".parse().unwrap())?;
    socket.connect(([127, 0, 0, 1], port).into()).await
}

/// Reads frames until one answers the ping, which nginx does after all that was sent before it. Fails when the connection
/// is to end.
async fn pong(connection: &mut TcpStream) -> io::Result<()> {
    loop {
        let received = receive(connection).await?;
        match (received.kind, received.flags) {
            (PING, ACK) => return Ok(()),
            (GOAWAY, _) => return Err(io::ErrorKind::ConnectionAborted.into()),
            _ => {}
        }
    }
}

/// Sends requests and takes them back, in portions that nginx accepts. Fails when the server ends the connection.
async fn flood_once(port: u16, head: &Head, sent: &AtomicUsize) -> io::Result<()> {
    let mut connection = connect(port).await?;
    let hello = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    connection.write_all(&hello).await?;
    let mut next = 1;
    while sent.load(Ordering::Relaxed) < RESETS {
        let mut bytes = taken_back(next, head);
        bytes.extend(frame(PING, 0, 0, &[0; 8]));
        connection.write_all(&bytes).await?;
        next += 2 * AT_ONCE;
        sent.fetch_add(AT_ONCE as usize, Ordering::Relaxed);
        pong(&mut connection).await?;
    }
    Ok(())
}

/// The same by ever new connections, until `sent` says that it was enough.
async fn flood(port: u16, head: Head, sent: Arc<AtomicUsize>) {
    while sent.load(Ordering::Relaxed) < RESETS {
        let _ = flood_once(port, &head, &sent).await;
    }
}

/// How many connections to the application there are, from nginx.
fn upstream_connections(server: &TestApp) -> usize {
    let socket = format!("{}.sock", server.app.config.storage.data_dir.display());
    let sockets = std::fs::read_to_string("/proc/net/unix").unwrap();
    sockets
        .lines()
        .filter(|line| line.ends_with(&socket))
        .count()
}

/// How many requests of the flood got to the application, or were on their way to it: those have taken it some time.
fn passed_on(server: &TestApp) -> usize {
    let log = server.nginx().log();
    let lines = log.lines().filter(|line| line.starts_with("127.0.0.2 "));
    lines.filter(|line| !line.contains("upstream=-/-")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_taken_back_at_once_keep_nobody_out() {
    let port = free_port();
    let site = Site {
        directives: format!("; listen 127.0.0.1:{port} http2"),
        instead: Vec::new(),
        ..Site::default()
    };
    let server = TestApp::behind_site(&site, |_| {}).await;
    let alice = server.person("alice").await;
    let (sent, began) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let floods: Vec<_> = (0..CONNECTIONS)
        .map(|n| tokio::spawn(flood(port, Head::of(n % 2 == 1), Arc::clone(&sent))))
        .collect();

    while sent.load(Ordering::Relaxed) < RESETS {
        assert_eq!(alice.me().await, "alice");
        let file = alice.upload("a.txt", b"a").await;
        assert_eq!(alice.get(&alice.ticket(&file).await).await.status, 200);
    }
    for flood in floods {
        flood.await.unwrap();
    }

    // 500 at once, and 500 a second.
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    let passed = passed_on(&server);
    assert!(
        (1..=500 * (seconds + 1) + 10).contains(&passed),
        "{passed} within {seconds} seconds"
    );
    server
        .eventually("what was taken back is given up", async |server| {
            upstream_connections(server) < 100
        })
        .await;
    assert_eq!(alice.me().await, "alice");
}
