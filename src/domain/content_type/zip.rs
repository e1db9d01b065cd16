//! What a zip archive is the envelope of: by its first entries, else by the name of the file.

use std::borrow::Cow;

use super::{containers::Family, names};

/// Everything that is a zip archive inside.
const PACKED: Family = Family(
    "docx docm dotx dotm xlsx xlsm xltx xltm xlsb xlam pptx pptm potx potm ppsx ppsm sldx thmx vsdx vsdm odt ods odp odg \
     odf odb odc odi odm ott ots otp otg otc epub apk apks apkm xapk aab ipa jar war ear cbz kmz usdz 3mf xpi whl nupkg \
     vsix appx msix appxbundle msixbundle oxps xps hwpx idml mxl kra ora pages numbers key sketch air xap",
);

/// The folder with the document in an Office Open XML package, what may lie there, and what it is without an extension.
const OFFICE: [(&str, Family, &str); 4] = [
    (
        "word/",
        Family("docx docm dotx dotm"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    (
        "xl/",
        Family("xlsx xlsm xltx xltm xlsb xlam"),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    (
        "ppt/",
        Family("pptx pptm potx potm ppsx ppsm sldx"),
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    (
        "visio/",
        Family("vsdx vsdm"),
        "application/vnd.ms-visio.drawing.main+xml",
    ),
];

/// The type of the archive that begins with `head`.
pub fn detect(head: &[u8], extension: &str) -> Cow<'static, str> {
    let entries: Vec<Entry<'_>> = Entries { rest: head }.collect();
    if let Some(said) = entries.first().and_then(Entry::mime_type) {
        return said.to_owned().into();
    }
    let has = |is: &dyn Fn(&str) -> bool| entries.iter().any(|entry| is(entry.name));
    if has(&|name| {
        name == "[Content_Types].xml" || name.starts_with("_rels/") || name.starts_with("docProps/")
    }) {
        for (folder, family, known) in OFFICE {
            if has(&|name| name.starts_with(folder)) {
                return family.named(extension).unwrap_or(known).into();
            }
        }
    }
    let by_name = PACKED.named(extension);
    let known = by_name.unwrap_or_else(|| {
        if has(&|name| name == "AndroidManifest.xml") {
            "application/vnd.android.package-archive"
        } else if has(&|name| name == "BundleConfig.pb") {
            names::named("aab").unwrap_or_default()
        } else if has(&|name| name.starts_with("Payload/") && name.contains(".app/")) {
            names::named("ipa").unwrap_or_default()
        } else if has(&|name| name == "META-INF/MANIFEST.MF") {
            "application/java-archive"
        } else {
            "application/zip"
        }
    });
    known.into()
}

struct Entry<'h> {
    name: &'h str,
    /// As far as the head has it, when it is stored as it is.
    stored: Option<&'h [u8]>,
}

impl Entry<'_> {
    /// What an archive of OpenDocument or EPUB says of itself: an entry `mimetype`, the first one, not compressed. Nothing
    /// but a type of applications, or a picture in layers, is believed; none of them is shown in place.
    fn mime_type(&self) -> Option<&str> {
        if self.name != "mimetype" {
            return None;
        }
        let said = std::str::from_utf8(self.stored?).ok()?.trim();
        let subtype = said.strip_prefix("application/").unwrap_or_default();
        let is_token = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"+-.".contains(&c);
        let is_type = (1..=100).contains(&subtype.len()) && subtype.bytes().all(is_token);
        (is_type && subtype != "ogg" || said == "image/openraster").then_some(said)
    }
}

/// The local headers of the head, one after the other (APPNOTE 4.3.7).
struct Entries<'h> {
    rest: &'h [u8],
}

const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const STORED: u16 = 0;
/// The sizes follow the bytes.
const SIZES_LATER: u16 = 1 << 3;

impl<'h> Iterator for Entries<'h> {
    type Item = Entry<'h>;

    fn next(&mut self) -> Option<Entry<'h>> {
        let (header, rest) = self.rest.split_first_chunk::<30>()?;
        if !header.starts_with(LOCAL_HEADER) {
            return None;
        }
        let u16_at = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let size = u32::from_le_bytes([header[18], header[19], header[20], header[21]]);
        let (name, rest) = rest.split_at_checked(u16_at(26).into())?;
        let rest = rest.get(u16_at(28).into()..).unwrap_or_default();
        let is_stored = u16_at(8) == STORED;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let is_known = u16_at(6) & SIZES_LATER == 0 && size != 0xFFFF_FFFF;
        self.rest = match (is_known, is_stored) {
            (true, _) => rest.get(size..).unwrap_or_default(),
            // Compressed bytes hardly look like a header; an archive that is stored in another has many.
            (false, false) => from_next_header(rest),
            (false, true) => &[],
        };
        Some(Entry {
            name: std::str::from_utf8(name).unwrap_or_default(),
            stored: (is_known && is_stored).then(|| &rest[..size.min(rest.len())]),
        })
    }
}

fn from_next_header(bytes: &[u8]) -> &[u8] {
    let mut windows = bytes.windows(LOCAL_HEADER.len());
    let at = windows.position(|window| window == LOCAL_HEADER);
    at.map_or(&[], |at| &bytes[at..])
}
