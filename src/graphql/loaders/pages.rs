//! Pages of lists inside lists: one query for all that are asked for the same page.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
};

use async_graphql::dataloader::Loader;
use entity::event;
use uuid::Uuid;

use super::{DropLoader, EventLoader, LoadError, by_page, for_all_rows};
use crate::{
    access::{self, Owned, Sight},
    db::{Page, Rows},
    domain::events,
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

impl Loader<FilesOf> for DropLoader {
    type Value = Rows<Sight>;
    type Error = LoadError;

    async fn load(&self, keys: &[FilesOf]) -> Result<HashMap<FilesOf, Self::Value>, LoadError> {
        let mut loaded = HashMap::new();
        let Some(viewer) = &self.viewer else {
            return Ok(loaded);
        };
        for (page, keys) in by_page(keys, |key| key.page) {
            let drops: Vec<_> = keys.iter().map(|key| &key.drop).collect();
            let files = access::files_of_drops(&self.app, viewer, &drops, page).await;
            let mut files = files.map_err(for_all_rows)?;
            for key in keys {
                let rows = files.remove(&key.drop.id);
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

impl Loader<EventsOf> for EventLoader {
    type Value = Rows<event::Model>;
    type Error = LoadError;

    async fn load(&self, keys: &[EventsOf]) -> Result<HashMap<EventsOf, Self::Value>, LoadError> {
        let mut loaded = HashMap::new();
        for (page, keys) in by_page(keys, |key| key.page) {
            let file_ids: Vec<_> = keys.iter().map(|key| &key.file_id).collect();
            let events = events::of_files(&self.0, &file_ids, page).await;
            let mut events = events.map_err(for_all_rows)?;
            for key in keys {
                let rows = events.remove(&*key.file_id);
                loaded.extend(rows.map(|rows| (key.clone(), rows)));
            }
        }
        Ok(loaded)
    }
}
