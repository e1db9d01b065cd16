//! Every setting, declared once: to add one, add it here, and then `cargo run -- settings > docs/settings.md`.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use clap::ArgMatches;
use ipnet::IpNet;

use super::{
    Delivery, Drops, GraphiQl, LinkPassword, Links, Listen, LogFormat, Mistakes, OidcSignUp, Page,
    PasswordSignIn, S3UrlStyle, Scan, ScanAway, Secret, SignUp, StorageKind,
    check::Check,
    declare::{self, Fallback, Given, Setting, fallback, given, settings},
    env_file::Source,
    kinds::*,
};

settings! {
    /// Listening and connections
    server: Server {
        /// Where to listen: `IP:PORT`, or `unix:/path/to.sock`. A socket that a dead process left is replaced; no other
        /// file is
        listen: Listen = "127.0.0.1:8080", parsed("ADDRESS");

        /// The address that clients use. Ticket URLs begin with it, and `https` in it turns on Secure cookies with the
        /// prefix `__Host-`
        public_url: String = unset("from LISTEN; needed where that is `0.0.0.0` or `[::]`"), site();

        /// Other origins whose pages may call the API (CORS, and the cross-site check), and show and fetch what tickets
        /// open, comma-separated: `https://app.example`, or a web view's such as `capacitor://localhost`
        allowed_origins: Vec<String> = "", origins();

        /// Networks whose `X-Forwarded-For` is believed, comma-separated. The peer of a unix socket is always believed
        trusted_proxies: Vec<IpNet> = "127.0.0.0/8,::1/128", networks();

        /// How long a client may take to send the head of a request, may send nothing of a body, or may take nothing of
        /// an answer
        client_timeout: Duration = "30s", duration(1..=DAY);

        /// The slowest that a client may send a body or take an answer, in bytes a second, measured over CLIENT_TIMEOUT
        min_body_rate: u64 = "1KiB", size(0..=GIB);

        /// How many connections there may be. When there are more, those that have waited longest for their client are
        /// closed
        max_connections: usize = unset("as many as the limit of open files has room for, at most 4096"), connections();

        /// How many connections one client address (IPv6: one /64) may have. TRUSTED_PROXIES and the peer of a unix
        /// socket may have all
        max_connections_per_address: usize = unset("a quarter of MAX_CONNECTIONS"), number(1..=1_000_000);

        /// Whether `/` is the page for people. The pages of links and drops are there without it
        page: Page = "on", choice();

        /// How long requests are taken as before after SIGTERM while `/readyz` answers 503 and connections end with their next
        /// answer: so that whatever divides requests among several instances turns to the others in time
        drain_time: Duration = "0s", duration(0..=DAY);

        /// How long running requests may go on after SIGTERM, and after DRAIN_TIME
        shutdown_timeout: Duration = "30s", duration(0..=DAY);
    }

    /// Database
    database: Database {
        /// Where the database is: `sqlite:PATH`, the path taken as it is, or `postgres://user@host/database`
        database_url: Secret = secret("cloakroom.sqlite3 in DATA_DIR"), database();
    }

    /// Storage
    storage: Storage {
        /// Where content is: in DATA_DIR (`local`), or in an object store (`s3`), which the settings S3_… name
        storage: StorageKind = "local", choice();

        /// The directory of the content, the SQLite database and the generated secret
        data_dir: PathBuf = "./data", path();

        /// The space that uploads leave free on the disks of the content and of SQLite, so that people can always sign
        /// in, delete and purge. An upload that would use it gets STORAGE_FULL
        disk_reserve: Option<u64> = unset("64MiB, or an eighth of a smaller disk"), optional(size(0..=1 << 50));
    }

    /// Object store
    s3: S3 {
        /// The address of the object store: `https://s3.eu-central-1.amazonaws.com`, `http://10.0.0.5:3900`
        s3_endpoint: String = unset("none; STORAGE=s3 needs it"), endpoint();

        /// The region that requests are signed for
        s3_region: String = "us-east-1", word("NAME");

        /// The bucket, which has to exist
        s3_bucket: String = unset("none; STORAGE=s3 needs it"), bucket();

        /// What the names of all objects of this installation begin with. A slash is added to its end
        s3_prefix: String = "", object_prefix();

        /// Whether the bucket is named in the path of an address, or in its host
        s3_url_style: S3UrlStyle = "path", choice();

        /// The key that signs requests: its name
        s3_access_key_id: String = unset("none; STORAGE=s3 needs it"), word("KEY");

        /// The key that signs requests: its secret
        s3_secret_access_key: Secret = secret("none; STORAGE=s3 needs it"), secret_word();

        /// What goes with a key that is good for a time. The server has to be started again with the next one
        s3_session_token: Secret = secret("none"), secret_word();

        /// A file with the certificates, in PEM, of the authorities to believe, for a store that has its own
        s3_ca_file: Option<PathBuf> = unset("the authorities that browsers believe"), optional(path());

        /// The memory that uploads on their way to the store may take, all together. Each takes 8MiB, and up to three times as
        /// much while it is faster than the store; files below 64KiB are not counted. Those of one account may take a
        /// quarter, and those of all visitors of its drops another. One more waits, and after a minute gets UNAVAILABLE
        s3_upload_memory: u64 = "512MiB", size(32 << 20..=1 << 40);
    }

    /// Tickets and downloads
    tickets: Tickets {
        /// What tickets, URLs of links and drops, and webhooks are signed with, 32 bytes or more. One secret a line: the first
        /// signs, the others are still accepted
        secret: Vec<Secret> = secret("made at the first start, in DATA_DIR/secret"), signing_secrets();

        /// How long a ticket opens its file. Each request of a player that seeks needs it: for long videos, make it as long
        ticket_ttl: Duration = "5m", duration(1..=DAY);

        /// Who sends the bytes of a download: this process (`direct`), or nginx in front of it (`x-accel`)
        delivery: Delivery = "direct", choice();
    }

    /// Uploads
    uploads: Uploads {
        /// The largest file that may be uploaded. A larger one gets FILE_TOO_LARGE
        max_file_size: u64 = "10GiB", size(1..=1 << 50);

        /// How many files one request may upload. With more it gets PAYLOAD_TOO_LARGE
        max_files_per_request: usize = "20", number(1..=1000);

        /// How long an upload may be silent before it counts as abandoned
        upload_ttl: Duration = "1h", duration(60..=AGE);

        /// How long a resumable upload waits for more bytes before it is gone, and how long it tells which file it has
        /// become
        resumable_ttl: Duration = "7d", duration(60..=AGE);

        /// How many unfinished resumable uploads one user may have, and how many one drop. One more gets QUOTA_EXCEEDED
        max_uploads_per_user: u32 = "1000", number(1..=100_000);
    }

    /// Scanning for viruses
    scanning: Scanning {
        /// What looks at each file before it is kept: `clamd:/run/clamav/clamd.ctl` or `clamd:127.0.0.1:3310`; or
        /// `command:/path/to/program arguments`, a program that reads the file from standard input and exits with 0, or with
        /// 1 when it has found something, whose name it prints. A file with something in it gets FILE_REFUSED
        scan: Option<Scan> = unset("nothing is scanned"), optional(parsed("SCANNER"));

        /// What becomes of a file when the scanner does not answer, or the file is larger than it takes: nobody gets it
        /// (`refuse`: UNAVAILABLE, or FILE_REFUSED), or it is kept as if it were clean (`pass`). One whose turn does not come in
        /// time gets UNAVAILABLE either way
        scan_away: ScanAway = "refuse", choice();

        /// How long the scanner may take for one file, and how long that may wait for its turn before
        scan_timeout: Duration = "5m", duration(1..=DAY);
    }

    /// What one user may have and do
    users: Users {
        /// How many bytes each user may keep, the trash included. An upload beyond them gets QUOTA_EXCEEDED
        user_quota: Option<u64> = unset("no limit"), optional(size(0..=1 << 60));

        /// How many files each user may keep, empty ones and the trash included. An upload beyond them gets
        /// QUOTA_EXCEEDED
        max_files_per_user: u32 = "100000", number(1..=1_000_000_000);

        /// How many shares one file may have. One more gets QUOTA_EXCEEDED
        max_shares_per_file: u32 = "1000", number(1..=100_000);

        /// How many groups one user may own. One more gets QUOTA_EXCEEDED
        max_groups_per_user: u32 = "100", number(0..=10_000);

        /// How many members one group may have, its owner included. Whoever adds one more gets QUOTA_EXCEEDED
        max_members_per_group: u32 = "1000", number(1..=100_000);

        /// How many groups of others one user may be a member of. Whoever adds the user to one more gets QUOTA_EXCEEDED.
        /// The cost of `sharedWithMe` grows with it
        max_memberships_per_user: u32 = "200", number(0..=10_000);

        /// How many API tokens one user may have. One more gets QUOTA_EXCEEDED
        max_tokens_per_user: u32 = "100", number(1..=100);

        /// How many changes one user may make in an hour: renaming, restoring and purging files, sharing, making tokens, groups
        /// and drops, renaming groups, adding members, and what an administrator changes of accounts. They come back evenly
        /// over the hour; one more gets RATE_LIMITED. What many hear of counts as more: one for each 250 users whom a share, a
        /// restored file or a change of a group reaches, and for each 10 recipients of a restored file. Deleting and revoking are
        /// never refused. Each instance counts for itself
        changes_per_hour: u32 = "3600", number(1..=1_000_000_000);
    }

    /// Links and drops, for strangers
    strangers: Strangers {
        /// Whether files may be shared by link, with people who have no account. `off`: nobody makes links, and those there
        /// are open nothing until it is `on` again
        links: Links = "on", choice();

        /// Whether every new link needs a password
        link_password: LinkPassword = "optional", choice();

        /// How long a link may live at most, from when its end is set. Where none is set, it ends after this time
        link_max_ttl: Option<Duration> = unset("no limit"), optional(duration(60..=AGE));

        /// Whether users may have drops, by which people who have no account leave files. `off`: nobody makes drops, and those
        /// there are take nothing until it is `on` again
        drops: Drops = "on", choice();

        /// How many open drops one user may have. One more gets QUOTA_EXCEEDED
        max_drops_per_user: u32 = "1000", number(1..=100_000);

        /// How many uploads by one drop may be under way at once, each file of a request counted. One more gets RATE_LIMITED;
        /// a request with more files than that never succeeds
        max_uploads_per_drop: u32 = "100", number(1..=100_000);

        /// How much of what MAX_UPLOADS_PER_DROP and MAX_UPLOADS_PER_USER allow one drop may come from one client address
        /// (IPv6: one /64), in percent. One upload more gets RATE_LIMITED, so that one visitor keeps out no other
        drop_percent_per_address: u32 = "25", number(1..=100);
    }

    /// Keeping and sweeping
    sweeps: Sweeps {
        /// How long a deleted file stays in the trash, where it can be restored
        trash_ttl: Duration = "30d", duration(0..=AGE);

        /// How long the audit trail keeps an event
        event_ttl: Duration = "180d", duration(0..=AGE);

        /// How often the janitor sweeps
        janitor_interval: Duration = "1m", duration(1..=DAY);

        /// How long the clock must run steadily, after a jump or a start, before the janitor destroys what came due
        /// meanwhile
        clock_grace: Duration = "1h", duration(0..=7 * DAY);
    }

    /// Accounts and signing in
    accounts: Accounts {
        /// Who makes accounts with a password: anyone (`open`), or only the command line, by `cloakroom create-user`
        /// (`closed`). OIDC_SIGN_UP says it of sign-ins by a provider
        sign_up: SignUp = "open", choice();

        /// Whether passwords sign people in. `off`: signing in, signing up and changing one's password by a password get
        /// FORBIDDEN, and OIDC_ISSUER has to be set
        password_sign_in: PasswordSignIn = "on", choice();

        /// How many accounts one client address (IPv6: one /64, and ten times as many for its /48) may ask for in a
        /// SIGN_UP_WINDOW. One more gets RATE_LIMITED
        sign_ups_per_address: u32 = "20", number(1..=100_000);

        /// How long it takes until an address may ask for all of them again. They come back evenly
        sign_up_window: Duration = "1h", duration(1..=DAY);

        /// How long a session lives without a request
        session_idle: Duration = "7d", duration(60..=AGE);

        /// How long a session lives, even when it is in use
        session_lifetime: Duration = "30d", duration(60..=AGE);

        /// How many wrong passwords one account may have in a SIGN_IN_WINDOW. After them it gets RATE_LIMITED. Those
        /// typed in a session, and those from each address that the account knows, are counted separately
        sign_in_tries: u32 = "10", number(1..=100_000);

        /// How many wrong passwords one client address (IPv6: one /64, and ten times as many for its /48) may have in a
        /// SIGN_IN_WINDOW
        sign_in_tries_per_address: u32 = "100", number(1..=100_000);

        /// How long it takes until all tries are back. They come back evenly
        sign_in_window: Duration = "10m", duration(1..=DAY);

        /// How often one account may sign in, in a SIGN_IN_WINDOW
        sign_ins_per_account: u32 = "100", number(1..=100_000);

        /// How long an account knows an address (IPv6: one /64) that it signed in from, so that others who guess its
        /// password do not lock it out there. `0`: not at all
        known_address_ttl: Duration = "30d", duration(0..=AGE);

        /// How many passwords are hashed at once. Each takes 19 MiB
        hashing_threads: usize = unset("one a processor, at most 4"), number(1..=64);

        /// How many passwords may wait to be hashed. One more gets UNAVAILABLE; nobody waits longer than 10 seconds
        hashing_queue: usize = "1000", number(1..=100_000);

        /// How many of the waiting passwords may come from one client address (IPv6: one /48), or belong to one user.
        /// One more gets RATE_LIMITED
        hashing_queue_per_address: usize = "100", number(1..=100_000);
    }

    /// Single sign-on by OpenID Connect
    oidc: Oidc {
        /// The provider whose people sign in here, by its issuer's URL, word for word as the provider says it:
        /// `https://id.example/realms/main`. `http` is accepted only for a provider on this machine
        oidc_issuer: String = unset("none: nobody signs in that way"), issuer();

        /// What the page calls the provider: "Sign in with …"
        oidc_name: String = unset("the host of OIDC_ISSUER"), label();

        /// The client id that the provider gave this server
        oidc_client_id: String = unset("none; OIDC_ISSUER needs it"), client_id();

        /// The client secret that the provider gave this server. Without one, PKCE alone protects the codes
        oidc_client_secret: Secret = secret("none"), secret_word();

        /// What is asked of the provider, separated by spaces; `openid` is always asked
        oidc_scopes: String = "openid profile", scopes();

        /// The claim that a new account's user name is made of
        oidc_username_claim: String = "preferred_username", claim();

        /// Who gets in: all whom the provider vouches for, with a new account (`open`), or those whom `cloakroom link-user` linked
        oidc_sign_up: OidcSignUp = "open", choice();

        /// The claim with the groups of whoever signs in. With OIDC_ADMIN_GROUP, it says at each sign-in who is an administrator
        oidc_admin_claim: String = unset("none: the provider says nothing of administrators"), claim();

        /// The group whose members are administrators; everybody else who signs in by the provider is none
        oidc_admin_group: String = unset("none; OIDC_ADMIN_CLAIM needs it"), label();

        /// A file with the certificates, in PEM, of the authorities to believe, for a provider that has its own
        oidc_ca_file: Option<PathBuf> = unset("the authorities that browsers believe"), optional(path());

        /// How long the provider may take for one answer. After that the sign-in gets UNAVAILABLE
        oidc_timeout: Duration = "10s", duration(1..=300);

        /// How long what the provider says of itself is believed, its keys included, before it is asked again
        oidc_keys_ttl: Duration = "1h", duration(1..=DAY);

        /// The shortest time between two requests for the provider's keys, whatever tokens of unknown keys come
        oidc_keys_pause: Duration = "10s", duration(1..=3600);

        /// How long somebody may take at the provider until they are back
        oidc_attempt_ttl: Duration = "10m", duration(1..=DAY);
    }

    /// GraphQL
    graphql: Graphql {
        /// Whether GET /graphql shows GraphiQL, and the schema can be introspected
        graphiql: GraphiQl = "on", choice();

        /// The largest JSON body, and the largest `operations` or `map` part. A larger one gets PAYLOAD_TOO_LARGE
        max_body_bytes: usize = "256KiB", memory();

        /// The largest document. A document beyond this limit, or one of the next six, gets QUERY_TOO_COMPLEX
        max_query_bytes: usize = "64KiB", memory();

        /// How many tokens a document may have
        max_query_tokens: usize = "4000", number(1..=1_000_000);

        /// How deeply the fields of a document may nest
        max_query_depth: usize = "20", number(1..=30);

        /// How many fields a document may ask for. Those of a list count once for each row that it may have
        max_query_complexity: usize = "10000", number(1..=1_000_000);

        /// How many selections, arguments and values the operations of a document may have in all, once its fragments
        /// are written out. The time of validation depends on them
        max_query_nodes: usize = "10000", number(1..=1_000_000);

        /// How many aliases a document may have, and how many root fields
        max_query_aliases: usize = "30", number(1..=1_000_000);

        /// How many directives a document may have, and how many variables
        max_query_directives: usize = "50", number(1..=1_000_000);

        /// How many documents are kept in memory for clients that name them by a hash (automatic persisted queries), a
        /// quarter of them from one client address at most (IPv6: one /48). The one used longest ago makes room. `0`: none
        persisted_queries: usize = "2000", number(0..=10_000);

        /// How much memory those documents may take, and a quarter of it those from one client address
        persisted_query_bytes: usize = "16MiB", memory();

        /// The largest answer. One that grows larger is replaced by QUERY_TOO_COMPLEX; mutations that have run by then
        /// are not undone
        max_answer_bytes: usize = "4MiB", memory();

        /// How many values an answer may have: fields, and items of lists. One with more is replaced in the same way
        max_answer_values: usize = "50000", number(1..=1_000_000);

        /// How long an operation may run, uploads and commits under way not counted. After that it gets UNAVAILABLE
        execution_timeout: Duration = "30s", duration(1..=DAY);
    }

    /// The live feed
    live: Live {
        /// How many WebSockets one user may have open, on each instance. One more is closed with 4429
        max_sockets_per_user: usize = "20", number(1..=10_000);

        /// How many subscriptions one WebSocket may have. One more gets RATE_LIMITED
        max_subscriptions_per_socket: usize = "100", number(1..=1000);

        /// How many bytes the documents and variables of one WebSocket's subscriptions may have together: they stay in memory
        /// for as long as the subscriptions. One more gets RATE_LIMITED
        max_subscription_bytes_per_socket: usize = "128KiB", memory();

        /// How many messages one WebSocket may send in a minute; they come back evenly. A socket that sends more is closed
        /// with 1008; one that sends a message larger than MAX_BODY_BYTES ends at once
        socket_messages_per_minute: u32 = "300", number(1..=1_000_000);

        /// How often a WebSocket is asked whether its client is there. One that does not answer in that time is closed. At most
        /// four minutes: nginx cuts a connection on which nothing comes for five
        socket_ping: Duration = "25s", duration(1..=240);
    }

    /// Webhooks
    webhooks: Webhooks {
        /// Networks in which webhooks may be delivered though they are not public, comma-separated: `10.0.0.0/8`. There they may
        /// be `http://` as well
        webhook_networks: Vec<IpNet> = "", networks();

        /// A file with the certificates, in PEM, of authorities to believe beside those that browsers believe, for receivers that
        /// have their own
        webhook_ca_file: Option<PathBuf> = unset("none"), optional(path());

        /// How long one delivery may take, from looking up the name to the answer
        webhook_timeout: Duration = "10s", duration(1..=300);

        /// How long a webhook waits after a delivery that failed. Each further time it waits twice as long
        webhook_retry_after: Duration = "5s", duration(1..=DAY);

        /// The longest that it waits between two tries
        webhook_retry_max: Duration = "1h", duration(1..=DAY);

        /// How long deliveries may fail before the webhook is paused, until `cloakroom resume-webhook`
        webhook_pause_after: Duration = "3d", duration(1..=AGE);

        /// How many webhooks there may be
        max_webhooks: u32 = "20", number(0..=1000);
    }

    /// The log and the metrics
    logging: Logging {
        /// Where Prometheus reads `/metrics`: an address as in LISTEN, which strangers do not reach. Nothing is measured
        /// where it is not set
        metrics_listen: Option<Listen> = unset("nothing is measured"), optional(parsed("ADDRESS"));

        /// What to log: a level, or filter directives of the crate tracing
        log: String = "info", log_filter();

        /// How to log: for people (`text`) or for programs (`json`)
        log_format: LogFormat = "text", choice();

        /// How much of the log may wait in memory until it is read. Lines that find no room are lost and counted
        log_buffer: usize = "4MiB", memory();
    }

    /// Traces
    traces: Traces {
        /// Where traces of requests are sent, as OpenTelemetry has them: a collector that takes OTLP over HTTP as JSON, such as
        /// `http://127.0.0.1:4318`. Without a path, `/v1/traces` is added. Nothing is traced where it is not set
        traces_url: String = unset("nothing is traced"), collector();

        /// A header that the collector wants, such as `authorization: Bearer …`: a name, a colon, a value
        traces_header: Secret = secret("none"), secret_header();

        /// A file with the certificates, in PEM, of the authorities to believe, for a collector that has its own
        traces_ca_file: Option<PathBuf> = unset("the authorities that browsers believe"), optional(path());

        /// Of how many requests one is traced, chosen by chance
        traces_one_in: u32 = "1", number(1..=1_000_000);

        /// How many spans may wait to be sent. Those that find no room are dropped and counted
        traces_buffer: usize = "4096", number(1..=1_000_000);

        /// How long the collector may take for one answer. After that the spans are dropped and counted
        traces_timeout: Duration = "10s", duration(1..=300);
    }
}
