//! The content type of a file: told by its first bytes and its name, never by the client's word.
//!
//! Text is asked first: a file without a byte that text has no use for is text, whatever mark its first letters happen to
//! spell. Then marks of binary formats, then the name. The names of types are IANA's where there is one.

mod binary;
mod containers;
mod markup;
mod names;
mod text;
mod text_formats;
mod zip;

use std::borrow::Cow;

/// How many of the first bytes [`detect`] wants to see. Fewer are taken to be the whole file.
pub const SNIFF_BYTES: usize = 4096;

const OCTET_STREAM: &str = "application/octet-stream";

/// What a browser may show in place, whatever its parameters. All else is an attachment, whatever was asked: html, svg,
/// xml, pdf and scripts could act in the name of the site.
const INLINE: &[&str] = &[
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "video/mp4",
    "video/webm",
    "audio/mpeg",
    "audio/ogg",
    "video/ogg",
    "application/ogg",
    "text/plain",
];

/// The type of a file that begins with `head` and is called `name`.
///
/// Bytes decide. The name only chooses among the types that such bytes can be: formats of text for text, what is packed
/// in an archive for an archive, and for bytes that tell nothing, types that nobody shows in place.
pub fn detect(head: &[u8], name: &str) -> String {
    let head = &head[..head.len().min(SNIFF_BYTES)];
    let extension = names::extension(name);
    if let Some(text) = text::read(head, &extension) {
        return text_formats::detect(&text, &extension).into_owned();
    }
    binary::detect(head, &extension)
        .or_else(|| names::of_unknown_bytes(&extension).map(Cow::Borrowed))
        .unwrap_or(Cow::Borrowed(OCTET_STREAM))
        .into_owned()
}

/// Whether a browser may show this type in place.
pub fn may_be_inline(content_type: &str) -> bool {
    INLINE.contains(&essence(content_type))
}

/// Whether a browser shows this type in a player of its own, which asks for the file a second time.
pub fn is_played(content_type: &str) -> bool {
    let essence = essence(content_type);
    essence.starts_with("video/") || essence.starts_with("audio/") || essence == "application/ogg"
}

fn essence(content_type: &str) -> &str {
    let (essence, _parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    essence.trim_end()
}

#[cfg(test)]
mod tests;
