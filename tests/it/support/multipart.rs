//! Multipart bodies written by hand, right and wrong ones, and uploads that a test sends piece by piece.

use bytes::Bytes;
use futures_util::stream;
use reqwest::{Body, header};
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Answer, Person};

pub const CONTENT_TYPE: &str = "multipart/form-data; boundary=frontier";
pub const UPLOAD_FILE: &str =
    "mutation($file: Upload!) { uploadFile(file: $file) { id name size contentType sha256 } }";

/// A body, part by part.
#[derive(Clone, Default)]
pub struct Parts(Vec<u8>);

impl Parts {
    pub fn new() -> Self {
        Self::default()
    }

    /// The beginning of a request that uploads one file, `0`, which is yet to come.
    pub fn upload_file() -> Self {
        let operations = json!({ "query": UPLOAD_FILE, "variables": { "file": null } });
        Self::new()
            .text("operations", &operations.to_string())
            .text("map", r#"{"0":["variables.file"]}"#)
    }

    /// A part with these header lines.
    pub fn part(mut self, headers: &str, body: &[u8]) -> Self {
        self.0
            .extend(format!("--frontier\r\n{headers}\r\n\r\n").bytes());
        self.0.extend(body);
        self.0.extend(b"\r\n");
        self
    }

    pub fn text(self, name: &str, body: &str) -> Self {
        self.part(
            &format!("Content-Disposition: form-data; name=\"{name}\""),
            body.as_bytes(),
        )
    }

    pub fn file(self, name: &str, body: &[u8]) -> Self {
        let disposition =
            format!("Content-Disposition: form-data; name=\"{name}\"; filename=\"a.txt\"");
        self.part(&disposition, body)
    }

    /// The bytes, with the last boundary.
    pub fn end(mut self) -> Vec<u8> {
        self.0.extend(b"--frontier--\r\n");
        self.0
    }

    /// The bytes so far.
    pub fn so_far(self) -> Vec<u8> {
        self.0
    }
}

/// The bytes before and after those of a file in a request that uploads it.
pub fn envelope() -> (Vec<u8>, Vec<u8>) {
    let whole = Parts::upload_file().file("0", b"").end();
    let (before, after) = whole.split_at(whole.len() - b"\r\n--frontier--\r\n".len());
    (before.to_vec(), after.to_vec())
}

impl Person {
    /// Sends `body` under `content_type`.
    pub async fn post_body(&self, content_type: &str, body: impl Into<Body>) -> Answer {
        let request = self.post().header(header::CONTENT_TYPE, content_type);
        Answer::of(request.body(body).send().await.unwrap()).await
    }

    /// Sends a body made of `before`, `mebibytes` of zeros, and `after`, one piece at a time.
    pub async fn post_zeros(
        &self,
        (before, after): (Vec<u8>, Vec<u8>),
        mebibytes: usize,
    ) -> Answer {
        let zeros = Bytes::from(vec![0; 1 << 20]);
        let pieces = [before.into()]
            .into_iter()
            .chain(std::iter::repeat_n(zeros, mebibytes))
            .chain([after.into()]);
        let body = Body::wrap_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)));
        self.post_body(CONTENT_TYPE, body).await
    }

    /// Uploads files by `query`, each to one path of its `variables`.
    pub async fn upload_all(
        &self,
        query: &str,
        variables: Value,
        files: &[(&str, &str, &[u8])],
    ) -> Answer {
        let map: serde_json::Map<_, _> = files
            .iter()
            .map(|(path, name, _)| (format!("part {name}"), json!([path])))
            .collect();
        let operations = json!({ "query": query, "variables": variables });
        let mut parts = Parts::new()
            .text("operations", &operations.to_string())
            .text("map", &Value::from(map).to_string());
        for (_, name, bytes) in files {
            let disposition = format!(
                "Content-Disposition: form-data; name=\"part {name}\"; filename=\"{name}\""
            );
            parts = parts.part(&disposition, bytes);
        }
        self.post_body(CONTENT_TYPE, parts.end()).await
    }

    /// Begins to upload one file without saying how long it is.
    pub async fn slow_upload(&self) -> SlowUpload {
        self.slow_body(envelope().0).await
    }

    /// Begins to upload `names` together: all but the last have come.
    pub async fn slow_uploads(&self, names: &[&str]) -> SlowUpload {
        let query = "mutation($files: [Upload!]!) { uploadFiles(files: $files) { id name } }";
        let files = vec![Value::Null; names.len()];
        let operations = json!({ "query": query, "variables": { "files": files } });
        let map = names.iter().enumerate();
        let map =
            map.map(|(at, name)| ((*name).to_owned(), json!([format!("variables.files.{at}")])));
        let map = Value::Object(map.collect());
        let parts = Parts::new()
            .text("operations", &operations.to_string())
            .text("map", &map.to_string());
        let parts = names
            .iter()
            .fold(parts, |parts, name| parts.file(name, b""));
        let mut body = parts.so_far();
        body.truncate(body.len() - b"\r\n".len());
        self.slow_body(body).await
    }

    /// Begins to send a body.
    pub async fn slow_body(&self, beginning: Vec<u8>) -> SlowUpload {
        let (chunks, chunk) = mpsc::channel(1);
        let body = stream::unfold(chunk, async |mut chunk: mpsc::Receiver<Bytes>| {
            let next = chunk.recv().await?;
            Some((Ok::<_, std::io::Error>(next), chunk))
        });
        let request = self
            .post()
            .header(header::CONTENT_TYPE, CONTENT_TYPE)
            .body(Body::wrap_stream(body));
        let upload = SlowUpload {
            chunks,
            answer: tokio::spawn(async { Answer::of(request.send().await.unwrap()).await }),
        };
        assert!(upload.send(beginning).await);
        upload
    }
}

/// An upload under way, whose bytes the test sends.
pub struct SlowUpload {
    chunks: mpsc::Sender<Bytes>,
    answer: JoinHandle<Answer>,
}

impl SlowUpload {
    /// Sends some bytes; false when the server has answered already.
    pub async fn send(&self, bytes: impl Into<Bytes>) -> bool {
        self.chunks.send(bytes.into()).await.is_ok()
    }

    /// Whether the server has answered.
    pub fn is_answered(&self) -> bool {
        self.answer.is_finished()
    }

    /// Ends the file and the request.
    pub async fn finish(self) -> Answer {
        self.send(envelope().1).await;
        self.answer().await
    }

    /// The answer, when the request has ended or will not be read to its end.
    pub async fn answer(self) -> Answer {
        drop(self.chunks);
        self.answer.await.unwrap()
    }

    /// Breaks the connection.
    pub async fn hang_up(self) {
        self.answer.abort();
        let _ = self.answer.await;
    }
}
