//! What a browser keeps of a sign-in while it is at the provider.
//!
//! The `state` of the request is a signature of that by our key. So an answer counts in the browser where it was asked for, and
//! in no other, and nothing is kept here for strangers who begin and never come back.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use entity::Timestamp;
use sha2::{Digest, Sha256};

use crate::{
    auth::{
        Auth,
        signing::{KeyId, Keyring, SIGNATURE_BYTES},
    },
    clock, random,
};

/// The first byte of what the browser keeps.
const VERSION: u8 = 1;
/// The same of an attempt in which the provider is to make the person sign in again.
const VERSION_ANEW: u8 = 2;
const SEED_BYTES: usize = 32;
const HEAD_BYTES: usize = 1 + size_of::<KeyId>() + size_of::<i64>() + SEED_BYTES;
/// The longest address that one may come back to.
const RETURN_BYTES: usize = 1024;
/// Of a cookie of ours, as base64url.
const COOKIE_CHARS: usize = (HEAD_BYTES + RETURN_BYTES).div_ceil(3) * 4;

/// A sign-in that was begun in a browser.
#[derive(Clone)]
pub struct Attempt {
    key_id: KeyId,
    begun_at: Timestamp,
    /// What nobody can guess: the nonce and PKCE's verifier are made of it.
    seed: [u8; SEED_BYTES],
    /// Whether the provider is to make the person sign in again, though it may know them.
    is_anew: bool,
    /// The path of ours that the person wants to come back to.
    return_to: String,
}

impl Attempt {
    /// One that begins now. `None` where `return_to` is no path of this site.
    pub fn begin(auth: &Auth, is_anew: bool, return_to: &str) -> Option<Self> {
        is_own_path(return_to).then(|| Self {
            key_id: auth.keyring.sign_ins.key_id(),
            begun_at: auth.clock.now(),
            seed: random::bytes(),
            is_anew,
            return_to: return_to.to_owned(),
        })
    }

    /// The one that a browser's `cookie` and the `state` of a provider's answer are both of, unless it is too old.
    pub fn resume(auth: &Auth, cookie: &str, state: &str) -> Option<Self> {
        let attempt = Self::read(cookie)?;
        let mut signature = [0; SIGNATURE_BYTES];
        let decoded = BASE64_URL_SAFE_NO_PAD.decode_slice(state, &mut signature);
        let is_whole = decoded.is_ok_and(|length| length == SIGNATURE_BYTES);
        let message = attempt.message();
        let signer = &auth.keyring.sign_ins;
        let is_signed = signer
            .verified(attempt.key_id, &message, &signature)
            .is_some();
        let oldest = auth.clock.before(auth.config.oidc.oidc_attempt_ttl);
        let newest = auth.clock.after(clock::SKEW);
        let is_good = is_whole && is_signed && (oldest..=newest).contains(&attempt.begun_at);
        is_good.then_some(attempt)
    }

    fn read(cookie: &str) -> Option<Self> {
        if cookie.len() > COOKIE_CHARS {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let (version, rest) = bytes.split_first()?;
        let (key_id, rest) = rest.split_first_chunk()?;
        let (begun_at, rest) = rest.split_first_chunk()?;
        let (seed, rest) = rest.split_first_chunk()?;
        let return_to = str::from_utf8(rest).ok()?;
        let is_anew = match *version {
            VERSION => false,
            VERSION_ANEW => true,
            _ => return None,
        };
        is_own_path(return_to).then(|| Self {
            key_id: *key_id,
            begun_at: Timestamp(i64::from_be_bytes(*begun_at)),
            seed: *seed,
            is_anew,
            return_to: return_to.to_owned(),
        })
    }

    fn message(&self) -> Vec<u8> {
        let mut message = vec![match self.is_anew {
            true => VERSION_ANEW,
            false => VERSION,
        }];
        message.extend_from_slice(&self.key_id);
        message.extend_from_slice(&self.begun_at.0.to_be_bytes());
        message.extend_from_slice(&self.seed);
        message.extend_from_slice(self.return_to.as_bytes());
        message
    }

    /// What the browser keeps.
    pub fn cookie(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.message())
    }

    /// What the provider gives back.
    pub fn state(&self, keyring: &Keyring) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(keyring.sign_ins.sign(&self.message()))
    }

    /// What the ID token has to repeat.
    pub fn nonce(&self) -> String {
        self.made_of_seed(b"nonce")
    }

    /// What proves at the end to the provider that it was asked from here.
    pub fn verifier(&self) -> String {
        self.made_of_seed(b"verifier")
    }

    fn made_of_seed(&self, label: &[u8]) -> String {
        let digest = Sha256::new().chain_update(label).chain_update(self.seed);
        BASE64_URL_SAFE_NO_PAD.encode(digest.finalize())
    }

    /// What tells this attempt from all others, and opens nothing.
    pub fn name(&self) -> String {
        self.made_of_seed(b"name")
    }

    pub fn is_anew(&self) -> bool {
        self.is_anew
    }

    pub fn begun_at(&self) -> Timestamp {
        self.begun_at
    }

    pub fn return_to(&self) -> &str {
        &self.return_to
    }
}

/// Whether `path` leads to a page of this site, whatever a browser makes of it: printable characters behind one slash.
fn is_own_path(path: &str) -> bool {
    let rest = path.strip_prefix('/');
    let is_ours = rest.is_some_and(|rest| !rest.starts_with(['/', '\\']));
    is_ours
        && path.len() <= RETURN_BYTES
        && path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::is_own_path;

    #[test]
    fn one_comes_back_to_this_site_alone() {
        for path in [
            "/",
            "/app/trash",
            "/?file=a%20b",
            "/app/files?x=https://a.example",
        ] {
            assert!(is_own_path(path), "{path}");
        }
        for path in [
            "",
            "app",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example",
            "/a\r\nSet-Cookie: a=b",
            "/a\\b",
            "/ /evil.example",
            "/\t/evil.example",
            "/ä",
        ] {
            assert!(!is_own_path(path), "{path}");
        }
        assert!(!is_own_path(&format!("/{}", "a".repeat(1024))));
    }
}
