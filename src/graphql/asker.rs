//! What resolvers know of the operation that they run in.

use std::sync::Arc;

use async_graphql::{Context, dataloader::DataLoader};
use tower_sessions::Session;

use super::{
    loaders::{self, DropLoader, GroupLoader, LinkLoader, ShareLoader, UserLoader},
    uploads::ReceivedFiles,
};
use crate::{
    app::{App, SharedApp},
    auth::{Actor, Caller, client::ClientAddress},
};

/// Who runs an operation, and with what. All that resolvers find in their context stands here, so no transport can forget
/// a part of it.
pub struct Asker {
    pub(super) app: SharedApp,
    caller: Caller,
    /// The files that came with the request.
    files: ReceivedFiles,
    users: DataLoader<UserLoader>,
    shares: DataLoader<ShareLoader>,
    links: DataLoader<LinkLoader>,
    drops: DataLoader<DropLoader>,
    groups: DataLoader<GroupLoader>,
}

impl Asker {
    /// `caller`, who runs one operation with the `files` that came with it.
    pub fn new(app: &SharedApp, caller: Caller, files: ReceivedFiles) -> Self {
        Self {
            app: SharedApp::clone(app),
            users: loaders::users(app),
            shares: loaders::shares(app, caller.actor.viewer().cloned()),
            links: loaders::links(app),
            drops: loaders::drops(app, caller.actor.viewer().cloned()),
            groups: loaders::groups(app, caller.actor.viewer().cloned()),
            caller,
            files,
        }
    }
}

/// What resolvers take from their context.
pub trait ContextExt<'a> {
    fn asker(&self) -> &'a Asker;

    fn app(&self) -> &'a Arc<App> {
        &self.asker().app
    }

    fn actor(&self) -> &'a Actor {
        &self.asker().caller.actor
    }

    fn client(&self) -> &'a ClientAddress {
        &self.asker().caller.client
    }

    fn session(&self) -> &'a Session {
        &self.asker().caller.session
    }

    fn files(&self) -> &'a ReceivedFiles {
        &self.asker().files
    }

    fn users(&self) -> &'a DataLoader<UserLoader> {
        &self.asker().users
    }

    fn shares(&self) -> &'a DataLoader<ShareLoader> {
        &self.asker().shares
    }

    fn links(&self) -> &'a DataLoader<LinkLoader> {
        &self.asker().links
    }

    fn drops(&self) -> &'a DataLoader<DropLoader> {
        &self.asker().drops
    }

    fn groups(&self) -> &'a DataLoader<GroupLoader> {
        &self.asker().groups
    }
}

impl<'a> ContextExt<'a> for Context<'a> {
    fn asker(&self) -> &'a Asker {
        // `execute` adds one to every operation, and nothing else runs resolvers.
        self.data_unchecked::<Asker>()
    }
}
