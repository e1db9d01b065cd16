//! Limits on guessing: passwords by account and by client address, in the database; tickets by address, in memory.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use entity::throttle;
use sea_orm::{
    ActiveValue::Set,
    EntityTrait,
    sea_query::{CaseStatement, Expr, ExprTrait, OnConflict},
};

use super::client::ClientAddress;
use crate::{
    app::App,
    clock::millis,
    error::{Code, Error, Result},
};

/// Tickets that fail are answered at this pace for each network; ones that are good never wait.
const GUESS_PACE: Duration = Duration::from_millis(2);
/// A guess whose turn is farther off than this is refused at once.
const GUESS_PATIENCE: Duration = Duration::from_secs(2);
/// Networks remembered; when there are more, those whose turn has passed are forgotten.
const GUESSERS_MAX: usize = 10_000;

/// Counts one check of a password of `account` (a user name's key, whether there is such a user or not) by `client`.
/// `RATE_LIMITED` when either has used up its tries; they come back evenly over the configured window.
pub async fn password_check(
    app: &App,
    account: Option<&str>,
    client: &ClientAddress,
) -> Result<()> {
    let config = &app.config;
    let address = format!("address:{}", client.network());
    charge(app, address, config.sign_in_tries_per_address).await?;
    if let Some(account) = account {
        charge(app, subject(app, account), config.sign_in_tries).await?;
    }
    Ok(())
}

/// Forgets the tries of `account`: somebody knew its password.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the throttle table's owner"
)]
pub async fn forget(app: &App, account: &str) -> Result<()> {
    let subject = subject(app, account);
    let delete = app.db.write(move |transaction| {
        Box::pin(async move {
            throttle::Entity::delete_by_id(subject)
                .exec(transaction)
                .await?;
            Ok(())
        })
    });
    delete.await
}

/// An account as the table knows it: people mistake the fields, and what they typed as a name may be their password.
fn subject(app: &App, account: &str) -> String {
    format!("account:{}", app.ticket_keys.pseudonym(account))
}

/// One try of `tries` in a window, by the generic cell rate algorithm: a single moment tells how many are left, and one
/// statement tests and moves it, so that tries side by side all count.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the throttle table's owner"
)]
async fn charge(app: &App, subject: String, tries: u32) -> Result<()> {
    let now = app.clock.now().0;
    let interval = millis(app.config.sign_in_window) / i64::from(tries);
    let latest = now + interval * (i64::from(tries) - 1);
    let row = throttle::ActiveModel {
        subject: Set(subject.clone()),
        clear_at: Set(entity::Timestamp(now + interval)),
    };
    let charge = app.db.write(move |transaction| {
        Box::pin(async move {
            let clear_at = || Expr::col((throttle::Entity, throttle::Column::ClearAt));
            let moved = CaseStatement::new()
                .case(clear_at().gt(now), clear_at().add(interval))
                .finally(now + interval);
            let conflict = OnConflict::column(throttle::Column::Subject)
                .value(throttle::Column::ClearAt, moved)
                .action_and_where(clear_at().lte(latest))
                .to_owned();
            let insert = throttle::Entity::insert(row).on_conflict(conflict);
            if insert.exec_without_returning(transaction).await? > 0 {
                return Ok(None);
            }
            Ok(throttle::Entity::find_by_id(subject)
                .one(transaction)
                .await?)
        })
    });
    match charge.await? {
        None => Ok(()),
        Some(row) => Err(limited(Duration::from_millis(
            u64::try_from(row.clear_at.0 - latest).unwrap_or(1),
        ))),
    }
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
