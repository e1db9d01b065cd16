//! What a list would otherwise ask for row by row: the keys of rows, and how their rows are loaded together.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::Arc,
};

use entity::share;
use uuid::Uuid;

mod loads;
mod pages;

pub use loads::{Asking, Key, Loads};
pub use pages::{EventsOf, FilesOf, MembersOf};

use crate::{
    access::{self, Group, LinkTerms, Owned, Readable, ShareName, Sight},
    auth::Account,
    db::{Page, Rows},
    domain::accounts,
    error::Result,
};

/// The id of a user.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserId(pub Uuid);

impl Key for UserId {
    type Row = Account;

    async fn load(asks: &Asking, keys: &[Self]) -> Result<HashMap<Self, Account>> {
        let ids = keys.iter().map(|UserId(id)| *id).collect();
        let users = accounts::by_ids(&asks.app, ids).await?.into_iter();
        Ok(users
            .map(|account| (UserId(account.user.id), account))
            .collect())
    }
}

/// The id of a group that the viewer belongs to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GroupId(pub Uuid);

impl Key for GroupId {
    type Row = Readable<Group>;

    async fn load(asks: &Asking, keys: &[Self]) -> Result<HashMap<Self, Self::Row>> {
        let Some(viewer) = &asks.viewer else {
            return Ok(HashMap::new());
        };
        let ids: Vec<_> = keys.iter().map(|GroupId(id)| *id).collect();
        let groups = access::groups_among(&asks.app, viewer, &ids)
            .await?
            .into_iter();
        Ok(groups.map(|(id, group)| (GroupId(id), group)).collect())
    }
}

/// A page of the shares of one file.
#[derive(Clone)]
pub struct SharesOf {
    pub file: Arc<Sight>,
    pub page: Page,
}

impl PartialEq for SharesOf {
    fn eq(&self, other: &Self) -> bool {
        (self.file.id, self.page) == (other.file.id, other.page)
    }
}

impl Eq for SharesOf {}

impl Hash for SharesOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.file.id, self.page).hash(state);
    }
}

impl Key for SharesOf {
    type Row = Rows<Readable<share::Model>>;

    /// One query for all files that are asked for the same page.
    async fn load(asks: &Asking, keys: &[Self]) -> Result<HashMap<Self, Self::Row>> {
        let mut loaded = HashMap::with_capacity(keys.len());
        for (page, keys) in by_page(keys, |key| key.page) {
            let files: Vec<_> = keys.iter().map(|key| &*key.file).collect();
            let mut shares = access::shares_of(&asks.app, &files, page).await?;
            for key in keys {
                let rows = shares.remove(&key.file.id);
                loaded.extend(rows.map(|rows| (key.clone(), rows)));
            }
        }
        Ok(loaded)
    }
}

/// A share of a file of the viewer's own, by its name.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ShareCalled(pub ShareName);

impl Key for ShareCalled {
    type Row = (Owned<share::Model>, Sight);

    async fn load(asks: &Asking, keys: &[Self]) -> Result<HashMap<Self, Self::Row>> {
        let Some(viewer) = &asks.viewer else {
            return Ok(HashMap::new());
        };
        let names: Vec<_> = keys.iter().map(|ShareCalled(name)| *name).collect();
        let shares = access::owned_shares_called(&asks.app, viewer, &names).await?;
        Ok(shares
            .into_iter()
            .map(|(name, share)| (ShareCalled(name), share))
            .collect())
    }
}

/// A share of the viewer's own.
#[derive(Clone)]
pub struct LinkOf(pub Owned<share::Model>);

impl PartialEq for LinkOf {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for LinkOf {}

impl Hash for LinkOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl Key for LinkOf {
    type Row = LinkTerms;

    async fn load(asks: &Asking, keys: &[Self]) -> Result<HashMap<Self, LinkTerms>> {
        let shares: Vec<_> = keys.iter().map(|LinkOf(share)| share).collect();
        let mut links = access::links_of(&asks.app, &shares).await?;
        let found = keys.iter().filter_map(|key| {
            let terms = links.remove(&key.0.id)?;
            Some((key.clone(), terms))
        });
        Ok(found.collect())
    }
}

/// The id of a file of the viewer's own.
#[derive(Clone)]
pub struct DropOf(pub Owned<Uuid>);

impl PartialEq for DropOf {
    fn eq(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }
}

impl Eq for DropOf {}

impl Hash for DropOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Key for DropOf {
    type Row = Owned<access::Drop>;

    async fn load(asks: &Asking, keys: &[Self]) -> Result<HashMap<Self, Self::Row>> {
        let file_ids: Vec<_> = keys.iter().map(|DropOf(id)| id).collect();
        let mut drops = access::drops_of_files(&asks.app, &file_ids).await?;
        let found = keys.iter().filter_map(|key| {
            let drop = drops.remove(&*key.0)?;
            Some((key.clone(), drop))
        });
        Ok(found.collect())
    }
}

/// The id of a drop of the viewer's own.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DropOfId(pub Uuid);

impl Key for DropOfId {
    type Row = Owned<access::Drop>;

    async fn load(asks: &Asking, keys: &[Self]) -> Result<HashMap<Self, Self::Row>> {
        let Some(viewer) = &asks.viewer else {
            return Ok(HashMap::new());
        };
        let ids = keys.iter().map(|DropOfId(id)| *id);
        let drops = access::drops_of_ids(&asks.app, viewer, ids).await?;
        Ok(drops
            .into_iter()
            .map(|(id, drop)| (DropOfId(id), drop))
            .collect())
    }
}

/// `keys` that are asked for the same page, together.
fn by_page<K>(keys: &[K], page: impl Fn(&K) -> Page) -> HashMap<Page, Vec<&K>> {
    let mut pages: HashMap<Page, Vec<&K>> = HashMap::new();
    for key in keys {
        pages.entry(page(key)).or_default().push(key);
    }
    pages
}
