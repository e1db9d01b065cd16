//! The number of downloads of a link: never exceeded, and always reachable, and counted once for each ticket.

use futures_util::future::join_all;
use reqwest::{Method, header::RANGE};
use serde_json::json;

use crate::support::{Download, Person, Program, TestApp, link::fetch};

const BYTES: &[u8] = b"the bytes of the file";

/// The status and the code of a GET.
async fn get(url: &str) -> (u16, String) {
    let answer = fetch(Method::GET, url, &[], "").await;
    (answer.status.as_u16(), answer.code())
}

async fn head(url: &str) -> u16 {
    fetch(Method::HEAD, url, &[], "").await.status.as_u16()
}

fn is_refused((status, code): &(u16, String)) -> bool {
    (*status, code.as_str()) == (410, "LINK_EXHAUSTED")
}

/// The whole file in pieces, as a client fetches it that was broken off again and again.
async fn in_pieces(visitor: &Person, ticket: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < BYTES.len() {
        let range = format!("bytes={}-{}", bytes.len(), bytes.len() + 4);
        let request = visitor.client.get(ticket).header(RANGE, range);
        let piece = Download::of(request.send().await.unwrap()).await;
        assert_eq!(piece.status, 206);
        bytes.extend(piece.bytes);
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_who_race_for_ten_downloads_on_two_instances_ten_get_the_file() {
    let here = TestApp::start().await;
    let there = here.another().await;
    let alice = here.person("alice").await;
    let file = alice.upload("a.txt", BYTES).await;
    let link = alice.link_with(&file, json!({ "maxDownloads": 10 })).await;
    let visitor = here.anonymous();
    let tickets = join_all((0..64).map(|n| {
        let server = if n % 2 == 0 { &here } else { &there };
        let visitor = visitor.at(&server.base);
        let token = &link.token;
        async move { visitor.link_ticket(token, None).await }
    }));
    let tickets = tickets.await;

    let answers = join_all(tickets.iter().map(|ticket| get(ticket))).await;

    let (opened, refused): (Vec<_>, Vec<_>) = tickets
        .iter()
        .zip(&answers)
        .partition(|(_, answer)| answer.0 == 200);
    assert_eq!((opened.len(), refused.len()), (10, 54), "{answers:?}");
    for (ticket, _) in opened {
        let elsewhere = match ticket.strip_prefix(&here.base) {
            Some(path) => format!("{}{path}", there.base),
            None => ticket.replace(&there.base, &here.base),
        };
        assert_eq!(in_pieces(&visitor, &elsewhere).await, BYTES);
        assert_eq!(head(ticket).await, 200);
    }
    for (ticket, answer) in refused {
        assert!(is_refused(answer), "{answer:?}");
        assert!(is_refused(&get(ticket).await));
        assert_eq!(head(ticket).await, 410);
    }
    assert_eq!(alice.downloads(&file, &link).await, 10);
    let seen = visitor.visit(&link.token, None).await;
    assert_eq!(seen.data("/sharedLink/downloadsLeft"), 0);
    assert_eq!(seen.text("/sharedLink/file/name"), "a.txt");
    let late = visitor.ask_link_ticket(&link.token, None).await;
    assert_eq!(late.code(), "LINK_EXHAUSTED");
    assert!(is_refused(&get(&link.url).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_ticket_counts_once_however_many_ask_with_it_at_once() {
    let here = TestApp::start().await;
    let there = here.another().await;
    let alice = here.person("alice").await;
    let file = alice.upload("a.txt", BYTES).await;
    for terms in [json!({ "maxDownloads": 2 }), json!({})] {
        let link = alice.link_with(&file, terms).await;
        let ticket = here.anonymous().link_ticket(&link.token, None).await;
        let elsewhere = ticket.replace(&here.base, &there.base);

        let answers = join_all((0..24).map(|n| get(if n % 2 == 0 { &ticket } else { &elsewhere })));

        for answer in answers.await {
            assert_eq!(answer.0, 200, "{answer:?}");
        }
        assert_eq!(alice.downloads(&file, &link).await, 1);
    }
}

/// nginx says by a header that the store does not have a file. Who says so to a server that sends the bytes itself has nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_says_of_the_store_saves_no_download() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", BYTES).await;
    let link = alice.link_with(&file, json!({ "maxDownloads": 1 })).await;
    let visitor = server.anonymous();
    let first = visitor.link_ticket(&link.token, None).await;
    let second = visitor.link_ticket(&link.token, None).await;
    let claim = [("X-Store-Missing", "1")];

    let got = fetch(Method::GET, &first, &claim, "").await;

    assert_eq!(got.bytes, BYTES);
    assert!(is_refused(&get(&second).await));
}

/// A client may fetch a file in pieces side by side from the beginning: the first piece counts, and refuses no other.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_download_of_a_link_may_come_in_pieces_side_by_side() {
    let here = TestApp::start().await;
    let there = here.another().await;
    let alice = here.person("alice").await;
    let file = alice.upload("a.txt", BYTES).await;
    for round in 0..25 {
        let link = alice.link_with(&file, json!({ "maxDownloads": 1 })).await;
        let ticket = here.anonymous().link_ticket(&link.token, None).await;
        let elsewhere = ticket.replace(&here.base, &there.base);

        let answers = join_all((0..16).map(|n| get(if n % 2 == 0 { &ticket } else { &elsewhere })));

        for answer in answers.await {
            assert_eq!(answer.0, 200, "round {round}: {answer:?}");
        }
        assert_eq!(alice.downloads(&file, &link).await, 1);
    }
}

/// Clocks of instances are up to a minute apart: what has ended by the one may be asked with at the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_counted_ticket_is_remembered_as_long_as_it_is_good_on_any_instance() {
    let here = TestApp::start().await;
    let there = here.another().await;
    let alice = here.person("alice").await;
    let file = alice.upload("a.txt", BYTES).await;
    let link = alice.link_with(&file, json!({ "maxDownloads": 1 })).await;
    let ticket = here.anonymous().link_ticket(&link.token, None).await;
    assert_eq!(get(&ticket).await.0, 200);
    let life = std::time::Duration::from_secs(5 * 60);
    let apart = std::time::Duration::from_secs(50);

    there.advance(life + apart / 2);
    there.sweep().await;
    here.advance(life - apart / 2);

    assert_eq!(get(&ticket).await.0, 200);
    assert_eq!(alice.downloads(&file, &link).await, 1);
    there.advance(apart);
    there.sweep().await;
    assert_eq!(here.rows("link_download").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_was_counted_goes_on_when_the_limit_is_reached() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", BYTES).await;
    let link = alice.link_with(&file, json!({ "maxDownloads": 1 })).await;
    let visitor = server.anonymous();
    let [first, second] = [
        visitor.link_ticket(&link.token, None).await,
        visitor.link_ticket(&link.token, None).await,
    ];
    // Looking is free, and neither ticket is better than the other.
    assert_eq!((head(&first).await, head(&second).await), (200, 200));

    // Whatever it is answered, a first GET is a download.
    let beyond = visitor.client.get(&first).header(RANGE, "bytes=1000-");
    assert_eq!(beyond.send().await.unwrap().status(), 416);

    assert_eq!(head(&second).await, 410);
    assert!(is_refused(&get(&second).await));
    assert_eq!(in_pieces(&visitor, &first).await, BYTES);
    assert_eq!(get(&first).await.0, 200);
    assert_eq!(alice.downloads(&file, &link).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_survives_a_restart_and_a_sweep() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", BYTES).await;
    let link = alice.link_with(&file, json!({ "maxDownloads": 1 })).await;
    let visitor = server.anonymous();
    let [first, second] = [
        visitor.link_ticket(&link.token, None).await,
        visitor.link_ticket(&link.token, None).await,
    ];
    assert_eq!(get(&first).await.0, 200);
    let old = server.base.clone();

    let server = server.restart_with(|_| {}).await;
    server.sweep().await;

    let moved = |ticket: &str| ticket.replace(&old, &server.base);
    assert_eq!(get(&moved(&first)).await.0, 200);
    assert!(is_refused(&get(&moved(&second)).await));
    assert_eq!(alice.at(&server.base).downloads(&file, &link).await, 1);
    assert_eq!(server.rows("link_download").await, 1);
    // Once the ticket has ended, nobody can ask with it again.
    server.advance(std::time::Duration::from_secs(24 * 60 * 60));
    server.sweep().await;
    assert_eq!(server.rows("link_download").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_behind_a_counted_download_gives_none_away() {
    let program = Program::new().await;
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    let file = alice.upload("a.txt", BYTES).await;
    let link = alice.link_with(&file, json!({ "maxDownloads": 2 })).await;
    let mut tickets = Vec::new();
    for _ in 0..3 {
        let ticket = alice.link_ticket(&link.token, None).await;
        let (_, ticket) = ticket.split_once("/download/").unwrap();
        tickets.push(ticket.to_owned());
    }
    let url = |base: &str, n: usize| format!("{base}/download/{}", tickets[n]);
    assert_eq!(get(&url(&server.base, 0)).await.0, 200);
    server.kill();
    let server = program.serve();
    assert_eq!(get(&url(&server.base, 1)).await.0, 200);
    server.kill();

    let server = program.serve();

    assert!(is_refused(&get(&url(&server.base, 2)).await));
    for n in [0, 1] {
        assert_eq!(get(&url(&server.base, n)).await.0, 200, "it goes on");
    }
    let visitor = Person::anonymous(&server.base);
    let seen = visitor.visit(&link.token, None).await;
    assert_eq!(seen.data("/sharedLink/downloadsLeft"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_link_of_a_file_has_its_own_limit() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", BYTES).await;
    let visitor = server.anonymous();
    let one = alice.link_with(&file, json!({ "maxDownloads": 1 })).await;
    let other = alice.link_with(&file, json!({ "maxDownloads": 1 })).await;
    assert_ne!((&one.share, &one.token), (&other.share, &other.token));
    for link in [&one, &other] {
        let ticket = visitor.link_ticket(&link.token, None).await;
        assert_eq!(get(&ticket).await.0, 200);
        let late = visitor.ask_link_ticket(&link.token, None).await;
        assert_eq!(late.code(), "LINK_EXHAUSTED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_limit_counts_the_downloads_there_were_and_voids_tickets() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", BYTES).await;
    let link = alice.link_with(&file, json!({ "maxDownloads": 1 })).await;
    let visitor = server.anonymous();
    let first = visitor.link_ticket(&link.token, None).await;
    assert_eq!(get(&first).await.0, 200);

    // The same limit is no other limit.
    let same = alice.update_share(&link.share, "maxDownloads: 1").await;
    assert_eq!(same.data("/made/link/downloads"), 1);
    assert_eq!(get(&first).await.0, 200);
    let more = alice.update_share(&link.share, "maxDownloads: 2").await;
    assert_eq!(more.data("/made/link/maxDownloads"), 2);

    assert_eq!(get(&first).await, (403, "ACCESS_REVOKED".to_owned()));
    let second = visitor.link_ticket(&link.token, None).await;
    assert_eq!(get(&second).await.0, 200);
    let late = visitor.ask_link_ticket(&link.token, None).await;
    assert_eq!(late.code(), "LINK_EXHAUSTED");
    let without = alice.update_share(&link.share, "maxDownloads: null").await;
    assert_eq!(without.data("/made/link/maxDownloads"), json!(null));
    let third = visitor.link_ticket(&link.token, None).await;
    assert_eq!(get(&third).await.0, 200);
    assert_eq!(alice.downloads(&file, &link).await, 3);
    let fewer = alice.update_share(&link.share, "maxDownloads: 2").await;
    assert_eq!(fewer.data("/made/link/downloads"), 3);
    let seen = visitor.visit(&link.token, None).await;
    assert_eq!(seen.data("/sharedLink/downloadsLeft"), 0);
}
