//! Limits on guessing, and on what strangers may have done for them: passwords and sign-ups by account and by client
//! address, in the database; tickets by address, in memory.
//!
//! A try is charged before it is made, so that tries side by side all count, and given back when it was right, or when the
//! server failed before it knew. The table
//! holds no name in clear: people mistake the fields, and what they typed as a name may be their password.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{Auth, client::ClientAddress, password::Begun};
use crate::{
    clock::Clock,
    db::{Transaction, shared_time},
    error::{Code, Error, Result},
};

mod charge;
mod provider;
mod rows;

use charge::Charge;
pub use provider::{SignIns, provider_answer};
use rows::charge_all;
pub use rows::{Bucket, Mark, sweep_spent};

/// Tickets that fail are answered at this pace for each network; ones that are good never wait.
const GUESS_PACE: Duration = Duration::from_millis(2);
/// A guess whose turn is farther off than this is refused at once.
const GUESS_PATIENCE: Duration = Duration::from_secs(2);
/// Networks remembered; when there are more, those whose turn has passed are forgotten.
const GUESSERS_MAX: usize = 10_000;

/// One try at a password. Dropped, it is given back, unless the password was wrong, or is being looked at.
#[derive(Debug)]
pub struct Try {
    charge: Charge,
    /// Where a name was given that can be one.
    account: Option<Account>,
}

#[derive(Debug)]
struct Account {
    /// What the try was charged to.
    tries: Bucket,
    /// Where right passwords are limited as well.
    sign_ins: Option<Bucket>,
    mark: Mark,
}

/// Counts a try by `client` at the password of `account` (a user name's key, whether there is such a user or not), which
/// `begun` says is being looked at.
///
/// `RATE_LIMITED` when either has used up its tries; they come back evenly over the configured window. An account has
/// tries of its own for each network that it knows, and there nobody else's tries count.
pub async fn sign_in(
    auth: &Auth,
    account: Option<&str>,
    client: &ClientAddress,
    begun: Begun,
) -> Result<Try> {
    let (config, window) = (&auth.config, auth.config.accounts.sign_in_window);
    let account = account.map(|account| {
        let name = auth.keyring.pseudonym(account);
        let own = |subject, tries| Bucket::new(subject, tries, window);
        let here = format!("account:{name}:{}", client.network());
        let here = own(here, config.accounts.sign_in_tries);
        let account = Account {
            tries: own(format!("account:{name}"), config.accounts.sign_in_tries),
            sign_ins: Some(own(
                format!("sign-ins:{name}"),
                config.accounts.sign_ins_per_account,
            )),
            mark: Mark::new(auth, account, client),
        };
        (account, here)
    });
    take(auth, account, client, begun).await
}

/// The same at the password of a link or drop, called `name`. It has as many tries as an account, also of its own for each network
/// that it was opened from; and may be opened as often as anybody knows the password.
pub(super) async fn url_secret(
    auth: &Auth,
    name: &str,
    client: &ClientAddress,
    begun: Begun,
) -> Result<Try> {
    let config = &auth.config.accounts;
    let own = |subject| Bucket::new(subject, config.sign_in_tries, config.sign_in_window);
    let here = own(format!("{name}:{}", client.network()));
    let tried = Account {
        tries: own(name.to_owned()),
        sign_ins: None,
        // No user's name has a colon.
        mark: Mark::new(auth, name, client),
    };
    take(auth, Some((tried, here)), client, begun).await
}

/// Takes a try of the address of `client`, and of an account: of those that it has where `client` is, if it knows that.
async fn take(
    auth: &Auth,
    account: Option<(Account, Bucket)>,
    client: &ClientAddress,
    begun: Begun,
) -> Result<Try> {
    let (config, clock) = (&auth.config.accounts, auth.clock.clone());
    let mut buckets = Bucket::of_client(
        "address",
        client,
        config.sign_in_tries_per_address,
        config.sign_in_window,
    );
    let mut charged = Try {
        charge: Charge::new(&auth.db, begun),
        account: None,
    };
    let charge = auth.db.write_throttle(move |transaction| {
        Box::pin(async move {
            let now = shared_time(&clock, transaction).await?;
            if let Some((mut account, here)) = account {
                if account.mark.is_set(transaction, now).await? {
                    buckets.clear();
                    account.tries = here;
                }
                buckets.push(account.tries.clone());
                charged.account = Some(account);
            }
            charged.charge.take(transaction, buckets, now).await?;
            Ok(charged)
        })
    });
    charge.await
}

impl Try {
    /// Says what came of it: a wrong password counts, and what the server's own trouble left open does not.
    pub fn judge(&mut self, was_wrong: bool) {
        self.charge.judge(was_wrong);
    }

    /// The password was right: the address gets this try back, the account gets all of its tries, and knows the network
    /// from now on. `RATE_LIMITED` when the account signs in too often; then the try counts, for it cost a hash.
    pub async fn was_right(mut self, auth: &Auth) -> Result<()> {
        self.charge.judge(false);
        let clock = auth.clock.clone();
        let settle = auth.db.write_throttle(move |transaction| {
            Box::pin(async move {
                let Self {
                    mut charge,
                    account,
                } = self;
                // First, because rows must be locked in the same order as when they are charged. Otherwise two sign-ins could
                // wait for each other.
                charge.give_back(transaction).await?;
                if let Some(account) = account {
                    let now = shared_time(&clock, transaction).await?;
                    if let Some(sign_ins) = &account.sign_ins {
                        account.tries.clear(transaction).await?;
                        let sign_in = sign_ins.charge(transaction, now).await;
                        charge.judge(is_limit(&sign_in));
                        sign_in?;
                    }
                    account.mark.set(transaction).await?;
                }
                charge.settle(transaction);
                Ok(())
            })
        });
        settle.await
    }
}

fn is_limit(result: &Result<()>) -> bool {
    matches!(result, Err(error) if error.code == Code::RateLimited)
}

/// Counts a sign-up by `client`, whatever comes of it. `RATE_LIMITED` when there were too many.
pub async fn sign_up(auth: &Auth, client: &ClientAddress) -> Result<()> {
    let (config, clock) = (&auth.config, auth.clock.clone());
    let (tries, window) = (
        config.accounts.sign_ups_per_address,
        config.accounts.sign_up_window,
    );
    let buckets = Bucket::of_client("sign-up", client, tries, window);
    let charge = auth.db.write_throttle(move |transaction| {
        Box::pin(async move {
            let now = shared_time(&clock, transaction).await?;
            charge_all(transaction, &buckets, now).await
        })
    });
    charge.await
}

/// One try at the password of a user who is signed in. Dropped, it is given back, as a [`Try`] is.
#[derive(Debug)]
pub struct ChangeTry {
    charge: Charge,
    tries: Bucket,
    changes: Bucket,
    clock: Clock,
}

impl ChangeTry {
    /// Says what came of it: a wrong password counts, and what the server's own trouble left open does not.
    pub fn judge(&mut self, was_wrong: bool) {
        self.charge.judge(was_wrong);
    }

    /// The password was right: the user gets all tries back. `RATE_LIMITED` when the user changes it too often.
    pub async fn was_right(mut self, transaction: &Transaction) -> Result<()> {
        let now = shared_time(&self.clock, transaction).await?;
        self.tries.clear(transaction).await?;
        let change = self.changes.charge(transaction, now).await;
        self.charge.judge(is_limit(&change));
        change?;
        self.charge.give_back(transaction).await?;
        self.charge.settle(transaction);
        Ok(())
    }
}

/// Counts a try at the password of a user who is signed in, which strangers cannot use up. `RATE_LIMITED` when there were
/// too many wrong ones. `begun` says that the password is being looked at.
pub async fn password_change(auth: &Auth, user: Uuid, begun: Begun) -> Result<ChangeTry> {
    let config = &auth.config;
    let bucket = |subject: &str, tries| {
        Bucket::new(
            format!("{subject}:{user}"),
            tries,
            config.accounts.sign_in_window,
        )
    };
    let mut charged = ChangeTry {
        charge: Charge::new(&auth.db, begun),
        tries: bucket("password", config.accounts.sign_in_tries),
        changes: bucket("password-changes", config.accounts.sign_ins_per_account),
        clock: auth.clock.clone(),
    };
    let charge = auth.db.write_throttle(move |transaction| {
        Box::pin(async move {
            let now = shared_time(&charged.clock, transaction).await?;
            let tries = vec![charged.tries.clone()];
            charged.charge.take(transaction, tries, now).await?;
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
