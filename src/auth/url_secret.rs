//! What links and drops have in common: the token in a URL, and a password that counts when it is wrong.
//!
//! A token is base64url (RFC 4648 §5) without padding: the id of a record, and a tag of it by our key. So the URL can be shown
//! again, and a copy of the database opens nothing.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::{
    Auth,
    client::ClientAddress,
    password::{Hasher, Line, Verdict},
    signing::{Signer, TAG_BYTES},
    throttle,
};
use crate::{config::Secret, error::Result};

const ID_BYTES: usize = 16;

/// The token of the record `id`.
pub(super) fn write(signer: &Signer, id: Uuid) -> Secret {
    let token = [&id.as_bytes()[..], &signer.tag(id.as_bytes())].concat();
    Secret::from(BASE64_URL_SAFE_NO_PAD.encode(token))
}

/// The id of the record whose token this is. There is one spelling of a token that passes.
pub(super) fn read(signer: &Signer, token: &str) -> Option<Uuid> {
    let mut bytes = [0; ID_BYTES + TAG_BYTES];
    let decoded = BASE64_URL_SAFE_NO_PAD.decode_slice(token, &mut bytes);
    let (id, tag) = bytes.split_first_chunk::<ID_BYTES>()?;
    let is_whole = decoded.is_ok_and(|length| length == bytes.len());
    let is_ours = is_whole && signer.made_tag(id, tag.first_chunk()?);
    is_ours.then_some(Uuid::from_bytes(*id))
}

/// What a password was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Password {
    /// Or none is needed. One that is given where none is set is ignored.
    Right,
    Missing,
    Wrong,
}

/// Compares what `client` gave with the `hash` of the record called `name`.
///
/// Wrong ones count, against the record and against the address: `RATE_LIMITED` after too many.
pub(super) async fn check(
    auth: &Auth,
    hasher: &Hasher,
    client: &ClientAddress,
    name: &str,
    hash: Option<String>,
    password: Option<Secret>,
) -> Result<Password> {
    let Some(hash) = hash else {
        return Ok(Password::Right);
    };
    // No record has an empty one.
    let Some(password) = password.filter(|password| !password.expose().is_empty()) else {
        return Ok(Password::Missing);
    };
    let mut waiter = hasher.line_up(Line::of(client))?;
    let mut charged = throttle::url_secret(auth, name, client, waiter.begun()).await?;
    let verdict = waiter.verify(password, Some(hash)).await;
    charged.judge(matches!(verdict, Ok(Verdict::Wrong)));
    if verdict? == Verdict::Wrong {
        return Ok(Password::Wrong);
    }
    charged.was_right(auth).await?;
    Ok(Password::Right)
}
