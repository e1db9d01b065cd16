//! A bare connection, for what no client would send.

use std::{io, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// A slow client sends this much, and then nothing for this long.
const PIECE_BYTES: usize = 1024;
const PAUSE: Duration = Duration::from_millis(5);

pub struct Wire {
    pub write: OwnedWriteHalf,
    pub read: OwnedReadHalf,
}

/// What came back: the status, 0 when there was no answer, and all that followed the head.
#[derive(Debug)]
pub struct WireAnswer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl WireAnswer {
    /// The `code`, of a GraphQL answer or of a problem; empty when there is none.
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let code = body
            .pointer("/errors/0/extensions/code")
            .or(body.get("code"));
        code.and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

impl Wire {
    /// A connection to the server at `base`.
    pub async fn connect(base: &str) -> Self {
        Self::try_connect(base).await.unwrap()
    }

    /// The same, when there may be no server any more.
    pub async fn try_connect(base: &str) -> io::Result<Self> {
        let address = base.strip_prefix("http://").unwrap();
        let (read, write) = TcpStream::connect(address).await?.into_split();
        Ok(Self { write, read })
    }

    /// The same, after sending a request's head: the first line, and further lines.
    pub async fn begin(base: &str, first: &str, headers: &[&str]) -> Self {
        let mut wire = Self::connect(base).await;
        let mut head = format!(
            "{first}\r\nHost: {}\r\n",
            base.trim_start_matches("http://")
        );
        for header in headers {
            head.push_str(&format!("{header}\r\n"));
        }
        wire.send(format!("{head}\r\n").as_bytes()).await.unwrap();
        wire
    }

    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write.write_all(bytes).await
    }

    /// One answer, of the length that its head announces, or up to the connection's end.
    pub async fn answer(&mut self) -> WireAnswer {
        tokio::time::timeout(PATIENCE, read_answer(&mut self.read))
            .await
            .expect("the server does not answer")
    }

    /// One answer, while `body` is sent in small pieces, and how many of its bytes were sent before there was one.
    pub async fn answer_during(
        &mut self,
        mut body: impl Iterator<Item = u8>,
    ) -> (WireAnswer, usize) {
        let Self { write, read } = self;
        let mut answer = std::pin::pin!(read_answer(read));
        let mut sent = 0;
        for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
            if let Ok(answer) = tokio::time::timeout(PAUSE, &mut answer).await {
                return (answer, sent);
            }
            let piece: Vec<u8> = body.by_ref().take(PIECE_BYTES).collect();
            if write.write_all(&piece).await.is_ok() {
                sent += piece.len();
            }
        }
        panic!("the server does not answer, after {sent} bytes");
    }

    /// Sends no more, and reads what the server still has to say until it closes the connection.
    pub async fn end(&mut self) -> WireAnswer {
        let _ = self.write.shutdown().await;
        let answer = self.answer().await;
        assert!(self.is_closed().await, "the connection stays open");
        answer
    }

    /// Reads until the server closes the connection; false when it does not.
    pub async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        let end = tokio::time::timeout(PATIENCE, self.read.read_to_end(&mut rest)).await;
        end.is_ok()
    }
}

async fn read_answer(read: &mut OwnedReadHalf) -> WireAnswer {
    let mut bytes = Vec::new();
    let head_length = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if read.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            break bytes.len();
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_length]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    while bytes.len() < head_length + length.unwrap_or(0) {
        if read.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            break;
        }
    }
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    WireAnswer {
        status: status.unwrap_or(0),
        body: String::from_utf8_lossy(&bytes[head_length..]).into_owned(),
        head,
    }
}
