//! Why a sign-in by the provider comes to nothing.

use std::fmt;

use openidconnect::{
    ClaimsVerificationError, DiscoveryError, RequestTokenError, SignatureVerificationError,
    StandardErrorResponse, core::CoreErrorResponseType,
};

use crate::{
    error::{Code, Error},
    https::causes,
};

/// How much of a provider's own words is kept for the log.
const WORDS_CHARS: usize = 300;

/// What is wrong with a provider's answer, as the trail has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    WrongState,
    UsedState,
    ProviderRefused,
    ProviderAway,
    CodeRefused,
    NoIdToken,
    WrongSignature,
    WrongAudience,
    WrongIssuer,
    WrongNonce,
    WrongSubject,
    NotAnew,
    Expired,
    Malformed,
}

impl Reason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongState => "WRONG_STATE",
            Self::UsedState => "USED_STATE",
            Self::ProviderRefused => "PROVIDER_REFUSED",
            Self::ProviderAway => "PROVIDER_AWAY",
            Self::CodeRefused => "CODE_REFUSED",
            Self::NoIdToken => "NO_ID_TOKEN",
            Self::WrongSignature => "WRONG_SIGNATURE",
            Self::WrongAudience => "WRONG_AUDIENCE",
            Self::WrongIssuer => "WRONG_ISSUER",
            Self::WrongNonce => "WRONG_NONCE",
            Self::WrongSubject => "WRONG_SUBJECT",
            Self::NotAnew => "NOT_ANEW",
            Self::Expired => "EXPIRED",
            Self::Malformed => "MALFORMED",
        }
    }
}

/// What went wrong at the provider, or with what it said.
#[derive(Clone, Debug)]
pub struct Failure {
    pub reason: Reason,
    what: String,
}

impl Failure {
    /// What the reason says.
    pub fn new(reason: Reason) -> Self {
        Self::token(reason, "")
    }

    /// The provider cannot be asked, or says what no provider says.
    pub(super) fn provider(what: impl fmt::Display) -> Self {
        Self::token(Reason::ProviderAway, what)
    }

    /// What it says of a person is not to be believed.
    pub(super) fn token(reason: Reason, what: impl fmt::Display) -> Self {
        let what = what.to_string();
        Self {
            reason,
            what: what.chars().take(WORDS_CHARS).collect(),
        }
    }

    pub(super) fn of_discovery(error: &DiscoveryError<Self>) -> Self {
        match error {
            DiscoveryError::Request(failure) => failure.clone(),
            DiscoveryError::Response(_, _, what) => Self::provider(what),
            error => Self::provider(causes(error)),
        }
    }

    pub(super) fn of_tokens(
        error: RequestTokenError<Self, StandardErrorResponse<CoreErrorResponseType>>,
    ) -> Self {
        match error {
            RequestTokenError::Request(failure) => failure,
            RequestTokenError::ServerResponse(answer) => Self::token(
                Reason::CodeRefused,
                format!("{:?}", answer.error().as_ref()),
            ),
            // An ID token that is none, or another answer than a provider's.
            RequestTokenError::Parse(error, _) => Self::token(Reason::Malformed, error),
            RequestTokenError::Other(what) => Self::provider(what),
        }
    }

    pub(super) fn of_claims(error: &ClaimsVerificationError) -> Self {
        let reason = match error {
            ClaimsVerificationError::Expired(_) => Reason::Expired,
            ClaimsVerificationError::InvalidAudience(_) => Reason::WrongAudience,
            ClaimsVerificationError::InvalidIssuer(_) => Reason::WrongIssuer,
            ClaimsVerificationError::InvalidAuthTime(_) => Reason::NotAnew,
            ClaimsVerificationError::InvalidNonce(_) => Reason::WrongNonce,
            ClaimsVerificationError::InvalidSubject(_) => Reason::WrongSubject,
            ClaimsVerificationError::SignatureVerification(_) => Reason::WrongSignature,
            _ => Reason::Malformed,
        };
        Self::token(reason, causes(error))
    }
}

/// Whether a token is signed by a key that the provider did not have when it was asked.
pub(super) fn is_of_unknown_key(error: &ClaimsVerificationError) -> bool {
    matches!(
        error,
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)
    )
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.reason.as_str(), self.what)
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let error = match failure.reason {
            Reason::ProviderAway => Self::new(
                Code::Unavailable,
                "The provider by which one signs in here does not answer as it should; try again in a moment.",
            ),
            Reason::WrongState | Reason::UsedState => Self::new(
                Code::BadUserInput,
                "This sign-in was not begun in this browser, was begun too long ago, or is over; begin it again.",
            ),
            Reason::ProviderRefused => Self::new(
                Code::Forbidden,
                "The provider did not sign you in; begin again, or ask whoever runs it.",
            ),
            Reason::NotAnew => Self::new(
                Code::Unauthenticated,
                "The provider did not make you sign in again, or does not say when you did. Sign out there and begin again; if \
                 that does not help, ask whoever runs this server to delete the account.",
            ),
            _ => Self::new(
                Code::Unauthenticated,
                "What the provider said cannot be believed, so nobody was signed in; begin again.",
            ),
        };
        let error = error.with("reason", failure.reason.as_str());
        match failure.reason {
            Reason::ProviderAway => error.caused_by(failure),
            _ => error,
        }
    }
}
