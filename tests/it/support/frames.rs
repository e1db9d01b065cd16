//! HTTP/2 by hand (RFC 9113), without TLS: for what no client would send, or would tell.

use std::{collections::HashMap, io};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const ACK: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// The setting of how much a stream may send at first.
const INITIAL_WINDOW_SIZE: u16 = 4;
/// What it is when nothing is said, as the connection's.
const DEFAULT_WINDOW: i64 = 65_535;
/// What a frame may hold when nothing else is said.
const FRAME_BYTES: usize = 16_384;

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A frame that came.
pub struct Received {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

pub async fn receive(connection: &mut TcpStream) -> io::Result<Received> {
    let mut head = [0; 9];
    connection.read_exact(&mut head).await?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    connection.read_exact(&mut payload).await?;
    Ok(Received {
        kind: head[3],
        flags: head[4],
        stream: u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]),
        payload,
    })
}

/// The headers of a request by HPACK's static table (RFC 7541): `:method`, `:scheme http`, `:path`, `:authority`.
pub fn request(is_post: bool, path: &str) -> Vec<u8> {
    let mut block = vec![if is_post { 0x83 } else { 0x82 }, 0x86];
    field(&mut block, &[0x04], path);
    field(&mut block, &[0x01], "localhost");
    block
}

/// The headers of a POST of so many bytes to `path`.
pub fn post(path: &str, content_type: &str, token: &str, bytes: usize) -> Vec<u8> {
    let mut block = request(true, path);
    field(&mut block, &[0x0f, 0x10], content_type);
    field(&mut block, &[0x0f, 0x0d], &bytes.to_string());
    field(&mut block, &[0x0f, 0x08], &format!("Bearer {token}"));
    block
}

fn field(block: &mut Vec<u8>, name: &[u8], value: &str) {
    block.extend(name);
    block.push(u8::try_from(value.len()).ok().filter(|n| *n < 127).unwrap());
    block.extend(value.bytes());
}

/// Requests with bodies, by one connection.
pub struct Streams {
    connection: TcpStream,
    next: u32,
    initial: i64,
    /// How much each stream may still send, beyond what all may at first.
    granted: HashMap<u32, i64>,
    /// How much all of them may.
    shared: i64,
    bodies: HashMap<u32, Vec<u8>>,
    ended: Vec<u32>,
}

impl Streams {
    pub async fn connect(port: u16) -> Self {
        let mut connection = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let hello = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        connection.write_all(&hello).await.unwrap();
        Self {
            connection,
            next: 1,
            initial: DEFAULT_WINDOW,
            granted: HashMap::new(),
            shared: DEFAULT_WINDOW,
            bodies: HashMap::new(),
            ended: Vec::new(),
        }
    }

    /// Begins a POST of so many bytes to `/graphql`, by the stream that comes back.
    pub async fn post(&mut self, content_type: &str, token: &str, bytes: usize) -> u32 {
        self.post_to("/graphql", content_type, token, bytes).await
    }

    /// The same to `path`.
    pub async fn post_to(
        &mut self,
        path: &str,
        content_type: &str,
        token: &str,
        bytes: usize,
    ) -> u32 {
        let block = post(path, content_type, token, bytes);
        let stream = self.next;
        self.next += 2;
        self.write(&frame(HEADERS, END_HEADERS, stream, &block))
            .await;
        stream
    }

    /// How much `stream` may send before it has to wait.
    pub fn window(&self, stream: u32) -> i64 {
        let own = self.initial + self.granted.get(&stream).unwrap_or(&0);
        own.min(self.shared)
    }

    /// Sends a piece of a body, within its window.
    pub async fn send(&mut self, stream: u32, piece: &[u8], is_last: bool) {
        let sent = i64::try_from(piece.len()).unwrap();
        assert!(sent <= self.window(stream), "more than the window takes");
        *self.granted.entry(stream).or_default() -= sent;
        self.shared -= sent;
        let mut frames = piece.chunks(FRAME_BYTES).peekable();
        while let Some(payload) = frames.next() {
            let ends = is_last && frames.peek().is_none();
            let flags = if ends { END_STREAM } else { 0 };
            self.write(&frame(DATA, flags, stream, payload)).await;
        }
    }

    /// Reads until the server has answered all that was sent before.
    pub async fn settle(&mut self) {
        self.write(&frame(PING, 0, 0, &[7; 8])).await;
        while !self.read().await {}
    }

    /// Reads one frame; true when it answers a ping.
    pub async fn read(&mut self) -> bool {
        let Received {
            kind,
            flags,
            stream,
            payload,
        } = receive(&mut self.connection).await.unwrap();
        match kind {
            PING => return flags & ACK != 0,
            SETTINGS if flags & ACK == 0 => {
                for setting in payload.chunks(6) {
                    if u16::from_be_bytes([setting[0], setting[1]]) == INITIAL_WINDOW_SIZE {
                        self.initial =
                            i64::from(u32::from_be_bytes(setting[2..].try_into().unwrap()));
                    }
                }
                self.write(&frame(SETTINGS, ACK, 0, &[])).await;
            }
            WINDOW_UPDATE => {
                let more = i64::from(u32::from_be_bytes(payload.try_into().unwrap()));
                match stream {
                    0 => self.shared += more,
                    _ => *self.granted.entry(stream).or_default() += more,
                }
            }
            DATA => self.bodies.entry(stream).or_default().extend(payload),
            GOAWAY => panic!("the server ends the connection: {payload:?}"),
            _ => {}
        }
        let ends = matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0;
        if ends || kind == RST_STREAM {
            self.ended.push(stream);
        }
        false
    }

    /// The body of the answer to `stream`, once it is whole.
    pub async fn answer(&mut self, stream: u32) -> serde_json::Value {
        while !self.ended.contains(&stream) {
            self.read().await;
        }
        let body = self.bodies.remove(&stream).unwrap_or_default();
        serde_json::from_slice(&body).unwrap_or_default()
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.connection.write_all(bytes).await.unwrap();
    }
}
