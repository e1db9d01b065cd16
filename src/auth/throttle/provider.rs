//! Limits on sign-ins by a provider: what browsers bring back from there, by client address, and each of it once.

use std::sync::Arc;

use uuid::Uuid;

use super::{Bucket, Charge, Try, is_limit};
use crate::{
    auth::{
        Auth,
        client::ClientAddress,
        oidc::{Failure, Reason},
    },
    clock::{self, Clock},
    db::{Transaction, shared_time},
    error::{Error, Result},
};

/// Counts what `client` brings back from a provider, as a try at a password counts. `RATE_LIMITED` when there was too much of
/// it; the refusal of a state that is used when the `attempt` of that name was brought back before, on whichever instance.
///
/// It counts unless it is judged: by then the provider has been asked.
pub async fn provider_answer(auth: &Auth, client: &ClientAddress, attempt: String) -> Result<Try> {
    let (config, clock) = (&auth.config, auth.clock.clone());
    let tries = config.accounts.sign_in_tries_per_address;
    let window = config.accounts.sign_in_window;
    let buckets = Bucket::of_client("provider", client, tries, window);
    // One try, which is not back before the attempt is too old, by whatever clock.
    let window = config.oidc.oidc_attempt_ttl + 2 * clock::SKEW;
    let attempt = Bucket::new(format!("attempt:{attempt}"), 1, window);
    let mut charged = Try {
        charge: Charge::new(&auth.db, Arc::new(true.into())),
        account: None,
    };
    let charge = auth.db.write_throttle(move |transaction| {
        Box::pin(async move {
            let now = shared_time(&clock, transaction).await?;
            charged.charge.take(transaction, buckets, now).await?;
            let used = attempt.charge(transaction, now).await;
            match is_limit(&used) {
                true => Err(Error::from(Failure::new(Reason::UsedState))),
                false => used.map(|()| charged),
            }
        })
    });
    charge.await
}

/// How often one account may sign in by a provider.
#[derive(Clone, Debug)]
pub struct SignIns {
    bucket: Bucket,
    clock: Clock,
}

impl SignIns {
    pub fn of(auth: &Auth, user_id: Uuid) -> Self {
        let config = &auth.config.accounts;
        let subject = format!("provider-sign-ins:{user_id}");
        Self {
            bucket: Bucket::new(subject, config.sign_ins_per_account, config.sign_in_window),
            clock: auth.clock.clone(),
        }
    }

    /// Counts one. `RATE_LIMITED` when there were too many.
    pub async fn charge(&self, transaction: &Transaction) -> Result<()> {
        let now = shared_time(&self.clock, transaction).await?;
        self.bucket.charge(transaction, now).await
    }
}
