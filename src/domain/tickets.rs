//! Tickets: stateless, signed, short-lived; each opens one file for one user, and is checked anew at every redemption.

use std::{fmt, fs, io, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use entity::{Timestamp, event::Kind, file, user};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::events::{self, Event};
use crate::{
    access::{Claim, Readable, Refusal},
    app::App,
    auth::client::ClientAddress,
    clock,
    config::Secret,
    error::{Code, Error, Result},
    keys, private, storage,
};

/// The layout below. Another one gets another number, and this one goes on being verified for a day.
const VERSION: u8 = 1;
/// version 1, key id 4, file 16, user 16, epoch 8, disposition 1, expiry 8, nonce 8.
const CLAIMS_BYTES: usize = 62;
const SIGNATURE_BYTES: usize = 32;
const TICKET_BYTES: usize = CLAIMS_BYTES + SIGNATURE_BYTES;
/// Each use of a secret has a label of its own.
const LABEL: &[u8] = b"cloakroom ticket v1";
const PSEUDONYM_LABEL: &[u8] = b"cloakroom pseudonym v1";

/// How a browser should treat the download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    Attachment,
    Inline,
}

/// What a ticket says. Only [`TicketKeys::verify`] and [`issue`] make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    file_id: Uuid,
    user_id: Uuid,
    credential_epoch: i64,
    disposition: Disposition,
    expires_at: Timestamp,
    /// Tells one ticket from another for the same thing.
    nonce: [u8; 8],
}

/// A ticket for `user` to `file`, and when it ends: after the configured life, and never past the share's expiry.
/// `NOT_FOUND` while the file is in the trash.
pub fn issue(
    app: &App,
    user: &user::Model,
    file: &Readable<file::Model>,
    disposition: Disposition,
) -> Result<(Secret, Timestamp)> {
    if file.trashed_at.is_some() {
        return Err(Error::not_found());
    }
    let end_of_life = app.clock.after(app.config.tickets.ticket_ttl);
    let expires_at = file
        .until()
        .map_or(end_of_life, |until| until.min(end_of_life));
    let claims = Claims {
        file_id: file.id,
        user_id: user.id,
        credential_epoch: user.credential_epoch,
        disposition,
        expires_at,
        nonce: keys::random(),
    };
    Ok((app.ticket_keys.sign(&claims), expires_at))
}

/// The file that `ticket` opens at this moment.
///
/// `TICKET_INVALID` when we did not sign it (at a measured pace: guessing is slow, good tickets never wait), or
/// `RATE_LIMITED` when `client` sends very many of those; `TICKET_EXPIRED`, `FILE_GONE`, or `ACCESS_REVOKED` when its user may no
/// longer see the file.
pub async fn redeem(
    app: &App,
    client: &ClientAddress,
    ticket: &str,
) -> Result<(Readable<file::Model>, Disposition)> {
    let Some(claims) = app.ticket_keys.verify(ticket) else {
        app.ticket_guesses.wait(client).await?;
        return Err(Error::new(
            Code::TicketInvalid,
            "This ticket is malformed or was not issued here.",
        ));
    };
    let opened = open(app, &claims).await;
    let (kind, mark) = match &opened {
        Ok(_) => (Kind::Downloaded, 0),
        Err(_) => (Kind::DownloadRefused, 1),
    };
    events::enqueue(app, Some(claims.once(mark)), || Event {
        kind,
        user_id: Some(claims.user_id),
        file_id: Some(claims.file_id),
        client: *client,
        detail: opened
            .as_ref()
            .err()
            .map(|error| error.code.as_str().to_owned()),
        once: None,
    });
    Ok((opened?, claims.disposition))
}

/// The file that a ticket of ours opens.
async fn open(app: &App, claims: &Claims) -> Result<Readable<file::Model>> {
    // One that ends later than any issued now was issued by a clock that was ahead, or while tickets lived longer.
    let latest = app.clock.after(app.config.tickets.ticket_ttl + clock::SKEW);
    if claims.expires_at <= app.clock.now() || claims.expires_at > latest {
        return Err(Error::new(
            Code::TicketExpired,
            "This ticket has expired; ask for a new one.",
        ));
    }
    let claim = Claim {
        file_id: claims.file_id,
        user_id: claims.user_id,
        credential_epoch: claims.credential_epoch,
    };
    let file = app.redemptions.check(claim).await?;
    file.map_err(|refusal| match refusal {
        Refusal::FileGone => Error::new(Code::FileGone, "This file has been deleted."),
        Refusal::AccessRevoked => Error::new(
            Code::AccessRevoked,
            "The user of this ticket may no longer see the file.",
        ),
    })
}

/// The keys tickets are signed and verified with.
#[derive(Clone)]
pub struct TicketKeys {
    /// The first signs; all verify. Never empty.
    keys: Arc<[TicketKey]>,
    pseudonyms: Hmac<Sha256>,
}

struct TicketKey {
    id: [u8; 4],
    mac: Hmac<Sha256>,
}

impl TicketKeys {
    /// Keys from the configured secrets, the first of which signs; from the one in `data_dir`, which is made at the
    /// first start, when none is configured.
    pub fn load(secrets: &[Secret], data_dir: &Path) -> io::Result<Self> {
        let kept = match secrets.is_empty() {
            true => vec![kept_secret(&data_dir.join("secret"))?],
            false => Vec::new(),
        };
        let secrets = || secrets.iter().chain(&kept);
        let first = secrets().next().map_or("", Secret::expose);
        Ok(Self {
            keys: secrets().map(TicketKey::derive).collect(),
            pseudonyms: mac(&derived(first, PSEUDONYM_LABEL)),
        })
    }

    /// What stands for `name` where it must not be readable: always the same, and telling nothing without the secret.
    pub fn pseudonym(&self, name: &str) -> String {
        let mac = self.pseudonyms.clone().chain_update(name);
        keys::hex(&mac.finalize().into_bytes()[..16])
    }

    fn sign(&self, claims: &Claims) -> Secret {
        let key = &self.keys[0];
        let mut bytes = [0; TICKET_BYTES];
        bytes[..CLAIMS_BYTES].copy_from_slice(&claims.encode(key.id));
        let mac = key.mac.clone().chain_update(&bytes[..CLAIMS_BYTES]);
        bytes[CLAIMS_BYTES..].copy_from_slice(&mac.finalize().into_bytes());
        Secret::from(BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What `ticket` says, if one of our keys signed it. There is exactly one spelling of a ticket that passes.
    pub fn verify(&self, ticket: &str) -> Option<Claims> {
        let mut bytes = [0; TICKET_BYTES];
        let decoded = BASE64_URL_SAFE_NO_PAD.decode_slice(ticket, &mut bytes);
        if decoded.ok()? != TICKET_BYTES {
            return None;
        }
        let (claims, signature) = bytes.split_at(CLAIMS_BYTES);
        let key = self.keys.iter().find(|key| key.id == claims[1..5])?;
        let mac = key.mac.clone().chain_update(claims);
        mac.verify_slice(signature).ok()?;
        Claims::decode(claims)
    }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TicketKeys({})", self.keys.len())
    }
}

impl TicketKey {
    fn derive(secret: &Secret) -> Self {
        let key = derived(secret.expose(), LABEL);
        let digest = Sha256::digest(key);
        Self {
            id: [digest[0], digest[1], digest[2], digest[3]],
            mac: mac(&key),
        }
    }
}

/// The key that `secret` is for the use of that label.
fn derived(secret: &str, label: &[u8]) -> [u8; 32] {
    let key = mac(secret.as_bytes()).chain_update(label);
    key.finalize().into_bytes().into()
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

impl Claims {
    /// What stands for this ticket in the audit trail, and does not help to forge it.
    fn once(&self, mark: u8) -> events::Once {
        let mut once = [0; 16];
        once[..8].copy_from_slice(&self.nonce);
        once[8..].copy_from_slice(&self.file_id.as_bytes()[8..]);
        once[8] ^= mark;
        once
    }

    fn encode(&self, key_id: [u8; 4]) -> [u8; CLAIMS_BYTES] {
        let mut bytes = Vec::with_capacity(CLAIMS_BYTES);
        bytes.push(VERSION);
        bytes.extend(key_id);
        bytes.extend(self.file_id.as_bytes());
        bytes.extend(self.user_id.as_bytes());
        bytes.extend(self.credential_epoch.to_be_bytes());
        bytes.push(u8::from(self.disposition == Disposition::Inline));
        bytes.extend(self.expires_at.0.to_be_bytes());
        bytes.extend(self.nonce);
        bytes.try_into().expect("the fields above add up")
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (_key_id, rest) = rest.split_first_chunk::<4>()?;
        let (file_id, rest) = rest.split_first_chunk::<16>()?;
        let (user_id, rest) = rest.split_first_chunk::<16>()?;
        let (epoch, rest) = rest.split_first_chunk::<8>()?;
        let (disposition, rest) = rest.split_first()?;
        let (expires_at, rest) = rest.split_first_chunk::<8>()?;
        let (nonce, _) = rest.split_first_chunk::<8>()?;
        (*version == VERSION).then(|| Self {
            file_id: Uuid::from_bytes(*file_id),
            user_id: Uuid::from_bytes(*user_id),
            credential_epoch: i64::from_be_bytes(*epoch),
            disposition: match disposition {
                1 => Disposition::Inline,
                _ => Disposition::Attachment,
            },
            expires_at: Timestamp(i64::from_be_bytes(*expires_at)),
            nonce: *nonce,
        })
    }
}

/// The secret kept in the data directory, which only the server's user may read. It appears there whole or not at all,
/// and of two first starts at once, both get the same.
fn kept_secret(path: &Path) -> io::Result<Secret> {
    // A link that leads nowhere is there, too.
    if path.symlink_metadata().is_err() {
        let fresh = path.with_extension(keys::hex(&keys::random::<4>()));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)?;
        io::Write::write_all(&mut file, keys::hex(&keys::random::<32>()).as_bytes())?;
        file.sync_all()?;
        let linked = fs::hard_link(&fresh, path);
        fs::remove_file(&fresh)?;
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    // Even if it was there: the process that made it may have been killed before it came to this.
    storage::sync_dir(path.parent().unwrap_or(path))?;
    let (secret, closed) = private::read_own(path)?;
    let secret = secret.trim().to_owned();
    if secret.len() < 64 {
        return Err(io::Error::other(format!(
            "{} is damaged: it should hold 64 hexadecimal digits; remove it to have a new one made (tickets issued \
             so far become invalid)",
            path.display()
        )));
    }
    closed?;
    Ok(Secret::from(secret))
}
