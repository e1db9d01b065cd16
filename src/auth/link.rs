//! Links: from the token in a URL, and a password where the link has one, to who may see its file.

use entity::link;
use sea_orm::EntityTrait;
use uuid::Uuid;

use super::{
    Auth,
    client::ClientAddress,
    password::Hasher,
    signing::Keyring,
    url_secret::{self, Password},
};
use crate::{
    config::Secret,
    error::{Error, Result},
};

/// Says that whoever asks has the URL of a link, which may have ended since. Only a good token makes one.
#[derive(Clone, Copy, Debug)]
pub struct LinkKey(Uuid);

impl LinkKey {
    /// The key that `token` is.
    pub fn of_token(keyring: &Keyring, token: &str) -> Option<Self> {
        url_secret::read(&keyring.links, token).map(Self)
    }

    /// The id of the link's share.
    pub fn share_id(&self) -> Uuid {
        self.0
    }
}

/// The token of the link that is the share `id`.
pub fn token(keyring: &Keyring, id: Uuid) -> Secret {
    url_secret::write(&keyring.links, id)
}

/// Whoever has opened a link: has its URL, and its password where it has one. Only [`unlock`] makes one.
///
/// ```compile_fail,E0451
/// # use {cloakroom::auth::link::LinkHolder, uuid::Uuid};
/// fn pose(share_id: Uuid) -> LinkHolder {
///     LinkHolder { share_id, epoch: 0 }
/// }
/// ```
///
/// To have the URL is not enough:
///
/// ```compile_fail,E0308
/// # use cloakroom::{access, app::App, auth::link::LinkKey, error::Result};
/// async fn peek(app: &App, key: &LinkKey) -> Result<()> {
///     access::linked_file(app, key).await.map(drop)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LinkHolder {
    share_id: Uuid,
    epoch: i64,
}

impl LinkHolder {
    /// The id of the link's share.
    pub fn share_id(&self) -> Uuid {
        self.share_id
    }

    /// The link's epoch when it was opened.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }
}

/// What became of opening a link.
#[derive(Clone, Copy, Debug)]
pub enum Unlocked {
    Open(LinkHolder),
    NoPassword,
    WrongPassword,
}

/// Opens the link of `key` by `password`. One that is given where none is set is ignored.
///
/// Wrong ones count, against the link and against the address of `client`: `RATE_LIMITED` after too many. `NOT_FOUND` when
/// there is no such link any more.
#[expect(clippy::disallowed_methods, reason = "credentials are resolved here")]
pub async fn unlock(
    auth: &Auth,
    hasher: &Hasher,
    client: &ClientAddress,
    key: &LinkKey,
    password: Option<Secret>,
) -> Result<Unlocked> {
    let link = auth.db.one(link::Entity::find_by_id(key.0)).await?;
    let link = link.ok_or_else(Error::not_found)?;
    let open = Unlocked::Open(LinkHolder {
        share_id: link.share_id,
        epoch: link.epoch,
    });
    let name = format!("link:{}", link.share_id);
    let given = url_secret::check(auth, hasher, client, &name, link.password_hash, password);
    Ok(match given.await? {
        Password::Right => open,
        Password::Missing => Unlocked::NoPassword,
        Password::Wrong => Unlocked::WrongPassword,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::*;
    use crate::auth::drop::{self, DropKey};

    fn keyring(secrets: &[&str]) -> Keyring {
        let secrets: Vec<_> = secrets
            .iter()
            .map(|secret| Secret::from((*secret).to_owned()))
            .collect();
        Keyring::load(&secrets, Path::new("/nowhere")).unwrap()
    }

    #[test]
    fn every_bit_of_a_token_counts_and_there_is_one_spelling_of_it() {
        let keyring = keyring(&["one"]);
        let id = Uuid::from_u128(0x1234_5678 << 64);
        let token = token(&keyring, id);
        let token = token.expose();
        assert_eq!(token.len(), 43);
        let read = |token: &str| LinkKey::of_token(&keyring, token).map(|key| key.share_id());
        assert_eq!(read(token), Some(id));
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let forged = BASE64_URL_SAFE_NO_PAD.encode(forged);
            assert_eq!(read(&forged), None, "bit {bit}");
        }
        for length in 0..token.len() {
            assert_eq!(read(&token[..length]), None, "{length} characters");
        }
        let mut spelled: Vec<_> = ["A", "=", " ", "\n"]
            .map(|end| format!("{token}{end}"))
            .into();
        // The last character has two bits that say nothing.
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let others = alphabet.chars().filter(|c| !token.ends_with(*c));
        spelled.extend(others.map(|end| format!("{}{end}", &token[..42])));
        for other in spelled {
            assert_eq!(read(&other), None, "{other:?}");
        }
    }

    #[test]
    fn a_token_of_a_link_is_none_of_a_drop_and_the_other_way_round() {
        let keyring = keyring(&["one"]);
        let id = Uuid::from_u128(9);
        let (link, drop) = (token(&keyring, id), drop::token(&keyring, id));
        assert!(LinkKey::of_token(&keyring, link.expose()).is_some());
        assert!(DropKey::of_token(&keyring, drop.expose()).is_some());
        assert!(LinkKey::of_token(&keyring, drop.expose()).is_none());
        assert!(DropKey::of_token(&keyring, link.expose()).is_none());
    }

    #[test]
    fn the_first_secret_makes_urls_and_all_of_them_verify() {
        let id = Uuid::from_u128(7);
        let is_read = |secrets: &[&str], token: &Secret| {
            LinkKey::of_token(&keyring(secrets), token.expose()).is_some()
        };
        let old = token(&keyring(&["old"]), id);
        let new = token(&keyring(&["new", "old"]), id);
        assert!(is_read(&["new", "old"], &old) && is_read(&["new", "old"], &new));
        assert!(is_read(&["new"], &new) && !is_read(&["new"], &old));
        assert_eq!(token(&keyring(&["new"]), id), new);
    }
}
