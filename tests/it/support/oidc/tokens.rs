//! Keys of the provider, and ID tokens that they sign, or do not.

use base64::{Engine, prelude::*};
use hmac::{Hmac, KeyInit, Mac};
use openidconnect::{
    JsonWebKeyId, PrivateSigningKey,
    core::{CoreJwsSigningAlgorithm, CoreRsaPrivateSigningKey},
};
use serde_json::{Value, json};
use sha2::Sha256;

use super::CLIENT_SECRET;

const FIRST: &str = include_str!("../../../fixtures/oidc/first.pem");
const SECOND: &str = include_str!("../../../fixtures/oidc/second.pem");

/// How an ID token is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signature {
    #[default]
    FirstKey,
    SecondKey,
    /// By the second key, under the first one's name.
    Impostor,
    /// None at all: `alg: none`.
    Nothing,
    /// HS256 with the first key's public part, as it is published and as its modulus.
    PublicKeyAsJson,
    PublicKeyAsModulus,
    /// HS256 with the client's secret.
    ClientSecret,
    /// The first key's, over other claims.
    OfOtherClaims,
}

pub fn key(is_second: bool) -> (&'static str, CoreRsaPrivateSigningKey) {
    let (name, pem) = match is_second {
        true => ("second", SECOND),
        false => ("first", FIRST),
    };
    let id = JsonWebKeyId::new(name.to_owned());
    (
        name,
        CoreRsaPrivateSigningKey::from_pem(pem, Some(id)).unwrap(),
    )
}

/// A signed token, whatever it says.
pub fn sign(claims: &Value, signature: Signature) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let (first, first_key) = key(false);
    let (second, second_key) = key(true);
    let (algorithm, name) = match signature {
        Signature::FirstKey | Signature::Impostor | Signature::OfOtherClaims => ("RS256", first),
        Signature::SecondKey => ("RS256", second),
        Signature::Nothing => ("none", first),
        _ => ("HS256", first),
    };
    let header = part(&json!({ "typ": "JWT", "alg": algorithm, "kid": name }));
    let signed = format!("{header}.{}", part(claims));
    let rsa = |key: &CoreRsaPrivateSigningKey, text: &str| {
        let algorithm = CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256;
        key.sign(&algorithm, text.as_bytes()).unwrap()
    };
    let hmac = |secret: &[u8]| {
        let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.chain_update(&signed).finalize().into_bytes().to_vec()
    };
    let public = serde_json::to_value(first_key.as_verification_key()).unwrap();
    let bytes = match signature {
        Signature::FirstKey => rsa(&first_key, &signed),
        Signature::SecondKey | Signature::Impostor => rsa(&second_key, &signed),
        Signature::OfOtherClaims => rsa(&first_key, "something else"),
        Signature::Nothing => Vec::new(),
        Signature::ClientSecret => hmac(CLIENT_SECRET.as_bytes()),
        Signature::PublicKeyAsJson => hmac(public.to_string().as_bytes()),
        Signature::PublicKeyAsModulus => {
            let modulus = public["n"].as_str().unwrap();
            hmac(&BASE64_URL_SAFE_NO_PAD.decode(modulus).unwrap())
        }
    };
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
