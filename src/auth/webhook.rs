//! The secrets of webhooks, and what is signed with them, as Standard Webhooks (<https://www.standardwebhooks.com>) has it.
//!
//! As the URLs of links, they are made of the record's id by a key of the configuration: a copy of the database signs nothing.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::Mac;
use uuid::Uuid;

use super::signing::{Keyring, mac};
use crate::config::Secret;

const PREFIX: &str = "whsec_";

/// The secret of the webhook `id` as its receiver has it.
pub fn secret(keyring: &Keyring, id: Uuid) -> Secret {
    let secret = keyring.webhooks.sign(id.as_bytes());
    Secret::from(format!("{PREFIX}{}", BASE64_STANDARD.encode(secret)))
}

/// What shows the receiver of the webhook `id` that a message is ours: a signature by the secret that each secret of the
/// configuration makes, so that the receiver may change its own whenever it likes while two are configured.
pub fn signatures(keyring: &Keyring, id: Uuid, message: &str, at: i64, body: &[u8]) -> String {
    let secrets = keyring.webhooks.sign_by_each(id.as_bytes()).into_iter();
    let signatures = secrets.map(|secret| {
        let signature = mac(&secret)
            .chain_update(format!("{message}.{at}."))
            .chain_update(body)
            .finalize()
            .into_bytes();
        format!("v1,{}", BASE64_STANDARD.encode(signature))
    });
    signatures.collect::<Vec<_>>().join(" ")
}
