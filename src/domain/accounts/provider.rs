//! Signing in by a provider.
//!
//! An account is known by who the provider says it is, issuer and subject, and by nothing else that it says: no e-mail address
//! and no name opens an account that is there. Who is not known yet gets a new account, under a name that nobody has.

use entity::{
    event::Kind,
    oidc_identity,
    user::{self, NO_PASSWORD, Role},
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel};
use uuid::Uuid;

use super::{
    administration::{self, Held, hold_by_provider, update},
    linking::{free_name, identity},
    sign_up::new_row,
};
use crate::{
    app::App,
    auth::{
        Account,
        client::ClientAddress,
        oidc::{Attempt, Failure, Person, Provider, Reason},
        session::NewSession,
        throttle::{self, SignIns},
    },
    config::OidcSignUp,
    db::Transaction,
    domain::events::{self, By, Event, Object},
    error::{Code, Error, Result, is_duplicate},
    log_limit::LogLimit,
    random,
};

/// How often a sign-in looks anew because somebody else has made the same account or taken the same name meanwhile.
const ROUNDS: usize = 4;
/// The longest code that is passed on.
const CODE_BYTES: usize = 4096;

/// What a browser brings back from the provider.
pub struct Answer<'a> {
    /// What it has kept.
    pub cookie: Option<&'a str>,
    pub state: Option<&'a str>,
    pub code: Option<&'a str>,
    /// Why the provider signed nobody in.
    pub error: Option<&'a str>,
    /// Which provider says so, where it tells (RFC 9207).
    pub issuer: Option<&'a str>,
}

/// An attempt to sign in that ends at `return_to`, and the provider's address for it. Where `is_anew`, the provider is to make the
/// person sign in again. `NOT_FOUND` where there is no provider, `BAD_USER_INPUT` where `return_to` is no path of this site,
/// `UNAVAILABLE` where the provider is away.
pub async fn begin(app: &App, is_anew: bool, return_to: &str) -> Result<(Attempt, String)> {
    let provider = provider(app)?;
    let attempt = Attempt::begin(app, is_anew, return_to).ok_or_else(|| {
        Error::bad_input(
            "return",
            "This is no path of this site, such as `/app/trash`.",
        )
    })?;
    let address = provider.address(app, &attempt).await?;
    Ok((attempt, address))
}

/// Signs in whom the provider's `answer` is about, by `session`, and says to which path the browser goes on.
pub async fn come_back(
    app: &App,
    client: &ClientAddress,
    session: NewSession,
    answer: Answer<'_>,
) -> Result<(Account, String)> {
    let provider = provider(app)?;
    let attempt = answer.cookie.zip(answer.state);
    let attempt = attempt.and_then(|(cookie, state)| Attempt::resume(app, cookie, state));
    let Some(attempt) = attempt else {
        // It costs next to nothing, and does not count: any page could have browsers ask for it, until nobody of their network
        // could sign in.
        let error = Error::from(Failure::new(Reason::WrongState));
        events::enqueue(app, None, || refused(client, None, &error));
        return Err(error);
    };
    let session = match attempt.is_anew() {
        true => session.anew(),
        false => session,
    };
    let mut charged = throttle::provider_answer(app, client, attempt.name()).await?;
    let signed_in = async {
        let person = vouched_for(app, provider, &attempt, &answer).await?;
        let account = sign_in(app, client, session, &person).await?;
        Ok((account, attempt.return_to().to_owned()))
    };
    match signed_in.await {
        Ok(signed_in) => {
            charged.was_right(app).await?;
            Ok(signed_in)
        }
        Err(refusal) => {
            let Refusal { error, user_id } = refusal;
            charged.judge(!error.is_failure());
            if !error.is_failure() {
                events::enqueue(app, None, || refused(client, user_id, &error));
            }
            Err(error)
        }
    }
}

/// Why nobody was signed in, and whose account it was about, for the trail.
struct Refusal {
    error: Error,
    user_id: Option<Uuid>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self {
            error,
            user_id: None,
        }
    }
}

fn refused(client: &ClientAddress, user_id: Option<Uuid>, error: &Error) -> Event {
    let reason = error.facts.get("reason").and_then(|reason| reason.as_str());
    Event {
        object: user_id.map(Object::User),
        detail: Some(reason.unwrap_or(error.code.as_str()).to_owned()),
        ..Event::new(Kind::SignInRefused).from(client)
    }
}

fn provider(app: &App) -> Result<&Provider> {
    let none = || Error::new(Code::NotFound, "Nobody signs in by a provider here.");
    app.provider.as_ref().ok_or_else(none)
}

/// Whom the provider vouches for.
async fn vouched_for(
    app: &App,
    provider: &Provider,
    attempt: &Attempt,
    answer: &Answer<'_>,
) -> Result<Person> {
    static REFUSED: LogLimit = LogLimit::new();
    let issuer = app.config.oidc.oidc_issuer.as_str();
    let code = answer.code.filter(|code| code.len() <= CODE_BYTES);
    let person = match (answer.error, code) {
        _ if answer.issuer.is_some_and(|other| other != issuer) => {
            Err(Failure::new(Reason::WrongIssuer))
        }
        (Some(_), _) => Err(Failure::new(Reason::ProviderRefused)),
        (None, None) => Err(Failure::new(Reason::Malformed)),
        (None, Some(code)) => provider.person(app, attempt, code.to_owned()).await,
    };
    person.map_err(|failure| {
        if failure.reason != Reason::ProviderAway
            && let Some(left_out) = REFUSED.turn()
        {
            tracing::warn!(%failure, left_out, "a sign-in by the provider was refused");
        }
        failure.into()
    })
}

/// Signs `person` in to their account, which is made where there is none and may be.
async fn sign_in(
    app: &App,
    client: &ClientAddress,
    session: NewSession,
    person: &Person,
) -> Result<Account, Refusal> {
    for _ in 0..ROUNDS {
        let signed_in = match identity(app, person.issuer(), person.subject()).await? {
            Some(known) => enter(app, client, &session, known.user_id, person.role).await?,
            None => sign_up(app, client, &session, person).await?,
        };
        if let Some(user) = signed_in {
            session.tell(&user).await;
            return Ok(user.into());
        }
    }
    Err(Error::exhausted(Code::Unavailable).into())
}

/// Signs in to the account `id`. `None` when there is none any more.
async fn enter(
    app: &App,
    client: &ClientAddress,
    session: &NewSession,
    id: Uuid,
    role: Option<Role>,
) -> Result<Option<user::Model>, Refusal> {
    let new_role = Event::of_account(Kind::RoleChanged, id).by(By::Janitor);
    let mut new_role = events::row(app, new_role.from(client));
    let signed_in = events::row(app, Event::of_account(Kind::SignedIn, id).from(client));
    let (session, sign_ins) = (session.clone(), SignIns::of(app, id));
    let enter = app.db.write(move |transaction| {
        Box::pin(async move {
            let Some(held) = hold_by_provider(transaction, id).await? else {
                return Ok(None);
            };
            if held.target.disabled {
                return Ok(Some(held.target));
            }
            sign_ins.charge(transaction).await?;
            let user = match new_role_of(&held, role) {
                None => held.target,
                Some(role) => {
                    let name = events::name(&held.target.username);
                    new_role.detail = Some(format!("{name} {}", administration::word(role)));
                    let mut row = held.target.into_active_model();
                    row.role = Set(role);
                    let changed = update(transaction, row).await?;
                    events::record(transaction, new_role).await?;
                    changed
                }
            };
            session.store(transaction, &user).await?;
            events::record(transaction, signed_in).await?;
            Ok(Some(user))
        })
    });
    match enter.await? {
        Some(user) if user.disabled => Err(Refusal {
            error: refusal(Code::Unauthenticated, "STOPPED", STOPPED),
            user_id: Some(id),
        }),
        entered => Ok(entered),
    }
}

/// The role that an account is to get, where that is another one. The last administrator stays one.
fn new_role_of(held: &Held, role: Option<Role>) -> Option<Role> {
    let role = role.filter(|role| *role != held.target.role)?;
    if role == Role::User && held.check_others().is_err() {
        tracing::warn!(
            user_id = %held.target.id,
            "the provider says of the last administrator that they are none; they stay one until there is another"
        );
        return None;
    }
    Some(role)
}

/// Makes an account for `person`. `None` when somebody else was quicker, with the account or with its name.
#[expect(clippy::disallowed_methods, reason = "accounts are made here")]
async fn sign_up(
    app: &App,
    client: &ClientAddress,
    session: &NewSession,
    person: &Person,
) -> Result<Option<user::Model>, Refusal> {
    if app.config.oidc.oidc_sign_up == OidcSignUp::Closed {
        return Err(refusal(Code::Forbidden, "CLOSED", CLOSED).into());
    }
    let called = person.called.as_deref().unwrap_or_default();
    let username = free_name(app, called).await?;
    let now = app.clock.now();
    let id = random::id(now);
    let role = person.role.unwrap_or(Role::User);
    let row = new_row(id, now, &username, NO_PASSWORD.to_owned(), role)?;
    let identity = oidc_identity::ActiveModel {
        issuer: Set(person.issuer().to_owned()),
        subject: Set(person.subject().to_owned()),
        user_id: Set(id),
        created_at: Set(now),
    };
    let event = Event::of_account(Kind::SignedUp, id).from(client);
    let event = match role {
        Role::User => event,
        Role::Admin => event.detail(administration::word(role)),
    };
    let (event, session) = (events::row(app, event), session.clone());
    let make = app.db.write(move |transaction: &Transaction| {
        Box::pin(async move {
            let user = match row.insert(transaction).await {
                Err(error) if is_duplicate(&error) => return Err(raced()),
                inserted => inserted?,
            };
            let linked = oidc_identity::Entity::insert(identity);
            match linked.exec_without_returning(transaction).await {
                Err(error) if is_duplicate(&error) => return Err(raced()),
                inserted => inserted?,
            };
            session.store(transaction, &user).await?;
            events::record(transaction, event).await?;
            Ok(user)
        })
    });
    match make.await {
        Ok(user) => Ok(Some(user)),
        Err(error) if error.code == Code::Conflict => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Ends a transaction that somebody else's has forestalled.
fn raced() -> Error {
    Error::new(Code::Conflict, "Somebody else was quicker.")
}

const CLOSED: &str =
    "The provider knows you, and there is no account for you here; ask the operator for one.";
const STOPPED: &str = "This account cannot be signed in to; ask the operator.";

/// A refusal that a page can say in other words.
pub(super) fn refusal(code: Code, reason: &str, detail: &str) -> Error {
    Error::new(code, detail).with("reason", reason)
}
