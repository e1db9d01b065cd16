//! What a request that failed has brought beyond what is acknowledged: its room on the disk, and its quota, are given back at
//! once. Nobody knows whether the client ever comes back. In an object store the bytes may be in parts that no row names: those go
//! when the upload is finished or ends, and count until then.

use super::{append::unsigned, key, rows, turns::Claim};
use crate::{
    access::{self, Resumable},
    app::App,
    domain::quota,
    error::{Code, Result},
    log_limit::LogLimit,
};

/// What of an upload in a storage without locks a request leaves behind that took it by `epoch`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub epoch: i64,
    /// How many bytes are in parts that no row names.
    pub unnamed_bytes: u64,
}

/// Gives back what came for `upload` since it was last acknowledged, unless a newer request has come, which goes on from there.
/// `left` is there where the storage has no locks: then the newer one waits until this one has noted it.
pub(super) async fn since_acknowledged(claim: &Claim, upload: &Resumable, left: Option<Left>) {
    static LEFT: LogLimit = LogLimit::new();
    let given_back = match left {
        Some(left) => quota_of_fenced(claim.app(), upload, left).await,
        None => tokio::select! {
            biased;
            () = claim.superseded() => return,
            given_back = bytes(claim, upload) => given_back,
        },
    };
    match given_back {
        Ok(()) => {}
        // It has ended.
        Err(error) if error.code == Code::NotFound => {}
        Err(error) => {
            if let Some(left_out) = LEFT.turn() {
                tracing::warn!(%error, left_out, "what a failed part has brought is kept until the upload goes on");
            }
        }
    }
}

async fn bytes(claim: &Claim, upload: &Resumable) -> Result<()> {
    let app = claim.app();
    let Some(writer) = claim.hold_again(&key(upload)?).await? else {
        return Ok(());
    };
    // Whether these are a file is for the next request to find out.
    if writer.is_content() {
        return Ok(());
    }
    let key = &upload.content_key;
    let upload = access::upload_again(app, upload).await?;
    if upload.content_key != *key {
        return Ok(());
    }
    let (writer, _) = writer.rewind(unsigned(upload.received_bytes), 0).await?;
    let surplus = surplus(app, &upload).await?;
    if surplus > 0 {
        let payer_id = upload.destination().payer().id;
        quota::trim(app, upload.id, payer_id, surplus).await?;
    }
    drop(writer);
    Ok(())
}

/// Gives back nothing once a newer request has taken the upload, which goes by what is reserved.
async fn quota_of_fenced(app: &App, upload: &Resumable, left: Left) -> Result<()> {
    let upload = access::upload_again(app, upload).await?;
    let surplus = surplus(app, &upload).await?;
    // Read after what is reserved: another request may note both meanwhile.
    let upload = access::upload_again(app, &upload).await?;
    let unnamed = unsigned(upload.unnamed_bytes) + left.unnamed_bytes;
    let surplus = surplus.saturating_sub(unnamed);
    if surplus > 0 || left.unnamed_bytes > 0 {
        let payer_id = upload.destination().payer().id;
        let trim = || rows::trim_fenced(app, upload.id, left, (payer_id, surplus));
        match trim().await {
            // A newer request took it at this very moment.
            Err(error) if error.code == Code::NotFound => trim().await?,
            trimmed => trimmed?,
        }
    }
    Ok(())
}

/// How much is reserved beyond what the bytes of `upload` need that are its own.
async fn surplus(app: &App, upload: &Resumable) -> Result<u64> {
    let length = upload.length.filter(|_| upload.destination().is_own());
    let needed = unsigned(length.unwrap_or(upload.received_bytes));
    Ok(rows::reserved(app, upload.id).await?.saturating_sub(needed))
}
