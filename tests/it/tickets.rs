//! Tickets: how long they live, what becomes of forged ones, and how their keys rotate.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::json;

use crate::support::{Download, Person, TestApp};

const HOUR: Duration = Duration::from_secs(3600);
const MILLISECOND: Duration = Duration::from_millis(1);
const OLD: &str = "an old secret of thirty-two bytes or more";
const NEW: &str = "a new secret of thirty-two bytes or more!";

/// The status and code of a refusal.
fn refusal(download: &Download) -> (u16, String) {
    (download.status.as_u16(), download.code())
}

/// A ticket's URL at another address of the same server.
fn moved(url: &str, server: &TestApp) -> String {
    let (_, ticket) = url.split_once("/download/").unwrap();
    format!("{}/download/{ticket}", server.base)
}

/// A person with a file, and the file's id.
async fn owner(server: &TestApp) -> (Person, String) {
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    (alice, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_opens_its_file_many_times_and_then_expires() {
    let server = TestApp::start().await;
    let (alice, file) = owner(&server).await;
    let issued = alice.ask_ticket(&file).await;
    let end = server.date_in(Duration::from_secs(300));
    assert_eq!(issued.text("/downloadTicket/expiresAt"), end);
    let ticket = issued.text("/downloadTicket/url");
    assert!(
        ticket.starts_with(&format!("{}/download/", server.base)),
        "{ticket}"
    );
    server.advance(Duration::from_secs(300) - MILLISECOND);
    for _ in 0..2 {
        assert_eq!(alice.get(&ticket).await.bytes, b"hello");
    }

    server.advance(MILLISECOND);

    assert_eq!(
        refusal(&alice.get(&ticket).await),
        (410, "TICKET_EXPIRED".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_sets_how_long_tickets_live() {
    let server = TestApp::start_with(|options| options.ticket_ttl = "24h".into()).await;
    let (alice, file) = owner(&server).await;
    let limits = alice.ask("{ limits { ticketTtlSeconds } }").await;
    assert_eq!(limits.data("/limits/ticketTtlSeconds"), json!(86400));
    let ticket = alice.ticket(&file).await;
    server.advance(24 * HOUR - MILLISECOND);
    assert_eq!(alice.get(&ticket).await.status, 200);
    server.advance(MILLISECOND);
    assert_eq!(alice.get(&ticket).await.status, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_ends_with_the_share_it_leans_on() {
    let server = TestApp::start_with(|options| options.ticket_ttl = "24h".into()).await;
    let (alice, file) = owner(&server).await;
    let bob = server.person("bob").await;
    let (short, long) = (server.date_in(HOUR), server.date_in(2 * HOUR));
    let query = "mutation($f: ID!, $e: DateTime) {
        shareWithUser(fileId: $f, username: \"bob\", expiresAt: $e) { id } }";
    alice
        .ask_with(query, json!({ "f": file, "e": short }))
        .await
        .data("/shareWithUser");
    let end = bob
        .ask_ticket(&file)
        .await
        .text("/downloadTicket/expiresAt");
    assert_eq!(end, short);

    // The longer of two shares counts; the owner needs none.
    let query = "mutation($f: ID!, $e: DateTime) {
        shareWithAuthenticated(fileId: $f, expiresAt: $e) { id } }";
    alice
        .ask_with(query, json!({ "f": file, "e": long }))
        .await
        .data("/shareWithAuthenticated");
    let end = bob
        .ask_ticket(&file)
        .await
        .text("/downloadTicket/expiresAt");
    assert_eq!(end, long);
    let end = alice
        .ask_ticket(&file)
        .await
        .text("/downloadTicket/expiresAt");
    assert_eq!(end, server.date_in(24 * HOUR));
    let query = "query($f: ID!) { file(id: $f) { downloadTicket { expiresAt } } }";
    let nested = bob.ask_with(query, json!({ "f": file })).await;
    assert_eq!(nested.text("/file/downloadTicket/expiresAt"), long);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_cut_short_cuts_its_tickets_short() {
    let server = TestApp::start().await;
    let (alice, file) = owner(&server).await;
    let bob = server.person("bob").await;
    alice.share_with(&file, "bob").await;
    let ticket = bob.ticket(&file).await;

    let query = "mutation($f: ID!, $e: DateTime) {
        shareWithUser(fileId: $f, username: \"bob\", expiresAt: $e) { id } }";
    let end = server.date_in(Duration::from_secs(60));
    alice
        .ask_with(query, json!({ "f": file, "e": end }))
        .await
        .data("/shareWithUser");
    server.advance(Duration::from_secs(60));

    assert_eq!(
        refusal(&bob.get(&ticket).await),
        (403, "ACCESS_REVOKED".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_needs_no_other_credential() {
    let server = TestApp::start().await;
    let (alice, file) = owner(&server).await;
    let ticket = alice.ticket(&file).await;
    alice.ask("mutation { signOut }").await.data("/signOut");

    assert_eq!(server.anonymous().get(&ticket).await.bytes, b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_tickets_are_alike() {
    let server = TestApp::start().await;
    let (alice, file) = owner(&server).await;
    let (one, other) = (alice.ticket(&file).await, alice.ticket(&file).await);
    assert_ne!(one, other);
    assert!(!one.contains(&file));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_anywhere_spoils_a_ticket() {
    let server = TestApp::start().await;
    let (alice, file) = owner(&server).await;
    let url = alice.ticket(&file).await;
    let (base, ticket) = url.rsplit_once('/').unwrap();
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(ticket).unwrap();
    for byte in 0..bytes.len() {
        let mut forged = bytes.clone();
        forged[byte] ^= 1 << (byte % 8);
        let forged = format!("{base}/{}", BASE64_URL_SAFE_NO_PAD.encode(forged));
        let refused = alice
            .request(reqwest::Method::GET, &forged)
            .send()
            .await
            .unwrap();
        assert_eq!(refused.status(), 404, "byte {byte}");
    }
    assert_eq!(alice.get(&url).await.bytes, b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_ticket_is_invalid() {
    let server = TestApp::start().await;
    let (alice, file) = owner(&server).await;
    let url = alice.ticket(&file).await;
    let (base, ticket) = url.rsplit_once('/').unwrap();
    // Four bits of the last digit carry nothing, and must not make a second spelling.
    let mut respelled = ticket.to_owned();
    let last = respelled.pop().unwrap();
    respelled.push(char::from_u32(u32::from(last) + 1).unwrap());
    for forged in [
        "x",
        "AAAA",
        "%00",
        "..%2F..%2Fetc%2Fpasswd",
        "%ff%fe",
        &ticket[..ticket.len() - 1],
        &ticket[1..],
        &format!("{ticket}A"),
        &format!("{ticket}=="),
        &format!("%20{ticket}"),
        &format!("{ticket}{ticket}"),
        &"A".repeat(ticket.len()),
        &"A".repeat(8000),
        &respelled,
    ] {
        let refused = alice.get(&format!("{base}/{forged}")).await;
        assert_eq!(
            refusal(&refused),
            (404, "TICKET_INVALID".into()),
            "{forged}"
        );
        assert_eq!(refused.header("content-type"), "application/problem+json");
        assert_eq!(refused.header("cache-control"), "no-store");
    }
    // Nor does one have parts below it.
    assert_eq!(
        refusal(&alice.get(&format!("{url}/x")).await),
        (404, "NOT_FOUND".into())
    );
    assert_eq!(
        refusal(&alice.get(&format!("{base}/")).await),
        (404, "NOT_FOUND".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_of_another_server_is_invalid() {
    let (server, other) = (TestApp::start().await, TestApp::start().await);
    let (alice, file) = owner(&server).await;
    let ticket = alice.ticket(&file).await;
    let refused = alice.get(&moved(&ticket, &other)).await;
    assert_eq!(refusal(&refused), (404, "TICKET_INVALID".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_survive_a_restart_and_work_on_every_instance() {
    let server = TestApp::start().await;
    let (alice, file) = owner(&server).await;
    let ticket = alice.ticket(&file).await;

    let other = server.another().await;
    assert_eq!(alice.get(&moved(&ticket, &other)).await.bytes, b"hello");
    other.stop().await;
    let server = server.restart_with(|_| {}).await;
    assert_eq!(alice.get(&moved(&ticket, &server)).await.bytes, b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_secret_still_verifies_while_a_new_one_signs() {
    let server = TestApp::start_with(|options| options.secret = Some(OLD.to_owned().into())).await;
    let (alice, file) = owner(&server).await;
    let old = alice.ticket(&file).await;

    let both = format!("{NEW}\n{OLD}\n");
    let server = server
        .restart_with(|options| options.secret = Some(both.into()))
        .await;
    let new = alice.at(&server.base).ticket(&file).await;
    assert_eq!(alice.get(&moved(&old, &server)).await.bytes, b"hello");
    assert_eq!(alice.get(&new).await.bytes, b"hello");

    let server = server
        .restart_with(|options| options.secret = Some(NEW.to_owned().into()))
        .await;
    let refused = alice.get(&moved(&old, &server)).await;
    assert_eq!(refusal(&refused), (404, "TICKET_INVALID".into()));
    assert_eq!(alice.get(&moved(&new, &server)).await.bytes, b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_secret_voids_every_ticket_and_no_session() {
    let server = TestApp::start().await;
    let (alice, file) = owner(&server).await;
    let ticket = alice.ticket(&file).await;

    let server = server
        .restart_with(|options| options.secret = Some(NEW.to_owned().into()))
        .await;

    let refused = alice.get(&moved(&ticket, &server)).await;
    assert_eq!(refusal(&refused), (404, "TICKET_INVALID".into()));
    let alice = alice.at(&server.base);
    assert_eq!(alice.get(&alice.ticket(&file).await).await.bytes, b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_of_a_clock_that_was_ahead_does_not_outlive_its_time() {
    let server = TestApp::start().await;
    let (alice, file) = owner(&server).await;
    for ahead in [HOUR / 2, 400 * 24 * HOUR] {
        let token = alice.with_token(&alice.token("[READ]").await);
        server.set_ahead(ahead);
        let ticket = token.ticket(&file).await;
        assert_eq!(token.get(&ticket).await.bytes, b"hello");

        server.set_back(ahead);

        assert_eq!(
            refusal(&alice.get(&ticket).await),
            (410, "TICKET_EXPIRED".into())
        );
    }
    assert_eq!(alice.get(&alice.ticket(&file).await).await.bytes, b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_tickets_live_shorter_than_before_older_ones_have_expired() {
    let server = TestApp::start_with(|options| options.ticket_ttl = "24h".into()).await;
    let (alice, file) = owner(&server).await;
    let ticket = alice.ticket(&file).await;

    let server = server
        .restart_with(|options| options.ticket_ttl = "5m".into())
        .await;

    let refused = alice.get(&moved(&ticket, &server)).await;
    assert_eq!(refusal(&refused), (410, "TICKET_EXPIRED".into()));
}
