//! The errors a client can meet: one closed list of codes, and one table from code to status and title.
//!
//! A function that can fail returns [`Error`]. What went wrong on our side is [`Code::Internal`]: its cause goes to the
//! log where the answer is made, and never to the client.

use std::fmt;

use ::http::StatusCode;
use sea_orm::{DbErr, RuntimeErr, SqlErr, SqlxError};
use serde_json::{Map, Value};

use crate::{log_limit::LogLimit, metrics};

pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! codes {
    ($($variant:ident $text:literal $status:ident $title:literal;)*) => {
        /// Why a request was refused, as `extensions.code` (GraphQL) or `code` (RFC 9457).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($variant,)* }

        impl Code {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code as clients read it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The HTTP status of an answer that carries it.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// What it means, the same every time (RFC 9457 §3.1.3).
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

codes! {
    Unauthenticated  "UNAUTHENTICATED"   UNAUTHORIZED           "Sign in first";
    Forbidden        "FORBIDDEN"         FORBIDDEN              "You may not do this";
    NotFound         "NOT_FOUND"         NOT_FOUND              "There is no such thing, or you may not see it";
    BadUserInput     "BAD_USER_INPUT"    BAD_REQUEST            "The request is not well formed";
    Conflict         "CONFLICT"          CONFLICT               "Something else has it already";
    CsrfRefused      "CSRF_REFUSED"      FORBIDDEN              "Requests from other sites are refused";
    FileTooLarge     "FILE_TOO_LARGE"    PAYLOAD_TOO_LARGE      "The file is larger than allowed";
    PayloadTooLarge  "PAYLOAD_TOO_LARGE" PAYLOAD_TOO_LARGE      "The request is larger than allowed";
    QuotaExceeded    "QUOTA_EXCEEDED"    INSUFFICIENT_STORAGE   "Your quota is used up";
    ChecksumMismatch "CHECKSUM_MISMATCH" UNPROCESSABLE_ENTITY   "The bytes are not the ones announced";
    FileRefused      "FILE_REFUSED"      UNPROCESSABLE_ENTITY   "The scanner does not let the file pass";
    QueryTooComplex  "QUERY_TOO_COMPLEX" BAD_REQUEST            "The query asks for too much at once";
    RateLimited      "RATE_LIMITED"      TOO_MANY_REQUESTS      "Too many tries";
    StorageFull      "STORAGE_FULL"      INSUFFICIENT_STORAGE   "The server's disk is full";
    Unavailable      "UNAVAILABLE"       SERVICE_UNAVAILABLE    "The server cannot answer right now";
    Internal         "INTERNAL"          INTERNAL_SERVER_ERROR  "The server failed";
    TicketInvalid    "TICKET_INVALID"    NOT_FOUND              "This is not a ticket";
    TicketExpired    "TICKET_EXPIRED"    GONE                   "The ticket has expired";
    AccessRevoked    "ACCESS_REVOKED"    FORBIDDEN              "The ticket's holder may no longer see this file";
    LinkExhausted    "LINK_EXHAUSTED"    GONE                   "The link has had all its downloads";
    FileGone         "FILE_GONE"         NOT_FOUND              "The ticket's file has been deleted";
}

/// A refusal or failure: its code, a sentence for the person at the other end, and facts for their program.
#[derive(Debug)]
pub struct Error {
    pub code: Code,
    /// Names the mistake and the way out; safe to show.
    pub detail: String,
    /// Further members of the answer: `field`, `retryAfterSeconds`, a quota's figures.
    pub facts: Map<String, Value>,
    /// What went wrong underneath; for the log only.
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            facts: Map::new(),
            source: None,
        }
    }

    /// Input that cannot be meant; `field` is the argument it came in.
    pub fn bad_input(field: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Code::BadUserInput, detail).with("field", field)
    }

    /// The same words whether the thing is absent or hidden, so that nobody learns which.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "There is nothing here that you may see.")
    }

    pub fn unauthenticated() -> Self {
        Self::new(
            Code::Unauthenticated,
            "Sign in, or send a valid API token, and try again.",
        )
    }

    /// What should not happen, with its cause for the log.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(
                Code::Internal,
                "Something failed on the server's side; its log has the cause under the request id.",
            )
        }
    }

    /// The same error with one more fact for the client's program.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }

    /// Writes the cause to the log, where there is one. Called once, where the answer is made.
    ///
    /// What has run out is told now and then: whoever asks for it can be refused as often as they like.
    pub fn log(&self) {
        static FULL: LogLimit = LogLimit::new();
        static UNAVAILABLE: LogLimit = LogLimit::new();
        let (Some(source), code) = (&self.source, self.code.as_str()) else {
            return;
        };
        metrics::failed(code);
        let log_limit = match self.code {
            Code::StorageFull => &FULL,
            Code::Unavailable => &UNAVAILABLE,
            _ => return tracing::error!(code, error = %source, "request failed"),
        };
        if let Some(left_out) = log_limit.turn() {
            tracing::warn!(code, error = %source, left_out, "request refused");
        }
    }

    /// Whether something failed on our side, and not whoever asked.
    pub fn is_failure(&self) -> bool {
        matches!(
            self.code,
            Code::Internal | Code::Unavailable | Code::StorageFull
        )
    }

    /// What went wrong, for the operator: the cause where there is one.
    pub fn cause(&self) -> String {
        match &self.source {
            Some(source) => source.to_string(),
            None => self.detail.clone(),
        }
    }

    /// The same refusal for somebody else whom it concerns; the cause has been told once.
    pub fn echo(&self) -> Self {
        Self::new(self.code, self.detail.clone())
    }

    /// The same error with what went wrong underneath, for the log.
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What went wrong underneath, where it is of this type.
    pub fn source_as<T: std::error::Error + 'static>(&self) -> Option<&T> {
        self.source.as_ref()?.downcast_ref()
    }

    /// Whether PostgreSQL gave up waiting for a lock that somebody else has.
    pub fn met_lock(&self) -> bool {
        match self.source_as().and_then(sqlx_error) {
            Some(SqlxError::Database(error)) => error.code().is_some_and(|code| code == "55P03"),
            _ => false,
        }
    }

    /// The refusal that goes by `code`, for a resource of the server's that ran out.
    pub fn exhausted(code: Code) -> Self {
        Self::new(
            code,
            match code {
                Code::StorageFull => {
                    "The server's disk is full; nothing was stored. Try again once its operator has made room."
                }
                _ => "The server or its database cannot do this right now; try again in a moment.",
            },
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)?;
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match exhausted(&error) {
            Some(code) => Self::exhausted(code).caused_by(error),
            None => Self::internal(error),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().map(|error| error.extended_code);
        match code.and_then(|code| exhausted_by_code(&code.to_string())) {
            Some(code) => Self::exhausted(code).caused_by(error),
            None => Self::internal(error),
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        let code = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Code::StorageFull
            }
            // The storage itself, which may be there again.
            std::io::ErrorKind::StaleNetworkFileHandle => Code::Unavailable,
            // Descriptors: those of others will be free again.
            _ if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
                Code::Unavailable
            }
            _ => return Self::internal(error),
        };
        Self::exhausted(code).caused_by(error)
    }
}

/// Whether `error` says that a unique constraint refused the row.
pub fn is_duplicate(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// Whether somebody else has the database's lock: SQLite's BUSY or LOCKED, with what they have in their higher bytes.
pub fn is_locked(error: &DbErr) -> bool {
    let code = match sqlx_error(error) {
        Some(SqlxError::Database(error)) => error.code(),
        _ => return false,
    };
    let code = code.and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

fn sqlx_error(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error))
        | DbErr::Conn(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

/// What has run out when it is no mistake of ours: room, or the database's being there at all.
fn exhausted(error: &DbErr) -> Option<Code> {
    let Some(error) = sqlx_error(error) else {
        let unreachable = matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_));
        return unreachable.then_some(Code::Unavailable);
    };
    match error {
        SqlxError::Database(error) => exhausted_by_code(&error.code()?),
        SqlxError::Io(_)
        | SqlxError::Tls(_)
        | SqlxError::Protocol(_)
        | SqlxError::PoolTimedOut
        | SqlxError::PoolClosed
        | SqlxError::WorkerCrashed => Some(Code::Unavailable),
        _ => None,
    }
}

/// The same by a database's own code: five characters are PostgreSQL's, fewer are SQLite's.
fn exhausted_by_code(code: &str) -> Option<Code> {
    match code {
        // FULL; and IOERR_WRITE, IOERR_FSYNC and IOERR_SHMSIZE, which is how SQLite reports a disk quota.
        "13" | "778" | "1034" | "4874" => Some(Code::StorageFull),
        // disk_full
        "53100" => Some(Code::StorageFull),
        // lock_not_available
        "55P03" => Some(Code::Unavailable),
        // BUSY, LOCKED and CANTOPEN, with what they have in their higher bytes.
        _ if code.len() < 5 => {
            let primary = code.parse::<u32>().ok()? & 0xff;
            matches!(primary, 5 | 6 | 14).then_some(Code::Unavailable)
        }
        // Connections, transactions that got in each other's way, resources, and the operator's intervention.
        _ => ["08", "40", "53", "57"]
            .iter()
            .any(|class| code.starts_with(class))
            .then_some(Code::Unavailable),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn what_has_run_out_is_told_from_what_failed() {
        for (code, expected) in [
            ("13", Some(Code::StorageFull)),
            ("778", Some(Code::StorageFull)),
            ("53100", Some(Code::StorageFull)),
            ("5", Some(Code::Unavailable)),
            ("517", Some(Code::Unavailable)),
            ("57P01", Some(Code::Unavailable)),
            ("40001", Some(Code::Unavailable)),
            ("53300", Some(Code::Unavailable)),
            ("55P03", Some(Code::Unavailable)),
            ("55006", None),
            ("11", None),
            ("266", None),
            ("23505", None),
        ] {
            assert_eq!(exhausted_by_code(code), expected, "{code}");
        }
        for (errno, expected) in [
            (libc::ENOSPC, Code::StorageFull),
            (libc::EDQUOT, Code::StorageFull),
            (libc::EMFILE, Code::Unavailable),
            (libc::ESTALE, Code::Unavailable),
            (libc::EIO, Code::Internal),
        ] {
            let error = Error::from(io::Error::from_raw_os_error(errno));
            assert_eq!(error.code, expected, "{errno}");
        }
    }
}
