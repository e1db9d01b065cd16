//! Whom a provider knows the users as; and names for those whom it brings.

use std::collections::BTreeSet;

use entity::{event::Kind, oidc_identity, user};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use unicode_normalization::UnicodeNormalization;

use super::{
    find_account,
    provider::refusal,
    rules::{USERNAME_MAX, username_key},
};
use crate::{
    app::App,
    auth::oidc::{SUBJECT_BYTES, is_subject},
    domain::events::{self, By, Event},
    error::{Code, Error, Result, is_duplicate},
};

/// The highest number behind a name that is taken.
const NUMBER_MAX: usize = 99;
/// Room for that.
const NUMBER_CHARS: usize = 3;

/// Who it is here whom the provider `issuer` calls `subject`.
#[expect(clippy::disallowed_methods, reason = "accounts are found here")]
pub(super) async fn identity(
    app: &App,
    issuer: &str,
    subject: &str,
) -> Result<Option<oidc_identity::Model>> {
    let id = (issuer.to_owned(), subject.to_owned());
    app.db.one(oidc_identity::Entity::find_by_id(id)).await
}

/// Links the account of that name, for the operator: whom the provider of the configuration calls `subject` signs in to it.
/// `CONFLICT` when that is somebody already.
#[expect(clippy::disallowed_methods, reason = "accounts are linked here")]
pub async fn link(app: &App, username: &str, subject: &str) -> Result<()> {
    let issuer = issuer(app)?;
    if !is_subject(subject) {
        let detail = format!("A subject has 1 to {SUBJECT_BYTES} bytes, and is one line.");
        return Err(Error::bad_input("subject", detail));
    }
    let account = find_account(app, username).await?;
    let row = oidc_identity::ActiveModel {
        issuer: Set(issuer),
        subject: Set(subject.to_owned()),
        user_id: Set(account.user.id),
        created_at: Set(app.clock.now()),
    };
    let event = Event::of_account(Kind::AccountLinked, account.user.id).by(By::Operator);
    let event = events::row(app, event.detail(events::name(&account.user.username)));
    let link = app.db.write(move |transaction| {
        Box::pin(async move {
            let linked = oidc_identity::Entity::insert(row);
            match linked.exec_without_returning(transaction).await {
                Err(error) if is_duplicate(&error) => {
                    return Err(Error::new(
                        Code::Conflict,
                        "This subject is linked already; end that by `cloakroom unlink-user` first.",
                    ));
                }
                linked => linked?,
            };
            events::record(transaction, event).await
        })
    });
    link.await
}

/// Ends all links of the account of that name with the provider of the configuration, for the operator, and says how many there
/// were.
#[expect(clippy::disallowed_methods, reason = "accounts are linked here")]
pub async fn unlink(app: &App, username: &str) -> Result<u64> {
    let issuer = issuer(app)?;
    let account = find_account(app, username).await?;
    let event = Event::of_account(Kind::AccountUnlinked, account.user.id).by(By::Operator);
    let event = events::row(app, event.detail(events::name(&account.user.username)));
    let unlink = app.db.write(move |transaction| {
        Box::pin(async move {
            let ended = oidc_identity::Entity::delete_many()
                .filter(oidc_identity::Column::Issuer.eq(issuer))
                .filter(oidc_identity::Column::UserId.eq(account.user.id))
                .exec(transaction)
                .await?
                .rows_affected;
            if ended > 0 {
                events::record(transaction, event).await?;
            }
            Ok(ended)
        })
    });
    unlink.await
}

fn issuer(app: &App) -> Result<String> {
    match app.config.has_provider() {
        true => Ok(app.config.oidc.oidc_issuer.clone()),
        false => Err(Error::new(
            Code::NotFound,
            "There is no provider; name one by CLOAKROOM_OIDC_ISSUER.",
        )),
    }
}

/// A user name that nobody has, for somebody who is `called` so at a provider: made of letters that user names have, and with a
/// number behind it where it is taken.
#[expect(clippy::disallowed_methods, reason = "accounts are found here")]
pub(super) async fn free_name(app: &App, called: &str) -> Result<String> {
    let Some(name) = fitting_name(called) else {
        return Err(refusal(
            Code::Unauthenticated,
            "NO_USERNAME",
            "The provider tells no user name for you, so no account was made; ask the operator.",
        ));
    };
    let numbered = (2..=NUMBER_MAX).map(|number| format!("{name}-{number}"));
    let names: Vec<_> = std::iter::once(name.clone()).chain(numbered).collect();
    let keys = names
        .iter()
        .map(|name| username_key(name))
        .collect::<Result<Vec<_>>>()?;
    let taken = user::Entity::find().filter(user::Column::UsernameKey.is_in(keys.clone()));
    let taken = app.db.all(taken).await?.into_iter();
    let taken: BTreeSet<_> = taken.map(|user| user.username_key).collect();
    let mut free = names
        .into_iter()
        .zip(keys)
        .filter(|(_, key)| !taken.contains(key));
    match free.next() {
        Some((name, _)) => Ok(name),
        None => Err(refusal(
            Code::Conflict,
            "NAME_TAKEN",
            "Your user name is taken here, with many numbers behind it; ask the operator for an account.",
        )),
    }
}

/// What of a name can be a user name: of an address what is before the `@`, letters without their marks, and hyphens for spaces.
fn fitting_name(called: &str) -> Option<String> {
    let called = called.split('@').next().unwrap_or_default();
    let spaced = called.chars().map(|c| match c.is_whitespace() {
        true => '-',
        false => c,
    });
    let letters = spaced.nfkd().flat_map(|c| match c {
        'ß' => ['s', 's'].into_iter().take(2),
        c => [c, c].into_iter().take(1),
    });
    let allowed = letters.filter(|c| c.is_ascii_alphanumeric() || ".-_".contains(*c));
    let whole: String = allowed.collect();
    let trim = |name: &str| {
        name.trim_matches(|c: char| !c.is_ascii_alphanumeric())
            .to_owned()
    };
    let name: String = trim(&whole)
        .chars()
        .take(USERNAME_MAX - NUMBER_CHARS)
        .collect();
    let name = trim(&name);
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_calls_people_becomes_a_user_name() {
        for (called, expected) in [
            ("alice", Some("alice")),
            ("Alice.B_c-d", Some("Alice.B_c-d")),
            ("alice@corp.example", Some("alice")),
            ("Jürgen Groß", Some("Jurgen-Gross")),
            ("  .alice-  ", Some("alice")),
            ("ａｌｉｃｅ", Some("alice")),
            ("алиса", None),
            ("", None),
            ("@corp.example", None),
            ("---", None),
            ("a\u{0}\u{202e}b<script>", Some("abscript")),
        ] {
            assert_eq!(fitting_name(called).as_deref(), expected, "{called:?}");
        }
        for long in [
            "a".repeat(500),
            format!("{}-{}", "a".repeat(28), "b".repeat(9)),
        ] {
            let name = fitting_name(&long).unwrap();
            assert!(
                username_key(&format!("{name}-{NUMBER_MAX}")).is_ok(),
                "{name}"
            );
        }
    }
}
