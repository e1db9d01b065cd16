//! DataLoaders: what a list would otherwise ask for row by row.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::{DataLoader, Loader, NoCache};
use entity::{share, user};
use uuid::Uuid;

use crate::{
    access::{self, Readable},
    app::SharedApp,
    domain::accounts,
    error::Error,
    patience,
};

/// Users by id.
pub struct UserLoader(SharedApp);

/// The shares of a file that `viewer` may know, by file.
pub struct ShareLoader {
    app: SharedApp,
    viewer: Option<user::Model>,
}

/// An error that every waiting row gets.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Error>);

/// The loaders of one request, for `viewer`.
pub fn loaders(
    app: &SharedApp,
    viewer: Option<user::Model>,
) -> (
    DataLoader<UserLoader, NoCache>,
    DataLoader<ShareLoader, NoCache>,
) {
    let users = UserLoader(SharedApp::clone(app));
    let shares = ShareLoader {
        app: SharedApp::clone(app),
        viewer,
    };
    (
        DataLoader::new(users, |load| tokio::spawn(patience::inherit(load))),
        DataLoader::new(shares, |load| tokio::spawn(patience::inherit(load))),
    )
}

impl Loader<Uuid> for UserLoader {
    type Value = user::Model;
    type Error = Shared;

    async fn load(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, user::Model>, Shared> {
        let users = accounts::by_ids(&self.0, ids.to_vec())
            .await
            .map_err(share)?;
        Ok(users.into_iter().map(|user| (user.id, user)).collect())
    }
}

impl Loader<Uuid> for ShareLoader {
    type Value = Vec<Readable<share::Model>>;
    type Error = Shared;

    async fn load(&self, file_ids: &[Uuid]) -> Result<HashMap<Uuid, Self::Value>, Shared> {
        let mut by_file: HashMap<Uuid, Self::Value> = HashMap::new();
        let Some(viewer) = &self.viewer else {
            return Ok(by_file);
        };
        let shares = access::shares_visible_to(&self.app, viewer, file_ids.to_vec())
            .await
            .map_err(share)?;
        for share in shares {
            by_file.entry(share.file_id).or_default().push(share);
        }
        Ok(by_file)
    }
}

fn share(error: Error) -> Shared {
    error.log();
    Shared(Arc::new(error))
}

impl From<Shared> for Error {
    fn from(Shared(error): Shared) -> Self {
        Self::new(error.code, error.detail.clone())
    }
}
