//! The GraphQL multipart request specification, streamed: `operations`, `map`, then the files, in that order.
//!
//! Each file goes to storage as it arrives; what is held in memory does not depend on its size. Whatever is malformed
//! ends the request, and the files that had arrived are aborted.

use std::{
    collections::{HashMap, HashSet},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::{Stream, StreamExt};
use multer::{Field, Multipart};
use serde_json::Value;

use super::{
    disposition::{self, Spelling},
    params::{self, Params},
};
use crate::{
    access::Destination,
    app::SharedApp,
    domain::{quota, uploads},
    error::{Code, Error, Result},
    graphql::ReceivedFiles,
};

/// How much may come between two parts: boundary and headers.
const HEADERS_BYTES: u64 = 16 * 1024;
/// What the transport may have read ahead when a part begins.
const READ_AHEAD: u64 = 512 * 1024;
/// Boundaries, headers, `operations` and `map` of an honest request stay below this.
const ENVELOPE_BYTES: u64 = 64 * 1024;

/// What the head of a request says of its body.
pub struct Head<'h> {
    pub content_type: &'h str,
    /// The announced length.
    pub expected: Option<u64>,
    /// Of the names of files.
    pub spelling: Spelling,
}

/// Takes in a multipart request whose files go `into` an account.
///
/// `BAD_USER_INPUT` for what the specification does not allow, `PAYLOAD_TOO_LARGE` for too many files or a large
/// `operations` or `map`, `FILE_TOO_LARGE` and `QUOTA_EXCEEDED` for the files.
pub async fn read(
    app: &SharedApp,
    into: &Destination,
    head: Head<'_>,
    body: Body,
) -> Result<(Params, ReceivedFiles)> {
    let Head {
        content_type,
        expected,
        spelling,
    } = head;
    let mut parts = Parts::new(body, content_type, app.config.graphql.max_body_bytes)?;
    let expected = expected.filter(|_| into.is_own());
    if let Some(expected) = expected {
        quota::check_ahead(app, into.payer(), expected.saturating_sub(ENVELOPE_BYTES))?;
    }
    let operations = parts.text("operations").await?;
    let mut params = params::of_json(&operations)?;
    let map = parts.text("map").await?;
    let mut variables =
        FileVariables::parse(&map, &mut params, app.config.uploads.max_files_per_request)?;
    let files = ReceivedFiles::default();
    // Bytes of the body so far: all that follows may be the next file.
    let mut seen = (operations.len() + map.len()) as u64;
    while let Some(mut field) = parts.next().await? {
        let paths = variables.take(&field)?;
        let file_name = disposition::file_name(field.headers(), spelling);
        let left = expected.map(|expected| expected.saturating_sub(seen));
        let mut upload = uploads::begin(app, into, left).await?;
        parts.lift();
        while let Some(chunk) = Parts::chunk(&mut field).await? {
            seen += chunk.len() as u64;
            upload.append(chunk).await?;
        }
        drop(field);
        let mut complete = upload.complete().await?;
        if !variables.are_all_taken() {
            complete.settle().await?;
        }
        let file = files.add(complete, file_name);
        for path in paths {
            if let Some(variable) = variable_at(&mut params, &path) {
                *variable = file.clone();
            }
        }
    }
    variables.check_complete()?;
    Ok((params, files))
}

/// The parts of a request, one after the other.
pub struct Parts {
    multipart: Multipart<'static>,
    allowance: Allowance,
    text_limit: usize,
}

impl Parts {
    /// Those of `body`. Text in it has `text_limit` bytes at most.
    pub fn new(body: Body, content_type: &str, text_limit: usize) -> Result<Self> {
        let boundary = multer::parse_boundary(content_type).map_err(malformed)?;
        let (body, allowance) = ChunkByChunk::new(body);
        Ok(Self {
            multipart: Multipart::new(body, boundary),
            allowance,
            text_limit,
        })
    }

    /// The next part's headers are here, and its bytes may be as many as they like.
    pub fn lift(&self) {
        self.allowance.lift();
    }

    /// The next bytes of a part.
    pub async fn chunk(field: &mut Field<'_>) -> Result<Option<Bytes>> {
        field.chunk().await.map_err(malformed)
    }

    pub async fn next(&mut self) -> Result<Option<Field<'static>>> {
        self.allowance.limit(HEADERS_BYTES + READ_AHEAD);
        self.multipart.next_field().await.map_err(malformed)
    }

    /// The part that has to come now, whole.
    async fn text(&mut self, name: &'static str) -> Result<Vec<u8>> {
        let field = self.next().await?;
        let field = field.filter(|field| field.name() == Some(name)).ok_or_else(|| {
            bad(format!("The part `{name}` is missing; the order is `operations`, `map`, then the files."))
        })?;
        self.whole(name, field).await
    }

    /// A part that is text.
    pub async fn whole(&self, name: &str, mut field: Field<'_>) -> Result<Vec<u8>> {
        self.allowance.lift();
        let mut text = Vec::new();
        while let Some(chunk) = Self::chunk(&mut field).await? {
            if text.len() + chunk.len() > self.text_limit {
                return Err(Error::new(
                    Code::PayloadTooLarge,
                    format!(
                        "The part `{name}` may have {} bytes at most.",
                        self.text_limit
                    ),
                ));
            }
            text.extend_from_slice(&chunk);
        }
        Ok(text)
    }
}

/// The variables that files fill: the `map` part, checked against `operations`.
struct FileVariables {
    by_part: HashMap<String, Vec<String>>,
    seen: HashSet<String>,
}

impl FileVariables {
    fn parse(map: &[u8], params: &mut Params, max_files: usize) -> Result<Self> {
        let by_part: HashMap<String, Vec<String>> = parse_unique(map)?;
        if by_part.is_empty() {
            return Err(bad(
                "`map` names no file; send a request without files as application/json.".to_owned(),
            ));
        }
        if by_part.len() > max_files {
            return Err(Error::new(
                Code::PayloadTooLarge,
                format!("One request may upload {max_files} files at most."),
            )
            .with("limit", max_files));
        }
        let mut filled = HashSet::new();
        for path in by_part.values().flatten() {
            if !filled.insert(path) {
                return Err(bad(format!("`map` fills {path:?} twice.")));
            }
            if !variable_at(params, path).is_some_and(|value| value.is_null()) {
                return Err(bad(format!(
                    "`map` names {path:?}, which is not a null variable in `operations`."
                )));
            }
        }
        if by_part.values().any(Vec::is_empty) {
            return Err(bad("`map` has a file that no variable wants.".to_owned()));
        }
        Ok(Self {
            by_part,
            seen: HashSet::new(),
        })
    }

    /// The variables that this part fills.
    fn take(&mut self, field: &Field<'_>) -> Result<Vec<String>> {
        let name = field.name().unwrap_or_default();
        if !self.seen.insert(name.to_owned()) {
            return Err(bad(format!("The part {name:?} came twice.")));
        }
        self.by_part
            .remove(name)
            .ok_or_else(|| bad(format!("The part {name:?} is not in `map`.")))
    }

    fn are_all_taken(&self) -> bool {
        self.by_part.is_empty()
    }

    fn check_complete(&self) -> Result<()> {
        match self.by_part.keys().next() {
            Some(missing) => Err(bad(format!(
                "The part {missing:?} is in `map` but did not come."
            ))),
            None => Ok(()),
        }
    }
}

/// A JSON object whose members are all different: of two with the same name, serde would silently keep the last.
fn parse_unique(json: &[u8]) -> Result<HashMap<String, Vec<String>>> {
    struct Unique;
    impl<'de> serde::de::Visitor<'de> for Unique {
        type Value = HashMap<String, Vec<String>>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object of lists of paths")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut members: A,
        ) -> Result<Self::Value, A::Error> {
            let mut map = HashMap::new();
            while let Some((name, paths)) = members.next_entry::<String, Vec<String>>()? {
                if map.insert(name, paths).is_some() {
                    return Err(serde::de::Error::custom("a part is named twice"));
                }
            }
            Ok(map)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    serde::Deserializer::deserialize_map(&mut deserializer, Unique)
        .and_then(|map| deserializer.end().map(|()| map))
        .map_err(|error| {
            bad(format!(
                "`map` is not an object of lists of paths: {error}."
            ))
        })
}

/// The value at a path such as `variables.files.0`.
fn variable_at<'p>(params: &'p mut Params, path: &str) -> Option<&'p mut Value> {
    let mut steps = path.strip_prefix("variables.")?.split('.');
    let first = params.variables.as_mut()?.get_mut(steps.next()?)?;
    steps.try_fold(first, |value, step| match value {
        Value::Object(members) => members.get_mut(step),
        Value::Array(items) => items.get_mut(index(step)?),
        _ => None,
    })
}

/// The index that `step` spells in the one way there is, so that no two paths name the same variable.
fn index(step: &str) -> Option<usize> {
    let index: usize = step.parse().ok()?;
    (index.to_string() == step).then_some(index)
}

fn bad(detail: String) -> Error {
    Error::new(Code::BadUserInput, detail)
}

fn malformed(error: multer::Error) -> Error {
    bad(format!(
        "The multipart body is malformed or broke off: {error}."
    ))
}

/// How much may still be read before the parser has to come to the next part.
#[derive(Clone)]
struct Allowance {
    taken: Arc<AtomicU64>,
    end: Arc<AtomicU64>,
}

impl Allowance {
    fn limit(&self, bytes: u64) {
        self.end
            .store(self.taken().saturating_add(bytes), Ordering::Relaxed);
    }

    fn lift(&self) {
        self.end.store(u64::MAX, Ordering::Relaxed);
    }

    fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

/// The body, one chunk at a time. The parser takes all that is ready into its buffer before it looks at it, and looks
/// for the end of a part's headers without a limit; this stream gives it one chunk for each look, and only so many.
struct ChunkByChunk {
    body: BodyDataStream,
    allowance: Allowance,
    gave: bool,
}

impl ChunkByChunk {
    fn new(body: Body) -> (Self, Allowance) {
        let allowance = Allowance {
            taken: Arc::default(),
            end: Arc::default(),
        };
        let chunks = Self {
            body: body.into_data_stream(),
            allowance: allowance.clone(),
            gave: false,
        };
        (chunks, allowance)
    }
}

impl Stream for ChunkByChunk {
    type Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.gave) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let chunk = std::task::ready!(self.body.poll_next_unpin(context));
        self.gave = true;
        Poll::Ready(chunk.map(|chunk| {
            let chunk = chunk?;
            let taken = self.allowance.taken() + chunk.len() as u64;
            self.allowance.taken.store(taken, Ordering::Relaxed);
            match taken <= self.allowance.end.load(Ordering::Relaxed) {
                true => Ok(chunk),
                false => Err("the headers of a part are too long".into()),
            }
        }))
    }
}
