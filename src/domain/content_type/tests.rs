use super::*;

const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

#[test]
fn bytes_decide_and_names_only_refine() {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    for (head, name, expected) in [
        (&png[..], "page.html", "image/png"),
        (b"hello", "notes.txt", PLAIN_TEXT),
        (b"hello", "photo.png", PLAIN_TEXT),
        (b"a,b\n", "table.csv", "text/csv; charset=utf-8"),
        (b"\x00\x01\x02", "photo.png", OCTET_STREAM),
        (b"\x00\x01\x02", "movie.mp4", OCTET_STREAM),
        (b"", "empty", PLAIN_TEXT),
    ] {
        assert_eq!(detect(head, name), expected, "{name}");
    }
}

#[test]
fn what_can_run_script_is_never_inline() {
    for (head, name) in [
        (&b"<html><script>alert(1)</script>"[..], "x.txt"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "x.svg"),
        (b"<?xml version='1.0'?><a/>", "x.xml"),
        (b"%PDF-1.7", "x.pdf"),
        (b"alert(1)", "x.js"),
        (b"alert(1)", "x.html"),
    ] {
        let detected = detect(head, name);
        assert!(!may_be_inline(&detected), "{name} is {detected}");
    }
}

/// The beginnings of all samples, broken in ten thousand ways: something is always answered, and what is shown in place
/// has the mark of what it is said to be.
#[test]
fn hostile_heads_are_answered_and_pose_as_nothing() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/content_types");
    let list = std::fs::read_to_string(folder.join("list.tsv")).unwrap();
    let names: Vec<_> = list
        .lines()
        .map(|line| line.split('\t').next().unwrap())
        .collect();
    let read = |name: &&str| std::fs::read(folder.join("files").join(name)).unwrap();
    let heads: Vec<_> = names.iter().map(read).collect();
    // xorshift: the same heads at every run.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % limit as u64).unwrap()
    };
    for _ in 0..10_000 {
        let mut head = heads[below(heads.len())].clone();
        head.truncate(SNIFF_BYTES);
        for _ in 0..=below(8) {
            let at = below(head.len() + 1);
            match below(5) {
                0 => head.truncate(at),
                1 => head
                    .splice(at.., heads[below(heads.len())].iter().copied())
                    .for_each(drop),
                2 => head.insert(at, [0, 0x7F, 0x80, 0xFF][below(4)]),
                _ if at < head.len() => head[at] = u8::try_from(below(256)).unwrap(),
                _ => head.extend(vec![0xFF; 8]),
            }
        }
        let name = names[below(names.len())];
        let known = detect(&head, name);
        let (kind, subtype) = essence(&known).split_once('/').unwrap();
        assert!(!kind.is_empty() && !subtype.is_empty(), "{known}");
        assert!(
            known.bytes().all(|byte| matches!(byte, b' '..=b'~')),
            "{known}"
        );
        if may_be_inline(&known) {
            let marks: &[&[u8]] = match essence(&known) {
                "image/png" => &[b"\x89PNG"],
                "image/jpeg" => &[b"\xFF\xD8\xFF"],
                "image/gif" => &[b"GIF8"],
                "image/webp" => &[b"RIFF"],
                "audio/mpeg" => &[b"ID3", b"\xFF"],
                "video/webm" => &[b"\x1A\x45\xDF\xA3"],
                "audio/ogg" | "video/ogg" | "application/ogg" => &[b"OggS"],
                "image/avif" | "video/mp4" => {
                    assert_eq!(&head[4..8], b"ftyp");
                    continue;
                }
                _ => {
                    assert!(known.starts_with("text/plain; charset="), "{known}");
                    continue;
                }
            };
            assert!(marks.iter().any(|mark| head.starts_with(mark)), "{known}");
        }
    }
}
