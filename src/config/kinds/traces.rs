//! The kinds of settings that are about a collector of traces.

use http::{HeaderName, HeaderValue};
use url::Url;

use super::{
    super::{Secret, Traces},
    Kind,
};

/// Where a collector takes traces. No mistake repeats the text: it may have a password in it.
pub fn collector() -> Kind<String> {
    Kind::new("URL", |text| {
        let mut url = match Url::parse(text.trim()) {
            Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => url,
            _ => {
                return Err(vec![
                    "is not a URL such as http://127.0.0.1:4318 or https://collector.example/v1/traces".to_owned(),
                ]);
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(vec![
                "has a user in it; what shows who sends is CLOAKROOM_TRACES_HEADER".to_owned(),
            ]);
        }
        if url.fragment().is_some() {
            return Err(vec!["has a fragment, which is not sent".to_owned()]);
        }
        if url.path() == "/" {
            url.set_path("/v1/traces");
        }
        Ok(url.to_string())
    })
}

/// A header with a secret in it. No mistake repeats it.
pub fn secret_header() -> Kind<Secret> {
    Kind::new("HEADER", |text| match header(text) {
        Some(_) => Ok(Secret::from(text.to_owned())),
        None => Err(vec![
            "is not one header: a name, a colon, and a value".to_owned(),
        ]),
    })
}

impl Traces {
    /// The header that `TRACES_HEADER` spells; its value is not printed. None where the setting is empty.
    pub fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        header(self.traces_header.expose())
    }
}

fn header(text: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = text.split_once(':')?;
    let name = HeaderName::try_from(name.trim()).ok()?;
    let mut value = HeaderValue::try_from(value.trim()).ok()?;
    value.set_sensitive(true);
    (!value.is_empty()).then_some((name, value))
}
