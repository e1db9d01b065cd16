//! Bytes that are no text, by the mark that they begin with.
//!
//! The table of marks is the crate `file-format`'s. A mark of two or three bytes proves nothing: the bytes behind it have
//! to fit as well, or the extension.

use std::borrow::Cow;

use file_format::FileFormat;

use super::{containers, names, zip};

/// Where the crate calls a type otherwise than IANA, or than browsers and desktops where IANA has no name.
const RENAMED: &[(&str, &str)] = &[
    // A PNG that moves is a PNG, and the name that every reader knows.
    ("image/apng", "image/png"),
    ("image/avif-sequence", "image/avif"),
    ("image/x-eps", "application/postscript"),
    ("image/x-pcx", "image/vnd.zbrush.pcx"),
    ("application/x-dwg", "image/vnd.dwg"),
    ("application/x-dxf", "image/vnd.dxf"),
    (
        "application/x-shockwave-flash",
        "application/vnd.adobe.flash.movie",
    ),
    ("application/x-cfb", "application/x-ole-storage"),
    ("application/pgp", "application/pgp-encrypted"),
    ("text/x-shellscript", "application/x-sh"),
    ("application/x-fb2+xml", "application/x-fictionbook+xml"),
    ("audio/vnd.wave", "audio/wav"),
    ("image/x-win-bitmap", "image/vnd.microsoft.cursor"),
];

/// The type of bytes that are no text; `None` when their mark is unknown.
pub fn detect(head: &[u8], extension: &str) -> Option<Cow<'static, str>> {
    if let Some(media) = containers::iso_media(head, extension) {
        return Some(media.into());
    }
    let format = FileFormat::from_bytes(head);
    let known = match format {
        FileFormat::Zip => return Some(zip::detect(head, extension)),
        FileFormat::CompoundFileBinary => containers::ole(head, extension),
        FileFormat::ExtensibleBinaryMetaLanguage => containers::ebml(head, extension),
        FileFormat::ExecutableAndLinkableFormat => containers::elf(head, extension),
        FileFormat::TagImageFileFormat => containers::tiff(extension),
        FileFormat::AdvancedSystemsFormat => containers::asf(extension),
        FileFormat::Id3v2 => id3(head, extension)?,
        FileFormat::MsDosExecutable => exe(head, extension)?,
        _ if head.starts_with(b"OggS\0") => containers::ogg(head, extension),
        FileFormat::ArbitraryBinaryData | FileFormat::Empty => unmarked(head, extension)?,
        weak if !is_confirmed(weak, head, extension) => unmarked(head, extension)?,
        sure => media_type(sure),
    };
    Some(known.into())
}

fn media_type(format: FileFormat) -> &'static str {
    // The crate lends the name for the life of the value, though all of them are constants.
    let formats = FileFormat::from_media_type(format.media_type());
    let name = formats.first().map_or("", |format| format.media_type());
    let renamed = RENAMED.iter().find(|(from, _)| *from == name);
    renamed.map_or(name, |(_, to)| to)
}

/// What has no mark, or one that the table lacks.
fn unmarked(head: &[u8], extension: &str) -> Option<&'static str> {
    if is_old_tar(head) {
        return Some("application/x-tar");
    }
    if head.starts_with(b"# v2 git bundle\n") || head.starts_with(b"# v3 git bundle\n") {
        return Some("application/x-git-bundle");
    }
    if head.starts_with(b"\x89HDF\r\n\x1a\n") {
        return Some("application/x-hdf5");
    }
    let start = &head[..head.len().min(1024)];
    if extension == "pdf" && containers::contains(start, b"%PDF-") {
        return Some("application/pdf");
    }
    containers::der(head, extension)
}

/// Whether a short mark is what it seems; long ones are.
fn is_confirmed(format: FileFormat, head: &[u8], extension: &str) -> bool {
    let at = |index: usize| head.get(index).copied().unwrap_or_default();
    match format {
        FileFormat::Gzip => at(2) == 8,
        FileFormat::Bzip2 => {
            matches!(at(3), b'1'..=b'9')
                && matches!(head.get(4..6), Some([0x31, 0x41] | [0x17, 0x72]))
        }
        FileFormat::UnixCompress => (9..=16).contains(&(at(2) & 0x1F)),
        FileFormat::WindowsIcon | FileFormat::WindowsCursor => {
            at(4) > 0 && at(5) == 0 && at(9) == 0
        }
        FileFormat::Truetype => is_sfnt(head),
        FileFormat::AdvancedAudioCoding => frames(head, adts_frame),
        FileFormat::Mpeg12AudioLayer3 | FileFormat::Mpeg12AudioLayer2 => frames(head, mpeg_frame),
        FileFormat::Mpeg2TransportStream => repeats(head, 0, 188),
        FileFormat::BdavMpeg2TransportStream => repeats(head, 4, 192),
        FileFormat::SiliconGraphicsImage => at(2) <= 1 && matches!(at(3), 1 | 2),
        FileFormat::PortableBitmap
        | FileFormat::PortableGraymap
        | FileFormat::PortablePixmap
        | FileFormat::PortableFloatmap => at(3).is_ascii_digit() || at(3) == b'#',
        FileFormat::Postscript => head.starts_with(b"%!PS"),
        FileFormat::JpegXl => at(0) == 0 || extension == "jxl",
        FileFormat::Cpio => at(0) == b'0' || extension == "cpio",
        FileFormat::AppleDiskImage
        | FileFormat::ArchivedByRobertJung
        | FileFormat::AudioCodec3
        | FileFormat::AutodeskAnimator
        | FileFormat::AutodeskAnimatorPro
        | FileFormat::Bzip
        | FileFormat::Commodore64Program
        | FileFormat::CommonObjectFileFormat
        | FileFormat::JpegExtendedRange
        | FileFormat::Mtv
        | FileFormat::Musepack
        | FileFormat::Seqbox
        | FileFormat::SmallWebFormat
        | FileFormat::Zoo => FileFormat::from_extension(extension).contains(&format),
        FileFormat::DerCertificate => false,
        _ => true,
    }
}

/// A tag (ID3v2.4 §3.1) and what is behind it, if the head reaches that far: pictures are often larger.
fn id3(head: &[u8], extension: &str) -> Option<&'static str> {
    let size = head
        .get(6..10)
        .filter(|size| size.iter().all(|byte| *byte < 0x80))?;
    let size = size
        .iter()
        .fold(0, |size, byte| size << 7 | usize::from(*byte));
    let behind = head.get(10 + size..).unwrap_or_default();
    Some(match behind {
        [b'f', b'L', b'a', b'C', ..] => "audio/flac",
        [0xFF, 0xF1 | 0xF9, ..] => "audio/aac",
        [] if matches!(extension, "flac" | "aac") => names::named(extension)?,
        _ => "audio/mpeg",
    })
}

/// `MZ`, and the header that it leads to; a program for DOS has none.
fn exe(head: &[u8], extension: &str) -> Option<&'static str> {
    let address = head.get(60..64)?;
    let address = u32::from_le_bytes(address.try_into().ok()?);
    let header = head
        .get(usize::try_from(address).ok()?..)
        .unwrap_or_default();
    let is_portable =
        header.starts_with(b"PE\0\0") || header.is_empty() && matches!(extension, "exe" | "dll");
    Some(match is_portable {
        true => "application/vnd.microsoft.portable-executable",
        false => "application/x-dosexec",
    })
}

/// The table directory's numbers depend on each other (OpenType, table directory).
fn is_sfnt(head: &[u8]) -> bool {
    let Some([tables_high, tables_low, range_high, range_low]) = head.get(4..8) else {
        return false;
    };
    let tables = u16::from_be_bytes([*tables_high, *tables_low]);
    let range = u16::from_be_bytes([*range_high, *range_low]);
    tables
        .checked_ilog2()
        .is_some_and(|log| range == 16 << log.min(11))
}

/// Whether a second frame follows the first, as far as the head shows.
fn frames(head: &[u8], length: fn(&[u8]) -> Option<usize>) -> bool {
    let Some(next) = length(head).and_then(|length| head.get(length..)) else {
        return length(head).is_some();
    };
    next.len() < 4 || length(next).is_some() || next.starts_with(b"TAG")
}

/// The length of a frame of ADTS (ISO/IEC 14496-3 §1.A.2.2).
fn adts_frame(frame: &[u8]) -> Option<usize> {
    let header = frame.first_chunk::<6>()?;
    let is_frame = header[0] == 0xFF && header[1] & 0xF6 == 0xF0 && header[2] >> 2 & 0xF < 13;
    let length = usize::from(header[3] & 3) << 11
        | usize::from(header[4]) << 3
        | usize::from(header[5]) >> 5;
    (is_frame && length > 7).then_some(length)
}

/// The length of a frame of MPEG audio, layers II and III (ISO/IEC 11172-3 §2.4.1.3, 13818-3).
fn mpeg_frame(frame: &[u8]) -> Option<usize> {
    const RATES: [[usize; 14]; 3] = [
        [
            32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
        ],
        [
            32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
        ],
        [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    const FREQUENCIES: [usize; 3] = [44_100, 48_000, 32_000];
    let header = frame.first_chunk::<4>()?;
    if header[0] != 0xFF || header[1] & 0xE0 != 0xE0 {
        return None;
    }
    let (version, layer) = (header[1] >> 3 & 3, header[1] >> 1 & 3);
    let halved = match version {
        3 => 0,
        2 => 1,
        0 => 2,
        _ => return None,
    };
    let (rates, samples) = match (layer, halved) {
        (1, 0) => (RATES[1], 144),
        (1, _) => (RATES[2], 72),
        (2, 0) => (RATES[0], 144),
        (2, _) => (RATES[2], 144),
        _ => return None,
    };
    let rate = rates.get(usize::from(header[2] >> 4).checked_sub(1)?)?;
    let frequency = FREQUENCIES.get(usize::from(header[2] >> 2 & 3))? >> halved;
    let padding = usize::from(header[2] >> 1 & 1);
    Some(samples * rate * 1000 / frequency + padding)
}

/// Whether a packet begins at every `step`, as far as the head goes (ISO/IEC 13818-1 §2.4.3.2).
fn repeats(head: &[u8], first: usize, step: usize) -> bool {
    const SYNC: u8 = 0x47;
    head.iter()
        .skip(first)
        .step_by(step)
        .all(|byte| *byte == SYNC)
}

/// An archive from before POSIX: no mark, but a sum over its first header, in octal digits.
fn is_old_tar(head: &[u8]) -> bool {
    let Some(header) = head.first_chunk::<512>() else {
        return false;
    };
    let sum = header[148..156]
        .trim_ascii()
        .split(|byte| matches!(byte, b' ' | 0))
        .next();
    let sum = sum.and_then(|digits| std::str::from_utf8(digits).ok());
    let sum = sum.and_then(|digits| u32::from_str_radix(digits, 8).ok());
    let blank = 8 * u32::from(b' ');
    let own: u32 = header[..148]
        .iter()
        .chain(&header[156..])
        .map(|byte| u32::from(*byte))
        .sum();
    header[0] != 0 && sum == Some(own + blank)
}
