//! Drops: from the token in a URL, and a password where the drop has one, to who may leave files by it.

use entity::{Timestamp, drop, user};
use sea_orm::{EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{
    Account, Auth,
    client::ClientAddress,
    password::Hasher,
    signing::Keyring,
    url_secret::{self, Password},
};
use crate::{
    config::{Drops, Secret},
    error::{Error, Result},
};

/// Says that whoever asks has the URL of a drop, which may be closed by now. Only a good token makes one.
#[derive(Clone, Copy, Debug)]
pub struct DropKey(Uuid);

impl DropKey {
    /// The key that `token` is.
    pub fn of_token(keyring: &Keyring, token: &str) -> Option<Self> {
        url_secret::read(&keyring.drops, token).map(Self)
    }

    /// The drop's id.
    pub fn id(&self) -> Uuid {
        self.0
    }
}

/// The token of the drop `id`.
pub fn token(keyring: &Keyring, id: Uuid) -> Secret {
    url_secret::write(&keyring.drops, id)
}

/// What whoever has a drop's URL may know before anything else.
#[derive(Clone, Debug)]
pub struct DropFace {
    pub name: String,
    pub has_password: bool,
}

/// Whoever may leave files by a drop: has its URL, and its password where it has one. Only [`unlock`] makes one.
#[derive(Clone, Debug)]
pub struct DropVisitor {
    id: Uuid,
    owner: Account,
    max_file_size: Option<i64>,
    max_files: Option<i32>,
    file_count: i64,
    expires_at: Option<Timestamp>,
    network: ClientAddress,
}

impl DropVisitor {
    /// The drop's id.
    pub fn drop_id(&self) -> Uuid {
        self.id
    }

    /// Whose account files go to.
    pub fn owner(&self) -> &Account {
        &self.owner
    }

    /// The most bytes of a file, where the drop has a limit of its own.
    pub fn max_file_size(&self) -> Option<i64> {
        self.max_file_size
    }

    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// The network that the visitor comes from.
    pub fn network(&self) -> ClientAddress {
        self.network
    }

    /// How many more files may be left; `None` without a limit.
    pub fn files_left(&self) -> Option<i32> {
        let most = i64::from(self.max_files?);
        Some(i32::try_from((most - self.file_count).max(0)).unwrap_or(i32::MAX))
    }
}

/// What became of opening a drop.
#[derive(Clone, Debug)]
pub enum Unlocked {
    Open(DropVisitor),
    NoPassword,
    WrongPassword,
}

/// Opens the drop of `key` by `password`.
///
/// Wrong passwords count as those of links do. `NOT_FOUND` alike when the drop is closed or has ended, its owner is disabled, or
/// drops are switched off.
#[expect(clippy::disallowed_methods, reason = "credentials are resolved here")]
pub async fn unlock(
    auth: &Auth,
    hasher: &Hasher,
    client: &ClientAddress,
    key: &DropKey,
    password: Option<Secret>,
) -> Result<(DropFace, Unlocked)> {
    if auth.config.strangers.drops == Drops::Off {
        return Err(Error::not_found());
    }
    let now = auth.clock.now();
    let open = drop::Entity::find_by_id(key.0).filter(drop::open(now));
    let drop = auth.db.one(open).await?.ok_or_else(Error::not_found)?;
    let owner = user::Entity::find_by_id(drop.owner_id);
    let owner = auth.db.one(owner).await?;
    let owner = owner.filter(|owner| !owner.disabled);
    let owner = owner.ok_or_else(Error::not_found)?;
    let face = DropFace {
        name: drop.name,
        has_password: drop.password_hash.is_some(),
    };
    let name = format!("drop:{}", drop.id);
    let given = url_secret::check(auth, hasher, client, &name, drop.password_hash, password);
    let unlocked = match given.await? {
        Password::Missing => Unlocked::NoPassword,
        Password::Wrong => Unlocked::WrongPassword,
        Password::Right => Unlocked::Open(DropVisitor {
            id: drop.id,
            owner: owner.into(),
            max_file_size: drop.max_file_size,
            max_files: drop.max_files,
            file_count: drop.file_count,
            expires_at: drop.expires_at,
            network: client.network(),
        }),
    };
    Ok((face, unlocked))
}
