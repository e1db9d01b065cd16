//! Limits on guessing, and on what strangers may have done for them: passwords and sign-ups by account and by client
//! address, in the database; tickets by address, in memory.
//!
//! A try is charged before it is made, so that tries side by side all count, and given back when it was right. The table
//! holds no name in clear: people mistake the fields, and what they typed as a name may be their password.

use std::{
    cmp,
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use entity::{Timestamp, throttle};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    sea_query::{CaseStatement, Expr, ExprTrait, OnConflict},
};
use uuid::Uuid;

use super::client::ClientAddress;
use crate::{
    app::App,
    clock::{self, millis},
    error::{Code, Error, Result},
};

/// Tickets that fail are answered at this pace for each network; ones that are good never wait.
const GUESS_PACE: Duration = Duration::from_millis(2);
/// A guess whose turn is farther off than this is refused at once.
const GUESS_PATIENCE: Duration = Duration::from_secs(2);
/// Networks remembered; when there are more, those whose turn has passed are forgotten.
const GUESSERS_MAX: usize = 10_000;
/// How many networks' worth an IPv6 site may do, which has 65,536 of them.
const NETWORKS_PER_SITE: u32 = 10;
/// What the rows of [`Mark`] begin with; all others are of a [`Bucket`].
const MARK: &str = "known:";

/// So many tries in a window.
#[derive(Debug)]
pub struct Bucket {
    subject: String,
    tries: u32,
    window: i64,
}

impl Bucket {
    fn new(subject: String, tries: u32, window: Duration) -> Self {
        Self {
            subject,
            tries,
            window: millis(window),
        }
    }

    /// Those of a client address: its network's, and its site's where that is more.
    fn of_client(kind: &str, client: &ClientAddress, tries: u32, window: Duration) -> Vec<Self> {
        let (network, site) = (client.network(), client.site());
        let mut buckets = vec![Self::new(format!("{kind}:{network}"), tries, window)];
        if site != network {
            let tries = tries.saturating_mul(NETWORKS_PER_SITE);
            buckets.push(Self::new(format!("{kind}-site:{site}"), tries, window));
        }
        buckets
    }

    /// How long it takes until one try is back.
    fn interval(&self) -> i64 {
        cmp::max(self.window / i64::from(self.tries), 1)
    }

    /// Takes one try, by the generic cell rate algorithm: a single moment tells how many are left, and one statement tests
    /// and moves it. `RATE_LIMITED` when there is none.
    ///
    /// A moment farther ahead than a window was set under a clock that was wrong. It counts as a window, beginning with
    /// this try: no lock-out lasts longer, and hardly a try is won by it.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the throttle table's owner"
    )]
    async fn charge(&self, transaction: &DatabaseTransaction, now: i64) -> Result<()> {
        let interval = self.interval();
        let latest = now + interval * (i64::from(self.tries) - 1);
        let beyond = now + self.window + millis(clock::SKEW);
        let row = throttle::ActiveModel {
            subject: Set(self.subject.clone()),
            clear_at: Set(Timestamp(now + interval)),
        };
        let clear_at = || Expr::col((throttle::Entity, throttle::Column::ClearAt));
        let moved = CaseStatement::new()
            .case(clear_at().gt(beyond), now + self.window)
            .case(clear_at().gt(now), clear_at().add(interval))
            .finally(now + interval);
        let conflict = OnConflict::column(throttle::Column::Subject)
            .value(throttle::Column::ClearAt, moved)
            .action_and_where(clear_at().lte(latest).or(clear_at().gt(beyond)))
            .to_owned();
        let insert = throttle::Entity::insert(row).on_conflict(conflict);
        if insert.exec_without_returning(transaction).await? > 0 {
            return Ok(());
        }
        let row = throttle::Entity::find_by_id(self.subject.clone())
            .one(transaction)
            .await?;
        let clear_at = row.map_or(latest, |row| cmp::min(row.clear_at.0, now + self.window));
        let wait = u64::try_from(clear_at - latest).unwrap_or(0);
        Err(limited(Duration::from_millis(wait)))
    }

    /// Gives back one try.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the throttle table's owner"
    )]
    async fn give_back(&self, transaction: &DatabaseTransaction) -> Result<()> {
        let before = Expr::col(throttle::Column::ClearAt).sub(self.interval());
        throttle::Entity::update_many()
            .col_expr(throttle::Column::ClearAt, before)
            .filter(throttle::Column::Subject.eq(self.subject.clone()))
            .exec(transaction)
            .await?;
        Ok(())
    }

    /// Gives back all tries.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the throttle table's owner"
    )]
    pub async fn clear(self, transaction: &DatabaseTransaction) -> Result<()> {
        throttle::Entity::delete_by_id(self.subject)
            .exec(transaction)
            .await?;
        Ok(())
    }
}

/// Says until when an account knows a network: somebody who knew its password signed in from there.
#[derive(Debug)]
pub struct Mark {
    subject: String,
    ttl: i64,
}

impl Mark {
    /// The mark of `account` (a user name's key) and where `client` is.
    pub fn new(app: &App, account: &str, client: &ClientAddress) -> Self {
        let account = app.ticket_keys.pseudonym(account);
        Self {
            subject: format!("{MARK}{account}:{}", client.network()),
            ttl: millis(app.config.known_address_ttl),
        }
    }

    /// Sets the mark anew.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the throttle table's owner"
    )]
    pub async fn set(self, transaction: &DatabaseTransaction, now: Timestamp) -> Result<()> {
        if self.ttl == 0 {
            return Ok(());
        }
        let row = throttle::ActiveModel {
            subject: Set(self.subject),
            clear_at: Set(Timestamp(now.0.saturating_add(self.ttl))),
        };
        let anew = OnConflict::column(throttle::Column::Subject)
            .update_column(throttle::Column::ClearAt)
            .to_owned();
        throttle::Entity::insert(row)
            .on_conflict(anew)
            .exec_without_returning(transaction)
            .await?;
        Ok(())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the throttle table's owner"
    )]
    async fn is_set(&self, transaction: &DatabaseTransaction, now: i64) -> Result<bool> {
        let row = throttle::Entity::find_by_id(self.subject.clone())
            .one(transaction)
            .await?;
        let end = now
            .saturating_add(self.ttl)
            .saturating_add(millis(clock::SKEW));
        Ok(row.is_some_and(|row| row.clear_at.0 > now && row.clear_at.0 <= end))
    }
}

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
        let name = app.ticket_keys.pseudonym(account);
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

/// Counts a try at the password of a user who is signed in, which strangers cannot use up. `RATE_LIMITED` when there were
/// too many wrong ones. A right one is to clear what comes back.
pub async fn password_change(app: &App, user: Uuid) -> Result<Bucket> {
    let (config, now) = (&app.config, app.clock.now().0);
    let bucket = Bucket::new(
        format!("password:{user}"),
        config.sign_in_tries,
        config.sign_in_window,
    );
    let charge = app.db.write(move |transaction| {
        Box::pin(async move {
            bucket.charge(transaction, now).await?;
            Ok(bucket)
        })
    });
    charge.await
}

async fn charge_all(transaction: &DatabaseTransaction, buckets: &[Bucket], now: i64) -> Result<()> {
    for bucket in buckets {
        bucket.charge(transaction, now).await?;
    }
    Ok(())
}

/// Which rows say nothing any more: every try is back, or a clock that was wrong had set them too far ahead.
pub fn is_spent(app: &App) -> Expr {
    let (config, clear_at) = (&app.config, throttle::Column::ClearAt);
    let window = config.sign_in_window.max(config.sign_up_window);
    let set_wrongly = clear_at
        .gt(app.clock.after(window + clock::SKEW))
        .and(throttle::Column::Subject.starts_with(MARK).not());
    clear_at.lte(app.clock.now()).or(set_wrongly)
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
