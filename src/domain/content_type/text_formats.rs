//! What kind of text a text is: by a mark that is text itself, by its markup, or by its name.

use std::borrow::Cow;

use super::{markup::Root, names, text::Text};

const PLAIN: &str = "text/plain";

/// How texts of these types begin. Each mark is longer than a word that a text could begin with by chance.
const MARKS: &[(&str, &str)] = &[
    ("%PDF-", "application/pdf"),
    ("%!PS", "application/postscript"),
    ("{\\rtf", "application/rtf"),
    ("BEGIN:VCALENDAR", "text/calendar"),
    ("BEGIN:VCARD", "text/vcard"),
    ("#EXTM3U", "application/vnd.apple.mpegurl"),
    ("/* XPM */", "image/x-xpixmap"),
    ("SIMPLE  =                    T", "application/fits"),
    ("ISO-10303-21;", "model/step"),
    ("d8:announce", "application/x-bittorrent"),
    (
        "!<arch>\ndebian-binary",
        "application/vnd.debian.binary-package",
    ),
    ("!<arch>\n", "application/x-archive"),
    (
        "-----BEGIN CERTIFICATE-----",
        "application/pem-certificate-chain",
    ),
    (
        "-----BEGIN CERTIFICATE REQUEST-----",
        "application/x-pem-file",
    ),
    ("-----BEGIN PUBLIC KEY-----", "application/x-pem-file"),
    ("-----BEGIN PRIVATE KEY-----", "application/x-pem-file"),
    (
        "-----BEGIN ENCRYPTED PRIVATE KEY-----",
        "application/x-pem-file",
    ),
    ("-----BEGIN RSA PRIVATE KEY-----", "application/x-pem-file"),
    ("-----BEGIN EC PRIVATE KEY-----", "application/x-pem-file"),
    (
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "application/x-pem-file",
    ),
    (
        "-----BEGIN PGP PUBLIC KEY BLOCK-----",
        "application/pgp-keys",
    ),
    (
        "-----BEGIN PGP PRIVATE KEY BLOCK-----",
        "application/pgp-keys",
    ),
    ("-----BEGIN PGP SIGNATURE-----", "application/pgp-signature"),
    ("-----BEGIN PGP MESSAGE-----", "application/pgp-encrypted"),
];

/// What a script without an extension is written in, by the last part of its interpreter's path.
const INTERPRETERS: &[(&str, &str)] = &[
    ("sh bash dash ash zsh ksh csh tcsh fish", "application/x-sh"),
    ("python pypy", "text/x-python"),
    ("perl", "application/x-perl"),
    ("ruby", "application/x-ruby"),
    ("lua", "text/x-lua"),
    ("php", "application/x-httpd-php"),
    ("node nodejs deno bun", "text/javascript"),
];

/// Where readers of PDF still look for its mark: some programs write a few bytes of their own before it.
const PDF_MARK_WITHIN: usize = 1024;

/// The type of `text`, with its charset where the type has one.
pub fn detect(text: &Text<'_>, extension: &str) -> Cow<'static, str> {
    let content = text.content.as_ref();
    let own = names::of_text(extension);
    if let Some(marked) = by_mark(content, extension) {
        return with_charset(marked, text);
    }
    if let Some(known) = Root::of(content).and_then(|root| by_root(&root, own)) {
        return match text.charset == "utf-8" {
            true => known.into(),
            false => with_charset(known, text),
        };
    }
    let script = || interpreter(content);
    with_charset(own.or_else(script).unwrap_or(PLAIN), text)
}

fn by_mark(content: &str, extension: &str) -> Option<&'static str> {
    let marked = MARKS.iter().find(|(mark, _)| content.starts_with(mark));
    if let Some((_, known)) = marked {
        return Some(known);
    }
    let start = &content.as_bytes()[..content.len().min(PDF_MARK_WITHIN)];
    match extension {
        "pdf" if start.windows(5).any(|window| window == b"%PDF-") => Some("application/pdf"),
        // A dictionary, whose first key depends on the program.
        "torrent" if content.starts_with('d') && content.contains("4:info") => {
            Some("application/x-bittorrent")
        }
        _ => None,
    }
}

/// The extension of another format of text is believed: Markdown and templates often begin with an element of html.
fn by_root(root: &Root<'_>, own: Option<&'static str>) -> Option<&'static str> {
    let own_xml = own.filter(|own| own.ends_with("xml"));
    if own.is_some_and(|own| own != PLAIN) && own_xml.is_none() {
        return None;
    }
    if root.is_html() && own == Some("application/xhtml+xml") {
        return own;
    }
    root.known()
        .or(own_xml)
        .or_else(|| root.is_xml().then_some("text/xml"))
}

fn declares_encoding(content: &str) -> bool {
    let end = content.floor_char_boundary(1024);
    let start = content[..end].to_ascii_lowercase();
    start.contains("encoding=") || start.contains("charset=")
}

/// `#!/bin/sh`, and nothing shorter: `#!` alone may begin any text.
fn interpreter(content: &str) -> Option<&'static str> {
    let line = content.strip_prefix("#!")?.lines().next()?.trim();
    let mut words = line.strip_prefix('/')?.split_whitespace();
    let mut program = words.next()?.rsplit('/').next()?;
    if program == "env" {
        program = words.find(|word| !word.starts_with('-'))?;
    }
    let program = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let known = |(programs, _): &&(&str, &str)| programs.split(' ').any(|known| known == program);
    INTERPRETERS.iter().find(known).map(|(_, known)| *known)
}

/// Markup that says its encoding itself is left to it: a charset counts for more, and may be only a guess.
fn with_charset(known: &'static str, text: &Text<'_>) -> Cow<'static, str> {
    let says_itself =
        || matches!(known, "text/html" | "text/xml") && declares_encoding(&text.content);
    if !known.starts_with("text/") || text.charset != "utf-8" && says_itself() {
        return known.into();
    }
    format!("{known}; charset={}", text.charset).into()
}
