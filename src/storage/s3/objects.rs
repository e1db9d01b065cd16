//! Whole objects: put, look at, read, delete.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{StatusCode, header};
use hyper::body::Incoming;
use rusty_s3::Method;

use super::{
    client::{Asked, Client, READS_WITHIN},
    failure::Failure,
    retries::retry,
};

/// A checksum as S3's headers have it.
pub(super) fn base64(checksum: &[u8; 32]) -> String {
    BASE64_STANDARD.encode(checksum)
}

/// What an object is from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub bytes: u64,
    /// When it was written, as HTTP writes dates.
    pub modified: Option<String>,
}

impl Client {
    /// Makes an object, or replaces it by the same bytes: so it may be tried again.
    pub async fn put(
        &self,
        name: &str,
        pieces: &[Bytes],
        sha256: &[u8; 32],
    ) -> Result<(), Failure> {
        let checksum = base64(sha256);
        let headers = [("x-amz-checksum-sha256", checksum.as_str())];
        let put = || async {
            self.ask(Asked {
                method: Method::Put,
                name: Some(name),
                headers: &headers,
                body: pieces.to_vec(),
                ..Asked::default()
            })
            .await
        };
        retry(put).await.map(drop)
    }

    /// Looks at an object; `None` where there is none, or no bucket: an answer to HEAD has no body that could tell.
    pub async fn look(&self, name: &str) -> Result<Option<Look>, Failure> {
        let look = || async {
            self.ask(Asked {
                method: Method::Head,
                name: Some(name),
                answers_within: READS_WITHIN,
                ..Asked::default()
            })
            .await
        };
        let answer = match retry(look).await {
            Err(failure) if failure.is_missing() => return Ok(None),
            answer => answer?,
        };
        let text = |name| {
            let value: Option<&http::HeaderValue> = answer.headers().get(name);
            value.and_then(|value| value.to_str().ok())
        };
        let bytes = text(header::CONTENT_LENGTH).and_then(|bytes| bytes.parse().ok());
        let bytes =
            bytes.ok_or_else(|| Failure::Malformed("an object has no length".to_owned()))?;
        Ok(Some(Look {
            bytes,
            modified: text(header::LAST_MODIFIED).map(str::to_owned),
        }))
    }

    /// All of a small object; `None` where there is none.
    pub async fn read(&self, name: &str) -> Result<Option<Bytes>, Failure> {
        let read = || async {
            self.ask(Asked {
                name: Some(name),
                answers_within: READS_WITHIN,
                ..Asked::default()
            })
            .await
        };
        match retry(read).await {
            Err(failure) if failure.is_missing() => Ok(None),
            answer => Ok(Some(answer?.into_body())),
        }
    }

    /// Opens the bytes from `first` to `last` of an object, which has them.
    pub async fn open_range(&self, name: &str, first: u64, last: u64) -> Result<Incoming, Failure> {
        let open = || async {
            self.open(Asked {
                name: Some(name),
                range: Some((first, last)),
                answers_within: READS_WITHIN,
                ..Asked::default()
            })
            .await
        };
        let answer = retry(open).await?;
        match answer.status() {
            StatusCode::PARTIAL_CONTENT => Ok(answer.into_body()),
            _ => Err(Failure::Malformed(
                "a range was asked for, and all came".to_owned(),
            )),
        }
    }

    /// Removes an object; no matter if there is none.
    pub async fn delete(&self, name: &str) -> Result<(), Failure> {
        let delete = || async {
            self.ask(Asked {
                method: Method::Delete,
                name: Some(name),
                ..Asked::default()
            })
            .await
        };
        match retry(delete).await {
            Err(failure) if failure.is_missing() => Ok(()),
            deleted => deleted.map(drop),
        }
    }
}
