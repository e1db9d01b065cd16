//! Containers other than zip: one mark, many formats inside.

use super::names;

/// Extensions of formats that share a container, separated by spaces.
#[derive(Clone, Copy)]
pub struct Family(pub &'static str);

impl Family {
    /// What files of this extension are, when it belongs to the family.
    pub fn named(self, extension: &str) -> Option<&'static str> {
        let is_member = self.0.split_whitespace().any(|member| member == extension);
        is_member.then(|| names::named(extension))?
    }
}

/// Old formats of Microsoft Office and others: [MS-CFB].
const OLE: Family =
    Family("doc dot xls xlt xla xlw ppt pps pot msg vsd vst vss pub msi msp mpp wps wks wdb hwp");
/// A stream that only one program writes, how its name begins in the directory, and what is written around it.
const STREAMS: [(&str, Family, &str); 5] = [
    (
        "__properties_version1.0",
        Family("msg"),
        "application/vnd.ms-outlook",
    ),
    (
        "PowerPoint Document",
        Family("ppt pps pot"),
        "application/vnd.ms-powerpoint",
    ),
    ("WordDocument", Family("doc dot"), "application/msword"),
    (
        "Workbook",
        Family("xls xlt xla xlw"),
        "application/vnd.ms-excel",
    ),
    (
        "VisioDocument",
        Family("vsd vst vss"),
        "application/vnd.visio",
    ),
];

const TIFF: Family = Family("dng nef arw orf pef");
const MP4: Family = Family("m4a m4b 3gp 3g2");
const MP4_VIDEO: &str = "video/mp4";
const ASF: Family = Family("wmv wma");
const OGG_VIDEO: Family = Family("ogv");
const MATROSKA: Family = Family("mka");
const WEBM: Family = Family("weba");
const ELF: Family = Family("so o ko");
const DER: Family = Family("p12 pfx p7b p7c p7m p7s crl csr p8");

/// Whether files of this extension have the mark of a container that is told here.
pub fn names(extension: &str) -> bool {
    [OLE, TIFF, MP4, ASF, OGG_VIDEO, MATROSKA, WEBM, ELF, DER]
        .iter()
        .any(|family| family.named(extension).is_some())
}

/// By the streams whose names are in the head, else by extension.
pub fn ole(head: &[u8], extension: &str) -> &'static str {
    for (stream, family, known) in STREAMS {
        let name: Vec<u8> = stream.encode_utf16().flat_map(u16::to_le_bytes).collect();
        if contains(head, &name) {
            return family.named(extension).unwrap_or(known);
        }
    }
    OLE.named(extension).unwrap_or("application/x-ole-storage")
}

pub fn tiff(extension: &str) -> &'static str {
    TIFF.named(extension).unwrap_or("image/tiff")
}

pub fn asf(extension: &str) -> &'static str {
    ASF.named(extension).unwrap_or("video/x-ms-asf")
}

pub fn elf(head: &[u8], extension: &str) -> &'static str {
    const RELOCATABLE: [u8; 2] = [1, 0];
    match head.get(16..18) {
        Some([low, high]) if [*low, *high] == RELOCATABLE || [*high, *low] == RELOCATABLE => {
            "application/x-object"
        }
        _ => ELF.named(extension).unwrap_or("application/x-executable"),
    }
}

/// By the codecs that the first pages announce (RFC 5334).
pub fn ogg(head: &[u8], extension: &str) -> &'static str {
    const VIDEO: [&[u8]; 4] = [b"\x80theora", b"fishead\0", b"\x01video\0", b"BBCD\0"];
    const AUDIO: [&[u8]; 4] = [b"\x01vorbis", b"OpusHead", b"Speex   ", b"\x7fFLAC"];
    let start = &head[..head.len().min(512)];
    let has = |codecs: [&[u8]; 4]| codecs.iter().any(|codec| contains(start, codec));
    if has(VIDEO) {
        "video/ogg"
    } else if has(AUDIO) {
        OGG_VIDEO.named(extension).unwrap_or("audio/ogg")
    } else {
        "application/ogg"
    }
}

/// By the document type of the header (RFC 8794 §11.2.8).
pub fn ebml(head: &[u8], extension: &str) -> &'static str {
    let header = &head[..head.len().min(64)];
    if contains(header, b"webm") {
        WEBM.named(extension).unwrap_or("video/webm")
    } else if contains(header, b"matroska") {
        MATROSKA.named(extension).unwrap_or("video/matroska")
    } else {
        "application/x-ebml"
    }
}

/// By the brands of a file type box (ISO/IEC 14496-12 §4.3): the major one, or where it names no format of its own, the
/// first other that does. `None` without such a box.
pub fn iso_media(head: &[u8], extension: &str) -> Option<&'static str> {
    let (size, rest) = head.split_first_chunk::<4>()?;
    let size = usize::try_from(u32::from_be_bytes(*size)).ok()?;
    let end = size.clamp(16, head.len().max(16)) - 4;
    let brands = rest.get(..end).unwrap_or(rest).strip_prefix(b"ftyp")?;
    let (brands, _) = brands.as_chunks::<4>();
    // After the major brand comes its version.
    let (major, others) = (*brands.first()?, brands.get(2..).unwrap_or_default());
    let known = specific(major)
        .or_else(|| is_mp4(major).then_some(MP4_VIDEO))
        .or_else(|| others.iter().find_map(|brand| specific(*brand)))
        .or_else(|| general(major))
        .or_else(|| {
            others
                .iter()
                .any(|brand| is_mp4(*brand))
                .then_some(MP4_VIDEO)
        });
    Some(match known {
        Some(MP4_VIDEO) => MP4.named(extension).unwrap_or(MP4_VIDEO),
        Some(known) => known,
        None => "application/mp4",
    })
}

fn specific(brand: [u8; 4]) -> Option<&'static str> {
    Some(match &brand {
        b"avif" | b"avis" => "image/avif",
        b"heic" | b"heix" | b"heim" | b"heis" => "image/heic",
        b"hevc" | b"hevx" | b"hevm" | b"hevs" => "image/heic-sequence",
        b"crx " => "image/x-canon-cr3",
        b"qt  " => "video/quicktime",
        b"M4A " | b"M4B " | b"M4P " | b"F4A " | b"F4B " => "audio/mp4",
        b"M4V " | b"M4VH" | b"M4VP" => MP4_VIDEO,
        [b'3', b'g', b'2', _] => "video/3gpp2",
        [b'3', b'g', _, _] => "video/3gpp",
        _ => return None,
    })
}

fn is_mp4(brand: [u8; 4]) -> bool {
    matches!(
        &brand,
        [b'i', b's', b'o', _]
            | [b'm', b'p', b'4', _]
            | b"avc1"
            | b"dash"
            | b"MSNV"
            | b"mmp4"
            | b"f4v "
            | b"F4V "
    )
}

fn general(brand: [u8; 4]) -> Option<&'static str> {
    Some(match &brand {
        b"mif1" | b"avic" => "image/heif",
        b"msf1" => "image/heif-sequence",
        _ => return None,
    })
}

/// A certificate by its structure (RFC 5280 §4.1), other DER by extension: a sequence may be anything.
pub fn der(head: &[u8], extension: &str) -> Option<&'static str> {
    match head {
        [
            0x30,
            0x82,
            _,
            _,
            0x30,
            0x82,
            _,
            _,
            0xA0,
            0x03,
            0x02,
            0x01,
            ..,
        ] => Some("application/pkix-cert"),
        [0x30, ..] => DER.named(extension),
        _ => None,
    }
}

pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
