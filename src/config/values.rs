//! The types of single settings.

use std::{convert::Infallible, fmt, net::SocketAddr, path::PathBuf, str::FromStr};

/// Text that must not be seen: it prints as dots.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself; mind where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Default for Listen {
    /// Any free port of this machine.
    fn default() -> Self {
        Self::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)))
    }
}

impl FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("unix:") {
            Some("") => Err("names no path after unix:"),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text
                .replace("localhost:", "127.0.0.1:")
                .parse()
                .map(Self::Tcp)
                .map_err(|_| "is neither IP:PORT (127.0.0.1:8080) nor unix:/path/to.sock"),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What looks at files before they are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scan {
    /// ClamAV's daemon, where it listens.
    Clamd(Listen),
    /// A program and its arguments.
    Command(Vec<String>),
}

impl FromStr for Scan {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORMS: &str =
            "is none of clamd:/path/to/its.socket, clamd:IP:PORT and command:/path/to/program";
        if let Some(address) = text.strip_prefix("clamd:") {
            return match address.starts_with('/') {
                true => Ok(Self::Clamd(Listen::Unix(address.into()))),
                false => match address.parse() {
                    Ok(Listen::Tcp(address)) => Ok(Self::Clamd(Listen::Tcp(address))),
                    _ => Err(FORMS),
                },
            };
        }
        let command = text.strip_prefix("command:").ok_or(FORMS)?;
        let words: Vec<_> = command.split_whitespace().map(str::to_owned).collect();
        match words.first() {
            Some(program) if program.starts_with('/') => Ok(Self::Command(words)),
            _ => Err(FORMS),
        }
    }
}

/// One of a few words.
pub trait Choice: Default + FromStr<Err = &'static str> {
    /// All of them, comma-separated.
    const ALL: &'static str;
}

macro_rules! choices {
    (
        $(#[$doc:meta])*
        $name:ident { $first:ident = $word:literal, $($variant:ident = $text:literal,)* } or $all:literal
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $name { #[default] $first, $($variant,)* }

        impl Choice for $name {
            const ALL: &'static str = $all;
        }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $word => Ok(Self::$first),
                    $($text => Ok(Self::$variant),)*
                    _ => Err(concat!("is not one of ", $all)),
                }
            }
        }
    };
}

choices! {
    /// How bytes leave.
    Delivery { Direct = "direct", XAccel = "x-accel", } or "direct, x-accel"
}
choices! {
    /// Where content is.
    StorageKind { Local = "local", S3 = "s3", } or "local, s3"
}
choices! {
    /// How the address of an object names its bucket.
    S3UrlStyle { Path = "path", VirtualHost = "virtual-host", } or "path, virtual-host"
}
choices! {
    /// Whether anyone may make an account.
    SignUp { Open = "open", Closed = "closed", } or "open, closed"
}
choices! {
    /// Whether the provider's people get accounts by themselves.
    OidcSignUp { Open = "open", Closed = "closed", } or "open, closed"
}
choices! {
    /// Whether passwords sign people in.
    PasswordSignIn { On = "on", Off = "off", } or "on, off"
}
choices! {
    /// Whether people may explore the API.
    GraphiQl { On = "on", Off = "off", } or "on, off"
}
choices! {
    /// Whether there is a page for people.
    Page { On = "on", Off = "off", } or "on, off"
}
choices! {
    /// Whether files may be shared with strangers.
    Links { On = "on", Off = "off", } or "on, off"
}
choices! {
    /// Whether strangers may leave files.
    Drops { On = "on", Off = "off", } or "on, off"
}
choices! {
    /// Whether every link needs a password.
    LinkPassword { Optional = "optional", Required = "required", } or "optional, required"
}
choices! {
    /// What becomes of files that cannot be scanned.
    ScanAway { Refuse = "refuse", Pass = "pass", } or "refuse, pass"
}
choices! {
    /// The form of a log line.
    LogFormat { Text = "text", Json = "json", } or "text, json"
}
