//! The tus protocol, as a client speaks it.

use std::io;

use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::stream;
use reqwest::{Body, Method, RequestBuilder, Response, header::HeaderMap};
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Answer, Person, TestApp, Wire};

pub const PART: &str = "application/offset+octet-stream";

/// What came back.
#[derive(Debug)]
pub struct TusAnswer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl TusAnswer {
    pub async fn of(response: Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    /// A header as text; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The `code` of a problem; empty when it is none.
    pub fn code(&self) -> String {
        let problem: Value = serde_json::from_str(&self.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    /// The offset that it tells.
    #[track_caller]
    pub fn offset(&self) -> usize {
        let offset = self.header("upload-offset").parse();
        offset.unwrap_or_else(|_| panic!("no offset: {self:#?}"))
    }
}

/// The pairs as `Upload-Metadata` has them.
pub fn metadata(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(key, value)| format!("{key} {}", BASE64_STANDARD.encode(value)));
    pairs.collect::<Vec<_>>().join(",")
}

impl Person {
    /// A request of the protocol, to be sent.
    pub fn tus(&self, method: Method, url: &str) -> RequestBuilder {
        self.request(method, url).header("tus-resumable", "1.0.0")
    }

    /// The answer to a request that begins an upload, with these headers besides.
    pub async fn tus_create_with(&self, headers: &[(&str, &str)]) -> TusAnswer {
        let url = format!("{}/uploads", self.base);
        let request = headers
            .iter()
            .fold(self.tus(Method::POST, &url), |request, (name, value)| {
                request.header(*name, *value)
            });
        TusAnswer::of(request.send().await.unwrap()).await
    }

    /// The URL of a new upload of so many bytes, at this person's base.
    pub async fn tus_create(&self, name: &str, length: usize) -> String {
        let length = length.to_string();
        let metadata = metadata(&[("filename", name)]);
        let headers = [("upload-length", &*length), ("upload-metadata", &metadata)];
        let created = self.tus_create_with(&headers).await.expect(201);
        self.at_base(created.header("location"))
    }

    /// The same upload at this person's base.
    pub fn at_base(&self, url: &str) -> String {
        let (_, id) = url.split_once("/uploads/").unwrap();
        format!("{}/uploads/{id}", self.base)
    }

    /// The answer to beginning an upload by GraphQL.
    pub async fn create_upload(&self, name: &str, size: Option<u64>) -> Answer {
        let query = "mutation($n: String!, $s: Int64) { createUpload(name: $n, size: $s) {
            id url name size offset createdAt expiresAt file { id } } }";
        let variables = json!({ "n": name, "s": size });
        self.ask_with(query, variables).await
    }

    pub async fn tus_head(&self, url: &str) -> TusAnswer {
        let request = self.tus(Method::HEAD, url);
        TusAnswer::of(request.send().await.unwrap()).await
    }

    pub async fn tus_delete(&self, url: &str) -> TusAnswer {
        let request = self.tus(Method::DELETE, url);
        TusAnswer::of(request.send().await.unwrap()).await
    }

    /// A request that adds bytes at an offset, to be given a body.
    pub fn tus_part(&self, url: &str, offset: usize) -> RequestBuilder {
        self.tus(Method::PATCH, url)
            .header("content-type", PART)
            .header("upload-offset", offset)
    }

    pub async fn tus_patch(&self, url: &str, offset: usize, bytes: &[u8]) -> TusAnswer {
        let request = self.tus_part(url, offset).body(bytes.to_vec());
        TusAnswer::of(request.send().await.unwrap()).await
    }

    /// The id of the file that comes of an upload in parts of so many bytes.
    pub async fn tus_upload(&self, name: &str, bytes: &[u8], part: usize) -> String {
        let url = self.tus_create(name, bytes.len()).await;
        let mut offset = 0;
        loop {
            let end = bytes.len().min(offset + part);
            let answer = self.tus_patch(&url, offset, &bytes[offset..end]).await;
            offset = answer.expect(204).offset();
            assert_eq!(offset, end);
            if end == bytes.len() {
                let done = self.tus_head(&url).await.expect(200);
                return done.header("cloakroom-file").to_owned();
            }
        }
    }
}

/// A part whose bytes are sent as the test likes.
pub struct SlowPart {
    bytes: mpsc::Sender<Result<Vec<u8>, io::Error>>,
    answer: JoinHandle<reqwest::Result<Response>>,
}

impl SlowPart {
    /// Sends more bytes; false when the server takes no more.
    pub async fn send(&self, bytes: &[u8]) -> bool {
        for piece in bytes.chunks(1 << 16) {
            if self.bytes.send(Ok(piece.to_vec())).await.is_err() {
                return false;
            }
        }
        true
    }

    /// The answer, when no more comes.
    pub async fn finish(self) -> TusAnswer {
        drop(self.bytes);
        TusAnswer::of(self.answer.await.unwrap().unwrap()).await
    }

    /// The answer to what has come so far, while the client would send more.
    pub async fn answer(self) -> TusAnswer {
        TusAnswer::of(self.answer.await.unwrap().unwrap()).await
    }

    /// Breaks the connection off.
    pub async fn hang_up(self) {
        let broken = io::Error::other("the client breaks off");
        let _ = self.bytes.send(Err(broken)).await;
        let _ = self.answer.await;
    }
}

impl Person {
    /// Begins to send a part of so many bytes.
    pub async fn tus_slow_part(&self, url: &str, offset: usize, bytes: usize) -> SlowPart {
        self.tus_slow_request(self.tus_part(url, offset), bytes)
    }

    /// Begins to send a request whose body has so many bytes.
    pub fn tus_slow_request(&self, request: RequestBuilder, bytes: usize) -> SlowPart {
        self.tus_slow_chunks(request.header("content-length", bytes))
    }

    /// Begins to send a request whose body does not say how long it is, unless a header does.
    pub fn tus_slow_chunks(&self, request: RequestBuilder) -> SlowPart {
        let (sender, receiver) = mpsc::channel(1);
        let body = stream::unfold(receiver, async |mut receiver| {
            let piece = receiver.recv().await?;
            Some((piece, receiver))
        });
        SlowPart {
            bytes: sender,
            answer: tokio::spawn(request.body(Body::wrap_stream(body)).send()),
        }
    }

    /// How many bytes of an upload are acknowledged, asked without disturbing it.
    pub async fn upload_offset(&self, url: &str) -> u64 {
        let (_, id) = url.split_once("/uploads/").unwrap();
        let query = "query($u: ID!) { upload(id: $u) { offset } }";
        let answer = self.ask_with(query, json!({ "u": id })).await;
        answer.data("/upload/offset").as_u64().unwrap()
    }
}

/// A connection on which a client has sent a part of an announced part, and then neither reads nor writes.
pub async fn half_open(
    person: &Person,
    base: &str,
    url: &str,
    offset: usize,
    bytes: &[u8],
    more: usize,
) -> Wire {
    let (_, id) = url.split_once("/uploads/").unwrap();
    let headers = [
        format!("Cookie: {}", person.cookie()),
        format!("Content-Type: {PART}"),
        "Tus-Resumable: 1.0.0".to_owned(),
        format!("Upload-Offset: {offset}"),
        format!("Content-Length: {}", bytes.len() + more),
    ];
    let headers = headers.each_ref().map(String::as_str);
    let first = format!("PATCH /uploads/{id} HTTP/1.1");
    let mut wire = Wire::begin(base, &first, &headers).await;
    wire.send(bytes).await.unwrap();
    wire
}

/// Waits until the server has staged so many bytes.
pub async fn staged(server: &TestApp, bytes: usize) {
    server
        .eventually("the bytes are staged", async |server| {
            let staged = server.stored();
            let staged = staged
                .iter()
                .filter(|path| path.parent().is_some_and(|it| it.ends_with("staging")));
            let mut sizes = staged.filter_map(|path| path.metadata().ok());
            sizes.any(|it| it.len() >= bytes as u64)
        })
        .await;
}
