//! Other people's tus clients, unchanged: each uploads 100 MB through nginx, over a network that cuts the connection five times.

use std::{path::Path, process::Command};

use cloakroom::config::Options;

use crate::{
    browser::browse_printing,
    clients::{clients, node_at, python_printing},
    support::{Person, TestApp, cuts::Cuts, nginx::free_port},
};

const BYTES: usize = 100_000_000;
const CUTS: usize = 5;
/// So that none of the cuts comes when nothing more is to be sent.
const CUT_AFTER: usize = 9_000_000;

/// A server behind nginx, which clients reach over a bad network; somebody, and the token of their program.
async fn world() -> (TestApp, Cuts, Person, String) {
    world_with(|_| {}).await
}

/// The same with settings changed by `change`.
async fn world_with(change: impl FnOnce(&mut Options)) -> (TestApp, Cuts, Person, String) {
    let cuts = Cuts::after(CUT_AFTER, CUTS).await;
    let server = TestApp::behind_nginx(|options| {
        options.public_url = Some(cuts.base.clone());
        change(options);
    })
    .await;
    cuts.lead_to(&server.base);
    let alice = server.person("alice").await;
    let token = alice.token("[WRITE]").await;
    (server, cuts, alice, token)
}

/// The file that a client has printed the id of has every byte, and every cut was made.
async fn is_whole(cuts: &Cuts, alice: &Person, printed: &str) {
    assert_eq!(cuts.left(), 0, "the network was better than planned");
    let ticket = alice.ticket(printed.trim()).await;
    let found = alice.get(&ticket).await.bytes;
    let wrong = found
        .iter()
        .enumerate()
        .find(|(at, byte)| usize::from(**byte) != at % 251);
    assert_eq!((found.len(), wrong), (BYTES, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn tus_js_client_uploads_over_a_bad_network() {
    let (_server, cuts, alice, token) = world().await;
    let endpoint = format!("{}/uploads", cuts.base);
    let script = clients().join("resumable.mjs");
    let printed = node_at(&script, &[&endpoint, &token, &BYTES.to_string()]);
    is_whole(&cuts, &alice, &printed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tuspy_uploads_over_a_bad_network() {
    let (_server, cuts, alice, token) = world().await;
    let endpoint = format!("{}/uploads", cuts.base);
    let arguments = ["tuspy", &endpoint, &token, &BYTES.to_string()];
    let printed = python_printing("resumable.py", &arguments);
    is_whole(&cuts, &alice, &printed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tus_py_uploads_over_a_bad_network() {
    let (_server, cuts, alice, token) = world().await;
    let endpoint = format!("{}/uploads", cuts.base);
    let arguments = ["tus.py", &endpoint, &token, &BYTES.to_string()];
    let printed = python_printing("resumable.py", &arguments);
    is_whole(&cuts, &alice, &printed).await;
}

/// In Chromium, from a page of an allowed origin, which is reloaded besides.
#[tokio::test(flavor = "multi_thread")]
async fn uppy_uploads_over_a_bad_network_and_a_reload() {
    let port = free_port();
    let origin = format!("http://127.0.0.1:{port}");
    let (_server, cuts, alice, token) =
        world_with(|options| options.allowed_origins = origin).await;
    let arguments = [&*cuts.base, &port.to_string(), &token, &BYTES.to_string()];
    let printed = browse_printing("uppy.mjs", &arguments);
    is_whole(&cuts, &alice, &printed).await;
}

/// What a script does with nothing but curl: ask for the offset, and send what follows it.
const CURL: &str = r#"
set -eu
tus() { curl -sS --noproxy '*' -H "Authorization: Bearer $TOKEN" -H 'Tus-Resumable: 1.0.0' "$@"; }
header() { tr -d '\r' | sed -n "s/^$1: //ip"; }
url=$(tus -D - -o /dev/null -X POST -H "Upload-Length: $(wc -c < "$FILE")" "$ENDPOINT" | header location)
while :; do
    offset=$(tus -I "$url" | header upload-offset)
    [ "$offset" -lt "$(wc -c < "$FILE")" ] || break
    tail -c "+$((offset + 1))" "$FILE" | tus -X PATCH -T - -H "Upload-Offset: $offset" \
        -H 'Content-Type: application/offset+octet-stream' -H 'Expect:' "$url" || sleep 0.2
done
tus -I "$url" | header cloakroom-file
"#;

#[tokio::test(flavor = "multi_thread")]
async fn curl_uploads_over_a_bad_network() {
    let (server, cuts, alice, token) = world().await;
    let file: Vec<u8> = (0..BYTES).map(|at| (at % 251) as u8).collect();
    let path = server.directory().path().join("large.bin");
    std::fs::write(&path, file).unwrap();
    let printed = tokio::task::block_in_place(|| bash(&path, &cuts.base, &token));
    is_whole(&cuts, &alice, &printed).await;
}

fn bash(file: &Path, base: &str, token: &str) -> String {
    let mut command = Command::new("bash");
    command
        .args(["-c", CURL])
        .env("FILE", file)
        .env("ENDPOINT", format!("{base}/uploads"))
        .env("TOKEN", token);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
