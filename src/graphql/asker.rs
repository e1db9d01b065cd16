//! What resolvers know of the operation that they run in.

use std::sync::Arc;

use async_graphql::Context;
use tower_sessions::Session;

use super::{loaders::Loads, uploads::ReceivedFiles};
use crate::{
    app::{App, SharedApp},
    auth::{Actor, Caller, client::ClientAddress},
    config::Secret,
    error::{Code, Error, Result},
};

/// Who runs an operation, and with what. All that resolvers find in their context stands here, so no transport can forget
/// a part of it.
pub struct Asker {
    pub(super) app: SharedApp,
    caller: Caller,
    /// The files that came with the request.
    pub(super) files: ReceivedFiles,
    /// Whether the operation came in a URL, which any page can make a browser ask for.
    by_url: bool,
    pub(super) loads: Loads,
}

impl Asker {
    /// `caller`, who runs one operation with the `files` that came with it, or one that came `by_url`.
    pub fn new(app: &SharedApp, caller: Caller, files: ReceivedFiles, by_url: bool) -> Self {
        Self {
            app: SharedApp::clone(app),
            loads: Loads::new(app, caller.actor.viewer()),
            caller,
            files,
            by_url,
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

    fn caller(&self) -> &'a Caller {
        &self.asker().caller
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

    /// The password of a link or drop. `CSRF_REFUSED` for one in a URL: URLs are kept in logs, and a page of another site could
    /// use up the tries of whoever looks at it.
    fn password(&self, password: Option<String>) -> Result<Option<Secret>> {
        match password {
            Some(_) if self.asker().by_url => Err(Error::new(
                Code::CsrfRefused,
                "A password never comes in a URL; send this query by POST.",
            )),
            password => Ok(password.map(Secret::from)),
        }
    }

    fn loads(&self) -> &'a Loads {
        &self.asker().loads
    }
}

impl<'a> ContextExt<'a> for Context<'a> {
    fn asker(&self) -> &'a Asker {
        // `execute` adds one to every operation, and nothing else runs resolvers.
        self.data_unchecked::<Asker>()
    }
}
