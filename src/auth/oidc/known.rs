//! What is known of a provider: its addresses and keys, asked when somebody first needs them, and again when they are old.

use std::{sync::Arc, time::Duration};

use openidconnect::{IssuerUrl, core::CoreProviderMetadata};
use tokio::sync::Mutex;

use super::{Failure, Transport};
use crate::auth::Auth;

pub(super) type Metadata = CoreProviderMetadata;

/// One request at a time asks, and the others wait for what it hears.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Asked>);

#[derive(Debug, Default)]
struct Asked {
    heard: Option<(Arc<Metadata>, Duration)>,
    /// When the provider was last asked, and what came of it where that was nothing.
    last: Option<Duration>,
    failure: Option<Failure>,
}

impl Known {
    /// What is known, asked anew where that is too long ago.
    pub async fn now(
        &self,
        auth: &Auth,
        issuer: &IssuerUrl,
        transport: &Transport,
    ) -> Result<Arc<Metadata>, Failure> {
        let mut asked = self.0.lock().await;
        let (ttl, uptime) = (auth.config.oidc.oidc_keys_ttl, auth.clock.uptime());
        if let Some((metadata, heard_at)) = &asked.heard
            && uptime.saturating_sub(*heard_at) < ttl
        {
            return Ok(Arc::clone(metadata));
        }
        if asked.is_to_be_left(auth)
            && let Some(failure) = &asked.failure
        {
            return Err(failure.clone());
        }
        asked.ask(auth, issuer, transport).await
    }

    /// What is known that is newer than `than`. `None` where the provider was asked a moment ago, or says nothing.
    pub async fn newer(
        &self,
        auth: &Auth,
        issuer: &IssuerUrl,
        transport: &Transport,
        than: &Arc<Metadata>,
    ) -> Option<Arc<Metadata>> {
        let mut asked = self.0.lock().await;
        match &asked.heard {
            Some((metadata, _)) if !Arc::ptr_eq(metadata, than) => Some(Arc::clone(metadata)),
            _ if asked.is_to_be_left(auth) => None,
            _ => asked.ask(auth, issuer, transport).await.ok(),
        }
    }
}

impl Asked {
    /// Whether the provider was asked a moment ago: no client makes us ask more often.
    fn is_to_be_left(&self, auth: &Auth) -> bool {
        let pause = auth.config.oidc.oidc_keys_pause;
        self.last
            .is_some_and(|last| auth.clock.uptime().saturating_sub(last) < pause)
    }

    async fn ask(
        &mut self,
        auth: &Auth,
        issuer: &IssuerUrl,
        transport: &Transport,
    ) -> Result<Arc<Metadata>, Failure> {
        let heard = Metadata::discover_async(issuer.clone(), transport).await;
        // Not before it: whoever waited for a provider that says nothing would ask once more.
        self.last = Some(auth.clock.uptime());
        match heard.map_err(|error| Failure::of_discovery(&error)) {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                self.heard = Some((Arc::clone(&metadata), auth.clock.uptime()));
                self.failure = None;
                Ok(metadata)
            }
            Err(failure) => {
                self.failure = Some(failure.clone());
                Err(failure)
            }
        }
    }
}
