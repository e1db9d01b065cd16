//! What a person reads of a sign-in that came to nothing, in the languages of the page for people.

use crate::error::{Code, Error};

/// As BCP 47 has them; the first is for everybody else.
pub const LANGUAGES: [&str; 2] = ["en", "de"];

pub struct Said {
    pub title: &'static str,
    pub text: String,
    /// The way on.
    pub back: &'static str,
}

pub fn of(language: &str, error: &Error) -> Said {
    let is_german = language == "de";
    let reason = error.facts.get("reason").and_then(|reason| reason.as_str());
    let text = match is_german {
        true => german(error.code, reason).to_owned(),
        // It is in English already.
        false => error.detail.clone(),
    };
    match is_german {
        true => Said {
            title: "Sie sind nicht angemeldet",
            text,
            back: "Zur Anmeldung",
        },
        false => Said {
            title: "You are not signed in",
            text,
            back: "Back to signing in",
        },
    }
}

fn german(code: Code, reason: Option<&str>) -> &'static str {
    match (reason, code) {
        (Some("CLOSED"), _) => {
            "Der Anbieter kennt Sie, doch hier gibt es kein Konto für Sie. Bitten Sie den Betreiber darum."
        }
        (Some("STOPPED"), _) => {
            "Bei diesem Konto kann man sich nicht anmelden. Fragen Sie den Betreiber."
        }
        (Some("NO_USERNAME"), _) => {
            "Der Anbieter nennt keinen Benutzernamen für Sie, also wurde kein Konto angelegt. Fragen Sie den Betreiber."
        }
        (Some("NAME_TAKEN"), _) => {
            "Ihr Benutzername ist hier vergeben, auch mit vielen Nummern dahinter. Bitten Sie den Betreiber um ein Konto."
        }
        (Some("WRONG_STATE" | "USED_STATE"), _) => {
            "Diese Anmeldung wurde nicht in diesem Browser begonnen, vor zu langer Zeit begonnen, oder sie ist vorbei. \
             Beginnen Sie von vorn."
        }
        (Some("PROVIDER_REFUSED"), _) => {
            "Der Anbieter hat Sie nicht angemeldet. Beginnen Sie von vorn, oder fragen Sie dessen Betreiber."
        }
        (Some("NOT_ANEW"), _) => {
            "Der Anbieter hat nicht verlangt, dass Sie sich noch einmal anmelden, oder sagt nicht, wann Sie es getan haben. \
             Melden Sie sich dort ab, und beginnen Sie von vorn; wenn das nicht hilft, bitten Sie den Betreiber dieses Servers, \
             das Konto zu löschen."
        }
        (_, Code::NotFound) => "Hier meldet man sich nicht bei einem Anbieter an.",
        (_, Code::BadUserInput) => "Diese Adresse ist keine, von der eine Anmeldung ausgeht.",
        (_, Code::RateLimited) => {
            "Das waren zu viele Versuche. Versuchen Sie es später noch einmal."
        }
        (_, Code::Unavailable) => {
            "Der Anbieter, bei dem man sich hier anmeldet, antwortet nicht, wie er soll. Versuchen Sie es gleich noch einmal."
        }
        (_, Code::Unauthenticated) => {
            "Was der Anbieter gesagt hat, ist nicht zu glauben, also wurde niemand angemeldet. Beginnen Sie von vorn."
        }
        _ => {
            "Die Anmeldung ist fehlgeschlagen. Versuchen Sie es noch einmal, oder fragen Sie den Betreiber."
        }
    }
}
