//! Pages of lists inside lists: one query for all that are asked for the same page.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
};

use entity::event;
use uuid::Uuid;

use super::{Asking, Key, by_page};
use crate::{
    access::{self, Group, Owned, Readable, Sight},
    auth::Account,
    db::{Page, Rows},
    domain::{events, groups},
    error::Result,
};

/// A page of the files that came by a drop of the viewer's own.
#[derive(Clone)]
pub struct FilesOf {
    pub drop: Owned<access::Drop>,
    pub page: Page,
}

impl PartialEq for FilesOf {
    fn eq(&self, other: &Self) -> bool {
        (self.drop.id, self.page) == (other.drop.id, other.page)
    }
}

impl Eq for FilesOf {}

impl Hash for FilesOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.drop.id, self.page).hash(state);
    }
}

impl Key for FilesOf {
    type Row = Rows<Sight>;

    async fn load(asks: &Asking, keys: &[Self]) -> Result<HashMap<Self, Self::Row>> {
        let mut loaded = HashMap::new();
        for (page, keys) in by_page(keys, |key| key.page) {
            let drops: Vec<_> = keys.iter().map(|key| &key.drop).collect();
            let mut files = access::files_of_drops(&asks.app, &drops, page).await?;
            for key in keys {
                let rows = files.remove(&key.drop.id);
                loaded.extend(rows.map(|rows| (key.clone(), rows)));
            }
        }
        Ok(loaded)
    }
}

/// A page of the members of a group that the viewer belongs to.
#[derive(Clone)]
pub struct MembersOf {
    pub group: Readable<Group>,
    pub page: Page,
}

impl PartialEq for MembersOf {
    fn eq(&self, other: &Self) -> bool {
        (self.group.id, self.page) == (other.group.id, other.page)
    }
}

impl Eq for MembersOf {}

impl Hash for MembersOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.group.id, self.page).hash(state);
    }
}

impl Key for MembersOf {
    type Row = Rows<Account>;

    async fn load(asks: &Asking, keys: &[Self]) -> Result<HashMap<Self, Self::Row>> {
        let mut loaded = HashMap::new();
        for (page, keys) in by_page(keys, |key| key.page) {
            let of: Vec<_> = keys.iter().map(|key| &key.group).collect();
            let mut members = groups::members(&asks.app, &of, page).await?;
            for key in keys {
                let rows = members.remove(&key.group.id);
                loaded.extend(rows.map(|rows| (key.clone(), rows)));
            }
        }
        Ok(loaded)
    }
}

/// A page of what happened to a file of the viewer's own.
#[derive(Clone)]
pub struct EventsOf {
    pub file_id: Owned<Uuid>,
    pub page: Page,
}

impl PartialEq for EventsOf {
    fn eq(&self, other: &Self) -> bool {
        (*self.file_id, self.page) == (*other.file_id, other.page)
    }
}

impl Eq for EventsOf {}

impl Hash for EventsOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (*self.file_id, self.page).hash(state);
    }
}

impl Key for EventsOf {
    type Row = Rows<event::Model>;

    async fn load(asks: &Asking, keys: &[Self]) -> Result<HashMap<Self, Self::Row>> {
        let mut loaded = HashMap::new();
        for (page, keys) in by_page(keys, |key| key.page) {
            let file_ids: Vec<_> = keys.iter().map(|key| &key.file_id).collect();
            let mut events = events::of_files(&asks.app, &file_ids, page).await?;
            for key in keys {
                let rows = events.remove(&*key.file_id);
                loaded.extend(rows.map(|rows| (key.clone(), rows)));
            }
        }
        Ok(loaded)
    }
}
