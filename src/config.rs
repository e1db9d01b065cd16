//! The configuration: `CLOAKROOM_*` variables, each also a flag.
//!
//! `table.rs` declares every setting. [`Options`] is what the outside says, word for word; [`Options::validate`] makes a
//! [`Config`] of it, or lists every mistake at once.

use std::fmt;

mod check;
mod declare;
mod descriptors;
mod env_file;
mod kinds;
mod listing;
mod objects;
mod origin;
mod table;
mod values;

pub use declare::{SETTINGS, Setting};
pub use listing::{Unknown, check_texts, markdown, unknown, variables_file};
pub use objects::{least_part_bytes, part_bytes};
pub use origin::is_loopback;
pub use table::{
    Accounts, Config, Database, Graphql, Logging, Oidc, Options, S3, Scanning, Server, Storage,
    Strangers, Sweeps, Tickets, Traces, Uploads, Users, Webhooks,
};
pub use values::{
    Delivery, Drops, GraphiQl, LinkPassword, Links, Listen, LogFormat, OidcSignUp, Page,
    PasswordSignIn, S3UrlStyle, Scan, ScanAway, Secret, SignUp, StorageKind,
};

/// What one GraphQL document may ask for.
#[derive(Clone, Copy, Debug)]
pub struct QueryLimits {
    pub bytes: usize,
    pub tokens: usize,
    pub depth: usize,
    pub complexity: usize,
    /// Selections, arguments and values of all operations, fragments written out.
    pub nodes: usize,
    /// Also the limit on root fields.
    pub aliases: usize,
    /// Also the limit on variables.
    pub directives: usize,
    /// How many rows a list without pages counts as.
    pub list: usize,
}

/// What one answer may come to.
#[derive(Clone, Copy, Debug)]
pub struct AnswerLimits {
    pub bytes: usize,
    pub values: usize,
}

/// What the documents that are kept may come to.
#[derive(Clone, Copy, Debug)]
pub struct PersistedLimits {
    pub documents: usize,
    pub bytes: usize,
}

impl Config {
    /// Whether clients reach us by TLS, which cookies then insist on.
    pub fn is_https(&self) -> bool {
        self.server.public_url.starts_with("https://")
    }

    /// Whether there is a provider by which people sign in.
    pub fn has_provider(&self) -> bool {
        !self.oidc.oidc_issuer.is_empty()
    }

    /// Whether passwords sign people in.
    pub fn takes_passwords(&self) -> bool {
        self.accounts.password_sign_in == PasswordSignIn::On
    }

    pub fn query_limits(&self) -> QueryLimits {
        QueryLimits {
            bytes: self.graphql.max_query_bytes,
            tokens: self.graphql.max_query_tokens,
            depth: self.graphql.max_query_depth,
            complexity: self.graphql.max_query_complexity,
            nodes: self.graphql.max_query_nodes,
            aliases: self.graphql.max_query_aliases,
            directives: self.graphql.max_query_directives,
            // Files of an upload, and rows as in the longest page: `apiTokens` has 100 at most.
            list: self.uploads.max_files_per_request.max(100),
        }
    }

    pub fn persisted_limits(&self) -> PersistedLimits {
        PersistedLimits {
            documents: self.graphql.persisted_queries,
            bytes: self.graphql.persisted_query_bytes,
        }
    }

    pub fn answer_limits(&self) -> AnswerLimits {
        AnswerLimits {
            bytes: self.graphql.max_answer_bytes,
            values: self.graphql.max_answer_values,
        }
    }
}

/// Every mistake found in a configuration, each with its setting and the way out.
#[derive(Debug)]
pub struct Mistakes(pub Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the configuration has {} mistake(s):", self.0.len())?;
        self.0
            .iter()
            .try_for_each(|mistake| writeln!(f, "  {mistake}"))
    }
}

impl std::error::Error for Mistakes {}
