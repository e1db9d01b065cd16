//! Settings in a file of variables, as systemd reads an `EnvironmentFile=`: what a service is told, a command can be told.

use std::{collections::BTreeMap, path::Path};

use clap::{Arg, ArgMatches, parser::ValueSource};

use super::declare::PREFIX;
use crate::private;

/// The flag's name in clap's words.
const NAME: &str = "env_file";

/// The flag, which is no setting: a file cannot name another one.
pub(super) fn arg() -> Arg {
    Arg::new(NAME)
        .long("env-file")
        .value_name("PATH")
        .global(true)
        .help(
            "A file of settings, NAME=VALUE a line, as systemd's EnvironmentFile= has it: for commands beside a service. \
             It goes before the environment, and flags go before it",
        )
}

/// Where the texts of settings come from: flags, a file if one is named, the environment, defaults.
pub(super) struct Source<'m> {
    matches: &'m ArgMatches,
    file: BTreeMap<String, String>,
    /// Why the file cannot be used.
    pub mistakes: Vec<String>,
}

impl<'m> Source<'m> {
    pub fn new(matches: &'m ArgMatches) -> Self {
        let read = matches.get_one::<String>(NAME).map(|path| read(path));
        let (file, mistakes) = match read {
            None => (BTreeMap::new(), Vec::new()),
            Some(Ok(file)) => (file, Vec::new()),
            Some(Err(mistake)) => (BTreeMap::new(), vec![format!("--env-file: {mistake}")]),
        };
        Self {
            matches,
            file,
            mistakes,
        }
    }

    /// The text of the setting `name`; `None` when nothing is set and there is no default.
    pub fn text(&self, name: &str) -> Option<String> {
        let by_flag = self.matches.value_source(name) == Some(ValueSource::CommandLine);
        let variable = format!("{PREFIX}{}", name.to_uppercase());
        match self.file.get(&variable) {
            Some(text) if !by_flag => Some(text.clone()),
            _ => self.matches.get_one(name).cloned(),
        }
    }

    /// The variables that the file has.
    pub fn variables(&self) -> impl Iterator<Item = String> {
        self.file.keys().cloned()
    }
}

fn read(path: &str) -> Result<BTreeMap<String, String>, String> {
    let read = private::read_given(Path::new(path));
    let (text, closed) = read.map_err(|error| format!("cannot read {path:?}: {error}"))?;
    closed.map_err(|error| error.to_string())?;
    parse(&text).map_err(|(line, what)| format!("line {line} of {path:?} {what}"))
}

/// Where in an assignment the reader is, in the words of systemd's own.
enum At {
    Key,
    Comment,
    /// Before a value, or behind a quoted part of one.
    BeforeValue,
    Value,
    Escaped,
    Single,
    Double,
    DoubleEscaped,
}

/// The assignments of `text`, the last of each name; or the line of a mistake, and what it is.
fn parse(text: &str) -> Result<BTreeMap<String, String>, (usize, &'static str)> {
    let mut found = BTreeMap::new();
    let (mut at, mut line) = (At::Key, 1);
    let (mut key, mut value) = (String::new(), String::new());
    // How much of the value stays whatever blanks it ends with.
    let mut kept = 0;
    // A last line may lack its end.
    for c in text.chars().chain(['\n']) {
        at = match (at, c) {
            (At::Key, '\n') if key.trim().is_empty() => At::Key,
            (At::Key, '\n') => return Err((line, "is no NAME=VALUE")),
            (At::Key, '#' | ';') if key.trim().is_empty() => At::Comment,
            (At::Key, '=') if is_name(key.trim()) => At::BeforeValue,
            (At::Key, '=') => return Err((line, "has no name of a variable before the `=`")),
            (At::Key, _) => {
                key.push(c);
                At::Key
            }
            (At::Comment, '\n') => At::Key,
            (At::Comment, _) => At::Comment,
            (At::BeforeValue | At::Value, '\n') => {
                let end = value.trim_end().len().max(kept);
                value.truncate(end);
                found.insert(key.trim().to_owned(), std::mem::take(&mut value));
                (key, kept) = (String::new(), 0);
                At::Key
            }
            (At::BeforeValue, '\'') => At::Single,
            (At::BeforeValue, '"') => At::Double,
            (At::BeforeValue | At::Value, '\\') => At::Escaped,
            (At::BeforeValue, c) if c.is_ascii_whitespace() => At::BeforeValue,
            (At::Escaped, '\n') => At::Value,
            (At::Single, '\'') | (At::Double, '"') => {
                kept = value.len();
                At::BeforeValue
            }
            (At::Double, '\\') => At::DoubleEscaped,
            (At::DoubleEscaped, '\n') => At::Double,
            (state, c) => {
                let is_of_a_shell = matches!(c, '"' | '\\' | '`' | '$');
                if matches!(state, At::DoubleEscaped) && !is_of_a_shell {
                    value.push('\\');
                }
                value.push(c);
                match state {
                    At::BeforeValue | At::Value => At::Value,
                    At::Escaped => {
                        kept = value.len();
                        At::Value
                    }
                    At::Double | At::DoubleEscaped => At::Double,
                    other => other,
                }
            }
        };
        line += usize::from(c == '\n');
    }
    match at {
        At::Key => Ok(found),
        _ => Err((
            line - 1,
            "begins a quote that does not end, or ends with a backslash",
        )),
    }
}

fn is_name(text: &str) -> bool {
    let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty()
        && text.chars().all(is_of_a_name)
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_systemd_reads_it() {
        for (text, value) in [
            ("A=plain", "plain"),
            ("A = with blanks around  ", "with blanks around"),
            ("  A='single \\ \"quoted\" '", "single \\ \"quoted\" "),
            (
                "A=\"double \\\"quoted\\\" \\$x \\n \"",
                "double \"quoted\" $x \\n ",
            ),
            ("A='one' \"two\"", "onetwo"),
            ("A=it's", "it's"),
            ("A=a\\ b\\ ", "a b "),
            ("A=one \\\n  two", "one   two"),
            ("A=\"one\ntwo\"", "one\ntwo"),
            (
                "A=postgres:///cloakroom?host=/run/postgresql&user=cloakroom",
                "postgres:///cloakroom?host=/run/postgresql&user=cloakroom",
            ),
            ("# A=no\n; A=no\n\nA=x#y;z\n", "x#y;z"),
            ("A=first\nA=last\n", "last"),
            ("A=", ""),
        ] {
            let found = parse(text).unwrap_or_else(|mistake| panic!("{text:?}: {mistake:?}"));
            assert_eq!(found.get("A").map(String::as_str), Some(value), "{text:?}");
        }
    }

    #[test]
    fn a_line_that_says_nothing_is_named() {
        for (text, line) in [
            ("A=a\nB b\n", 2),
            ("export A=a", 1),
            ("=a", 1),
            ("\n\n1A=a", 3),
            ("A='open\nB=b", 2),
            ("A=a\nB=\"open", 2),
        ] {
            assert_eq!(parse(text).unwrap_err().0, line, "{text:?}");
        }
    }
}
