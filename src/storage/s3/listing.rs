//! What lies in the bucket, a page at a time and in the order of the keys.

use std::sync::Arc;

use entity::Timestamp;
use futures_util::{Stream, TryStreamExt, stream};
use rusty_s3::Method;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    client::{Asked, Client},
    failure::Failure,
    retries::retry,
    xml::Element,
};
use crate::{clock, error::Result, storage::ContentKey};

/// Below this, behind the prefix, are the contents and nothing else.
pub(super) const CONTENT: &str = "content/";

/// An object that is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub key: ContentKey,
    pub bytes: u64,
    pub written_at: Option<Timestamp>,
}

/// What RFC 3339 says, where it does.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let date = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(clock::from_date(date))
}

/// All contents, in the order of their keys. What has another name is not ours to judge.
pub(super) fn contents(client: &Arc<Client>) -> impl Stream<Item = Result<Listed>> + use<> {
    let pages = stream::try_unfold(
        (Arc::clone(client), Some(String::new())),
        async |(client, after)| {
            let Some(after) = after else { return Ok(None) };
            let (page, next) = client.list(CONTENT, &after, 1000).await?;
            Ok::<_, crate::error::Error>(Some((page, (client, next))))
        },
    );
    let listed = |object: Object| {
        let (_, key) = object.name.rsplit_once('/')?;
        let key = ContentKey::parse(key)?;
        (key.object_name() == object.name).then_some(Listed {
            key,
            bytes: object.bytes,
            written_at: object.written_at,
        })
    };
    pages
        .map_ok(move |page| stream::iter(page.into_iter().filter_map(listed).map(Ok)))
        .try_flatten()
}

/// An object of any name.
#[derive(Debug)]
pub(super) struct Object {
    /// Behind the prefix.
    pub name: String,
    pub bytes: u64,
    pub written_at: Option<Timestamp>,
}

impl Client {
    /// Up to `limit` objects whose names begin with `below`, and where to go on where there are more.
    pub(super) async fn list(
        &self,
        below: &str,
        after: &str,
        limit: u32,
    ) -> Result<(Vec<Object>, Option<String>), Failure> {
        let (prefix, limit) = (format!("{}{below}", self.prefix()), limit.to_string());
        let mut query = vec![
            ("continuation-token", after),
            ("list-type", "2"),
            ("max-keys", &limit),
            ("prefix", &prefix),
        ];
        query.retain(|(_, value)| !value.is_empty());
        let list = || async {
            self.ask(Asked {
                method: Method::Get,
                query: &query,
                ..Asked::default()
            })
            .await
        };
        let root = Element::parse(retry(list).await?.body())?;
        if root.name != "ListBucketResult" {
            let name = &root.name;
            return Err(Failure::Malformed(format!("a list is called {name}")));
        }
        let objects = root.all("Contents").filter_map(|object| {
            let name = object.text_of("Key")?.strip_prefix(self.prefix())?;
            Some(Object {
                name: name.to_owned(),
                bytes: object.text_of("Size")?.parse().ok()?,
                written_at: object.text_of("LastModified").and_then(moment),
            })
        });
        let next = root
            .text_of("NextContinuationToken")
            .filter(|next| !next.is_empty());
        let next = match root.text_of("IsTruncated") {
            Some("true") => Some(next.ok_or_else(|| {
                Failure::Malformed("a list is cut off and does not say where".to_owned())
            })?),
            _ => None,
        };
        Ok((objects.collect(), next.map(str::to_owned)))
    }
}
