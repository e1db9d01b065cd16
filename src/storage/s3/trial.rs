//! `cloakroom check-store`: what a store does of all that content in it relies on, tried out on objects of its own.

use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use rusty_s3::Method;
use sha2::{Digest, Sha256};

use super::{
    S3,
    client::{Asked, Client},
    failure::Failure,
};
use crate::{hex, random};

/// Below this, behind the prefix, is what is tried out.
const PROBE: &str = "probe/";
/// The shortest part that is not the last one.
const PART_BYTES: usize = 5 << 20;
/// One thing that was tried out.
#[derive(Clone, Debug)]
pub struct Finding {
    pub what: &'static str,
    pub verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As S3 is documented.
    Good,
    /// Otherwise, and content is safe all the same, for this reason.
    Differs(&'static str),
    /// Content is not safe here, or does not work.
    Bad(String),
}

/// How far the clocks may be apart: stores refuse signatures that are a quarter of an hour old.
const SKEW: Duration = Duration::from_secs(300);

type Tried = Result<Verdict, Failure>;

fn bad(what: impl Into<String>) -> Tried {
    Ok(Verdict::Bad(what.into()))
}

/// What it means that a request was refused that has to be.
fn refused<T>(outcome: Result<T, Failure>, otherwise: Verdict) -> Tried {
    match outcome {
        Err(Failure::Refused { .. }) => Ok(Verdict::Good),
        Err(failure) => Err(failure),
        Ok(_) => Ok(otherwise),
    }
}

impl S3 {
    /// Tries everything out, and removes what that made.
    pub async fn trial(&self) -> Vec<Finding> {
        let trial = Trial {
            client: &self.client,
            name: format!("{PROBE}{}", hex::encode(&random::bytes::<16>())),
        };
        let mut findings = Vec::new();
        let mut found = |what, tried: Tried| {
            let verdict = tried.unwrap_or_else(|failure| Verdict::Bad(failure.to_string()));
            findings.push(Finding { what, verdict });
        };
        found("the clocks agree", trial.clocks().await);
        found("an object reads as it was written", trial.objects().await);
        found("an empty object is an object", trial.empty().await);
        found("a range is that piece of an object", trial.ranges().await);
        found("lists have what is there, in order", trial.lists().await);
        found("an object is put together of parts", trial.parts().await);
        found(
            "an upload that is ended leaves nothing",
            trial.aborts().await,
        );
        found(
            "bytes with another checksum are refused",
            trial.checksums().await,
        );
        found(
            "parts with another checksum are refused",
            trial.part_checksums().await,
        );
        found("a wrong signature is refused", trial.signatures().await);
        found(
            "a signature that has expired is refused",
            trial.expiry().await,
        );
        found(
            "an object is not replaced under `If-None-Match: *`",
            trial.conditions().await,
        );
        found(
            "what is removed is gone, and may be removed again",
            trial.deletion().await,
        );
        findings
    }
}

struct Trial<'c> {
    client: &'c Client,
    name: String,
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

impl Trial<'_> {
    async fn put(&self, name: &str, bytes: &'static [u8]) -> Result<(), Failure> {
        let pieces = [Bytes::from_static(bytes)];
        self.client.put(name, &pieces, &sha256(bytes)).await
    }

    async fn clocks(&self) -> Tried {
        match self.client.clock_apart().await? {
            None => Ok(Verdict::Differs("the store does not tell the time")),
            Some(apart) if apart > SKEW => bad(format!("they are {} s apart", apart.as_secs())),
            Some(_) => Ok(Verdict::Good),
        }
    }

    async fn objects(&self) -> Tried {
        self.put(&self.name, b"left at the door").await?;
        let read = self.client.read(&self.name).await?;
        let look = self.client.look(&self.name).await?;
        match (read.as_deref(), look.map(|look| look.bytes)) {
            (Some(b"left at the door"), Some(16)) => Ok(Verdict::Good),
            _ => bad("it reads differently"),
        }
    }

    async fn empty(&self) -> Tried {
        let name = format!("{}-empty", self.name);
        self.put(&name, b"").await?;
        let look = self.client.look(&name).await?;
        self.client.delete(&name).await?;
        match look.map(|look| look.bytes) {
            Some(0) => Ok(Verdict::Good),
            _ => bad("it is not there, or not empty"),
        }
    }

    async fn ranges(&self) -> Tried {
        let mut body = self.client.open_range(&self.name, 5, 6).await?;
        let mut piece = Vec::new();
        while let Some(more) = super::client::next_piece(&mut body).await? {
            piece.extend_from_slice(&more);
        }
        match &*piece {
            b"at" => Ok(Verdict::Good),
            _ => bad("other bytes come"),
        }
    }

    async fn lists(&self) -> Tried {
        let names = ["a", "b", "c"].map(|end| format!("{}-{end}", self.name));
        for name in &names {
            self.put(name, b"listed").await?;
        }
        let mut found = Vec::new();
        let mut after = Some(String::new());
        while let Some(place) = after {
            // So that the list has to go on.
            let (objects, next) = self
                .client
                .list(&format!("{}-", self.name), &place, 2)
                .await?;
            found.extend(objects.into_iter().map(|object| object.name));
            after = next;
        }
        for name in &names {
            self.client.delete(name).await?;
        }
        match found == names {
            true => Ok(Verdict::Good),
            false => bad(format!("{found:?} are in it")),
        }
    }

    async fn parts(&self) -> Tried {
        let name = format!("{}-parts", self.name);
        let id = self.client.begin_parts(&name).await?;
        let pieces = [Bytes::from(vec![1; PART_BYTES]), Bytes::from_static(b"end")];
        let mut parts = Vec::new();
        // Numbers may be left out: one is, where a request was broken off.
        for (number, piece) in [1, 3].into_iter().zip(pieces) {
            let checksum = sha256(&piece);
            let part = (number, &[piece][..]);
            parts.push(self.client.put_part(&name, &id, part, checksum).await?);
        }
        let (begun, _) = self.client.begun_parts(PROBE, &Default::default()).await?;
        let is_listed = begun.iter().any(|begun| begun.id == id);
        self.client.complete(&name, &id, &parts).await?;
        // Some say that they do not know the upload any more: the object decides.
        let again = self.client.complete(&name, &id, &parts).await;
        let mut body = self
            .client
            .open_range(&name, PART_BYTES as u64, PART_BYTES as u64 + 2)
            .await?;
        let end = super::client::next_piece(&mut body).await?;
        self.client.delete(&name).await?;
        match (again, end.as_deref(), is_listed) {
            (Err(failure), ..) => bad(format!("completed twice: {failure}")),
            (_, Some(b"end"), true) => Ok(Verdict::Good),
            (_, Some(b"end"), false) => Ok(Verdict::Differs(
                "uploads are not listed: what nobody noted needs a lifecycle rule of the store's",
            )),
            _ => bad("its bytes are others"),
        }
    }

    async fn aborts(&self) -> Tried {
        let name = format!("{}-aborted", self.name);
        let id = self.client.begin_parts(&name).await?;
        let piece = Bytes::from_static(b"part");
        let part = (1, &[piece][..]);
        self.client
            .put_part(&name, &id, part, sha256(b"part"))
            .await?;
        self.client.abort(&name, &id).await?;
        self.client.abort(&name, &id).await?;
        match self.client.look(&name).await? {
            None => Ok(Verdict::Good),
            Some(_) => bad("an object is there"),
        }
    }

    async fn checksums(&self) -> Tried {
        let name = format!("{}-checksum", self.name);
        let pieces = [Bytes::from_static(b"bytes")];
        let put = self.client.put(&name, &pieces, &sha256(b"others")).await;
        self.client.delete(&name).await?;
        let otherwise = "bytes are guarded on their way to the store by TLS alone";
        refused(put, Verdict::Differs(otherwise))
    }

    async fn part_checksums(&self) -> Tried {
        let name = format!("{}-checksum", self.name);
        let id = self.client.begin_parts(&name).await?;
        let part = (1, &[Bytes::from_static(b"bytes")][..]);
        let put = self
            .client
            .put_part(&name, &id, part, sha256(b"others"))
            .await;
        self.client.abort(&name, &id).await?;
        let otherwise = "bytes are guarded on their way to the store by TLS alone";
        refused(put, Verdict::Differs(otherwise))
    }

    async fn signatures(&self) -> Tried {
        let stranger = self.client.with_another_secret();
        let read = stranger.read(&self.name).await;
        let otherwise = Verdict::Bad("whoever reaches the store reads everything".to_owned());
        refused(read, otherwise)
    }

    async fn expiry(&self) -> Tried {
        let asked = Asked {
            name: Some(&self.name),
            ..Asked::default()
        };
        let an_hour_ago = Timestamp::now() - SignedDuration::from_hours(1);
        let read = self.client.ask_as_of(asked, an_hour_ago).await;
        let otherwise =
            Verdict::Bad("a signature that nginx got opens its object for ever".to_owned());
        refused(read, otherwise)
    }

    async fn conditions(&self) -> Tried {
        let asked = Asked {
            method: Method::Put,
            name: Some(&self.name),
            headers: &[("if-none-match", "*")],
            body: vec![Bytes::from_static(b"another")],
            ..Asked::default()
        };
        let put = self.client.ask(asked).await;
        let otherwise =
            "two installations that take the same prefix in the same second may not notice at once";
        refused(put, Verdict::Differs(otherwise))
    }

    async fn deletion(&self) -> Tried {
        self.client.delete(&self.name).await?;
        self.client.delete(&self.name).await?;
        match self.client.look(&self.name).await? {
            None => Ok(Verdict::Good),
            Some(_) => bad("it is still there"),
        }
    }
}
