//! A ticket as text: base64url (RFC 4648 §5) without padding, of the claims and their signature.
//!
//! ```text
//! version 1 | key id 4 | flags 1 | file 16 | subject 16 | epoch 8 | expiry 8 | nonce 8 | HMAC-SHA-256 of all of these 32
//! ```

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use entity::Timestamp;
use uuid::Uuid;

use super::{Claims, Disposition};
use crate::{
    auth::{
        Identity, Subject,
        signing::{KeyId, SIGNATURE_BYTES, Signed, Signer},
    },
    config::Secret,
};

/// Another layout gets another number. This one then goes on being read for as long as a ticket may live.
const VERSION: u8 = 2;
const CLAIMS_BYTES: usize = 62;
const TICKET_BYTES: usize = CLAIMS_BYTES + SIGNATURE_BYTES;

/// Among the flags: show the file in the browser.
const INLINE: u8 = 0b001;
/// Among the flags: what kind of subject it is.
const SUBJECT: u8 = 0b110;
const SUBJECT_IS_USER: u8 = 0b000;
const SUBJECT_IS_LINK: u8 = 0b010;

pub(super) fn write(signer: &Signer, claims: &Claims) -> Secret {
    let mut ticket = Vec::with_capacity(TICKET_BYTES);
    encode(claims, signer.key_id(), &mut ticket);
    ticket.extend(signer.sign(&ticket));
    Secret::from(BASE64_URL_SAFE_NO_PAD.encode(ticket))
}

/// What `ticket` says, if one of our keys signed it. There is exactly one spelling of a ticket that passes.
pub fn read(signer: &Signer, ticket: &str) -> Option<Claims> {
    let mut bytes = [0; TICKET_BYTES];
    let decoded = BASE64_URL_SAFE_NO_PAD.decode_slice(ticket, &mut bytes);
    if decoded.ok()? != TICKET_BYTES {
        return None;
    }
    let (claims, signature) = bytes.split_at(CLAIMS_BYTES);
    let (version, rest) = claims.split_first()?;
    let (key_id, rest) = rest.split_first_chunk::<4>()?;
    let signed = signer.verified(*key_id, claims, signature)?;
    match *version {
        VERSION => decode(&signed, rest),
        _ => None,
    }
}

fn encode(claims: &Claims, key_id: KeyId, bytes: &mut Vec<u8>) {
    let (kind, id, epoch) = match claims.subject.identity() {
        Identity::User { id, epoch } => (SUBJECT_IS_USER, id, epoch),
        Identity::Link { id, epoch } => (SUBJECT_IS_LINK, id, epoch),
    };
    let inline = match claims.disposition {
        Disposition::Inline => INLINE,
        Disposition::Attachment => 0,
    };
    bytes.push(VERSION);
    bytes.extend(key_id);
    bytes.push(inline | kind);
    bytes.extend(claims.file_id.as_bytes());
    bytes.extend(id.as_bytes());
    bytes.extend(epoch.to_be_bytes());
    bytes.extend(claims.expires_at.0.to_be_bytes());
    bytes.extend(claims.nonce);
}

/// The claims of a signed ticket, which are `rest`: what is behind the key id.
fn decode(signed: &Signed<'_>, rest: &[u8]) -> Option<Claims> {
    let (flags, rest) = rest.split_first()?;
    let (file_id, rest) = rest.split_first_chunk::<16>()?;
    let (subject_id, rest) = rest.split_first_chunk::<16>()?;
    let (epoch, rest) = rest.split_first_chunk::<8>()?;
    let (expires_at, rest) = rest.split_first_chunk::<8>()?;
    let (nonce, _) = rest.split_first_chunk::<8>()?;
    let (id, epoch) = (Uuid::from_bytes(*subject_id), i64::from_be_bytes(*epoch));
    let identity = match flags & SUBJECT {
        SUBJECT_IS_USER => Identity::User { id, epoch },
        SUBJECT_IS_LINK => Identity::Link { id, epoch },
        _ => return None,
    };
    Some(Claims {
        file_id: Uuid::from_bytes(*file_id),
        subject: Subject::signed(signed, identity),
        disposition: match flags & INLINE {
            0 => Disposition::Attachment,
            _ => Disposition::Inline,
        },
        expires_at: Timestamp(i64::from_be_bytes(*expires_at)),
        nonce: *nonce,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::auth::signing::Keyring;

    fn signer(secrets: &[&str]) -> Signer {
        let secrets: Vec<_> = secrets
            .iter()
            .map(|secret| Secret::from((*secret).to_owned()))
            .collect();
        Keyring::load(&secrets, Path::new("/nowhere"))
            .unwrap()
            .tickets
    }

    fn claims(disposition: Disposition) -> Claims {
        let (id, epoch) = (Uuid::from_u128(2), 3);
        let identity = match disposition {
            Disposition::Attachment => Identity::User { id, epoch },
            Disposition::Inline => Identity::Link { id, epoch },
        };
        let signer = signer(&["any"]);
        let signature = signer.sign(b"");
        let signed = signer.verified(signer.key_id(), b"", &signature).unwrap();
        Claims {
            file_id: Uuid::from_u128(1),
            subject: Subject::signed(&signed, identity),
            disposition,
            expires_at: Timestamp(4),
            nonce: [5; 8],
        }
    }

    #[test]
    fn a_ticket_says_what_was_written_in_94_bytes() {
        let signer = signer(&["one"]);
        for disposition in [Disposition::Attachment, Disposition::Inline] {
            let written = claims(disposition);
            let ticket = write(&signer, &written);
            assert_eq!(ticket.expose().len(), 126);
            assert_eq!(read(&signer, ticket.expose()), Some(written));
        }
    }

    #[test]
    fn the_second_secret_verifies_and_does_not_sign() {
        let before = write(&signer(&["old"]), &claims(Disposition::Inline));
        let rotated = signer(&["new", "old"]);
        assert!(read(&rotated, before.expose()).is_some());
        let after = write(&rotated, &claims(Disposition::Inline));
        assert!(read(&signer(&["old"]), after.expose()).is_none());
        assert!(read(&signer(&["new"]), after.expose()).is_some());
    }

    #[test]
    fn every_bit_is_signed_and_other_layouts_and_subjects_are_not_read() {
        let signer = signer(&["one"]);
        let ticket = write(&signer, &claims(Disposition::Attachment));
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(ticket.expose()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let forged = BASE64_URL_SAFE_NO_PAD.encode(forged);
            assert_eq!(read(&signer, &forged), None, "bit {bit}");
        }
        for (place, value) in [(0, 1), (0, 3), (5, 0b100), (5, 0b110)] {
            let mut other = bytes[..CLAIMS_BYTES].to_vec();
            other[place] = value;
            let signature = signer.sign(&other);
            let other = BASE64_URL_SAFE_NO_PAD.encode([other, signature.to_vec()].concat());
            assert_eq!(read(&signer, &other), None, "byte {place} is {value}");
        }
    }
}
