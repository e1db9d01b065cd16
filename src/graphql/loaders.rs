//! DataLoaders: what a list would otherwise ask for row by row.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::Arc,
};

use async_graphql::dataloader::{DataLoader, Loader};
use entity::share;
use uuid::Uuid;

mod pages;

pub use pages::{EventsOf, FilesOf};

use crate::{
    access::{self, Group, LinkTerms, Owned, Readable, ShareName, Sight},
    app::SharedApp,
    auth::{Account, Viewer},
    db::{Page, Rows},
    domain::accounts,
    error::Error,
    patience,
};

/// Users by id.
pub struct UserLoader(SharedApp);

/// Pages of the shares of a file that `viewer` may know.
pub struct ShareLoader {
    app: SharedApp,
    viewer: Option<Viewer>,
}

/// What shares by link are besides, by their owned shares.
pub struct LinkLoader(SharedApp);

/// The drops by which files of `viewer`'s came.
pub struct DropLoader {
    app: SharedApp,
    viewer: Option<Viewer>,
}

/// Pages of what happened to files.
pub struct EventLoader(SharedApp);

/// Groups that `viewer` belongs to, by id.
pub struct GroupLoader {
    app: SharedApp,
    viewer: Option<Viewer>,
}

/// An error that every waiting row gets.
#[derive(Clone, Debug)]
pub struct LoadError(Arc<Error>);

/// Users, for one operation.
pub fn users(app: &SharedApp) -> DataLoader<UserLoader> {
    let users = UserLoader(SharedApp::clone(app));
    DataLoader::new(users, |load| tokio::spawn(patience::inherit(load)))
}

/// Drops by which files of `viewer`'s came, for one operation.
pub fn drops(app: &SharedApp, viewer: Option<Viewer>) -> DataLoader<DropLoader> {
    let app = SharedApp::clone(app);
    let drops = DropLoader { app, viewer };
    DataLoader::new(drops, |load| tokio::spawn(patience::inherit(load)))
}

/// What happened to files, for one operation.
pub fn events(app: &SharedApp) -> DataLoader<EventLoader> {
    let events = EventLoader(SharedApp::clone(app));
    DataLoader::new(events, |load| tokio::spawn(patience::inherit(load)))
}

/// Groups that `viewer` belongs to, for one operation.
pub fn groups(app: &SharedApp, viewer: Option<Viewer>) -> DataLoader<GroupLoader> {
    let app = SharedApp::clone(app);
    let groups = GroupLoader { app, viewer };
    DataLoader::new(groups, |load| tokio::spawn(patience::inherit(load)))
}

/// Links, for one operation.
pub fn links(app: &SharedApp) -> DataLoader<LinkLoader> {
    let links = LinkLoader(SharedApp::clone(app));
    DataLoader::new(links, |load| tokio::spawn(patience::inherit(load)))
}

/// Shares that `viewer` may know, for one operation.
pub fn shares(app: &SharedApp, viewer: Option<Viewer>) -> DataLoader<ShareLoader> {
    let app = SharedApp::clone(app);
    let shares = ShareLoader { app, viewer };
    DataLoader::new(shares, |load| tokio::spawn(patience::inherit(load)))
}

impl Loader<Uuid> for UserLoader {
    type Value = Account;
    type Error = LoadError;

    async fn load(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Account>, LoadError> {
        let users = accounts::by_ids(&self.0, ids.to_vec())
            .await
            .map_err(for_all_rows)?;
        Ok(users
            .into_iter()
            .map(|account| (account.user.id, account))
            .collect())
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

impl Loader<SharesOf> for ShareLoader {
    type Value = Rows<Readable<share::Model>>;
    type Error = LoadError;

    /// One query for all files that are asked for the same page.
    async fn load(&self, keys: &[SharesOf]) -> Result<HashMap<SharesOf, Self::Value>, LoadError> {
        let mut loaded = HashMap::new();
        let Some(viewer) = &self.viewer else {
            return Ok(loaded);
        };
        for (page, keys) in by_page(keys, |key| key.page) {
            let files: Vec<_> = keys.iter().map(|key| &*key.file).collect();
            let shares = access::shares_of(&self.app, viewer, &files, page).await;
            let mut shares = shares.map_err(for_all_rows)?;
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

impl Loader<ShareCalled> for ShareLoader {
    type Value = (Owned<share::Model>, Sight);
    type Error = LoadError;

    async fn load(
        &self,
        keys: &[ShareCalled],
    ) -> Result<HashMap<ShareCalled, Self::Value>, LoadError> {
        let Some(viewer) = &self.viewer else {
            return Ok(HashMap::new());
        };
        let names: Vec<_> = keys.iter().map(|ShareCalled(name)| *name).collect();
        let shares = access::owned_shares_called(&self.app, viewer, &names).await;
        let shares = shares.map_err(for_all_rows)?.into_iter();
        Ok(shares
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

impl Loader<LinkOf> for LinkLoader {
    type Value = LinkTerms;
    type Error = LoadError;

    async fn load(&self, keys: &[LinkOf]) -> Result<HashMap<LinkOf, LinkTerms>, LoadError> {
        let shares: Vec<_> = keys.iter().map(|LinkOf(share)| share).collect();
        let mut links = access::links_of(&self.0, &shares)
            .await
            .map_err(for_all_rows)?;
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

impl Loader<DropOf> for DropLoader {
    type Value = Owned<access::Drop>;
    type Error = LoadError;

    async fn load(&self, keys: &[DropOf]) -> Result<HashMap<DropOf, Self::Value>, LoadError> {
        let Some(viewer) = &self.viewer else {
            return Ok(HashMap::new());
        };
        let file_ids: Vec<_> = keys.iter().map(|DropOf(id)| id).collect();
        let drops = access::drops_of_files(&self.app, viewer, &file_ids).await;
        let mut drops = drops.map_err(for_all_rows)?;
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

impl Loader<DropOfId> for DropLoader {
    type Value = Owned<access::Drop>;
    type Error = LoadError;

    async fn load(&self, keys: &[DropOfId]) -> Result<HashMap<DropOfId, Self::Value>, LoadError> {
        let Some(viewer) = &self.viewer else {
            return Ok(HashMap::new());
        };
        let ids = keys.iter().map(|DropOfId(id)| *id);
        let drops = access::drops_of_ids(&self.app, viewer, ids).await;
        let drops = drops.map_err(for_all_rows)?.into_iter();
        Ok(drops.map(|(id, drop)| (DropOfId(id), drop)).collect())
    }
}

impl Loader<Uuid> for GroupLoader {
    type Value = Readable<Group>;
    type Error = LoadError;

    async fn load(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Self::Value>, LoadError> {
        let Some(viewer) = &self.viewer else {
            return Ok(HashMap::new());
        };
        let groups = access::groups_among(&self.app, viewer, ids).await;
        groups.map_err(for_all_rows)
    }
}

fn for_all_rows(error: Error) -> LoadError {
    error.log();
    LoadError(Arc::new(error))
}

impl From<LoadError> for Error {
    fn from(LoadError(error): LoadError) -> Self {
        Self::new(error.code, error.detail.clone())
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
