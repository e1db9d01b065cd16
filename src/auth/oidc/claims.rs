//! What a provider says of a person, once it is believed.

use std::fmt;

use chrono::{DateTime, Utc};
use entity::{Timestamp, user::Role};
use openidconnect::{AdditionalClaims, IdTokenClaims, IssuerUrl, core::CoreGenderClaim};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Failure, Reason, Settings};
use crate::{auth::Auth, clock};

/// The longest subject (OpenID Connect Core §2).
pub const SUBJECT_BYTES: usize = 255;
/// How much of a name is looked at.
const NAME_CHARS: usize = 256;
/// The most groups that are looked through.
const GROUPS_MAX: usize = 10_000;

/// Claims that the library has no fields for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Others(Map<String, Value>);

impl AdditionalClaims for Others {}

pub(super) type TokenClaims = IdTokenClaims<Others, CoreGenderClaim>;

/// Somebody who signed in at the provider. Only a believed answer makes one.
#[derive(Clone, Debug)]
pub struct Person {
    issuer: String,
    subject: String,
    /// What they are called there; not yet a user name.
    pub called: Option<String>,
    /// What they are here, where the provider decides that.
    pub role: Option<Role>,
}

impl Person {
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Who it is at that issuer, for ever.
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

/// The claims of an ID token, and of userinfo where that was asked.
pub(super) struct Claims {
    subject: String,
    all: Map<String, Value>,
}

impl Claims {
    pub fn of_token(claims: &TokenClaims) -> Result<Self, Failure> {
        let subject = claims.subject().as_str();
        check_subject(subject)?;
        let all = serde_json::to_value(claims).ok();
        Ok(Self {
            subject: subject.to_owned(),
            all: match all {
                Some(Value::Object(all)) => all,
                _ => Map::new(),
            },
        })
    }

    /// Whether nothing that we want to know is missing.
    pub fn tells(&self, settings: &Settings) -> bool {
        let has = |claim: &str| claim.is_empty() || self.all.contains_key(claim);
        has(&settings.oidc_username_claim) && has(&settings.oidc_admin_claim)
    }

    /// The same with what userinfo adds, which has to be about the same subject. What the token says stands.
    pub fn with(mut self, userinfo: Map<String, Value>) -> Result<Self, Failure> {
        if userinfo.get("sub").and_then(Value::as_str) != Some(&self.subject) {
            return Err(Failure::token(
                Reason::WrongSubject,
                "userinfo is about somebody else",
            ));
        }
        for (claim, value) in userinfo {
            self.all.entry(claim).or_insert(value);
        }
        Ok(self)
    }

    pub fn person(self, auth: &Auth, issuer: &IssuerUrl) -> Result<Person, Failure> {
        let settings = &auth.config.oidc;
        let called = self.all.get(&settings.oidc_username_claim);
        let called = called.and_then(Value::as_str);
        let called = called.map(|name| name.chars().take(NAME_CHARS).collect());
        let role = (!settings.oidc_admin_claim.is_empty()).then(|| {
            let groups = self.all.get(&settings.oidc_admin_claim);
            match groups.is_some_and(|groups| names(groups, &settings.oidc_admin_group)) {
                true => Role::Admin,
                false => Role::User,
            }
        });
        Ok(Person {
            issuer: issuer.to_string(),
            subject: self.subject,
            called,
            role,
        })
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims")
    }
}

/// Whether a provider can call somebody so: a line of text that is not too long.
pub fn is_subject(text: &str) -> bool {
    (1..=SUBJECT_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn check_subject(subject: &str) -> Result<(), Failure> {
    match is_subject(subject) {
        true => Ok(()),
        false => Err(Failure::token(
            Reason::WrongSubject,
            "its subject is empty, too long, or no text",
        )),
    }
}

/// Whether the claim says this group: as a text, or in a list.
fn names(groups: &Value, group: &str) -> bool {
    match groups {
        Value::String(one) => one == group,
        Value::Array(several) => several.iter().take(GROUPS_MAX).any(|one| one == group),
        _ => false,
    }
}

/// A moment as the library has it.
pub(super) fn date(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.0).unwrap_or_default()
}

/// When a token may have been issued at the latest, by a clock that is a little ahead.
pub(super) fn latest(auth: &Auth) -> DateTime<Utc> {
    date(auth.clock.after(clock::SKEW))
}

/// `at` less [`clock::SKEW`]: the provider's clock may be behind ours.
pub(super) fn a_little_before(at: Timestamp) -> DateTime<Utc> {
    date(Timestamp(at.0 - clock::millis(clock::SKEW)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::names;

    #[test]
    fn a_group_is_named_by_a_text_or_in_a_list_and_by_nothing_else() {
        for (groups, expected) in [
            (json!("admins"), true),
            (json!(["users", "admins"]), true),
            (json!("admins2"), false),
            (json!(["Admins"]), false),
            (json!([["admins"]]), false),
            (json!({ "admins": true }), false),
            (json!(true), false),
            (json!(null), false),
        ] {
            assert_eq!(names(&groups, "admins"), expected, "{groups}");
        }
    }
}
