//! What files are: samples of many formats have the type that a person would give them, whatever they are called.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::support::{Download, Parts, Person, TestApp, multipart::CONTENT_TYPE};

/// A committed file, and the type that is right for it. `tests/fixtures/content_types/generate.py` wrote both.
struct Sample {
    name: String,
    content_type: String,
    bytes: Vec<u8>,
}

fn samples() -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/content_types");
    let list = fs::read_to_string(folder.join("list.tsv")).unwrap();
    let sample = |line: &str| {
        let [name, content_type, _made_by] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("not three columns: {line}");
        };
        Sample {
            name: name.to_owned(),
            content_type: content_type.to_owned(),
            bytes: fs::read(folder.join("files").join(name)).unwrap(),
        }
    };
    list.lines().map(sample).collect()
}

/// Uploads files, many at once; gives back id and content type of each.
async fn upload(person: &Person, files: &[(&str, &[u8])]) -> Vec<(String, String)> {
    let mut uploaded = Vec::new();
    for files in files.chunks(20) {
        let query =
            "mutation($files: [Upload!]!) { uploadFiles(files: $files) { id contentType } }";
        let operations =
            json!({ "query": query, "variables": { "files": vec![Value::Null; files.len()] } });
        let map: serde_json::Map<_, _> = (0..files.len())
            .map(|n| (n.to_string(), json!([format!("variables.files.{n}")])))
            .collect();
        let mut parts = Parts::new()
            .text("operations", &operations.to_string())
            .text("map", &Value::from(map).to_string());
        for (n, (name, bytes)) in files.iter().enumerate() {
            let header =
                format!("Content-Disposition: form-data; name=\"{n}\"; filename=\"{name}\"");
            parts = parts.part(&header, bytes);
        }
        let answer = person.post_body(CONTENT_TYPE, parts.end()).await;
        let files = answer.data("/uploadFiles");
        let text = |file: &Value, field: &str| file[field].as_str().unwrap().to_owned();
        let files = files.as_array().unwrap().iter();
        uploaded.extend(files.map(|file| (text(file, "id"), text(file, "contentType"))));
    }
    uploaded
}

/// A download that asks to be shown in place.
async fn inline(person: &Person, file: &str) -> Download {
    let query = "query($f: ID!) { downloadTicket(fileId: $f, disposition: INLINE) { url } }";
    let answer = person.ask_with(query, json!({ "f": file })).await;
    person.get(&answer.text("/downloadTicket/url")).await
}

/// What these files are to a client.
async fn types(files: &[(&str, &[u8])]) -> Vec<String> {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let uploaded = upload(&alice, files).await;
    uploaded
        .into_iter()
        .map(|(_, content_type)| content_type)
        .collect()
}

/// Each file with the type that is right.
#[track_caller]
fn assert_types(files: &[(&str, &[u8])], types: &[String], expected: &[&str]) {
    let name = |n: usize| (files[n].0, files[n].1.escape_ascii().to_string());
    let wrong: Vec<_> = (0..files.len())
        .filter(|n| types[*n] != expected[*n])
        .map(|n| (name(n), &types[n], expected[n]))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn check(cases: &[(&str, &[u8], &str)]) {
    let files: Vec<_> = cases
        .iter()
        .map(|(name, bytes, _)| (*name, *bytes))
        .collect();
    let expected: Vec<_> = cases.iter().map(|(_, _, expected)| *expected).collect();
    assert_types(&files, &types(&files).await, &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_has_the_type_that_a_person_would_give_it() {
    const SHOWN: [&str; 11] = [
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
        "text/plain",
    ];
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let samples = samples();
    assert!(samples.len() >= 120, "only {} samples", samples.len());
    let files: Vec<_> = samples
        .iter()
        .map(|sample| (sample.name.as_str(), sample.bytes.as_slice()))
        .collect();

    let uploaded = upload(&alice, &files).await;

    let types: Vec<_> = uploaded.iter().map(|(_, known)| known.clone()).collect();
    let expected: Vec<_> = samples
        .iter()
        .map(|sample| sample.content_type.as_str())
        .collect();
    assert_types(&files, &types, &expected);
    for ((id, known), sample) in uploaded.iter().zip(&samples) {
        let download = inline(&alice, id).await;
        assert_eq!(download.header("content-type"), known, "{}", sample.name);
        assert_eq!(download.header("x-content-type-options"), "nosniff");
        let essence = known.split(';').next().unwrap();
        let is_inline = download
            .header("content-disposition")
            .starts_with("inline;");
        assert_eq!(
            is_inline,
            SHOWN.contains(&essence),
            "{} is {known}",
            sample.name
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_begins_like_a_mark_of_bytes_is_text() {
    let plain = "text/plain; charset=utf-8";
    check(&[
        ("service.txt", b"BMW service history", plain),
        ("service", b"BMW service history", plain),
        ("service.bmp", b"BMW service history", plain),
        ("mz", b"MZ 250, built in 1973", plain),
        (
            "setup.exe",
            b"MZ is what programs for DOS begin with",
            plain,
        ),
        ("pk", b"PK\nPrimary key", plain),
        ("gif", b"GIF89a has animations", plain),
        ("song.mp3", b"ID3 tags are at the beginning", plain),
        ("marks", b"%! is a mark", plain),
        ("marks.txt", b"#!/bin/sh begins a script", plain),
        ("bang", b"#! Important", plain),
        ("8bps", b"8BPS is how Photoshop's files begin", plain),
        ("flash", b"FWS and CWS are Flash", plain),
        ("fonts", b"OTTO is a name", plain),
        ("true", b"true", plain),
        ("midi", b"MThd, then MTrk", plain),
        ("bz", b"BZh9 is bzip2's mark", plain),
        ("rar", b"Rar! is an archiver", plain),
        (
            "pem.md",
            b"# Keys\nThey begin with dashes",
            "text/markdown; charset=utf-8",
        ),
        (
            "latin",
            b"BMW f\xFCr G\xF6ran, gebaut in M\xFCnchen",
            "text/plain; charset=windows-1252",
        ),
        // The same marks before bytes that fit them are in the samples; before others they prove nothing.
        ("bm", b"BM\0\x01\x02\x03\xFF", "application/octet-stream"),
        (
            "mz.bin",
            b"MZ\0\x01\x02\x03\xFF",
            "application/octet-stream",
        ),
        ("gz", b"\x1F\x8B\0\0", "application/octet-stream"),
        ("frame", b"\xFF\xFB\0\0\0\0\0\0", "application/octet-stream"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drawing_is_svg_whatever_stands_before_it_and_never_shown_in_place() {
    let svg = "image/svg+xml";
    check(&[
        ("a.svg", b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>", svg),
        ("b.svg", b"<!-- Made by hand --><svg xmlns=\"http://www.w3.org/2000/svg\"/>", svg),
        ("c.svg", b"\xEF\xBB\xBF\n<!DOCTYPE svg [<!ENTITY x \"<a>\">]><svg/>", svg),
        ("d.svg", b"<?xml version='1.0'?>\n<!-- a -->\n<?x y?><svg:svg xmlns:svg='http://www.w3.org/2000/svg'/>", svg),
        ("no extension", b"<!-- <html> --><svg xmlns='http://www.w3.org/2000/svg'/>", svg),
        ("data.xml", b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", svg),
        // Other vocabularies, by the same rule.
        ("feed", b"<?xml version='1.0'?><rss version='2.0'/>", "application/rss+xml"),
        ("place.kml", b"<!-- a --><kml xmlns='http://www.opengis.net/kml/2.2'/>", "application/vnd.google-earth.kml+xml"),
        ("page", b"<!-- a --><!DOCTYPE html><title>a</title>", "text/html"),
        ("page.svg", b"<!-- <svg> --><html></html>", "text/html"),
        ("project.csproj", b"<?xml version='1.0'?><Project/>", "text/xml"),
        // A comment is no element, and a heading of Markdown is one.
        ("note.txt", b"<!-- a --> only a note", "text/plain; charset=utf-8"),
        ("README.md", b"<h1 align=center>Title</h1>", "text/markdown; charset=utf-8"),
    ])
    .await;
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice
        .upload(
            "a.svg",
            b"<!-- a --><svg xmlns='http://www.w3.org/2000/svg'/>",
        )
        .await;
    let download = inline(&alice, &file).await;
    assert!(
        download
            .header("content-disposition")
            .starts_with("attachment;")
    );
}

/// The local header of an entry in a zip archive, without a sum.
fn zip_entry(name: &str, bytes: &[u8]) -> Vec<u8> {
    let size = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let length = u16::try_from(name.len()).unwrap().to_le_bytes();
    let header = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0";
    [
        header,
        &size[..],
        &size,
        &length,
        &[0, 0],
        name.as_bytes(),
        bytes,
    ]
    .concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_is_what_its_entries_say_else_what_its_name_says_and_it_fits() {
    let zip = zip_entry("a.txt", b"hello");
    let apk = zip_entry("AndroidManifest.xml", b"\x03\0\x08\0");
    let epub = zip_entry("mimetype", b"application/epub+zip");
    let lie = zip_entry("mimetype", b"text/html");
    let script = zip_entry("mimetype", b"image/png");
    let office = [
        zip_entry("[Content_Types].xml", b"<a/>"),
        zip_entry("xl/workbook.xml", b"<a/>"),
    ]
    .concat();
    let ole = [&b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"[..], &[0; 100]].concat();
    let word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    let sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let android = "application/vnd.android.package-archive";
    check(&[
        ("a.zip", &zip, "application/zip"),
        ("a.docx", &zip, word),
        ("a.apk", &zip, android),
        ("a.jar", &zip, "application/java-archive"),
        ("a.usdz", &zip, "model/vnd.usdz+zip"),
        ("a", &apk, android),
        ("a.docx", &epub, "application/epub+zip"),
        ("a.docx", &office, sheet),
        ("a.zip", &office, sheet),
        (
            "a.xlsm",
            &office,
            "application/vnd.ms-excel.sheet.macroEnabled.12",
        ),
        // Where it does not fit, the name counts for nothing.
        ("a.png", &zip, "application/zip"),
        ("a.html", &zip, "application/zip"),
        ("a.mp4", &zip, "application/zip"),
        ("a.txt", &lie, "application/zip"),
        ("a.png", &script, "application/zip"),
        ("a.docx", b"\0\x01\x02\x03", "application/octet-stream"),
        ("a.docx", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        // Old formats of Office share a container, too.
        ("a.doc", &ole, "application/msword"),
        ("a.xls", &ole, "application/vnd.ms-excel"),
        ("a.msg", &ole, "application/vnd.ms-outlook"),
        ("a.png", &ole, "application/x-ole-storage"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_of_any_encoding_is_shown_as_text_with_its_charset() {
    let utf16 = |bytes: fn(u16) -> [u8; 2], mark: &[u8]| {
        let text = "Größe: 12 €\r\n".encode_utf16().flat_map(bytes);
        [mark.to_vec(), text.collect()].concat()
    };
    let (little, big) = (
        utf16(u16::to_le_bytes, b"\xFF\xFE"),
        utf16(u16::to_be_bytes, b"\xFE\xFF"),
    );
    let cases: [(&str, &[u8], &str); 10] = [
        (
            "latin.txt",
            b"Gr\xFC\xDFe aus K\xF6ln",
            "text/plain; charset=windows-1252",
        ),
        ("cafe", b"Caf\xE9\n", "text/plain; charset=windows-1252"),
        ("little.txt", &little, "text/plain; charset=utf-16"),
        ("big", &big, "text/plain; charset=utf-16"),
        (
            "marked.txt",
            b"\xEF\xBB\xBFGr\xC3\xBC\xC3\x9Fe",
            "text/plain; charset=utf-8",
        ),
        (
            "cyrillic.txt",
            b"\xCF\xF0\xE8\xE2\xE5\xF2, \xEC\xE8\xF0! \xCA\xE0\xEA \xE4\xE5\xEB\xE0?\n",
            "text/plain; charset=windows-1251",
        ),
        (
            "japanese.txt",
            b"\x82\xB1\x82\xF1\x82\xC9\x82\xBF\x82\xCD\x81A\x90\xA2\x8AE\x81B\n",
            "text/plain; charset=shift_jis",
        ),
        (
            "old table.csv",
            b"Stra\xDFe;Ort\nHauptstra\xDFe;K\xF6ln\n",
            "text/csv; charset=windows-1252",
        ),
        // Not text: a control character, a half of a surrogate pair, too many rare signs, a picture by its name.
        ("control", b"Caf\xE9\0", "application/octet-stream"),
        (
            "surrogate",
            b"\xFF\xFEa\0\0\xD8b\0",
            "application/octet-stream",
        ),
    ];
    check(&cases).await;
    check(&[
        (
            "signs",
            b"\xA4\xA6\xAC\xAF\xB6\xB8\xD7\xF7",
            "application/octet-stream",
        ),
        ("photo.png", b"Caf\xE9\n", "application/octet-stream"),
    ])
    .await;
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for (name, bytes, content_type) in &cases[..7] {
        let download = inline(&alice, &alice.upload(name, bytes).await).await;
        assert_eq!(download.header("content-type"), *content_type);
        assert!(
            download
                .header("content-disposition")
                .starts_with("inline;"),
            "{name}"
        );
        assert_eq!(download.bytes, *bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_longer_than_what_is_looked_at_may_be_cut_within_a_letter() {
    let japanese = [b"a".as_slice(), &b"\x82\xB1\x82\xF1".repeat(3000)].concat();
    let german = format!("a{}", "ü".repeat(5000));
    let little = [b"\xFF\xFE".as_slice(), &b"\x3D\xD8\x00\xDE".repeat(3000)].concat();
    check(&[
        ("japanese", &japanese, "text/plain; charset=shift_jis"),
        ("german", german.as_bytes(), "text/plain; charset=utf-8"),
        ("emoji", &little, "text/plain; charset=utf-16"),
        ("cut", b"\xFF\xFE\x3D\xD8", "application/octet-stream"),
    ])
    .await;
}
