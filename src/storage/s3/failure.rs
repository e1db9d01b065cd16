//! What can go wrong with a request to an object store, and what that means to a client of ours.

use std::{fmt, io};

use http::StatusCode;

use super::xml::Element;
use crate::error::{Code, Error};

/// How much of a store's own words is kept for the log.
const MESSAGE_CHARS: usize = 300;

/// What stores say of bytes that are not those that were sent, or that do not come.
const ALTERED: [&str; 4] = [
    "RequestTimeout",
    "BadDigest",
    "InvalidDigest",
    "XAmzContentSHA256Mismatch",
];

/// Why a request to the store did not do what it was to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// No connection, or one that broke: whether the store has done it is not known.
    Unreachable(String),
    /// It took too long: whether the store has done it is not known.
    TimedOut,
    /// The store says no.
    Refused {
        status: StatusCode,
        /// S3's word for it, such as `NoSuchKey`; empty where the answer has none.
        code: String,
        message: String,
    },
    /// An answer that is none of S3's.
    Malformed(String),
}

impl Failure {
    /// What an answer of `status` with this body says.
    pub fn of_answer(status: StatusCode, body: &[u8]) -> Self {
        let error = Element::parse(body).ok();
        let error = error.as_ref().filter(|error| error.name == "Error");
        let text = |name| error.and_then(|error| error.text_of(name));
        let message = text("Message").unwrap_or_default();
        Self::Refused {
            status,
            code: text("Code").unwrap_or_default().to_owned(),
            message: message.chars().take(MESSAGE_CHARS).collect(),
        }
    }

    /// Whether the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TimedOut => true,
            Self::Refused { status, code, .. } => {
                status.is_server_error()
                    || *status == StatusCode::TOO_MANY_REQUESTS
                    // What the store read was not what was sent.
                    || ALTERED.contains(&&**code)
                    // An error in the body of an answer that had begun well.
                    || (status.is_success() && ["InternalError", "SlowDown"].contains(&&**code))
            }
            Self::Malformed(_) => false,
        }
    }

    /// Whether the store says that this object, or upload, does not exist. A bucket that is missing is another matter.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Refused { status, code, .. } => {
                *status == StatusCode::NOT_FOUND && code != "NoSuchBucket"
            }
            _ => false,
        }
    }

    /// Whether the store says that it has no such upload in parts: somebody has ended it, or completed it.
    pub fn is_of_no_upload(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "NoSuchUpload")
    }

    /// Whether it is for an operator to look at. A store also says no to what is asked of it on purpose: whether there is such
    /// an object, and that there must be none yet. One that is full is told by what is refused.
    pub fn is_trouble(&self) -> bool {
        match self {
            Self::Refused { status, .. } => {
                *status != StatusCode::PRECONDITION_FAILED && !self.is_missing() && !self.is_full()
            }
            Self::Unreachable(_) | Self::TimedOut | Self::Malformed(_) => true,
        }
    }

    fn is_full(&self) -> bool {
        let full = [
            "InsufficientStorage",
            "QuotaExceeded",
            "XMinioStorageFull",
            "XMinioAdminBucketQuotaExceeded",
        ];
        match self {
            Self::Refused { status, code, .. } => {
                *status == StatusCode::INSUFFICIENT_STORAGE || full.contains(&&**code)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "the object store cannot be reached: {why}"),
            Self::TimedOut => f.write_str("the object store does not answer in time"),
            Self::Refused {
                status,
                code,
                message,
            } => {
                let status = status.as_u16();
                write!(f, "the object store answers {status} {code}")?;
                match message.is_empty() {
                    true => Ok(()),
                    false => write!(f, ": {message:?}"),
                }
            }
            Self::Malformed(what) => write!(f, "the object store does not speak S3: {what}"),
        }
    }
}

impl std::error::Error for Failure {}

impl Failure {
    /// The same for whoever wants to read: whether there is room for more is not their affair.
    pub fn of_a_read(self) -> Error {
        Error::exhausted(Code::Unavailable).caused_by(self)
    }
}

/// While an object is read: it is the store that fails, and nothing is known of the content.
impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        Self::new(io::ErrorKind::StaleNetworkFileHandle, failure)
    }
}

/// Whatever a store refuses or fails to do is no client's fault, and may be over soon.
impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let code = match failure.is_full() {
            true => Code::StorageFull,
            false => Code::Unavailable,
        };
        Self::exhausted(code).caused_by(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str) -> Failure {
        let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
        Failure::of_answer(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn what_may_be_tried_again_is_told_from_what_may_not() {
        for (failure, expected) in [
            (refused(500, "InternalError"), true),
            (refused(503, "SlowDown"), true),
            (refused(429, ""), true),
            (refused(400, "BadDigest"), true),
            (refused(400, "InvalidDigest"), true),
            (refused(200, "InternalError"), true),
            (Failure::TimedOut, true),
            (refused(400, "InvalidPart"), false),
            (refused(403, "AccessDenied"), false),
            (refused(404, "NoSuchKey"), false),
            (refused(301, "PermanentRedirect"), false),
            (Failure::Malformed("HTML".to_owned()), false),
        ] {
            assert_eq!(failure.is_transient(), expected, "{failure}");
        }
    }

    #[test]
    fn what_is_asked_on_purpose_is_no_trouble() {
        for (failure, expected) in [
            (refused(404, "NoSuchKey"), false),
            (refused(412, "PreconditionFailed"), false),
            (refused(507, ""), false),
            (refused(404, "NoSuchBucket"), true),
            (refused(403, "AccessDenied"), true),
            (refused(503, "SlowDown"), true),
            (Failure::TimedOut, true),
        ] {
            assert_eq!(failure.is_trouble(), expected, "{failure}");
        }
    }

    #[test]
    fn a_bucket_that_is_missing_is_not_an_object_that_is() {
        assert!(refused(404, "NoSuchKey").is_missing());
        assert!(refused(404, "").is_missing());
        assert!(!refused(404, "NoSuchBucket").is_missing());
    }

    #[test]
    fn readers_do_not_hear_that_it_is_full() {
        let full = refused(507, "InsufficientStorage");
        assert_eq!(full.of_a_read().code, Code::Unavailable);
    }

    #[test]
    fn clients_hear_that_it_is_full_or_away_and_nothing_else() {
        let full = Error::from(refused(507, "InsufficientStorage"));
        assert_eq!(full.code, Code::StorageFull);
        for failure in [
            refused(403, "AccessDenied"),
            refused(400, "InvalidPart"),
            Failure::of_answer(StatusCode::BAD_GATEWAY, b"<html>nginx</html>"),
        ] {
            let error = Error::from(failure);
            assert_eq!(error.code, Code::Unavailable);
            assert!(!error.detail.contains("Access"), "{}", error.detail);
        }
    }
}
