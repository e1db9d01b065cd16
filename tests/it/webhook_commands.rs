//! The command line about webhooks, and what Prometheus is told of them.

use reqwest::Client;
use serde_json::Value;

use crate::support::{
    Person, Program, TestApp,
    nginx::free_port,
    program::Printed,
    receiver::{Receiver, Reply},
    rows::number,
};

const OLD: &str = "an old secret of at least 32 bytes";
const NEW: &str = "a new secret of at least 32 bytes!";

fn succeeded(printed: Printed) -> String {
    assert_eq!(printed.status, Some(0), "{printed:?}");
    printed.out
}

fn listed(program: &Program) -> Vec<Value> {
    let out = succeeded(program.run(&["list-webhooks", "--json"]));
    let lines = out.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_adds_lists_resumes_and_removes_webhooks() {
    let receiver = Receiver::start().await;
    let address = format!("127.0.0.1:{}", free_port());
    let program = Program::new()
        .await
        .set("SECRET", OLD)
        .set("WEBHOOK_NETWORKS", "127.0.0.1")
        .set("MAX_WEBHOOKS", "1")
        .set("METRICS_LISTEN", &address)
        .migrated();
    let url = receiver.url();
    let added = program.run(&[
        "add-webhook",
        &url,
        "--json",
        "--events",
        "uploaded,TRASHED",
    ]);
    let line = added.err.lines().find(|line| line.contains("WebhookAdded"));
    assert!(
        line.is_some_and(|line| !line.contains("hidden-path")),
        "the trail has its origin alone: {}",
        added.err
    );
    let added: Value = serde_json::from_str(&succeeded(added)).unwrap();
    assert_eq!(added["events"], serde_json::json!(["TRASHED", "UPLOADED"]));
    let (id, secret) = (added["id"].as_str().unwrap(), added["secret"].as_str());
    let secret = secret.unwrap();
    let again = succeeded(program.run(&["webhook-secret", id]));
    assert_eq!(again, format!("secret: {secret}\n"));

    // Of a server that runs, too.
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    receiver.answer(Reply::Status(410));
    let file = alice.upload("a.txt", b"x").await;
    receiver.wait_for(1).await;
    for _ in 0..500 {
        if listed(&program)[0]["pausedBecause"] == "GONE" {
            break;
        }
    }
    let webhook = &listed(&program)[0];
    assert_eq!(webhook["pausedBecause"], "GONE");
    assert!(webhook["failure"].as_str().unwrap().contains("410"));
    let text = succeeded(program.run(&["list-webhooks"]));
    assert!(
        text.contains(&url) && text.contains("PAUSED (GONE)"),
        "{text}"
    );
    assert!(!text.contains("whsec_") && webhook.get("secret").is_none());
    let metric = async |series: &str| {
        let text = Client::new()
            .get(format!("http://{address}/metrics"))
            .send();
        let text = text.await.unwrap().text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        line.unwrap().trim().parse::<f64>().unwrap()
    };
    let gone = r#"cloakroom_webhook_deliveries_total{outcome="gone"}"#;
    assert_eq!(metric(gone).await, 1.0);
    assert_eq!(metric("cloakroom_webhooks_paused").await, 1.0);
    assert_eq!(metric("cloakroom_webhook_lag_seconds").await, 0.0);

    receiver.answer(Reply::Status(200));
    let resumed = succeeded(program.run(&["resume-webhook", id]));
    assert!(!resumed.contains("PAUSED"), "{resumed}");
    let came = receiver.wait_for(2).await;
    assert_eq!(came[1].event["object"]["id"], *file);
    assert_eq!(came[1].signatures_by(secret), 1);

    let full = program.run(&["add-webhook", "https://hooks.example/"]);
    assert!(full.err.contains("MAX_WEBHOOKS"), "{full:?}");
    succeeded(program.run(&["remove-webhook", id]));
    assert!(listed(&program).is_empty());
    for arguments in [
        &["remove-webhook", id][..],
        &["resume-webhook", id],
        &["webhook-secret", id],
        &["add-webhook", "https://hooks.example/", "--events", "NO"],
        &["add-webhook", "https://127.0.0.2/"],
    ] {
        let refused = program.run(arguments);
        assert_eq!(refused.status, Some(1), "{arguments:?}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_two_secrets_are_configured_a_receiver_may_have_either() {
    let receiver = Receiver::start().await;
    let program = Program::new()
        .await
        .set("WEBHOOK_NETWORKS", "127.0.0.1")
        .migrated();
    let none = program.run(&["add-webhook", &receiver.url()]);
    assert_eq!(none.status, Some(1), "it would be of no use: {none:?}");
    assert!(none.err.contains("CLOAKROOM_SECRET"), "{none:?}");

    let program = program.set("SECRET", OLD);
    let added = succeeded(program.run(&["add-webhook", &receiver.url(), "--json"]));
    let added: Value = serde_json::from_str(&added).unwrap();
    let old = added["secret"].as_str().unwrap().to_owned();
    let program = program.set("SECRET", &format!("{NEW}\n{OLD}"));
    let new = succeeded(program.run(&["webhook-secret", added["id"].as_str().unwrap()]));
    let new = new.strip_prefix("secret: ").unwrap().trim();
    assert_ne!(new, old);
    let _server = program.serve();

    let came = receiver.wait_for(1).await;
    assert_eq!(came[0].signatures_by(&old), 1);
    assert_eq!(came[0].signatures_by(new), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_back_leaves_no_row_that_the_version_before_cannot_read() {
    const UNREADABLE: &str = "SELECT (SELECT count(*) FROM concern WHERE reader > 1) +
        (SELECT count(*) FROM event WHERE object_kind = 'WEBHOOK' OR kind = 'ACCOUNT_LINKED') AS number";
    const STEPS: &str =
        "SELECT count(*) AS number FROM seaql_migrations WHERE version >= 'm20261126_000050'";
    let server = TestApp::start().await;
    server.person("alice").await;
    let program = Program::of(&server).set("WEBHOOK_NETWORKS", "127.0.0.1");
    // Of the webhook: the event, and the place of one that concerns no user.
    succeeded(program.run(&["add-webhook", "http://127.0.0.1:9/"]));
    let provider = ["--oidc-issuer=https://id.example", "--oidc-client-id=a"];
    succeeded(program.run(&[&provider[..], &["link-user", "alice", "a-1"]].concat()));
    assert_eq!(number(&server.app.db, UNREADABLE).await, 3);
    let steps = number(&server.app.db, STEPS).await.to_string();
    succeeded(program.run(&["migrate", "--down", &steps]));
    assert_eq!(number(&server.app.db, UNREADABLE).await, 0);
    succeeded(program.run(&["migrate"]));
}
