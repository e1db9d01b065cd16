//! Origins (RFC 6454) as browsers write them in `Origin`, for that is what they are compared with, byte by byte.

use url::{Host, Url};

/// Schemes whose pages have no origin of their own: browsers send `null` for them, or never ask.
const WITHOUT: [&str; 7] = ["about", "blob", "data", "file", "ftp", "javascript", "null"];

/// Whether a URL leads to this machine: by an address of the loopback, or by the name `localhost`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The origin of a site: `https://HOST` or `http://HOST:PORT`, as a browser writes it.
pub fn of_site(text: &str) -> Result<String, String> {
    let not_one = |why: &str| {
        Err(format!(
            "{text:?} is not https://HOST or http://HOST:PORT: {why}"
        ))
    };
    match scheme(text).as_deref() {
        Some("http" | "https") => {}
        _ => return not_one("it begins with neither https:// nor http://"),
    }
    if text.contains('*') {
        return not_one("it must name one host, and `*` stands for none");
    }
    // What the parser would take for a slash, or leave out.
    if text.contains(['\\', '@']) || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return not_one("it has a character that no origin has");
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return not_one(&error.to_string()),
    };
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return not_one("it must have nothing behind the host and the port");
    }
    Ok(url.origin().ascii_serialization())
}

/// The origin of pages: a site's, or that of a web view, which has a scheme of its own: `capacitor://localhost`.
pub fn of_pages(text: &str) -> Result<String, String> {
    if text.eq_ignore_ascii_case("null") {
        return Err(
            "\"null\" cannot be allowed: every local file and every sandboxed page sends it"
                .to_owned(),
        );
    }
    let not_one = |why: &str| {
        Err(format!(
            "{text:?} is not an origin such as https://app.example or capacitor://localhost: {why}"
        ))
    };
    let Some(scheme) = scheme(text) else {
        return not_one("it does not begin with a scheme and ://");
    };
    if ["http", "https"].contains(&&*scheme) {
        return of_site(text);
    }
    if ["ws", "wss"].contains(&&*scheme) {
        return not_one("pages come by http or https, also where they open WebSockets");
    }
    if WITHOUT.contains(&&*scheme) {
        return not_one("browsers send `null` for such pages, which cannot be allowed");
    }
    let host = &text[scheme.len() + "://".len()..];
    let host = host.strip_suffix('/').unwrap_or(host);
    let is_of_a_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    match !host.is_empty() && host.chars().all(is_of_a_host) {
        true => Ok(format!("{scheme}://{host}")),
        false => not_one("it must have one host behind ://, and nothing behind that"),
    }
}

/// The scheme before `://`, in lower case.
fn scheme(text: &str) -> Option<String> {
    let (scheme, _) = text.split_once("://")?;
    let is_of_a_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let is_one =
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_of_a_scheme);
    is_one.then(|| scheme.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_kept_as_browsers_write_it() {
        for (text, origin) in [
            ("https://app.example", "https://app.example"),
            ("https://App.Example", "https://app.example"),
            ("HTTPS://app.example", "https://app.example"),
            ("https://app.example:443", "https://app.example"),
            ("http://app.example:80/", "http://app.example"),
            ("https://app.example:8443", "https://app.example:8443"),
            ("https://app.example:08443/", "https://app.example:8443"),
            ("http://app.example:443", "http://app.example:443"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            (
                "https://xn--bcher-kva.example",
                "https://xn--bcher-kva.example",
            ),
            ("http://[2001:DB8:0::1]:3000", "http://[2001:db8::1]:3000"),
            ("http://127.1:3000", "http://127.0.0.1:3000"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("Ionic://localhost/", "ionic://localhost"),
            ("tauri://localhost", "tauri://localhost"),
            ("app://obsidian.md", "app://obsidian.md"),
            (
                "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
                "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            ),
        ] {
            assert_eq!(of_pages(text).as_deref(), Ok(origin));
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused_with_the_reason() {
        for (text, why) in [
            ("null", "sandboxed page"),
            ("NULL", "sandboxed page"),
            ("*", "a scheme"),
            ("app.example", "a scheme"),
            ("//app.example", "a scheme"),
            ("https:app.example", "a scheme"),
            ("https://*.example", "one host"),
            ("https://app.example/path", "nothing behind"),
            ("https://app.example?a=b", "nothing behind"),
            ("https://app.example#a", "nothing behind"),
            ("https://user@app.example", "a character"),
            ("https://app\\.example", "a character"),
            ("https://app .example", "a character"),
            ("https://", "empty host"),
            ("https://app.example:99999", "port"),
            ("https://[::1", "IPv6"),
            ("wss://app.example", "WebSockets"),
            ("file://", "`null`"),
            ("data://x", "`null`"),
            ("capacitor://", "one host"),
            ("capacitor://localhost/path", "one host"),
            ("capacitor://user@localhost", "one host"),
        ] {
            let refused = of_pages(text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
        assert!(of_site("capacitor://localhost").is_err());
        assert!(of_site("null").is_err());
    }
}
