//! The limits of drops, and what becomes of uploads under way when a drop is over.

use cloakroom::domain::accounts;
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{
    Parts, TestApp, Wire,
    multipart::{CONTENT_TYPE, SlowUpload, envelope},
    person::PASSWORD,
};

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_leave_files_at_once_as_many_succeed_as_a_drop_takes() {
    let here = TestApp::start_with(|options| options.user_quota = Some("1GiB".into())).await;
    let there = here.another().await;
    let alice = here.person("alice").await;
    let drop = alice.drop_with(json!({ "maxFiles": 5 })).await;
    let left = join_all((0..24).map(|n| {
        let server = if n % 2 == 0 { &here } else { &there };
        let visitor = server.anonymous().dropping(&drop.token, None);
        async move { visitor.leave(&format!("{n}.txt"), b"hello").await }
    }));
    let codes: Vec<_> = left
        .await
        .iter()
        .map(|answer| answer.code().to_owned())
        .collect();
    let count = |code: &str| codes.iter().filter(|found| *found == code).count();
    assert_eq!((count(""), count("QUOTA_EXCEEDED")), (5, 19), "{codes:?}");
    here.only_files_stay(5).await;
    let seen = here.anonymous().look_at_drop(&drop.token, None).await;
    assert_eq!(seen.data("/dropTarget/filesLeft"), 0);
    // What is deleted makes no room: it was left.
    let file = alice.list("files").await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    alice.delete(&file).await.data("/deleteFile");
    let late = here
        .anonymous()
        .dropping(&drop.token, None)
        .leave("a", b"a")
        .await;
    assert_eq!(late.code(), "QUOTA_EXCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_larger_than_a_drop_takes_is_refused_and_takes_no_place() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let drop = alice
        .drop_with(json!({ "maxFileSize": 100_000, "maxFiles": 1 }))
        .await;
    let visitor = server.anonymous().dropping(&drop.token, None);
    let refused = visitor.leave("a", &[1; 100_001]).await;
    assert_eq!(refused.code(), "FILE_TOO_LARGE");
    server.nothing_stays().await;
    visitor.leave("a", &[1; 100_000]).await.data("/dropFile");
    server.only_files_stay(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_side_by_side_do_not_exceed_the_owner_s_quota_and_do_not_learn_it() {
    let server = TestApp::start_with(|options| options.user_quota = Some("1MiB".into())).await;
    let alice = server.person("alice").await;
    let drop = alice.drop_with(json!({ "maxFiles": 100 })).await;
    let bytes = vec![7; 300 << 10];
    let left = join_all((0..8).map(|n| {
        let (visitor, bytes) = (server.anonymous().dropping(&drop.token, None), &bytes);
        async move { visitor.leave(&n.to_string(), bytes).await }
    }));
    let left = left.await;
    let refused: Vec<_> = left
        .iter()
        .filter(|answer| !answer.code().is_empty())
        .collect();
    assert!(refused.len() >= 5, "{refused:?}");
    for answer in refused {
        assert_eq!(answer.code(), "QUOTA_EXCEEDED");
        let said = answer.body.to_string();
        for told in ["1048576", "limitBytes", "usedBytes", "trash"] {
            assert!(!said.contains(told), "{said}");
        }
    }
    let files = left
        .iter()
        .filter(|answer| answer.code().is_empty())
        .count();
    server.only_files_stay(files).await;
    // A place that was taken in vain is free again.
    let seen = server.anonymous().look_at_drop(&drop.token, None).await;
    assert_eq!(seen.data("/dropTarget/filesLeft"), json!(100 - files));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_s_limit_of_files_holds_for_drops_and_gives_places_back() {
    let server = TestApp::start_with(|options| options.max_files_per_user = "3".into()).await;
    let alice = server.person("alice").await;
    let drop = alice.drop_with(json!({ "maxFiles": 10 })).await;
    let left = join_all((0..6).map(|n| {
        let visitor = server.anonymous().dropping(&drop.token, None);
        async move { visitor.leave(&n.to_string(), b"a").await }
    }));
    let codes: Vec<_> = left
        .await
        .iter()
        .map(|answer| answer.code().to_owned())
        .collect();
    assert_eq!(
        codes.iter().filter(|code| code.is_empty()).count(),
        3,
        "{codes:?}"
    );
    assert!(
        codes
            .iter()
            .all(|code| code.is_empty() || code == "QUOTA_EXCEEDED")
    );
    server.only_files_stay(3).await;
    let seen = server.anonymous().look_at_drop(&drop.token, None).await;
    assert_eq!(seen.data("/dropTarget/filesLeft"), 7);
}

/// An upload by a drop, whose bytes are coming.
async fn under_way(server: &TestApp, token: &str) -> SlowUpload {
    let upload = server
        .anonymous()
        .dropping(token, None)
        .leave_slowly()
        .await;
    assert!(upload.send(vec![1; 1 << 20]).await);
    server
        .eventually("it has begun", async |server| {
            server.rows("upload").await == 1
        })
        .await;
    upload
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_drop_takes_nothing_more_uploads_under_way_included() {
    let server = TestApp::start_with(|options| options.user_quota = Some("100MiB".into())).await;
    let alice = server.person("alice").await;
    let drop = alice.drop_with(json!({})).await;
    let upload = under_way(&server, &drop.token).await;

    alice.close_drop(&drop).await.data("/closeDrop");

    assert_eq!(upload.finish().await.code(), "NOT_FOUND");
    server.nothing_stays().await;
    // Nor does one that has ended meanwhile.
    let hour = std::time::Duration::from_secs(3600);
    let drop = alice
        .drop_with(json!({ "expiresAt": server.date_in(hour) }))
        .await;
    let upload = under_way(&server, &drop.token).await;
    server.advance(hour);
    assert_eq!(upload.finish().await.code(), "NOT_FOUND");
    server.nothing_stays().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_disabled_gets_nothing_by_drops_and_a_new_password_is_none_of_theirs() {
    let server = TestApp::start_with(|options| options.user_quota = Some("100MiB".into())).await;
    let alice = server.person("alice").await;
    let drop = alice.drop_with(json!({})).await;
    let upload = under_way(&server, &drop.token).await;
    accounts::set_disabled(&server.app, "alice", true)
        .await
        .unwrap();
    assert_eq!(upload.finish().await.code(), "NOT_FOUND");
    server.nothing_stays().await;
    accounts::set_disabled(&server.app, "alice", false)
        .await
        .unwrap();

    alice.sign_in("alice", PASSWORD).await.data("/signIn");
    let upload = under_way(&server, &drop.token).await;
    let change = "mutation($p: String!) { changePassword(current: $p, new: \"another horse, another battery\") { id } }";
    let changed = alice.ask_with(change, json!({ "p": PASSWORD })).await;
    changed.data("/changePassword");
    upload.finish().await.data("/dropFile");
    server.only_files_stay(1).await;
}

/// Content-Length is only a word. A visitor's counts for nothing: neither does it take what others need, nor does the answer
/// to it tell what the owner has left.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_visitor_announces_takes_nothing_and_tells_nothing() {
    let server = TestApp::start_with(|options| options.user_quota = Some("1MiB".into())).await;
    let alice = server.person("alice").await;
    let drop = alice.drop_with(json!({ "maxFileSize": 10 })).await;
    let (beginning, _) = envelope();
    let beginning = String::from_utf8(beginning).unwrap();
    let beginning = beginning.replace(
        "uploadFile(file: $file) { id name size contentType sha256 }",
        "dropFile(file: $file) { name }",
    );
    for (files, announced) in [(1, 1_u64 << 20), (2, 100 << 20), (3, 1 << 40)] {
        let headers = [
            format!("Authorization: Drop {}", drop.token),
            format!("Content-Type: {CONTENT_TYPE}"),
            format!("Content-Length: {announced}"),
        ];
        let headers = headers.each_ref().map(String::as_str);
        let mut visitor = Wire::begin(&server.base, "POST /graphql HTTP/1.1", &headers).await;
        visitor.send(beginning.as_bytes()).await.unwrap();
        visitor.send(b"1234567890").await.unwrap();
        server
            .eventually("the visitor's upload has begun", async |server| {
                server.rows("upload").await == 1
            })
            .await;
        alice.upload("mine.bin", &[1; 300_000]).await;
        visitor.send(b"1").await.unwrap();
        let answer = visitor.answer().await;
        assert_eq!(answer.code(), "FILE_TOO_LARGE", "{announced}: {answer:?}");
        server.only_files_stay(files).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_uploads_by_one_drop_are_under_way_and_no_more() {
    let here = TestApp::start_with(|options| {
        options.max_uploads_per_drop = "3".into();
        options.drop_percent_per_address = "100".into();
    })
    .await;
    let there = here.another().await;
    let alice = here.person("alice").await;
    let drop = alice.drop_with(json!({})).await;
    let other = alice.drop_with(json!({})).await;
    let begun = join_all((0..12).map(|n| {
        let server = if n % 2 == 0 { &here } else { &there };
        // Wherever they come from.
        begin_to_leave_from(server, &drop.token, Some(format!("203.0.113.{n}")))
    }));
    let begun = begun.await;
    here.eventually("the others are refused", async |_| {
        begun.iter().filter(|upload| upload.is_answered()).count() == 9
    })
    .await;
    assert_eq!(here.rows("upload").await, 3);
    // Nobody else's uploads count: neither the owner's nor those by another drop.
    alice.upload("mine.txt", b"a").await;
    let elsewhere = here.anonymous().dropping(&other.token, None);
    elsewhere.leave("a.txt", b"a").await.data("/dropFile");
    let client = reqwest::Client::new();
    let request = client.post(&drop.url).header("content-type", CONTENT_TYPE);
    let page = request.body(file_form(&["a.txt"])).send().await.unwrap();
    assert_eq!(page.status(), 429);

    let (answered, under_way): (Vec<_>, Vec<_>) =
        begun.into_iter().partition(SlowUpload::is_answered);
    for upload in answered {
        let answer = upload.answer().await;
        assert_eq!(answer.code(), "RATE_LIMITED", "{answer:?}");
        assert_eq!(answer.headers["retry-after"], "10");
    }
    // Those that end make room, however they end.
    let mut under_way = under_way.into_iter();
    under_way.next().unwrap().hang_up().await;
    under_way.next().unwrap().finish().await.data("/dropFile");
    here.eventually("there is room again", async |server| {
        server.rows("upload").await == 1
    })
    .await;
    let visitor = here.anonymous().dropping(&drop.token, None);
    visitor.leave("a.txt", b"a").await.data("/dropFile");
    drop_all(under_way).await;
    here.only_files_stay(4).await;
}

async fn drop_all(uploads: impl Iterator<Item = SlowUpload>) {
    for upload in uploads {
        upload.hang_up().await;
    }
}

/// What a form sends that has one byte for each of these files.
fn file_form(names: &[&str]) -> Vec<u8> {
    let parts = names.iter().fold(Parts::new(), |parts, name| {
        let disposition =
            format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
        parts.part(&disposition, b"a")
    });
    parts.end()
}

/// Two files need more than the owner has room for, and one does not: whichever is looked at first, and together with the other,
/// the one comes.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_takes_no_place_from_what_comes_at_the_same_moment() {
    const ROUNDS: usize = 6;
    // Of bob's, two for each round.
    const FILES_MAX: usize = 2 * ROUNDS;
    let server = TestApp::start_with(|options| {
        options.max_files_per_user = FILES_MAX.to_string();
    })
    .await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    // One file more may be kept in each round.
    let mut own = Vec::new();
    for n in 1..FILES_MAX {
        own.push(alice.upload(&n.to_string(), b"a").await);
    }
    let form = file_form(&["b", "c"]);
    let (beginning, end) = form.split_at(form.len() - 10);
    for round in 0..ROUNDS {
        let drop = alice.drop_with(json!({ "maxFiles": 2 })).await;
        let first = format!("POST /drop/{} HTTP/1.1", drop.token);
        let headers = [
            format!("Content-Type: {CONTENT_TYPE}"),
            format!("Content-Length: {}", form.len()),
        ];
        let headers = headers.each_ref().map(String::as_str);
        let mut two = Wire::begin(&server.base, &first, &headers).await;
        two.send(beginning).await.unwrap();
        let one = begin_to_leave(&server, &drop.token).await;
        // While these are committed, the others gather.
        let other = bob.drop_with(json!({})).await;
        let mut others = Vec::new();
        for _ in 0..2 {
            others.push(begin_to_leave(&server, &other.token).await);
        }
        server
            .eventually("all have begun", async |server| {
                server.rows("upload").await == 5
            })
            .await;
        let others = join_all(others.into_iter().map(SlowUpload::finish));
        let two = async {
            two.send(end).await.unwrap();
            two.answer().await
        };
        let (others, two, one) = tokio::join!(others, two, one.finish());
        assert!(others.iter().all(|answer| answer.code().is_empty()));
        assert_eq!(two.status, 507, "round {round}: {two:?}");
        assert_eq!(one.code(), "", "round {round}: {one:?}");
        let file = own.pop().unwrap();
        alice.delete(&file).await.data("/deleteFile");
        let purge = "mutation($f: ID!) { purgeFile(id: $f) }";
        let purge = alice.ask_with(purge, json!({ "f": file }));
        purge.await.data("/purgeFile");
    }
}

/// An upload by a drop of which a byte has come.
async fn begin_to_leave(server: &TestApp, token: &str) -> SlowUpload {
    begin_to_leave_from(server, token, None).await
}

async fn begin_to_leave_from(server: &TestApp, token: &str, address: Option<String>) -> SlowUpload {
    let visitor = server.anonymous().dropping(token, None);
    let visitor = address.map_or_else(|| visitor.clone(), |address| visitor.from(&address));
    let upload = visitor.leave_slowly().await;
    upload.send(b"a".to_vec()).await;
    upload
}
