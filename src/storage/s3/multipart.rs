//! Objects that are put together of parts.

use bytes::Bytes;
use http::header;
use rusty_s3::Method;

use super::{
    client::{Asked, COMPLETES_WITHIN, Client},
    failure::Failure,
    objects::base64,
    retries::{pause, retry},
    xml::{Element, escape},
};

/// Tries to complete in all.
const COMPLETE_TRIES: u32 = 3;

/// A part that the store has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub number: u32,
    /// The store's own name for its bytes.
    pub etag: String,
    pub sha256: [u8; 32],
    pub bytes: u64,
}

/// An upload in parts that the store has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Begun {
    /// Behind the prefix.
    pub name: String,
    pub id: String,
    /// As RFC 3339 has it, where the store says so.
    pub at: String,
}

impl Client {
    /// Begins an upload and returns its id. Where an answer is lost, an upload stays that nobody knows of.
    pub async fn begin_parts(&self, name: &str) -> Result<String, Failure> {
        let begin = || async {
            self.ask(Asked {
                method: Method::Post,
                name: Some(name),
                query: &[("uploads", "")],
                headers: &[("x-amz-checksum-algorithm", "SHA256")],
                ..Asked::default()
            })
            .await
        };
        let answer = retry(begin).await?;
        let root = Element::parse(answer.body())?;
        let id = root.text_of("UploadId").filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| Failure::Malformed("an upload has no id".to_owned()))?;
        Ok(id.to_owned())
    }

    /// Sends a part: the same bytes under the same number, so it may be tried again.
    pub async fn put_part(
        &self,
        name: &str,
        id: &str,
        (number, pieces): (u32, &[Bytes]),
        sha256: [u8; 32],
    ) -> Result<Part, Failure> {
        let (digits, checksum) = (number.to_string(), base64(&sha256));
        let (query, headers) = (
            [("partNumber", &*digits), ("uploadId", id)],
            [("x-amz-checksum-sha256", &*checksum)],
        );
        let put = || async {
            self.ask(Asked {
                method: Method::Put,
                name: Some(name),
                query: &query,
                headers: &headers,
                body: pieces.to_vec(),
                ..Asked::default()
            })
            .await
        };
        let answer = match retry(put).await {
            // A store that has no such upload may say so and end the connection before it has read the part. Then its answer
            // is lost.
            Err(Failure::Unreachable(why)) => match self.look_at_parts(name, id).await {
                Err(failure) if failure.is_of_no_upload() => return Err(failure),
                _ => return Err(Failure::Unreachable(why)),
            },
            answer => answer?,
        };
        let etag = answer.headers().get(header::ETAG);
        let etag = etag.and_then(|etag| etag.to_str().ok());
        let etag = etag.ok_or_else(|| Failure::Malformed("a part has no ETag".to_owned()))?;
        Ok(Part {
            number,
            etag: etag.to_owned(),
            sha256,
            bytes: pieces.iter().map(Bytes::len).sum::<usize>() as u64,
        })
    }

    /// Fails as any request does, and with a refusal of its own where the store has no such upload.
    async fn look_at_parts(&self, name: &str, id: &str) -> Result<(), Failure> {
        let query = [("uploadId", id)];
        let look = self.ask(Asked {
            name: Some(name),
            query: &query,
            ..Asked::default()
        });
        look.await.map(drop)
    }

    /// Puts the object together. It is not done again before the object was looked for: an answer may be lost, and a store
    /// may say that it does not know an upload that it has just completed.
    pub async fn complete(&self, name: &str, id: &str, parts: &[Part]) -> Result<(), Failure> {
        let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
        let mut tries = 1;
        loop {
            let failure = match self.complete_once(name, id, parts).await {
                // The store's word is not enough: what it put together has to be as long as what came.
                Ok(()) => Failure::Malformed("a completed object is not there".to_owned()),
                Err(failure) => failure,
            };
            match self.look(name).await? {
                Some(look) if look.bytes == bytes => return Ok(()),
                Some(look) => {
                    let found = look.bytes;
                    return Err(Failure::Malformed(format!(
                        "an object has {found} bytes, and its parts had {bytes}"
                    )));
                }
                // One that the store has just completed, it may show a moment later.
                None if (failure.is_transient() || failure.is_of_no_upload())
                    && tries < COMPLETE_TRIES =>
                {
                    tracing::debug!(%failure, tries, "an upload in parts is completed again");
                    pause(tries).await;
                    tries += 1;
                }
                None => return Err(failure),
            }
        }
    }

    async fn complete_once(&self, name: &str, id: &str, parts: &[Part]) -> Result<(), Failure> {
        let query = [("uploadId", id)];
        let complete = self.ask(Asked {
            method: Method::Post,
            name: Some(name),
            query: &query,
            body: vec![list(parts)],
            answers_within: COMPLETES_WITHIN,
            ..Asked::default()
        });
        let answer = complete.await?;
        // The status says that it has begun; the body says how it ended.
        let root = Element::parse(answer.body())?;
        match &*root.name {
            "Error" => Err(Failure::of_answer(answer.status(), answer.body())),
            _ => Ok(()),
        }
    }

    /// Ends an upload and removes its parts, those too that arrive while it is being ended. No matter if there is none.
    pub async fn abort(&self, name: &str, id: &str) -> Result<(), Failure> {
        let query = [("uploadId", id)];
        let ask = |method| {
            let query = &query;
            move || async move {
                self.ask(Asked {
                    method,
                    name: Some(name),
                    query,
                    ..Asked::default()
                })
                .await
            }
        };
        for _ in 0..3 {
            match retry(ask(Method::Delete)).await {
                Err(failure) if failure.is_missing() => return Ok(()),
                aborted => drop(aborted?),
            }
            match retry(ask(Method::Get)).await {
                Err(failure) if failure.is_missing() => return Ok(()),
                parts => {
                    if Element::parse(parts?.body())?.all("Part").next().is_none() {
                        return Ok(());
                    }
                }
            }
        }
        Err(Failure::Malformed(
            "an aborted upload keeps its parts".to_owned(),
        ))
    }

    /// The uploads in parts below `below`, up to a thousand of them, and where to go on when there are more.
    pub async fn begun_parts(
        &self,
        below: &str,
        after: &(String, String),
    ) -> Result<(Vec<Begun>, Option<(String, String)>), Failure> {
        let prefix = format!("{}{below}", self.prefix());
        let mut query = vec![("key-marker", &*after.0), ("prefix", &*prefix)];
        query.extend([("upload-id-marker", &*after.1), ("uploads", "")]);
        query.retain(|(name, value)| !value.is_empty() || *name == "uploads");
        let list = || async {
            self.ask(Asked {
                query: &query,
                ..Asked::default()
            })
            .await
        };
        let root = Element::parse(retry(list).await?.body())?;
        let begun = root.all("Upload").filter_map(|upload| {
            let key = upload.text_of("Key")?;
            Some(Begun {
                name: key.strip_prefix(self.prefix())?.to_owned(),
                id: upload.text_of("UploadId")?.to_owned(),
                at: upload.text_of("Initiated").unwrap_or_default().to_owned(),
            })
        });
        let text = |name| root.text_of(name).unwrap_or_default().to_owned();
        let next = (text("IsTruncated") == "true")
            .then(|| (text("NextKeyMarker"), text("NextUploadIdMarker")))
            .filter(|next| next != after && !next.0.is_empty());
        Ok((begun.collect(), next))
    }
}

/// The parts as they are to be put together. Gaps in their numbers do not matter; their order does.
fn list(parts: &[Part]) -> Bytes {
    let mut list =
        String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for part in parts {
        let (etag, number) = (escape(&part.etag), part.number);
        let sha256 = base64(&part.sha256);
        list.push_str(&format!(
            "<Part><ChecksumSHA256>{sha256}</ChecksumSHA256><ETag>{etag}</ETag><PartNumber>{number}</PartNumber></Part>"
        ));
    }
    list.push_str("</CompleteMultipartUpload>");
    list.into()
}
