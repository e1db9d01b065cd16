//! What the extension of a name says.

use file_format::FileFormat;

/// Where `mime_guess` has no type, an outdated one, or another program's of the same extension.
const EXTENSIONS: &[(&str, &str)] = &[
    // Text.
    ("adoc", "text/plain"),
    ("bat", "text/plain"),
    ("bib", "text/x-bibtex"),
    ("cmd", "text/plain"),
    ("csr", "application/pkcs10"),
    ("dart", "text/plain"),
    ("diff", "text/x-diff"),
    ("f90", "text/plain"),
    ("gv", "text/vnd.graphviz"),
    ("ipynb", "application/x-ipynb+json"),
    ("java", "text/plain"),
    ("jsonl", "application/jsonl"),
    ("jsx", "text/javascript"),
    ("kt", "text/plain"),
    ("m3u", "audio/x-mpegurl"),
    ("mjs", "text/javascript"),
    ("mts", "text/plain"),
    ("ndjson", "application/x-ndjson"),
    ("obj", "model/obj"),
    ("org", "text/x-org"),
    ("patch", "text/x-diff"),
    ("po", "text/x-gettext-translation"),
    ("ps1", "text/plain"),
    ("rst", "text/x-rst"),
    ("sass", "text/x-sass"),
    ("sql", "application/sql"),
    ("step", "model/step"),
    ("stl", "model/stl"),
    ("stp", "model/step"),
    ("swift", "text/plain"),
    ("tex", "text/x-tex"),
    ("toml", "application/toml"),
    ("ts", "text/plain"),
    ("tsx", "text/plain"),
    ("vcf", "text/vcard"),
    ("vue", "text/plain"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    // What archives can be.
    ("3mf", "model/3mf"),
    ("aab", "application/vnd.android.aab"),
    ("apkm", "application/vnd.apkm"),
    ("apks", "application/vnd.android.apks"),
    ("appx", "application/vnd.ms-appx"),
    ("appxbundle", "application/vnd.ms-appx.bundle"),
    ("cbz", "application/vnd.comicbook+zip"),
    ("ear", "application/java-archive"),
    ("hwpx", "application/hwp+zip"),
    ("idml", "application/vnd.adobe.indesign-idml-package"),
    ("ipa", "application/x-ios-app"),
    ("key", "application/vnd.apple.keynote"),
    ("kra", "application/x-krita"),
    ("msix", "application/vnd.ms-appx"),
    ("msixbundle", "application/vnd.ms-appx.bundle"),
    ("nupkg", "application/zip"),
    ("numbers", "application/vnd.apple.numbers"),
    ("ora", "image/openraster"),
    ("pages", "application/vnd.apple.pages"),
    ("sketch", "application/zip"),
    ("usdz", "model/vnd.usdz+zip"),
    (
        "vsdm",
        "application/vnd.ms-visio.drawing.macroEnabled.main+xml",
    ),
    ("vsdx", "application/vnd.ms-visio.drawing.main+xml"),
    ("vsix", "application/vsix"),
    ("war", "application/java-archive"),
    ("whl", "application/zip"),
    ("xapk", "application/xapk-package-archive"),
    // Other bytes.
    ("ac3", "audio/ac3"),
    ("arw", "image/x-sony-arw"),
    ("azw3", "application/vnd.amazon.mobi8-ebook"),
    ("cer", "application/pkix-cert"),
    ("crt", "application/pkix-cert"),
    ("der", "application/octet-stream"),
    ("dmg", "application/x-apple-diskimage"),
    ("exe", "application/vnd.microsoft.portable-executable"),
    ("gpg", "application/pgp-encrypted"),
    ("hwp", "application/x-hwp"),
    ("img", "application/x-raw-disk-image"),
    ("iso", "application/x-iso9660-image"),
    ("ko", "application/x-object"),
    ("m4b", "audio/mp4"),
    ("m4v", "video/mp4"),
    ("mka", "audio/matroska"),
    ("msi", "application/x-msi"),
    ("msp", "application/x-msi"),
    ("nef", "image/x-nikon-nef"),
    ("o", "application/x-object"),
    ("orf", "image/x-olympus-orf"),
    ("otf", "font/otf"),
    ("p12", "application/pkcs12"),
    ("p8", "application/pkcs8"),
    ("pef", "image/x-pentax-pef"),
    ("pfx", "application/pkcs12"),
    ("pub", "application/vnd.ms-publisher"),
    ("pyc", "application/x-python-bytecode"),
    ("rpm", "application/x-rpm"),
    ("so", "application/x-sharedlib"),
    ("svgz", "application/gzip"),
    ("wma", "audio/x-ms-wma"),
    ("wmv", "video/x-ms-wmv"),
];

/// Types outside `text/` whose bytes are text all the same.
const TEXTUAL: &[&str] = &[
    "application/dart",
    "application/ecmascript",
    "application/graphql",
    "application/javascript",
    "application/json",
    "application/json5",
    "application/jsonl",
    "application/mbox",
    "application/n-quads",
    "application/n-triples",
    "application/sql",
    "application/toml",
    "application/typescript",
    "application/vnd.apple.mpegurl",
    "application/x-csh",
    "application/x-httpd-php",
    "application/x-latex",
    "application/x-ndjson",
    "application/x-perl",
    "application/x-ruby",
    "application/x-sh",
    "application/x-subrip",
    "application/x-tcl",
    "application/x-tex",
    "application/xml",
    "application/xml-dtd",
    "application/yaml",
    "audio/x-mpegurl",
    "image/x-portable-bitmap",
    "image/x-portable-graymap",
    "image/x-portable-pixmap",
    "image/x-xbitmap",
    "image/x-xpixmap",
    "message/rfc822",
    "model/obj",
    "model/step",
    "model/stl",
    "model/vrml",
];

/// Formats with a mark that does not stand at the beginning of every file of theirs.
const SOMETIMES_MARKED: [&str; 5] = ["dcm", "dmg", "img", "iso", "stl"];

/// The last extension, in lower case; empty when there is none.
pub fn extension(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => extension.to_ascii_lowercase(),
        _ => String::new(),
    }
}

/// What files of this extension are.
pub fn named(extension: &str) -> Option<&'static str> {
    let known = EXTENSIONS.iter().find(|(known, _)| *known == extension);
    known
        .map(|(_, known)| *known)
        .or_else(|| mime_guess::from_ext(extension).first_raw())
}

/// What a text with this extension is.
pub fn of_text(extension: &str) -> Option<&'static str> {
    named(extension).filter(|known| is_textual(known))
}

/// Whether files of this extension are known, and no text.
pub fn is_of_bytes(extension: &str) -> bool {
    named(extension).is_some_and(|known| !is_textual(known))
}

/// What bytes without a mark can be by their extension: nothing that is shown in place, that is text, or that has a mark.
pub fn of_unknown_bytes(extension: &str) -> Option<&'static str> {
    let known = named(extension).filter(|known| !is_textual(known))?;
    let is_inert = ["application/", "chemical/", "model/"]
        .iter()
        .any(|kind| known.starts_with(kind))
        || known == "image/x-tga";
    let is_marked =
        super::containers::names(extension) || !FileFormat::from_extension(extension).is_empty();
    let may_be = is_inert && known != "application/ogg";
    (may_be && (!is_marked || SOMETIMES_MARKED.contains(&extension))).then_some(known)
}

fn is_textual(content_type: &str) -> bool {
    content_type.starts_with("text/")
        || content_type.ends_with("+xml")
        || content_type.ends_with("+json")
        || TEXTUAL.contains(&content_type)
}
