//! Redemptions beside each other, which share queries, and requests for very many ranges, which share nothing.

use futures_util::future::join_all;
use reqwest::header::RANGE;
use serde_json::json;

use crate::support::{Download, TestApp, person::PASSWORD};

/// Tickets that wait are checked by one query; each gets the answer that is its own.
#[tokio::test(flavor = "multi_thread")]
async fn tickets_redeemed_together_open_their_own_file_or_none() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut tickets = Vec::new();
    for n in 0..24 {
        let bytes = format!("the bytes of number {n}").into_bytes();
        let file = alice.upload(&format!("{n}.txt"), &bytes).await;
        let share = alice.share_with(&file, "bob").await;
        let ticket = bob.ticket(&file).await;
        let expected = match n % 3 {
            0 => {
                alice.revoke(&share).await.data("/revokeShare");
                Err("ACCESS_REVOKED")
            }
            1 => {
                alice.delete(&file).await.data("/deleteFile");
                Err("FILE_GONE")
            }
            _ => Ok(bytes),
        };
        tickets.push((ticket, expected));
    }
    for _ in 0..5 {
        let answers = join_all(tickets.iter().map(|(ticket, _)| bob.get(ticket))).await;
        for (answer, (_, expected)) in answers.iter().zip(&tickets) {
            match expected {
                Ok(bytes) => assert_eq!(&answer.bytes, bytes),
                Err(code) => assert_eq!(answer.code(), *code),
            }
        }
    }
}

/// Two instances share nothing but the database. What one has acknowledged counts for the very next request to the other,
/// though that is busy with the same tickets all the while.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_on_one_instance_opens_nothing_on_another() {
    let here = TestApp::start().await;
    let there = here.another().await;
    let (alice, bob) = (here.person("alice").await, here.person("bob").await);
    let file = alice.upload("a.txt", b"hello").await;
    let idle = alice.share_with(&file, "bob").await;
    let ticket = bob.ticket(&file).await.replace(&here.base, &there.base);
    let busy: Vec<_> = (0..8)
        .map(|_| {
            let (bob, ticket) = (bob.clone(), ticket.clone());
            tokio::spawn(async move {
                loop {
                    bob.get(&ticket).await;
                }
            })
        })
        .collect();
    alice.revoke(&idle).await.data("/revokeShare");
    for round in 0..30 {
        assert_eq!(
            bob.get(&ticket).await.code(),
            "ACCESS_REVOKED",
            "round {round}"
        );
        let share = alice.share_with(&file, "bob").await;
        assert_eq!(bob.get(&ticket).await.bytes, b"hello", "round {round}");
        alice.revoke(&share).await.data("/revokeShare");
    }
    busy.iter().for_each(tokio::task::JoinHandle::abort);

    let token = bob.token("[READ]").await;
    let program = bob.with_token(&token).at(&there.base);
    let me = program.ask("{ me { username } }").await;
    assert_eq!(me.text("/me/username"), "bob");
    alice.share_with(&file, "bob").await;
    let change = "mutation($p: String!) { changePassword(current: $p, new: \"another horse, another battery\") { id } }";
    let changed = bob.ask_with(change, json!({ "p": PASSWORD })).await;
    changed.data("/changePassword");
    assert_eq!(bob.get(&ticket).await.code(), "ACCESS_REVOKED");
    assert_eq!(program.ask("{ me { id } }").await.code(), "UNAUTHENTICATED");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_ranges_never_send_more_than_a_few_files_worth() {
    let (direct, nginx) = tokio::join!(TestApp::start(), TestApp::behind_nginx(|_| {}));
    for server in [direct, nginx] {
        let alice = server.person("alice").await;
        let bytes = vec![b'a'; 100_000];
        let ticket = alice.ticket(&alice.upload("a.txt", &bytes).await).await;
        let overlapping = vec!["0-"; 1000].join(",");
        let single = vec!["0-0"; 1000].join(",");
        for ranges in [
            overlapping.as_str(),
            &single,
            "-18446744073709551615",
            "18446744073709551615-",
            "5-1",
            "a-b",
        ] {
            let request = alice
                .client
                .get(&ticket)
                .header(RANGE, format!("bytes={ranges}"));
            let answer = Download::of(request.send().await.unwrap()).await;
            assert!(
                [200, 206, 416].contains(&answer.status.as_u16()),
                "{ranges:.20}: {answer:?}"
            );
            assert!(
                answer.bytes.len() <= bytes.len() + 4096,
                "{ranges:.20}: {}",
                answer.bytes.len()
            );
        }
    }
}
