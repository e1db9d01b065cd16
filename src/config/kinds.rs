//! The kinds of settings: how the text of one is understood, and which values are allowed.

use std::{net::IpAddr, ops::RangeInclusive, path::PathBuf, str::FromStr, time::Duration};

use ipnet::IpNet;
use url::Url;

use super::{Secret, descriptors, origin, values::Choice};

mod provider;
mod traces;

pub use provider::{claim, client_id, issuer, label, scopes};
pub use traces::{collector, secret_header};

pub const DAY: u64 = 24 * 60 * 60;
/// Time to spare below what the databases' 64-bit milliseconds can hold.
pub const AGE: u64 = 100 * 365 * DAY;
pub const GIB: u64 = 1 << 30;

const SECRET_MIN_BYTES: usize = 32;

/// What is wrong with a text, in words that follow the setting's name.
type Understood<T> = Result<T, Vec<String>>;
type Read<T> = dyn Fn(&str) -> Understood<T>;

pub struct Kind<T> {
    pub form: &'static str,
    pub values: String,
    read: Box<Read<T>>,
}

impl<T: 'static> Kind<T> {
    fn new(form: &'static str, read: impl Fn(&str) -> Understood<T> + 'static) -> Self {
        Self {
            form,
            values: String::new(),
            read: Box::new(read),
        }
    }

    fn values(self, values: String) -> Self {
        Self { values, ..self }
    }

    pub fn read(&self, text: &str) -> Understood<T> {
        (self.read)(text)
    }
}

/// Says for the compiler that `kind` has values of the type `T`.
pub fn typed<T>(kind: Kind<T>) -> Kind<T> {
    kind
}

/// For a setting without a default.
pub fn optional<T: 'static>(kind: Kind<T>) -> Kind<Option<T>> {
    let Kind { form, values, read } = kind;
    Kind::new(form, move |text| read(text).map(Some)).values(values)
}

/// Seconds, or `90s`, `5m`, `24h`, `30d`.
pub fn duration(seconds: RangeInclusive<u64>) -> Kind<Duration> {
    let values = range(&seconds, &[(DAY, "d"), (3600, "h"), (60, "m"), (1, "s")]);
    let read = move |text: &str| {
        let value = text
            .parse()
            .ok()
            .or_else(|| Some(humantime::parse_duration(text).ok()?.as_secs()));
        let form = "a duration: seconds, or 90s, 5m, 24h, 30d";
        within(text, value, &seconds, form).map(Duration::from_secs)
    };
    Kind::new("DURATION", read).values(values)
}

/// Bytes, or `64KiB`, `100MB`, `2GiB`.
pub fn size<T: TryFrom<u64> + 'static>(bytes: RangeInclusive<u64>) -> Kind<T> {
    let units = [
        (1 << 60, "EiB"),
        (1 << 50, "PiB"),
        (1 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
        (1, ""),
    ];
    let values = range(&bytes, &units);
    let read = move |text: &str| {
        let size = text.parse::<bytesize::ByteSize>();
        let value = size.ok().map(|size| size.as_u64());
        let form = "a size: bytes, or 64KiB, 100MB, 2GiB";
        fit(text, within(text, value, &bytes, form)?, &bytes)
    };
    Kind::new("SIZE", read).values(values)
}

/// A size that is held in memory.
pub fn memory() -> Kind<usize> {
    size(1 << 10..=64 << 20)
}

pub fn number<T: TryFrom<u64> + 'static>(allowed: RangeInclusive<u64>) -> Kind<T> {
    let values = range(&allowed, &[(1, "")]);
    let read = move |text: &str| {
        let value = within(text, text.parse().ok(), &allowed, "a whole number")?;
        fit(text, value, &allowed)
    };
    Kind::new("NUMBER", read).values(values)
}

/// One of a few words.
pub fn choice<T: Choice + 'static>() -> Kind<T> {
    parsed("CHOICE").values(T::ALL.to_owned())
}

/// What a type understands by itself.
pub fn parsed<T: FromStr<Err = &'static str> + 'static>(form: &'static str) -> Kind<T> {
    Kind::new(form, |text| {
        text.parse()
            .map_err(|what| vec![format!("{text:?} {what}")])
    })
}

pub fn path() -> Kind<PathBuf> {
    Kind::new("PATH", |text| match text.trim().is_empty() {
        true => Err(vec!["is empty".to_owned()]),
        false => Ok(PathBuf::from(text)),
    })
}

/// As many connections as this process has descriptors for.
pub fn connections() -> Kind<usize> {
    let known = number::<usize>(1..=1_000_000);
    let values = known.values.clone();
    let read = move |text: &str| {
        let (most, room) = (known.read(text)?, descriptors::connections());
        match most > room {
            true => Err(vec![format!(
                "{text:?} is more than the limit of open files allows, which is {room}; say less, or raise that limit \
                 (`ulimit -n`, systemd's LimitNOFILE)"
            )]),
            false => Ok(most),
        }
    };
    Kind::new("NUMBER", read).values(values)
}

/// The URL that a site begins with: its origin.
pub fn site() -> Kind<String> {
    Kind::new("URL", |text| {
        origin::of_site(text.trim()).map_err(|mistake| vec![mistake])
    })
}

/// Origins, comma-separated.
pub fn origins() -> Kind<Vec<String>> {
    Kind::new("ORIGINS", |text| each(text, origin::of_pages))
}

/// Networks or addresses, comma-separated.
pub fn networks() -> Kind<Vec<IpNet>> {
    Kind::new("NETWORKS", |text| {
        each(text, |item| {
            item.parse::<IpNet>()
                .or_else(|_| item.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| format!("{item:?} is not a network such as 10.0.0.0/8"))
        })
    })
}

/// Where a database is. It may have a password in it, so no mistake repeats it.
pub fn database() -> Kind<Secret> {
    Kind::new("URL", |text| {
        let text = text.trim_end_matches(['\r', '\n']);
        if let Some(path) = text.strip_prefix("sqlite:") {
            return sqlite_path(path).map(|()| Secret::from(text.to_owned()));
        }
        let known = ["postgres://", "postgresql://"];
        match known.iter().any(|scheme| text.starts_with(scheme)) {
            true => Ok(Secret::from(text.trim_end().to_owned())),
            false => Err(vec![
                "begins with neither sqlite: nor postgres://".to_owned(),
            ]),
        }
    })
}

/// Where an object store is.
pub fn endpoint() -> Kind<String> {
    Kind::new("URL", |text| {
        let wrong = |what: &str| Err(vec![format!("{text:?} {what}")]);
        let Ok(url) = Url::parse(text.trim()) else {
            return wrong("is not a URL such as https://s3.example or http://10.0.0.5:3900");
        };
        if !["http", "https"].contains(&url.scheme()) || !url.has_host() {
            return wrong("is not a URL such as https://s3.example or http://10.0.0.5:3900");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(vec![
                "has a user in it; the keys are CLOAKROOM_S3_ACCESS_KEY_ID and CLOAKROOM_S3_SECRET_ACCESS_KEY".to_owned(),
            ]);
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return wrong("has something behind the host; the bucket is CLOAKROOM_S3_BUCKET");
        }
        Ok(url.to_string())
    })
}

/// The name of a bucket.
pub fn bucket() -> Kind<String> {
    Kind::new("NAME", |text| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let ends_well = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = text.as_bytes();
        let is_bucket = (3..=63).contains(&bytes.len())
            && bytes.iter().all(|byte| is_known(*byte))
            && ends_well(bytes.first())
            && ends_well(bytes.last());
        match is_bucket {
            true => Ok(text.to_owned()),
            false => Err(vec![format!("{text:?} is not the name of a bucket")]),
        }
    })
}

/// What names of objects begin with; empty, or with a slash at its end.
pub fn object_prefix() -> Kind<String> {
    Kind::new("PREFIX", |text| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let text = text.trim_end_matches('/');
        let is_part = |part: &str| !["", ".", ".."].contains(&part) && part.bytes().all(is_known);
        if text.is_empty() {
            return Ok(String::new());
        }
        match text.len() <= 200 && text.split('/').all(is_part) {
            true => Ok(format!("{text}/")),
            false => Err(vec![format!(
                "{text:?} is not words of letters, digits, `.`, `-` and `_` with slashes between them, 200 characters at most"
            )]),
        }
    })
}

/// A word that goes into a header or an address as it is.
pub fn word(form: &'static str) -> Kind<String> {
    Kind::new(form, |text| match is_word(text.trim()) {
        true => Ok(text.trim().to_owned()),
        false => Err(vec![format!(
            "{text:?} is not a word of printable characters without `/`"
        )]),
    })
}

/// The same for what must not be printed; a slash may be in it.
pub fn secret_word() -> Kind<Secret> {
    Kind::new("SECRET", |text| {
        match is_word(&text.trim().replace('/', "")) {
            true => Ok(Secret::from(text.trim().to_owned())),
            false => Err(vec![
                "is empty, or has spaces or unprintable characters in it".to_owned(),
            ]),
        }
    })
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'/')
}

/// What is behind `sqlite:` is a path and nothing else, whatever characters it has. Other programs take parameters there.
fn sqlite_path(path: &str) -> Understood<()> {
    let path = path.strip_prefix("//").unwrap_or(path);
    let parameters = path.rsplit_once('?').map(|(_, parameters)| parameters);
    let known = ["mode=", "cache=", "immutable=", "vfs="];
    if path.trim().is_empty() {
        return Err(vec!["names no path after sqlite:".to_owned()]);
    }
    if path == ":memory:" || path.starts_with("file:") {
        return Err(vec![
            "names no file: sqlite: takes a path, such as sqlite:/var/lib/cloakroom/cloakroom.sqlite3".to_owned(),
        ]);
    }
    if parameters.is_some_and(|text| known.iter().any(|name| text.starts_with(name))) {
        return Err(vec![
            "has parameters behind its path; sqlite: takes a path alone".to_owned(),
        ]);
    }
    Ok(())
}

/// What to sign with, one a line.
pub fn signing_secrets() -> Kind<Vec<Secret>> {
    Kind::new("SECRET", |text| {
        let lines = text.lines().map(str::trim);
        let secrets: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
        let mistake = if secrets.is_empty() {
            "is empty; give 32 bytes or more, for example from `openssl rand -hex 32`"
        } else if secrets.iter().any(|secret| secret.len() < SECRET_MIN_BYTES) {
            "is shorter than 32 bytes; make one with `openssl rand -hex 32`"
        } else {
            let secrets = secrets.into_iter().map(str::to_owned);
            return Ok(secrets.map(Secret::from).collect());
        };
        Err(vec![mistake.to_owned()])
    })
}

/// What tracing understands as a filter.
pub fn log_filter() -> Kind<String> {
    Kind::new("FILTER", |text| {
        match text.parse::<tracing_subscriber::EnvFilter>() {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => Err(vec![format!("{text:?} is not a log filter: {error}")]),
        }
    })
}

fn within(
    text: &str,
    value: Option<u64>,
    allowed: &RangeInclusive<u64>,
    form: &str,
) -> Understood<u64> {
    match value {
        None => Err(vec![format!("{text:?} is not {form}")]),
        Some(value) if allowed.contains(&value) => Ok(value),
        Some(_) => Err(outside(text, allowed)),
    }
}

fn fit<T: TryFrom<u64>>(text: &str, value: u64, allowed: &RangeInclusive<u64>) -> Understood<T> {
    value.try_into().map_err(|_| outside(text, allowed))
}

fn outside(text: &str, allowed: &RangeInclusive<u64>) -> Vec<String> {
    let (least, most) = (allowed.start(), allowed.end());
    vec![format!("{text:?} is not between {least} and {most}")]
}

/// `1s to 1d`: both ends in the largest of `units` that says them exactly.
fn range(allowed: &RangeInclusive<u64>, units: &[(u64, &str)]) -> String {
    let said = |value: &u64| {
        let fits = |unit: &&(u64, &str)| *value >= unit.0 && value.is_multiple_of(unit.0);
        match units.iter().find(fits).or(units.last()) {
            Some((unit, name)) => format!("{}{name}", value / unit),
            None => value.to_string(),
        }
    };
    format!("{} to {}", said(allowed.start()), said(allowed.end()))
}

/// Every item of a comma-separated list, or the mistakes of all items.
fn each<T>(list: &str, read: impl Fn(&str) -> Result<T, String>) -> Understood<Vec<T>> {
    let items = list.split(',').map(str::trim);
    let (mut values, mut mistakes) = (Vec::new(), Vec::new());
    for item in items.filter(|item| !item.is_empty()) {
        match read(item) {
            Ok(value) => values.push(value),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    match mistakes.is_empty() {
        true => Ok(values),
        false => Err(mistakes),
    }
}
