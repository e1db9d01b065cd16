//! From [`Options`] to [`Config`], collecting every mistake on the way.

use std::{
    fmt::Display,
    net::IpAddr,
    num::NonZeroUsize,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use ipnet::IpNet;

use super::{AnswerLimits, Config, Listen, Mistakes, Options, QueryLimits, Secret, descriptors};
use crate::{db, private};

const SECRET_MIN_BYTES: usize = 32;
const DAY: u64 = 24 * 60 * 60;
/// Time to spare below what the databases' 64-bit milliseconds can hold.
const AGE: u64 = 100 * 365 * DAY;

impl Options {
    /// The configuration these options spell, or the list of all their mistakes.
    pub fn validate(&self) -> Result<Config, Mistakes> {
        let mut check = Check::default();
        let listen = check.parse("LISTEN", &self.listen);
        let public_url = check.public_url(self.public_url.as_deref(), listen.as_ref());
        let secrets = check.secrets(self.secret.as_ref(), self.secret_file.as_deref());
        let data_dir = PathBuf::from(check.text("DATA_DIR", &self.data_dir));
        let count = 1..=1_000_000;
        let max_connections = check.max_connections(self.max_connections.as_deref());
        let max_files_per_request = check.number(
            "MAX_FILES_PER_REQUEST",
            &self.max_files_per_request,
            1..=1000,
        );
        let config = Config {
            database_url: check.database_url(self.database_url.as_ref(), &data_dir),
            data_dir,
            public_url,
            delivery: check
                .parse("DELIVERY", &self.delivery)
                .unwrap_or(super::Delivery::Direct),
            secrets,
            ticket_ttl: check.duration("TICKET_TTL", &self.ticket_ttl, 1..=DAY),
            max_file_size: check.size("MAX_FILE_SIZE", &self.max_file_size, 1..=1 << 50),
            max_files_per_request,
            user_quota: self
                .user_quota
                .as_deref()
                .map(|quota| check.size("USER_QUOTA", quota, 0..=1 << 60)),
            disk_reserve: self
                .disk_reserve
                .as_deref()
                .map(|reserve| check.size("DISK_RESERVE", reserve, 0..=1 << 50)),
            max_files_per_user: check.many("MAX_FILES_PER_USER", &self.max_files_per_user),
            max_shares_per_file: check.small("MAX_SHARES_PER_FILE", &self.max_shares_per_file),
            changes_per_hour: check.many("CHANGES_PER_HOUR", &self.changes_per_hour),
            trash_ttl: check.duration("TRASH_TTL", &self.trash_ttl, 0..=AGE),
            upload_ttl: check.duration("UPLOAD_TTL", &self.upload_ttl, 60..=AGE),
            janitor_interval: check.duration("JANITOR_INTERVAL", &self.janitor_interval, 1..=DAY),
            clock_grace: check.duration("CLOCK_GRACE", &self.clock_grace, 0..=7 * DAY),
            sign_up: check
                .parse("SIGN_UP", &self.sign_up)
                .unwrap_or(super::SignUp::Closed),
            session_idle: check.duration("SESSION_IDLE", &self.session_idle, 60..=AGE),
            session_lifetime: check.duration("SESSION_LIFETIME", &self.session_lifetime, 60..=AGE),
            hashing_threads: check.hashing_threads(self.hashing_threads.as_deref()),
            hashing_queue: check.number("HASHING_QUEUE", &self.hashing_queue, 1..=100_000),
            hashing_queue_per_address: check.number(
                "HASHING_QUEUE_PER_ADDRESS",
                &self.hashing_queue_per_address,
                1..=100_000,
            ),
            sign_in_tries: check.small("SIGN_IN_TRIES", &self.sign_in_tries),
            sign_in_tries_per_address: check
                .small("SIGN_IN_TRIES_PER_ADDRESS", &self.sign_in_tries_per_address),
            sign_in_window: check.duration("SIGN_IN_WINDOW", &self.sign_in_window, 1..=DAY),
            sign_ins_per_account: check.small("SIGN_INS_PER_ACCOUNT", &self.sign_ins_per_account),
            known_address_ttl: check.duration(
                "KNOWN_ADDRESS_TTL",
                &self.known_address_ttl,
                0..=AGE,
            ),
            sign_ups_per_address: check.small("SIGN_UPS_PER_ADDRESS", &self.sign_ups_per_address),
            sign_up_window: check.duration("SIGN_UP_WINDOW", &self.sign_up_window, 1..=DAY),
            event_ttl: check.duration("EVENT_TTL", &self.event_ttl, 0..=AGE),
            graphiql: check
                .parse("GRAPHIQL", &self.graphiql)
                .unwrap_or(super::GraphiQl::Off),
            allowed_origins: check.origins(&self.allowed_origins),
            trusted_proxies: check.networks(&self.trusted_proxies),
            query_limits: QueryLimits {
                bytes: check.bytes("MAX_QUERY_BYTES", &self.max_query_bytes),
                tokens: check.number("MAX_QUERY_TOKENS", &self.max_query_tokens, count.clone()),
                depth: check.number("MAX_QUERY_DEPTH", &self.max_query_depth, 1..=30),
                complexity: check.number(
                    "MAX_QUERY_COMPLEXITY",
                    &self.max_query_complexity,
                    count.clone(),
                ),
                nodes: check.number("MAX_QUERY_NODES", &self.max_query_nodes, count.clone()),
                aliases: check.number("MAX_QUERY_ALIASES", &self.max_query_aliases, count.clone()),
                directives: check.number(
                    "MAX_QUERY_DIRECTIVES",
                    &self.max_query_directives,
                    count.clone(),
                ),
                // Files of an upload, and rows as in the longest page: `apiTokens` has 100 at most.
                list: max_files_per_request.max(100),
            },
            answer_limits: AnswerLimits {
                bytes: check.bytes("MAX_ANSWER_BYTES", &self.max_answer_bytes),
                values: check.number("MAX_ANSWER_VALUES", &self.max_answer_values, count),
            },
            max_body_bytes: check.bytes("MAX_BODY_BYTES", &self.max_body_bytes),
            execution_timeout: check.duration(
                "EXECUTION_TIMEOUT",
                &self.execution_timeout,
                1..=DAY,
            ),
            client_timeout: check.duration("CLIENT_TIMEOUT", &self.client_timeout, 1..=DAY),
            min_body_rate: check.size("MIN_BODY_RATE", &self.min_body_rate, 0..=1 << 30),
            max_connections,
            max_connections_per_address: match self.max_connections_per_address.as_deref() {
                Some(text) => check.number("MAX_CONNECTIONS_PER_ADDRESS", text, 1..=1_000_000),
                None => max_connections.div_ceil(4),
            },
            shutdown_timeout: check.duration("SHUTDOWN_TIMEOUT", &self.shutdown_timeout, 0..=DAY),
            log: check.log(&self.log),
            log_format: check
                .parse("LOG_FORMAT", &self.log_format)
                .unwrap_or(super::LogFormat::Text),
            log_buffer: check.bytes("LOG_BUFFER", &self.log_buffer),
            // Unused when it could not be parsed: that is a mistake, and mistakes end here.
            listen: listen.unwrap_or(Listen::Unix(Default::default())),
        };
        match check.mistakes.is_empty() {
            true => Ok(config),
            false => Err(Mistakes(check.mistakes)),
        }
    }
}

/// Collects mistakes; every method returns something usable so that the next setting is looked at too.
#[derive(Default)]
struct Check {
    mistakes: Vec<String>,
}

impl Check {
    fn mistake(&mut self, setting: &str, what: impl Display) {
        self.mistakes.push(format!("CLOAKROOM_{setting}: {what}"));
    }

    fn parse<T: FromStr<Err = &'static str>>(&mut self, setting: &str, text: &str) -> Option<T> {
        text.parse()
            .map_err(|what| self.mistake(setting, format!("{text:?} {what}")))
            .ok()
    }

    fn text(&mut self, setting: &str, text: &str) -> String {
        if text.trim().is_empty() {
            self.mistake(setting, "is empty");
        }
        text.to_owned()
    }

    fn within<T>(
        &mut self,
        setting: &str,
        text: &str,
        value: Option<T>,
        range: RangeInclusive<u64>,
        what: &str,
    ) -> T
    where
        T: Copy + TryInto<u64> + Default,
    {
        let Some(value) = value else {
            self.mistake(setting, format!("{text:?} is not {what}"));
            return T::default();
        };
        if !value.try_into().is_ok_and(|value| range.contains(&value)) {
            let (least, most) = range.into_inner();
            self.mistake(
                setting,
                format!("{text:?} is not between {least} and {most}"),
            );
        }
        value
    }

    fn duration(&mut self, setting: &str, text: &str, seconds: RangeInclusive<u64>) -> Duration {
        let value = text
            .parse()
            .ok()
            .or_else(|| Some(humantime::parse_duration(text).ok()?.as_secs()));
        Duration::from_secs(self.within(
            setting,
            text,
            value,
            seconds,
            "a duration: seconds, or 90s, 5m, 24h, 30d",
        ))
    }

    fn size(&mut self, setting: &str, text: &str, bytes: RangeInclusive<u64>) -> u64 {
        let value = text
            .parse::<bytesize::ByteSize>()
            .ok()
            .map(|size| size.as_u64());
        self.within(
            setting,
            text,
            value,
            bytes,
            "a size: bytes, or 64KiB, 100MB, 2GiB",
        )
    }

    /// A size that is held in memory.
    fn bytes(&mut self, setting: &str, text: &str) -> usize {
        usize::try_from(self.size(setting, text, 1024..=64 << 20)).unwrap_or_default()
    }

    fn number(&mut self, setting: &str, text: &str, range: RangeInclusive<u64>) -> usize {
        self.within(
            setting,
            text,
            text.parse::<usize>().ok(),
            range,
            "a whole number",
        )
    }

    fn small(&mut self, setting: &str, text: &str) -> u32 {
        u32::try_from(self.number(setting, text, 1..=100_000)).unwrap_or(1)
    }

    fn many(&mut self, setting: &str, text: &str) -> u32 {
        u32::try_from(self.number(setting, text, 1..=1_000_000_000)).unwrap_or(1)
    }

    fn hashing_threads(&mut self, text: Option<&str>) -> NonZeroUsize {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = match text {
            Some(text) => self.number("HASHING_THREADS", text, 1..=64),
            None => processors.min(4),
        };
        NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN)
    }

    /// Refuses what the process has too few descriptors for.
    fn max_connections(&mut self, text: Option<&str>) -> usize {
        let room = descriptors::connections();
        let Some(text) = text else {
            return room.min(descriptors::CONNECTIONS_MAX);
        };
        let most = self.number("MAX_CONNECTIONS", text, 1..=1_000_000);
        if most > room {
            self.mistake(
                "MAX_CONNECTIONS",
                format!(
                    "{text:?} is more than the limit of open files allows, which is {room}; say less, or raise that limit \
                     (`ulimit -n`, systemd's LimitNOFILE)"
                ),
            );
        }
        most
    }

    fn public_url(&mut self, url: Option<&str>, listen: Option<&Listen>) -> String {
        let Some(url) = url else {
            return match listen {
                Some(listen @ Listen::Tcp(_)) => listen.to_string(),
                _ => "http://localhost".to_owned(),
            };
        };
        if origin(url.trim_end_matches('/')).is_none() {
            self.mistake(
                "PUBLIC_URL",
                format!("{url:?} is not https://HOST or http://HOST:PORT, without a path"),
            );
        }
        url.trim_end_matches('/').to_owned()
    }

    fn origins(&mut self, list: &str) -> Vec<String> {
        let origins = split(list).map(|text| match origin(text) {
            Some(origin) => origin,
            None => {
                self.mistake(
                    "ALLOWED_ORIGINS",
                    format!("{text:?} is not an origin such as https://app.example"),
                );
                String::new()
            }
        });
        origins.collect()
    }

    fn networks(&mut self, list: &str) -> Vec<IpNet> {
        let networks = split(list).filter_map(|text| {
            let network = text
                .parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network
                .map_err(|_| {
                    self.mistake(
                        "TRUSTED_PROXIES",
                        format!("{text:?} is not a network such as 10.0.0.0/8"),
                    )
                })
                .ok()
        });
        networks.collect()
    }

    fn database_url(&mut self, url: Option<&Secret>, data_dir: &Path) -> Secret {
        let Some(url) = url else {
            return Secret::from(db::sqlite_url(data_dir));
        };
        let known = ["sqlite:", "postgres://", "postgresql://"];
        if !known.iter().any(|scheme| url.expose().starts_with(scheme)) {
            self.mistake(
                "DATABASE_URL",
                "begins with neither sqlite: nor postgres://",
            );
        }
        url.clone()
    }

    fn secrets(&mut self, secret: Option<&Secret>, file: Option<&str>) -> Vec<Secret> {
        let (setting, text) = match (secret, file) {
            (None, None) => return Vec::new(),
            (Some(_), Some(_)) => {
                self.mistake(
                    "SECRET",
                    "is set, and so is CLOAKROOM_SECRET_FILE; set one of them",
                );
                return Vec::new();
            }
            (Some(secret), None) => ("SECRET", secret.expose().to_owned()),
            (None, Some(path)) => match private::read_given(Path::new(path)) {
                Ok((text, closed)) => {
                    if let Err(error) = closed {
                        self.mistake("SECRET_FILE", error);
                    }
                    ("SECRET_FILE", text)
                }
                Err(error) => {
                    self.mistake("SECRET_FILE", format!("cannot read {path:?}: {error}"));
                    return Vec::new();
                }
            },
        };
        let secrets: Vec<_> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        if secrets.is_empty() {
            self.mistake(
                setting,
                "is empty; give 32 bytes or more, for example from `openssl rand -hex 32`",
            );
        }
        if secrets.iter().any(|secret| secret.len() < SECRET_MIN_BYTES) {
            self.mistake(
                setting,
                "is shorter than 32 bytes; make one with `openssl rand -hex 32`",
            );
        }
        secrets
            .into_iter()
            .map(|secret| Secret::from(secret.to_owned()))
            .collect()
    }

    fn log(&mut self, filter: &str) -> String {
        if let Err(error) = filter.parse::<tracing_subscriber::EnvFilter>() {
            self.mistake("LOG", format!("{filter:?} is not a log filter: {error}"));
        }
        filter.to_owned()
    }
}

fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// `text` when it is an origin (RFC 6454): a scheme, a host, perhaps a port, nothing else.
fn origin(text: &str) -> Option<String> {
    let uri: axum::http::Uri = text.parse().ok()?;
    let scheme = uri
        .scheme_str()
        .filter(|scheme| ["http", "https"].contains(scheme))?;
    let authority = uri
        .authority()
        .filter(|authority| !authority.as_str().contains('@'))?;
    (text == format!("{scheme}://{authority}")).then(|| text.to_owned())
}
