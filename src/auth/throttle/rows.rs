//! The `throttle` table: tries that come back with time, and the networks that accounts know.

use std::{cmp, time::Duration};

use entity::{Timestamp, throttle};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{CaseStatement, Expr, ExprTrait, OnConflict},
};

use super::limited;
use crate::{
    auth::{Auth, client::ClientAddress},
    clock::{self, Clock, millis},
    db::{Reader, Transaction, shared_time},
    error::Result,
};

/// How many networks' worth an IPv6 site may do, which has 65,536 of them.
const NETWORKS_PER_SITE: u32 = 10;
/// What the rows of [`Mark`] begin with; all others are of a [`Bucket`].
const MARK: &str = "known:";

/// So many tries in a window.
#[derive(Clone, Debug)]
pub struct Bucket {
    subject: String,
    tries: u32,
    window: i64,
}

impl Bucket {
    pub(super) fn new(subject: String, tries: u32, window: Duration) -> Self {
        Self {
            subject,
            tries,
            window: millis(window),
        }
    }

    /// Those of a client address: its network's, and of IPv6 its site's.
    pub(super) fn of_client(
        kind: &str,
        client: &ClientAddress,
        tries: u32,
        window: Duration,
    ) -> Vec<Self> {
        let (network, site) = (client.network(), client.site());
        let mut buckets = vec![Self::new(format!("{kind}:{network}"), tries, window)];
        if site.0.is_some_and(|address| address.is_ipv6()) {
            let tries = tries.saturating_mul(NETWORKS_PER_SITE);
            buckets.push(Self::new(format!("{kind}-site:{site}"), tries, window));
        }
        buckets
    }

    /// How long it takes until every try is back.
    pub(super) fn window(&self) -> Duration {
        Duration::from_millis(self.window.try_into().unwrap_or(0))
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
    pub(super) async fn charge(&self, transaction: &Transaction, now: i64) -> Result<()> {
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
    pub(super) async fn give_back(&self, transaction: &Transaction) -> Result<()> {
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
    pub async fn clear(&self, transaction: &Transaction) -> Result<()> {
        throttle::Entity::delete_by_id(self.subject.clone())
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
    clock: Clock,
}

impl Mark {
    /// The mark of `account` (a user name's key) and where `client` is.
    pub fn new(auth: &Auth, account: &str, client: &ClientAddress) -> Self {
        let account = auth.keyring.pseudonym(account);
        // Where nobody can tell addresses, one is as good as another, and none is known.
        let ttl = client
            .0
            .map_or(0, |_| millis(auth.config.accounts.known_address_ttl));
        Self {
            subject: format!("{MARK}{account}:{}", client.network()),
            ttl,
            clock: auth.clock.clone(),
        }
    }

    /// Sets the mark anew.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the throttle table's owner"
    )]
    pub async fn set(self, transaction: &Transaction) -> Result<()> {
        if self.ttl == 0 {
            return Ok(());
        }
        let now = shared_time(&self.clock, transaction).await?;
        let row = throttle::ActiveModel {
            subject: Set(self.subject),
            clear_at: Set(Timestamp(now.saturating_add(self.ttl))),
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
    pub(super) async fn is_set(&self, transaction: &Transaction, now: i64) -> Result<bool> {
        if self.ttl == 0 {
            return Ok(false);
        }
        let row = throttle::Entity::find_by_id(self.subject.clone())
            .one(transaction)
            .await?;
        let end = now
            .saturating_add(self.ttl)
            .saturating_add(millis(clock::SKEW));
        Ok(row.is_some_and(|row| row.clear_at.0 > now && row.clear_at.0 <= end))
    }
}

/// Takes one try of each, or of none.
pub(super) async fn charge_all(
    transaction: &Transaction,
    buckets: &[Bucket],
    now: i64,
) -> Result<()> {
    for bucket in buckets {
        bucket.charge(transaction, now).await?;
    }
    Ok(())
}

/// Deletes up to `limit` rows that say nothing any more at the settled time `now`, and says how many.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the throttle table's owner"
)]
pub async fn sweep_spent(auth: &Auth, now: Timestamp, limit: u64) -> Result<u64> {
    let (due, id) = (is_spent(auth, now).await?, throttle::Column::Subject);
    auth.db.delete_due::<throttle::Entity>(id, due, limit).await
}

/// Which rows say nothing any more at the settled time `now`: every try is back, or a clock that was wrong had set them too
/// far ahead.
async fn is_spent(auth: &Auth, now: Timestamp) -> Result<Expr> {
    let (config, clear_at) = (&auth.config, throttle::Column::ClearAt);
    let window = config
        .accounts
        .sign_in_window
        .max(config.accounts.sign_up_window)
        .max(config.oidc.oidc_attempt_ttl + clock::SKEW);
    // The settled time can be behind or of a clock that is wrong, and so can the shared one: what either of them spares, stays.
    let shared = match auth.db.reader() {
        Reader::Sqlite { .. } => auth.clock.now().0,
        Reader::Postgres(connections) => shared_time(&auth.clock, connections).await?,
    };
    let latest = cmp::max(now.0, shared) + millis(window + clock::SKEW);
    let set_wrongly = clear_at
        .gt(Timestamp(latest))
        .and(throttle::Column::Subject.starts_with(MARK).not());
    let passed = Timestamp(cmp::min(now.0, shared));
    Ok(clear_at.lte(passed).or(set_wrongly))
}
