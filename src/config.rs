//! The configuration: `CLOAKROOM_*` variables, each also a flag.
//!
//! [`Options`] is what the outside says, word for word; [`Options::validate`] makes a [`Config`] of it or lists every
//! mistake at once.

use std::{fmt, num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::Args;
use ipnet::IpNet;

mod descriptors;
mod validate;
mod values;

pub use values::{Delivery, GraphiQl, Listen, LogFormat, Secret, SignUp};

/// Settings as given; all text, so that one run can report every mistake.
///
/// Durations are seconds and sizes are bytes when plain numbers; `5m`, `24h`, `2GiB` and the like work too.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Settings")]
pub struct Options {
    /// Where to listen: HOST:PORT, or unix:/path/to.sock
    #[arg(
        long,
        env = "CLOAKROOM_LISTEN",
        default_value = "127.0.0.1:8080",
        global = true
    )]
    pub listen: String,

    /// Where content, the SQLite database and the generated secret live
    #[arg(
        long,
        env = "CLOAKROOM_DATA_DIR",
        default_value = "./data",
        global = true
    )]
    pub data_dir: String,

    /// sqlite:PATH or postgres://… [default: cloakroom.sqlite3 in the data directory]
    #[arg(
        long,
        env = "CLOAKROOM_DATABASE_URL",
        hide_env_values = true,
        global = true
    )]
    pub database_url: Option<Secret>,

    /// The address clients use, which ticket URLs begin with; https turns on Secure cookies [default: from LISTEN]
    #[arg(long, env = "CLOAKROOM_PUBLIC_URL", global = true)]
    pub public_url: Option<String>,

    /// Who sends a download's bytes: direct (this process) or x-accel (nginx)
    #[arg(
        long,
        env = "CLOAKROOM_DELIVERY",
        default_value = "direct",
        global = true
    )]
    pub delivery: String,

    /// What tickets are signed with, 32 bytes or more; one a line: the first signs, the others still verify
    /// [default: made once, in DATA_DIR/secret]
    #[arg(long, env = "CLOAKROOM_SECRET", hide_env_values = true, global = true)]
    pub secret: Option<Secret>,

    /// A file that holds SECRET
    #[arg(long, env = "CLOAKROOM_SECRET_FILE", global = true)]
    pub secret_file: Option<String>,

    /// How long a ticket opens its file: 1 second to 24 hours
    #[arg(
        long,
        env = "CLOAKROOM_TICKET_TTL",
        default_value = "5m",
        global = true
    )]
    pub ticket_ttl: String,

    /// The largest file that may be uploaded
    #[arg(
        long,
        env = "CLOAKROOM_MAX_FILE_SIZE",
        default_value = "10GiB",
        global = true
    )]
    pub max_file_size: String,

    /// How many files one request may upload
    #[arg(
        long,
        env = "CLOAKROOM_MAX_FILES_PER_REQUEST",
        default_value = "20",
        global = true
    )]
    pub max_files_per_request: String,

    /// Bytes each user may keep, the trash included [default: no limit]
    #[arg(long, env = "CLOAKROOM_USER_QUOTA", global = true)]
    pub user_quota: Option<String>,

    /// Room that uploads leave on the disks of the content and of SQLite, so that there is always enough to delete
    /// [default: 64MiB, or an eighth of a disk where that is less]
    #[arg(long, env = "CLOAKROOM_DISK_RESERVE", global = true)]
    pub disk_reserve: Option<String>,
    /// How many files each user may keep, empty ones and the trash included
    #[arg(
        long,
        env = "CLOAKROOM_MAX_FILES_PER_USER",
        default_value = "100000",
        global = true
    )]
    pub max_files_per_user: String,

    /// How many shares one file may have
    #[arg(
        long,
        env = "CLOAKROOM_MAX_SHARES_PER_FILE",
        default_value = "1000",
        global = true
    )]
    pub max_shares_per_file: String,

    /// How many changes one user may make in an hour: renaming, restoring, purging, sharing, making tokens; they come
    /// back evenly. Deleting and revoking are never refused. Counted by each instance for itself
    #[arg(
        long,
        env = "CLOAKROOM_CHANGES_PER_HOUR",
        default_value = "3600",
        global = true
    )]
    pub changes_per_hour: String,

    /// How long a deleted file stays in the trash
    #[arg(
        long,
        env = "CLOAKROOM_TRASH_TTL",
        default_value = "30d",
        global = true
    )]
    pub trash_ttl: String,

    /// How long an upload may be silent before it counts as abandoned
    #[arg(
        long,
        env = "CLOAKROOM_UPLOAD_TTL",
        default_value = "1h",
        global = true
    )]
    pub upload_ttl: String,

    /// How often the janitor sweeps
    #[arg(
        long,
        env = "CLOAKROOM_JANITOR_INTERVAL",
        default_value = "1m",
        global = true
    )]
    pub janitor_interval: String,

    /// How long the clock has to keep its pace, after a jump or a start, before the janitor destroys what came due meanwhile
    #[arg(
        long,
        env = "CLOAKROOM_CLOCK_GRACE",
        default_value = "1h",
        global = true
    )]
    pub clock_grace: String,

    /// Whether anyone may sign up (open), or only the command line makes accounts (closed)
    #[arg(long, env = "CLOAKROOM_SIGN_UP", default_value = "open", global = true)]
    pub sign_up: String,

    /// How long a session lives without a request
    #[arg(
        long,
        env = "CLOAKROOM_SESSION_IDLE",
        default_value = "7d",
        global = true
    )]
    pub session_idle: String,

    /// How long a session lives at all
    #[arg(
        long,
        env = "CLOAKROOM_SESSION_LIFETIME",
        default_value = "30d",
        global = true
    )]
    pub session_lifetime: String,

    /// How many passwords are hashed at once; each takes 19 MiB [default: one a processor, at most 4]
    #[arg(long, env = "CLOAKROOM_HASHING_THREADS", global = true)]
    pub hashing_threads: Option<String>,

    /// How many may wait for a password to be hashed; UNAVAILABLE beyond
    #[arg(
        long,
        env = "CLOAKROOM_HASHING_QUEUE",
        default_value = "1000",
        global = true
    )]
    pub hashing_queue: String,

    /// How many of them may come from one client address (IPv6: one /48), or be one user; RATE_LIMITED beyond
    #[arg(
        long,
        env = "CLOAKROOM_HASHING_QUEUE_PER_ADDRESS",
        default_value = "100",
        global = true
    )]
    pub hashing_queue_per_address: String,

    /// How many wrong passwords one account may have in a SIGN_IN_WINDOW; those typed in a session, and those from each
    /// address that the account knows, are counted apart
    #[arg(
        long,
        env = "CLOAKROOM_SIGN_IN_TRIES",
        default_value = "10",
        global = true
    )]
    pub sign_in_tries: String,

    /// How many wrong passwords one client address (IPv6: one /64; ten times as many for its /48) may have in a
    /// SIGN_IN_WINDOW
    #[arg(
        long,
        env = "CLOAKROOM_SIGN_IN_TRIES_PER_ADDRESS",
        default_value = "100",
        global = true
    )]
    pub sign_in_tries_per_address: String,

    /// How long it takes until all tries are back; they come back evenly
    #[arg(
        long,
        env = "CLOAKROOM_SIGN_IN_WINDOW",
        default_value = "10m",
        global = true
    )]
    pub sign_in_window: String,

    /// How often one account may sign in, in a SIGN_IN_WINDOW
    #[arg(
        long,
        env = "CLOAKROOM_SIGN_INS_PER_ACCOUNT",
        default_value = "100",
        global = true
    )]
    pub sign_ins_per_account: String,

    /// How long an account knows an address (IPv6: one /64) that it signed in from, so that others who guess do not lock
    /// it out there; 0: not at all
    #[arg(
        long,
        env = "CLOAKROOM_KNOWN_ADDRESS_TTL",
        default_value = "30d",
        global = true
    )]
    pub known_address_ttl: String,

    /// How many accounts one client address (IPv6: one /64; ten times as many for its /48) may ask for in a SIGN_UP_WINDOW
    #[arg(
        long,
        env = "CLOAKROOM_SIGN_UPS_PER_ADDRESS",
        default_value = "20",
        global = true
    )]
    pub sign_ups_per_address: String,

    /// How long it takes until an address may ask for all of them again; they come back evenly
    #[arg(
        long,
        env = "CLOAKROOM_SIGN_UP_WINDOW",
        default_value = "1h",
        global = true
    )]
    pub sign_up_window: String,

    /// How long the audit trail keeps an event
    #[arg(
        long,
        env = "CLOAKROOM_EVENT_TTL",
        default_value = "180d",
        global = true
    )]
    pub event_ttl: String,

    /// GraphiQL at GET /graphql, and introspection with it: on or off
    #[arg(long, env = "CLOAKROOM_GRAPHIQL", default_value = "on", global = true)]
    pub graphiql: String,

    /// Other origins whose pages may call the API, comma-separated: `https://app.example`
    #[arg(
        long,
        env = "CLOAKROOM_ALLOWED_ORIGINS",
        default_value = "",
        global = true
    )]
    pub allowed_origins: String,

    /// Networks whose X-Forwarded-For is believed, comma-separated; a unix socket's peer always is
    #[arg(
        long,
        env = "CLOAKROOM_TRUSTED_PROXIES",
        default_value = "127.0.0.0/8,::1/128",
        global = true
    )]
    pub trusted_proxies: String,

    /// The largest GraphQL document, bytes
    #[arg(
        long,
        env = "CLOAKROOM_MAX_QUERY_BYTES",
        default_value = "64KiB",
        global = true
    )]
    pub max_query_bytes: String,

    /// The largest JSON body, and the largest `operations` or `map` part, bytes
    #[arg(
        long,
        env = "CLOAKROOM_MAX_BODY_BYTES",
        default_value = "256KiB",
        global = true
    )]
    pub max_body_bytes: String,

    /// How deep a document's fields may nest
    #[arg(
        long,
        env = "CLOAKROOM_MAX_QUERY_DEPTH",
        default_value = "20",
        global = true
    )]
    pub max_query_depth: String,

    /// How many fields a document may ask for, those of a list counted once for each row it may have
    #[arg(
        long,
        env = "CLOAKROOM_MAX_QUERY_COMPLEXITY",
        default_value = "10000",
        global = true
    )]
    pub max_query_complexity: String,

    /// How many selections, arguments and values all of a document may come to once its fragments are written out
    #[arg(
        long,
        env = "CLOAKROOM_MAX_QUERY_NODES",
        default_value = "10000",
        global = true
    )]
    pub max_query_nodes: String,

    /// How many tokens a document may have
    #[arg(
        long,
        env = "CLOAKROOM_MAX_QUERY_TOKENS",
        default_value = "4000",
        global = true
    )]
    pub max_query_tokens: String,

    /// How many aliases, and how many root fields, a document may have
    #[arg(
        long,
        env = "CLOAKROOM_MAX_QUERY_ALIASES",
        default_value = "30",
        global = true
    )]
    pub max_query_aliases: String,

    /// How many directives, and how many variables, a document may have
    #[arg(
        long,
        env = "CLOAKROOM_MAX_QUERY_DIRECTIVES",
        default_value = "50",
        global = true
    )]
    pub max_query_directives: String,

    /// The largest answer, bytes; mutations that had run before it was given up have run
    #[arg(
        long,
        env = "CLOAKROOM_MAX_ANSWER_BYTES",
        default_value = "4MiB",
        global = true
    )]
    pub max_answer_bytes: String,

    /// How many values an answer may have: fields, and items of lists
    #[arg(
        long,
        env = "CLOAKROOM_MAX_ANSWER_VALUES",
        default_value = "50000",
        global = true
    )]
    pub max_answer_values: String,

    /// How long an operation may run, uploads and commits under way not counted
    #[arg(
        long,
        env = "CLOAKROOM_EXECUTION_TIMEOUT",
        default_value = "30s",
        global = true
    )]
    pub execution_timeout: String,

    /// How long a client may take to send a request's head, send nothing of a body, or take nothing of an answer
    #[arg(
        long,
        env = "CLOAKROOM_CLIENT_TIMEOUT",
        default_value = "30s",
        global = true
    )]
    pub client_timeout: String,

    /// The slowest a client may send a body or take an answer, bytes a second, over any CLIENT_TIMEOUT
    #[arg(
        long,
        env = "CLOAKROOM_MIN_BODY_RATE",
        default_value = "1KiB",
        global = true
    )]
    pub min_body_rate: String,

    /// How many connections there may be; beyond, those that are idle longest give way
    /// [default: what the limit of descriptors has room for, at most 4096]
    #[arg(long, env = "CLOAKROOM_MAX_CONNECTIONS", global = true)]
    pub max_connections: Option<String>,

    /// How many of them one client address (IPv6: one /64) may have, TRUSTED_PROXIES excepted
    /// [default: a quarter]
    #[arg(long, env = "CLOAKROOM_MAX_CONNECTIONS_PER_ADDRESS", global = true)]
    pub max_connections_per_address: Option<String>,

    /// How long requests under way may go on after SIGTERM
    #[arg(
        long,
        env = "CLOAKROOM_SHUTDOWN_TIMEOUT",
        default_value = "30s",
        global = true
    )]
    pub shutdown_timeout: String,

    /// What to log: a level, or tracing's filter directives
    #[arg(long, env = "CLOAKROOM_LOG", default_value = "info", global = true)]
    pub log: String,

    /// How to log: text or json
    #[arg(
        long,
        env = "CLOAKROOM_LOG_FORMAT",
        default_value = "text",
        global = true
    )]
    pub log_format: String,

    /// How much of the log may wait for whoever reads it, bytes; what finds no room is lost, and counted
    #[arg(
        long,
        env = "CLOAKROOM_LOG_BUFFER",
        default_value = "4MiB",
        global = true
    )]
    pub log_buffer: String,
}

/// Settings as understood.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: Listen,
    pub data_dir: PathBuf,
    pub database_url: Secret,
    /// Without a slash at the end.
    pub public_url: String,
    pub delivery: Delivery,
    /// The configured secrets, the signing one first; empty: use the data directory's.
    pub secrets: Vec<Secret>,
    pub ticket_ttl: Duration,
    pub max_file_size: u64,
    pub max_files_per_request: usize,
    pub user_quota: Option<u64>,
    /// `None`: by the size of each disk.
    pub disk_reserve: Option<u64>,
    pub max_files_per_user: u32,
    pub max_shares_per_file: u32,
    pub changes_per_hour: u32,
    pub trash_ttl: Duration,
    pub upload_ttl: Duration,
    pub janitor_interval: Duration,
    pub clock_grace: Duration,
    pub sign_up: SignUp,
    pub session_idle: Duration,
    pub session_lifetime: Duration,
    pub hashing_threads: NonZeroUsize,
    pub hashing_queue: usize,
    pub hashing_queue_per_address: usize,
    pub sign_in_tries: u32,
    pub sign_in_tries_per_address: u32,
    pub sign_in_window: Duration,
    pub sign_ins_per_account: u32,
    pub known_address_ttl: Duration,
    pub sign_ups_per_address: u32,
    pub sign_up_window: Duration,
    pub event_ttl: Duration,
    pub graphiql: GraphiQl,
    pub allowed_origins: Vec<String>,
    pub trusted_proxies: Vec<IpNet>,
    pub query_limits: QueryLimits,
    pub answer_limits: AnswerLimits,
    pub max_body_bytes: usize,
    pub execution_timeout: Duration,
    pub client_timeout: Duration,
    pub min_body_rate: u64,
    pub max_connections: usize,
    pub max_connections_per_address: usize,
    pub shutdown_timeout: Duration,
    pub log: String,
    pub log_format: LogFormat,
    pub log_buffer: usize,
}

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

impl Config {
    /// Whether clients reach us by TLS, which cookies then insist on.
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
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
