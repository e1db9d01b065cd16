//! The settings as a page of the documentation, and as what a misspelt variable is compared with.

use std::ffi::OsString;

use super::{
    Mistakes,
    declare::{Fallback, PREFIX, SETTINGS, Setting},
};

/// `docs/settings.md`
pub fn markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    let mut group = "";
    for setting in SETTINGS.iter() {
        if setting.group != group {
            group = setting.group;
            page.push_str(&format!("\n## {group}\n\n{COLUMNS}"));
        }
        page.push_str(&row(setting));
    }
    page
}

const INTRODUCTION: &str = "\
<!-- Written by `cargo run -- settings > docs/settings.md`; src/config/table.rs declares the settings. -->

# Settings

Each setting is an environment variable, `CLOAKROOM_TICKET_TTL=1m`, and a flag, `--ticket-ttl 1m`; the flag wins.
`cloakroom --help` lists them, too. `--env-file PATH` names a file of such variables, as systemd's `EnvironmentFile=`
does; it goes before the environment. At the start every mistake is listed at once, and the exit status is 2. The log
names every variable that begins with `CLOAKROOM_` and is not a setting.

A duration is a number of seconds, or `90s`, `5m`, `24h`, `30d`. A size is a number of bytes, or `64KiB`, `100MB`,
`2GiB`. Words in capitals are codes of errors, or other settings.
";

const COLUMNS: &str = "\
| `CLOAKROOM_…` | default | values | what |
| --- | --- | --- | --- |
";

fn row(setting: &Setting) -> String {
    let name = setting.name.to_uppercase();
    let default = match setting.default {
        Fallback::Text("") => "none".to_owned(),
        Fallback::Text(text) => format!("`{text}`"),
        Fallback::Words(words) => words.to_owned(),
    };
    let values = match setting.values.as_str() {
        "" => setting.form.to_lowercase(),
        values => values.to_owned(),
    };
    format!("| `{name}` | {default} | {values} | {} |\n", setting.help)
}

/// A variable whose name begins like that of a setting, although there is no such setting.
pub struct Unknown {
    pub variable: String,
    /// The setting that was probably meant.
    pub nearest: Option<&'static str>,
}

/// The variables among `names` that begin like a setting, although there is no such setting.
pub fn unknown(names: impl Iterator<Item = String>) -> Vec<Unknown> {
    let known = |name: &String| SETTINGS.iter().any(|setting| setting.variable == *name);
    let unknown = names.filter(|name| name.starts_with(PREFIX) && !known(name));
    let found = unknown.map(|variable| Unknown {
        nearest: nearest(&variable),
        variable,
    });
    found.collect()
}

/// Fails when a variable that is read as a setting has a value that is no text. The value may be a secret, and is not told.
pub fn check_texts(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<(), Mistakes> {
    let mistakes = variables.filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        let is_a_setting = SETTINGS.iter().any(|setting| setting.variable == name);
        (is_a_setting && value.to_str().is_none()).then(|| format!("{name}: is not UTF-8"))
    });
    match mistakes.collect::<Vec<_>>() {
        mistakes if mistakes.is_empty() => Ok(()),
        mistakes => Err(Mistakes(mistakes)),
    }
}

/// More letters than these are not a slip of the finger.
const SLIPS: usize = 3;

fn nearest(variable: &str) -> Option<&'static str> {
    let distances = SETTINGS
        .iter()
        .map(|setting| (distance(variable, &setting.variable), &*setting.variable));
    let (slips, nearest) = distances.min_by_key(|(distance, _)| *distance)?;
    (slips <= SLIPS).then_some(nearest)
}

/// How many letters have to be put in, taken out or changed to make `b` of `a` (Levenshtein's distance).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    // What it takes from the letters of `a` so far to each beginning of `b`.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A file of variables as `--env-file` and systemd's `EnvironmentFile=` take it: every setting as a comment with what it is for,
/// and those of `set`, by their names without the prefix, with their values. Fails when one of them is no setting.
pub fn variables_file(set: &[(&str, &str)]) -> Result<String, String> {
    let is_setting = |name: &str| {
        let mut names = SETTINGS.iter().map(|setting| setting.name.to_uppercase());
        names.any(|setting| setting == name)
    };
    if let Some((name, _)) = set.iter().find(|(name, _)| !is_setting(name)) {
        return Err(format!("{name} is no setting"));
    }
    let mut file = String::from(ENV_INTRODUCTION);
    let mut group = "";
    for setting in SETTINGS.iter() {
        if setting.group != group {
            group = setting.group;
            file.push_str(&format!("\n\n### {group}\n"));
        }
        let name = setting.name.to_uppercase();
        let given = set.iter().find(|(of, _)| *of == name);
        file.push('\n');
        for line in wrapped(&said_of(setting)) {
            file.push_str(&format!("# {line}\n"));
        }
        match (given, setting.default) {
            (Some((_, value)), _) => file.push_str(&format!("{}={value}\n", setting.variable)),
            (None, Fallback::Text(text)) => {
                file.push_str(&format!("#{}={text}\n", setting.variable));
            }
            (None, Fallback::Words(_)) => file.push_str(&format!("#{}=\n", setting.variable)),
        }
    }
    Ok(file)
}

const ENV_INTRODUCTION: &str = "\
# Cloakroom's settings, NAME=VALUE a line. `systemctl restart cloakroom` makes a change count, and every mistake is in its
# log. A line that begins with # is a comment: it has the default, or nothing where there is none.
";

/// What a setting is for, its values, and its default where that is not a text.
fn said_of(setting: &Setting) -> String {
    let mut said = format!("{}.", setting.help.trim_end_matches('.'));
    if !setting.values.is_empty() {
        said.push_str(&format!(" Values: {}.", setting.values));
    }
    if let Fallback::Words(words) = setting.default {
        said.push_str(&format!(" Default: {words}."));
    }
    said
}

/// The words of `text` in lines that fit a terminal.
fn wrapped(text: &str) -> Vec<String> {
    const WIDTH: usize = 100;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
