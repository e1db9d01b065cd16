//! The macro that turns the table of settings into types, flags and variables.

use std::{collections::BTreeMap, sync::LazyLock};

use clap::{Arg, Command};

use super::{
    Options, Secret,
    env_file::{self, Source},
    kinds::Kind,
};

/// One setting, as `--help` and the documentation describe it.
pub struct Setting {
    /// As in Rust: `ticket_ttl`.
    pub name: &'static str,
    /// `CLOAKROOM_TICKET_TTL`
    pub variable: String,
    /// `ticket-ttl`
    pub flag: String,
    /// The heading of its group.
    pub group: &'static str,
    pub help: String,
    pub default: Fallback,
    /// What its values are called: `DURATION`.
    pub form: &'static str,
    /// Which values are allowed, where the form does not say it all: `1s to 1d`.
    pub values: String,
    pub is_secret: bool,
}

/// What holds when nothing is set.
#[derive(Clone, Copy)]
pub enum Fallback {
    /// This text, understood like any other.
    Text(&'static str),
    /// What these words say; the text is missing.
    Words(&'static str),
}

impl Setting {
    pub(super) fn new<T>(
        group: &'static str,
        name: &'static str,
        help: &str,
        default: Fallback,
        is_secret: bool,
        kind: &Kind<T>,
    ) -> Self {
        Self {
            name,
            variable: format!("{PREFIX}{}", name.to_uppercase()),
            flag: name.replace('_', "-"),
            group: group.trim(),
            help: help.trim().to_owned(),
            default,
            form: kind.form,
            values: kind.values.clone(),
            is_secret,
        }
    }

    /// The setting that names a file with this secret in it.
    fn in_a_file(&self) -> Self {
        let name = format!("{}_file", self.name);
        Self {
            variable: format!("{}_FILE", self.variable),
            flag: format!("{}-file", self.flag),
            help: format!("A file that holds {}", self.name.to_uppercase()),
            name: String::leak(name),
            default: Fallback::Words("none"),
            form: "PATH",
            values: String::new(),
            is_secret: false,
            ..*self
        }
    }

    fn arg(&'static self) -> Arg {
        let mut help = self.help.clone();
        if !self.values.is_empty() {
            help.push_str(&format!(" [values: {}]", self.values));
        }
        let arg = Arg::new(self.name)
            .long(self.flag.as_str())
            .env(self.variable.as_str())
            .hide_env_values(self.is_secret)
            .help_heading(self.group)
            .value_name(self.form)
            .global(true);
        match self.default {
            Fallback::Text(text) => arg.default_value(text).help(help),
            Fallback::Words(words) => arg.help(format!("{help} [default: {words}]")),
        }
    }
}

/// What the name of every variable begins with.
pub const PREFIX: &str = "CLOAKROOM_";

/// All settings in the order of the table; behind each secret, its variant in a file.
pub static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    let declared = super::table::declared().into_iter();
    let all = declared.flat_map(|setting| {
        let file = setting.is_secret.then(|| setting.in_a_file());
        std::iter::once(setting).chain(file)
    });
    all.collect()
});

impl clap::Args for Options {
    fn augment_args(command: Command) -> Command {
        command
            .arg(env_file::arg())
            .args(SETTINGS.iter().map(Setting::arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The paths of those secrets that are in files, by the name of the setting.
pub(super) fn files(source: &Source) -> BTreeMap<&'static str, String> {
    let secrets = SETTINGS.iter().filter(|setting| setting.is_secret);
    let given = secrets.filter_map(|secret| {
        let path = source.text(&format!("{}_file", secret.name))?;
        Some((secret.name, path))
    });
    given.collect()
}

/// The text of a setting as [`super::Options`] holds it.
pub(super) trait Given {
    const IS_SECRET: bool = false;
    fn given(source: &Source, name: &str) -> Self;
    fn text(&self) -> Option<&str>;
}

impl Given for String {
    fn given(source: &Source, name: &str) -> Self {
        source.text(name).unwrap_or_default()
    }

    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl Given for Option<String> {
    fn given(source: &Source, name: &str) -> Self {
        source.text(name)
    }

    fn text(&self) -> Option<&str> {
        self.as_deref()
    }
}

impl Given for Option<Secret> {
    const IS_SECRET: bool = true;

    fn given(source: &Source, name: &str) -> Self {
        source.text(name).map(Secret::from)
    }

    fn text(&self) -> Option<&str> {
        self.as_ref().map(Secret::expose)
    }
}

/// The type that holds the text of a setting, by the way its default is declared.
macro_rules! given {
    ($text:literal) => { String };
    (unset) => { Option<String> };
    (secret) => { Option<Secret> };
}

macro_rules! fallback {
    ($text:literal) => {
        Fallback::Text($text)
    };
    ($unset:ident $words:literal) => {
        Fallback::Words($words)
    };
}

/// Declares settings. One is, below the heading of its group:
///
/// ```text
/// /// The help, in one sentence or more
/// name: TypeOfTheValue = default, kind;
/// ```
///
/// The default is a text (`"5m"`), or `unset("words")`: then the value is that of Rust's `Default`, such as `None`, and
/// the words say what it means. `secret("words")` is the same for what must not be printed; it adds a variant whose
/// name ends in `_file`. The kind says how the text is understood and which values are allowed: see
/// [`super::kinds`].
macro_rules! settings {
    ($(
        #[doc = $heading:literal]
        $group:ident: $Group:ident {
            $(
                $(#[doc = $help:literal])+
                $name:ident: $value:ty = $given:tt $(($words:literal))?, $kind:expr;
            )+
        }
    )+) => {
        /// Settings as given: all of them text, so that one run can report every mistake.
        #[derive(Clone, Debug)]
        pub struct Options {
            $($(
                $(#[doc = $help])+
                pub $name: given!($given),
            )+)+
            /// The files that hold secrets, by the name of the setting.
            files: BTreeMap<&'static str, String>,
            /// The variables of the file that `--env-file` names, and what is wrong with that file.
            pub variables: Vec<String>,
            mistakes: Vec<String>,
        }

        /// Settings as understood, in groups.
        #[derive(Clone, Debug)]
        pub struct Config {
            $(
                #[doc = $heading]
                pub $group: $Group,
            )+
            /// What the server says at its start, since it is seldom meant.
            pub doubts: Vec<String>,
        }

        $(
            #[doc = $heading]
            #[derive(Clone, Debug)]
            pub struct $Group {
                $(
                    $(#[doc = $help])+
                    pub $name: $value,
                )+
            }
        )+

        impl Options {
            /// The configuration that these options spell, or the list of all their mistakes.
            pub fn validate(&self) -> Result<Config, Mistakes> {
                let mut check = Check::new(&self.files, &self.mistakes);
                let config = Config {
                    $(
                        $group: $Group {
                            $(
                                $name: check.read(stringify!($name), self.$name.text(), $kind),
                            )+
                        },
                    )+
                    doubts: Vec::new(),
                };
                check.finish(config)
            }
        }

        impl clap::FromArgMatches for Options {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                let source = Source::new(matches);
                Ok(Self {
                    $($(
                        $name: Given::given(&source, stringify!($name)),
                    )+)+
                    files: declare::files(&source),
                    variables: source.variables().collect(),
                    mistakes: source.mistakes,
                })
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }

        pub(super) fn declared() -> Vec<Setting> {
            vec![
                $($(
                    Setting::new(
                        $heading,
                        stringify!($name),
                        concat!($($help,)+),
                        fallback!($given $($words)?),
                        <given!($given) as Given>::IS_SECRET,
                        &typed::<$value>($kind),
                    ),
                )+)+
            ]
        }
    };
}

pub(super) use {fallback, given, settings};
