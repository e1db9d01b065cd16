//! What counts besides bytes: files, shares, and changes. Nobody fills the disk or the database with what has no size.

use std::time::Duration;

use cloakroom::{
    access,
    auth::{api_token, client::ClientAddress},
    domain::shares,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::support::{Answer, Person, TestApp, multipart::UPLOAD_FILE};

async fn upload(person: &Person, bytes: &[u8]) -> Answer {
    person.upload_with(UPLOAD_FILE, json!({}), "a", bytes).await
}

/// The answer to uploading so many empty files by one request.
async fn upload_together(person: &Person, files: usize) -> Answer {
    let query = "mutation($files: [Upload!]!) { uploadFiles(files: $files) { id } }";
    let names: Vec<_> = (0..files)
        .map(|at| (format!("variables.files.{at}"), at.to_string()))
        .collect();
    let parts: Vec<_> = names
        .iter()
        .map(|(path, name)| (path.as_str(), name.as_str(), &b""[..]))
        .collect();
    let variables = json!({ "files": vec![Value::Null; files] });
    person.upload_all(query, variables, &parts).await
}

async fn purge(person: &Person, file: &str) {
    person.delete(file).await.data("/deleteFile");
    let query = "mutation($f: ID!) { purgeFile(id: $f) }";
    let answer = person.ask_with(query, json!({ "f": file })).await;
    assert_eq!(answer.text("/purgeFile"), file);
}

/// Has `requests` wait for the database's writer together, so that what they read before is the same.
async fn at_once(
    server: &TestApp,
    requests: impl IntoIterator<Item = impl Future<Output = Answer> + Send + 'static>,
) -> Vec<&'static str> {
    let (release, released) = oneshot::channel::<()>();
    let app = server.app.clone();
    let held = tokio::spawn(async move {
        let hold = app.db.write(|_| {
            Box::pin(async move {
                let _ = released.await;
                Ok(())
            })
        });
        hold.await
    });
    let requests: Vec<_> = requests.into_iter().map(tokio::spawn).collect();
    // Fewer would have arrived on a slow machine, which makes the test weaker and not red.
    tokio::time::sleep(Duration::from_millis(300)).await;
    release.send(()).unwrap();
    held.await.unwrap().unwrap();
    let answers = join_all(requests).await.into_iter();
    let known = ["", "QUOTA_EXCEEDED", "CONFLICT"];
    answers
        .map(|answer| {
            let answer = answer.unwrap();
            let code = known.into_iter().find(|code| *code == answer.code());
            code.unwrap_or_else(|| panic!("{answer:?}"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_byte_is_left_there_is_no_room_for_an_empty_file() {
    for (quota, first) in [("0", None), ("5", Some(b"hello"))] {
        let server = TestApp::start_with(|options| options.user_quota = Some(quota.into())).await;
        let alice = server.person("alice").await;
        if let Some(bytes) = first {
            upload(&alice, bytes).await.data("/uploadFile/id");
        }

        assert_eq!(upload(&alice, b"").await.code(), "QUOTA_EXCEEDED");
        let chunked = alice.slow_upload().await;
        assert_eq!(chunked.finish().await.code(), "QUOTA_EXCEEDED");

        server.only_files_stay(first.iter().len()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_files_count_and_so_does_the_trash() {
    let server = TestApp::start_with(|options| options.max_files_per_user = "3".into()).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut files = Vec::new();
    for _ in 0..3 {
        files.push(upload(&alice, b"").await.text("/uploadFile/id"));
    }
    alice.delete(&files[0]).await.data("/deleteFile");

    let refused = upload(&alice, b"").await;
    assert_eq!(refused.code(), "QUOTA_EXCEEDED");
    assert_eq!(refused.body["errors"][0]["extensions"]["limit"], 3);
    let chunked = alice.slow_upload().await;
    assert_eq!(chunked.finish().await.code(), "QUOTA_EXCEEDED");
    let usage = alice.ask("{ me { usage { files maxFiles } } }").await;
    assert_eq!(
        usage.data("/me/usage"),
        json!({ "files": 3, "maxFiles": 3 })
    );
    assert_eq!(upload(&bob, b"").await.code(), "", "it is alice's limit");

    purge(&alice, &files[1]).await;
    assert_eq!(upload(&alice, b"").await.code(), "");
    assert_eq!(upload(&alice, b"").await.code(), "QUOTA_EXCEEDED");
    server.only_files_stay(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_janitor_purges_makes_room_for_files() {
    let server = TestApp::start_with(|options| options.max_files_per_user = "1".into()).await;
    let alice = server.person("alice").await;
    let file = upload(&alice, b"").await.text("/uploadFile/id");
    alice.delete(&file).await.data("/deleteFile");
    let program = alice.with_token(&alice.token("[READ, WRITE]").await);
    server.advance(Duration::from_secs(31 * 24 * 60 * 60));
    server.sweep().await;

    assert_eq!(upload(&program, b"").await.code(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_one_request_fit_together_or_none_is_kept() {
    let server = TestApp::start_with(|options| options.max_files_per_user = "5".into()).await;
    let alice = server.person("alice").await;
    assert_eq!(upload_together(&alice, 3).await.code(), "");

    assert_eq!(upload_together(&alice, 3).await.code(), "QUOTA_EXCEEDED");
    server.only_files_stay(3).await;
    assert_eq!(upload_together(&alice, 2).await.code(), "");
    server.only_files_stay(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_side_by_side_do_not_exceed_the_number_of_files_together() {
    let server = TestApp::start_with(|options| options.max_files_per_user = "7".into()).await;
    let alice = server.person("alice").await;
    let uploads = (1..=12).map(|number| {
        let alice = alice.clone();
        async move { upload_together(&alice, 1 + number % 2).await }
    });

    let codes = at_once(&server, uploads).await;

    assert!(
        codes.contains(&"") && codes.contains(&"QUOTA_EXCEEDED"),
        "{codes:?}"
    );
    let kept = server.rows("file").await;
    assert!((6..=7).contains(&kept), "{kept} files of 7");
    let counted = server
        .number("SELECT file_count AS number FROM \"user\"")
        .await;
    assert_eq!(counted, kept);
    server.only_files_stay(usize::try_from(kept).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_has_as_many_shares_as_it_may_whatever_races() {
    let server = TestApp::start_with(|options| options.max_shares_per_file = "3".into()).await;
    let alice = server.person("alice").await;
    let (file, other) = (
        alice.upload("a.txt", b"a").await,
        alice.upload("b.txt", b"b").await,
    );
    let mut names = Vec::new();
    for number in 0..8 {
        let name = format!("user{number}");
        server.person(&name).await;
        names.push(name);
    }
    let query = "mutation($f: ID!, $u: String!) { shareWithUser(fileId: $f, username: $u) { id } }";
    let shares = names.iter().map(|name| {
        let (alice, variables) = (alice.clone(), json!({ "f": file, "u": name }));
        async move { alice.ask_with(query, variables).await }
    });

    let codes = at_once(&server, shares).await;

    assert_eq!(server.rows("share").await, 3, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| code.is_empty()).count(), 3);
    let everyone = "mutation($f: ID!) { shareWithAuthenticated(fileId: $f) { id } }";
    let refused = alice.ask_with(everyone, json!({ "f": file })).await;
    assert_eq!(refused.code(), "QUOTA_EXCEEDED");
    // A share that is there takes another end, and another file has its own.
    let shared = names.iter().zip(&codes).find(|(_, code)| code.is_empty());
    alice.share_with(&file, shared.unwrap().0).await;
    alice.share_with_everyone(&other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_made_side_by_side_do_not_exceed_their_number() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let query = "mutation { createApiToken(name: \"x\", scopes: [READ]) { secret } }";
    for _ in 0..95 {
        alice.ask(query).await.text("/createApiToken/secret");
    }
    let tokens = (0..15).map(|_| {
        let alice = alice.clone();
        async move { alice.ask(query).await }
    });

    let codes = at_once(&server, tokens).await;

    assert_eq!(server.rows("api_token").await, 100, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| code.is_empty()).count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_races_a_deletion_finds_no_file() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for is_purged in [false, true] {
        let file = alice.upload("a.txt", b"a").await;
        let id = Uuid::parse_str(&file).unwrap();
        let token = alice.token("READ").await;
        let actor = api_token::actor(&server.app, &token).await.unwrap();
        let owner = actor.reader().unwrap();
        let proof = access::owned_file(&server.app, owner, id).await;
        let proof = proof.unwrap();
        match is_purged {
            true => purge(&alice, &file).await,
            false => drop(alice.delete(&file).await.data("/deleteFile")),
        }

        let everyone = shares::Grantee::Authenticated;
        let refused = shares::create(
            &server.app,
            &ClientAddress::default(),
            &proof,
            everyone,
            None,
        )
        .await;

        assert_eq!(refused.unwrap_err().code.as_str(), "NOT_FOUND");
        assert_eq!(server.rows("share").await, 0);
    }
}

/// Thirty renames by one document.
async fn rename_often(person: &Person, file: &str) -> Answer {
    let renames: String = (0..30)
        .map(|n| format!("r{n}: renameFile(id: $f, name: \"{n}.txt\") {{ id }} "))
        .collect();
    let query = format!("mutation($f: ID!) {{ {renames} }}");
    person.ask_with(&query, json!({ "f": file })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn renames_do_not_fill_the_trail() {
    let server = TestApp::start_with(|options| options.changes_per_hour = "60".into()).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    let floods = (0..10).map(|_| rename_often(&alice, &file));
    let codes: Vec<_> = join_all(floods)
        .await
        .iter()
        .map(|answer| answer.code().to_owned())
        .collect();
    assert!(codes.iter().any(|code| code == "RATE_LIMITED"), "{codes:?}");

    let renamed = "SELECT COUNT(*) AS number FROM event WHERE kind = 'RENAMED'";
    assert_eq!(server.number(renamed).await, 60);
    let refused = rename_often(&alice, &file).await;
    let extensions = &refused.body["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "RATE_LIMITED");
    assert_eq!(extensions["retryAfterSeconds"], 61);
    // Neither what she reads and uploads, nor what others do.
    assert_eq!(alice.get(&alice.ticket(&file).await).await.status, 200);
    alice.upload("b.txt", b"b").await;
    let bob = server.person("bob").await;
    let other = bob.upload("c.txt", b"c").await;
    bob.share_with(&other, "alice").await;

    // They come back with time.
    server.advance(Duration::from_secs(60));
    rename_often(&alice, &file).await;
    assert_eq!(server.number(renamed).await, 61);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_that_leaves_an_event_counts() {
    let cycles = [
        // To delete is free, and can be done once more than to restore.
        ("d: deleteFile(id: $f) r: restoreFile(id: $f) { id }", 21),
        ("s: shareWithAuthenticated(fileId: $f) { id }", 10),
        (
            "t: createApiToken(name: \"x\", scopes: [READ]) { secret }",
            10,
        ),
    ];
    for (cycle, events) in cycles {
        let server = TestApp::start_with(|options| options.changes_per_hour = "10".into()).await;
        let alice = server.person("alice").await;
        let file = alice.upload("a.txt", b"a").await;
        let before = server.rows("event").await;
        let takes_file = cycle.contains("$f");
        let query = match takes_file {
            true => format!("mutation($f: ID!) {{ {cycle} }}"),
            false => format!("mutation {{ {cycle} }}"),
        };
        let mut limited = false;
        for _ in 0..20 {
            let answer = alice.ask_with(&query, json!({ "f": file })).await;
            limited |= answer.code() == "RATE_LIMITED";
        }

        assert!(limited, "{cycle}");
        assert_eq!(server.rows("event").await, before + events, "{cycle}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_made_too_many_changes_can_still_take_away() {
    let server = TestApp::start_with(|options| options.changes_per_hour = "2".into()).await;
    let alice = server.person("alice").await;
    server.person("bob").await;
    let file = alice.upload("a.txt", b"a").await;
    let share = alice.share_with(&file, "bob").await;
    let token = alice
        .ask("mutation { createApiToken(name: \"x\", scopes: [READ]) { apiToken { id } } }")
        .await;
    let token = token.data("/createApiToken/apiToken/id");
    assert_eq!(rename_often(&alice, &file).await.code(), "RATE_LIMITED");

    let taken = alice
        .ask_with(
            "mutation($s: ID!, $t: ID!, $f: ID!) {
                revokeShare(id: $s) revokeApiToken(id: $t) deleteFile(id: $f) }",
            json!({ "s": share, "t": token, "f": file }),
        )
        .await;

    assert_eq!(taken.code(), "", "{:?}", taken.body);
    assert_eq!(server.rows("share").await, 0);
    assert_eq!(server.rows("api_token").await, 0);
}
