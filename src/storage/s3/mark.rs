//! The mark of a bucket: an object that says which installation what lies below the prefix belongs to.

use http::StatusCode;
use rusty_s3::Method;
use uuid::Uuid;

use super::{MarkKind, S3, client::Asked, failure::Failure, listing::CONTENT};
use crate::{
    error::{Error, Result},
    hex,
    operator_error::OperatorError,
    random,
};

/// What is written and removed again, to see that it can be.
const PROBE: &str = "probe/";

impl S3 {
    /// Which installation is marked; `None` where there is no such mark.
    pub async fn mark(&self, kind: MarkKind) -> Result<Option<Uuid>, OperatorError> {
        let mark = self.read_mark(kind).await;
        mark.map_err(|failure| self.told(&failure))
    }

    async fn read_mark(&self, kind: MarkKind) -> Result<Option<Uuid>, Failure> {
        let name = kind.name();
        let Some(mark) = self.client.read(name).await? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&mark);
        let mark = text.trim().parse();
        let mark = mark.map_err(|_| Failure::Malformed(format!("{name} is no mark of ours")))?;
        Ok(Some(mark))
    }

    /// Fails when the mark is not there, or is another installation's.
    pub(super) async fn look(&self) -> Result<()> {
        let name = self.mark_kind.name();
        match self
            .read_mark(self.mark_kind)
            .await
            .map_err(Failure::of_a_read)?
        {
            Some(id) if id == self.id => Ok(()),
            found => {
                let what = match found {
                    Some(_) => "is the mark of another installation",
                    None => "is missing",
                };
                let place = self.client.place();
                let what = format!("{name} {what}: {place} is not this installation's");
                Err(Error::from(Failure::Malformed(what)))
            }
        }
    }

    /// Makes the mark, where there is none. Fails where another installation has made it at the same time.
    pub async fn write_mark(&self, (kind, id): (MarkKind, Uuid)) -> Result<(), OperatorError> {
        if self.mark(kind).await?.is_none() {
            let put = self.client.ask(Asked {
                method: Method::Put,
                name: Some(kind.name()),
                // Not every store heeds it.
                headers: &[("if-none-match", "*")],
                body: vec![format!("{id}\n").into()],
                ..Asked::default()
            });
            match put.await {
                Err(Failure::Refused { status, .. })
                    if status == StatusCode::PRECONDITION_FAILED => {}
                Err(failure) => return Err(self.told(&failure)),
                Ok(_) => {}
            }
        }
        match self.mark(kind).await? {
            Some(mark) if mark == id => Ok(()),
            _ => Err(self.unusable("another installation has just taken it")),
        }
    }

    /// Takes a mark away, where there is one.
    pub async fn remove_mark(&self, kind: MarkKind) -> Result<(), OperatorError> {
        let removed = self.client.delete(kind.name()).await;
        removed.map_err(|failure| self.told(&failure))
    }

    /// Whether there is content below the prefix.
    pub async fn has_content(&self) -> Result<bool, OperatorError> {
        let listed = self.client.list(CONTENT, "", 1).await;
        let (objects, _) = listed.map_err(|failure| self.told(&failure))?;
        Ok(!objects.is_empty())
    }

    /// Fails when nothing can be written, read, listed or removed; lists all that is wrong at once.
    pub async fn try_out(&self) -> Result<(), OperatorError> {
        let name = format!("{PROBE}{}", hex::encode(&random::bytes::<16>()));
        let mut wrong = Vec::new();
        let text = "written and removed again at a start\n";
        let written = self.put_whole(&name, text.into()).await;
        let read = self.client.read(&name).await;
        let read = read.and_then(|found| match (&written, found) {
            (Ok(()), Some(found)) if found != text => Err(Failure::Malformed(
                "what was written reads differently".to_owned(),
            )),
            (Ok(()), None) => Err(Failure::Malformed(
                "what was written is not there".to_owned(),
            )),
            _ => Ok(()),
        });
        let listed = self.client.list(PROBE, "", 1).await.map(drop);
        let parts = self
            .client
            .begun_parts(PROBE, &Default::default())
            .await
            .map(drop);
        let removed = self.client.delete(&name).await;
        let begun = self.client.begin_parts(&name).await;
        let (begun, ended) = match begun {
            Ok(id) => (Ok(()), self.client.abort(&name, &id).await),
            Err(failure) => (Err(failure), Ok(())),
        };
        for (what, tried) in [
            ("write an object", written),
            ("read an object", read),
            ("list objects", listed),
            ("list uploads in parts", parts),
            ("remove an object", removed),
            ("begin an upload in parts", begun),
            ("end an upload in parts, and list its parts", ended),
        ] {
            if let Err(failure) = tried {
                wrong.push(format!("cannot {what}: {failure}"));
            }
        }
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(self.unusable(&wrong.join("; "))),
        }
    }

    /// What a failure means to whoever starts the server.
    fn told(&self, failure: &Failure) -> OperatorError {
        self.unusable(&failure.to_string())
    }

    fn unusable(&self, what: &str) -> OperatorError {
        OperatorError::new(format!(
            "cannot use {}: {what}. See whether the bucket exists, whether the keys may read, write, list and delete in \
             it, and whether CLOAKROOM_S3_ENDPOINT, CLOAKROOM_S3_REGION, CLOAKROOM_S3_BUCKET and the keys are right; the \
             clocks of this machine and of the store have to agree",
            self.client.place()
        ))
    }
}
