//! Limits on guessing, and on what strangers may have done for them: passwords and sign-ups by account and by client
//! address, in the database; tickets by address, in memory.
//!
//! A try is charged before it is made, so that tries side by side all count, and given back when it was right. The table
//! holds no name in clear: people mistake the fields, and what they typed as a name may be their password.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use entity::Timestamp;
use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::client::ClientAddress;
use crate::{
    app::App,
    error::{Code, Error, Result},
};

mod rows;

use rows::charge_all;
pub use rows::{Bucket, Mark, sweep_spent};

/// Tickets that fail are answered at this pace for each network; ones that are good never wait.
const GUESS_PACE: Duration = Duration::from_millis(2);
/// A guess whose turn is farther off than this is refused at once.
const GUESS_PATIENCE: Duration = Duration::from_secs(2);
/// Networks remembered; when there are more, those whose turn has passed are forgotten.
const GUESSERS_MAX: usize = 10_000;
/// One try at a password, counted as wrong until it is known to be right.
#[derive(Debug)]
pub struct Try {
    /// What it was charged to that other accounts share.
    client: Vec<Bucket>,
    /// Where a name was given that can be one.
    account: Option<Account>,
}

#[derive(Debug)]
struct Account {
    /// What the try was charged to.
    tries: Bucket,
    sign_ins: Bucket,
    mark: Mark,
}

/// Counts a try by `client` at the password of `account` (a user name's key, whether there is such a user or not).
///
/// `RATE_LIMITED` when either has used up its tries; they come back evenly over the configured window. An account has
/// tries of its own for each network that it knows, and there nobody else's tries count.
pub async fn sign_in(app: &App, account: Option<&str>, client: &ClientAddress) -> Result<Try> {
    let (config, now) = (&app.config, app.clock.now().0);
    let window = config.sign_in_window;
    let buckets = Bucket::of_client("address", client, config.sign_in_tries_per_address, window);
    let account = account.map(|account| {
        let name = app.keyring.pseudonym(account);
        let own = |subject, tries| Bucket::new(subject, tries, window);
        let here = format!("account:{name}:{}", client.network());
        let here = own(here, config.sign_in_tries);
        let account = Account {
            tries: own(format!("account:{name}"), config.sign_in_tries),
            sign_ins: own(format!("sign-ins:{name}"), config.sign_ins_per_account),
            mark: Mark::new(app, account, client),
        };
        (account, here)
    });
    let charge = app.db.write(move |transaction| {
        Box::pin(async move {
            let mut charged = Try {
                client: buckets,
                account: None,
            };
            if let Some((mut account, here)) = account {
                if account.mark.is_set(transaction, now).await? {
                    charged.client.clear();
                    account.tries = here;
                }
                charged.account = Some(account);
            }
            charge_all(transaction, &charged.client, now).await?;
            if let Some(account) = &charged.account {
                account.tries.charge(transaction, now).await?;
            }
            Ok(charged)
        })
    });
    charge.await
}

impl Try {
    /// The password was right: the address gets this try back, the account gets all of its tries, and knows the network
    /// from now on. `RATE_LIMITED` when the account signs in too often.
    pub async fn was_right(self, app: &App) -> Result<()> {
        let now = app.clock.now();
        let settle = app.db.write(move |transaction| {
            Box::pin(async move {
                for bucket in &self.client {
                    bucket.give_back(transaction).await?;
                }
                if let Some(account) = self.account {
                    account.tries.clear(transaction).await?;
                    account.sign_ins.charge(transaction, now.0).await?;
                    account.mark.set(transaction, now).await?;
                }
                Ok(())
            })
        });
        settle.await
    }
}

/// Counts a sign-up by `client`, whatever comes of it. `RATE_LIMITED` when there were too many.
pub async fn sign_up(app: &App, client: &ClientAddress) -> Result<()> {
    let (config, now) = (&app.config, app.clock.now().0);
    let (tries, window) = (config.sign_ups_per_address, config.sign_up_window);
    let buckets = Bucket::of_client("sign-up", client, tries, window);
    let charge = app.db.write(move |transaction| {
        Box::pin(async move { charge_all(transaction, &buckets, now).await })
    });
    charge.await
}

/// One try at the password of a user who is signed in, counted as wrong until it is known to be right.
#[derive(Debug)]
pub struct ChangeTry {
    tries: Bucket,
    changes: Bucket,
}

impl ChangeTry {
    /// The password was right: the user gets all tries back. `RATE_LIMITED` when the user changes it too often.
    pub async fn was_right(self, transaction: &DatabaseTransaction, now: Timestamp) -> Result<()> {
        self.tries.clear(transaction).await?;
        self.changes.charge(transaction, now.0).await
    }
}

/// Counts a try at the password of a user who is signed in, which strangers cannot use up. `RATE_LIMITED` when there were
/// too many wrong ones.
pub async fn password_change(app: &App, user: Uuid) -> Result<ChangeTry> {
    let (config, now) = (&app.config, app.clock.now().0);
    let bucket = |subject: &str, tries| {
        Bucket::new(format!("{subject}:{user}"), tries, config.sign_in_window)
    };
    let charged = ChangeTry {
        tries: bucket("password", config.sign_in_tries),
        changes: bucket("password-changes", config.sign_ins_per_account),
    };
    let charge = app.db.write(move |transaction| {
        Box::pin(async move {
            charged.tries.charge(transaction, now).await?;
            Ok(charged)
        })
    });
    charge.await
}

fn limited(wait: Duration) -> Error {
    let seconds = wait.as_secs() + 1;
    Error::new(
        Code::RateLimited,
        format!("There were too many tries; try again in {seconds} seconds."),
    )
    .with("retryAfterSeconds", seconds)
}

/// Turns of those who present tickets that are not good.
#[derive(Debug, Default)]
pub struct TicketGuesses(Mutex<HashMap<ClientAddress, Instant>>);

impl TicketGuesses {
    /// Waits until it is the turn of a bad ticket from `client`. `RATE_LIMITED` when that is too far off.
    pub async fn wait(&self, client: &ClientAddress) -> Result<()> {
        let wait = self
            .turn(client.network())
            .saturating_duration_since(Instant::now());
        if wait > GUESS_PATIENCE {
            return Err(limited(wait));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn turn(&self, network: ClientAddress) -> Instant {
        let now = Instant::now();
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= GUESSERS_MAX {
            turns.retain(|_, turn| *turn > now);
        }
        let turn = turns.get(&network).copied().unwrap_or(now).max(now);
        // A refused guess takes no turn, or a flood would push its end ever farther away.
        if turn - now <= GUESS_PATIENCE {
            turns.insert(network, turn + GUESS_PACE);
        }
        turn
    }
}
