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
    /// Whether anyone may make an account.
    SignUp { Open = "open", Closed = "closed", } or "open, closed"
}
choices! {
    /// Whether people may explore the API.
    GraphiQl { On = "on", Off = "off", } or "on, off"
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
    /// The form of a log line.
    LogFormat { Text = "text", Json = "json", } or "text, json"
}
