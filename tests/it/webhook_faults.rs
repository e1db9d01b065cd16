//! Webhooks over ends of the process, and receivers that do whatever they like.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use cloakroom::domain::webhooks;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::{
    Person, Program, TestApp,
    receiver::{Delivery, Receiver, Reply},
};

/// A program that may reach this machine.
async fn program() -> Program {
    Program::new()
        .await
        .set("WEBHOOK_NETWORKS", "127.0.0.1")
        .set("WEBHOOK_TIMEOUT", "2s")
        .set("WEBHOOK_RETRY_AFTER", "1s")
        .set("WEBHOOK_RETRY_MAX", "1s")
        .migrated()
}

fn add(program: &Program, receiver: &Receiver) -> String {
    let url = receiver.url();
    let added = program.run(&["add-webhook", &url, "--events", "UPLOADED,RENAMED"]);
    assert_eq!(added.status, Some(0), "{added:?}");
    let (_, secret) = added.out.trim_end().rsplit_once("secret: ").unwrap();
    secret.to_owned()
}

async fn rename(person: &Person, file: &str) {
    let rename = "mutation($f: ID!) { renameFile(id: $f, name: \"b.txt\") { id } }";
    let renamed = person.ask_with(rename, json!({ "f": file })).await;
    renamed.data("/renameFile");
}

/// The kinds of the events of a file, each as often as it came.
fn of_file<'d>(came: &'d [Delivery], file: &str) -> Vec<&'d str> {
    let of_file = came.iter().filter(|it| it.event["object"]["id"] == *file);
    of_file.map(Delivery::kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_no_event_and_changes_no_order() {
    let receiver = Receiver::start().await;
    let program = program().await;
    let secret = {
        // The secret of the installation is made at the first start.
        program.serve().kill();
        add(&program, &receiver)
    };
    let held = Arc::new(Semaphore::new(2));
    receiver.answer(Reply::Hold(Arc::clone(&held)));
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    let mut files = Vec::new();
    for _ in 0..3 {
        let file = alice.upload("a.txt", b"x").await;
        rename(&alice, &file).await;
        files.push(file);
    }
    // Two are acknowledged, and the third is on its way.
    receiver.wait_for(3).await;
    server.kill();
    receiver.answer(Reply::Status(204));
    let _server = program.serve();

    let came = receiver
        .wait_until(|came| of_file(came, &files[2]).ends_with(&["RENAMED"]))
        .await;
    assert_eq!(of_file(&came, &files[0]), ["UPLOADED", "RENAMED"]);
    assert_eq!(
        of_file(&came, &files[1]),
        ["UPLOADED", "UPLOADED", "RENAMED"],
        "the one that was on its way came again"
    );
    assert_eq!(of_file(&came, &files[2]), ["UPLOADED", "RENAMED"]);
    let places: Vec<_> = came.iter().map(Delivery::place).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(came.iter().all(|it| it.signatures_by(&secret) == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_no_receiver_and_the_next_start_goes_on_at_once() {
    let receiver = Receiver::start().await;
    let program = program().await.set("WEBHOOK_TIMEOUT", "5m");
    let server = program.serve();
    let secret = add(&program, &receiver);
    receiver.answer(Reply::Silence);
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    let file = alice.upload("a.txt", b"x").await;
    receiver.wait_for(1).await;

    let began = Instant::now();
    server.terminate();
    let (status, log) = server.ended().await;
    assert!(status.success(), "{status}");
    assert!(began.elapsed() < Duration::from_secs(8));
    receiver.answer(Reply::Status(200));
    let server = program.serve();
    let came = receiver.wait_for(2).await;
    assert!(
        began.elapsed() < Duration::from_secs(60),
        "far sooner than its time would have passed"
    );
    assert_eq!(of_file(&came, &file), ["UPLOADED"; 2]);

    // What shows who sends, and where to, is in no log.
    let log = log + &server.log().await;
    for hidden in [&*secret, "whsec_", "hidden-path"] {
        assert!(!log.contains(hidden), "{hidden} shows: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_does_what_it_likes_costs_a_failure_and_is_told_in_the_end() {
    let receiver = Receiver::start().await;
    let server = TestApp::start_with(|options| {
        options.webhook_networks = "127.0.0.1".to_owned();
        options.webhook_timeout = "1s".to_owned();
    })
    .await;
    let kinds = ["UPLOADED".to_owned()];
    webhooks::add(&server.app, &receiver.url(), &kinds)
        .await
        .unwrap();
    let alice = server.person("alice").await;
    let raw = |text: &str| Reply::Raw(text.to_owned());
    receiver.answer(Reply::Close);
    let file = alice.upload("a.txt", b"x").await;
    let replies = [
        Reply::Silence,
        Reply::Drip,
        Reply::Endless,
        Reply::Informational,
        raw("SSH-2.0-OpenSSH_9.6\r\n"),
        raw("HTTP/1.1 "),
        raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
        raw(&format!(
            "HTTP/1.1 200 OK\r\nX: {}\r\n\r\n",
            "x".repeat(1 << 20)
        )),
        Reply::Status(302),
        Reply::Status(400),
        Reply::Status(599),
    ];
    for (failures, next) in (1..).zip(replies.into_iter().map(Some).chain([None])) {
        server
            .eventually("it is noted as a failure", async |server| {
                let webhook = webhooks::list(&server.app).await.unwrap().remove(0);
                webhook.row.failures == failures && webhook.row.holder.is_none()
            })
            .await;
        // Nobody else waits for it.
        let began = Instant::now();
        alice.ask("{ me { id } }").await.text("/me/id");
        assert!(began.elapsed() < Duration::from_secs(5));
        // What is no HTTP, and yet begins as a success, is one: the body is nobody's business.
        receiver.answer(next.unwrap_or_else(|| {
            raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot chunked at all")
        }));
        server.advance(Duration::from_secs(3600));
    }
    server
        .eventually("it is told", async |server| {
            let webhook = webhooks::list(&server.app).await.unwrap().remove(0);
            webhook.waiting == 0 && webhook.row.failures == 0
        })
        .await;
    let came = receiver.came();
    assert_eq!(of_file(&came, &file).len(), came.len());
    assert_eq!(came.len(), 13);
}
