//! Webhooks: what receivers are told, in which order, and how often.

use std::{path::Path, process::Command};

use cloakroom::domain::webhooks;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    Person, TestApp,
    receiver::{Delivery, Receiver},
};

/// A server that may reach this machine, and a webhook of it for `receiver`: its id and secret.
pub async fn server_telling(receiver: &Receiver, kinds: &[&str]) -> (TestApp, Uuid, String) {
    let server = TestApp::start_with(|options| {
        options.webhook_networks = "127.0.0.0/8".to_owned();
        options.webhook_timeout = "2s".to_owned();
    })
    .await;
    let (id, secret) = tell(&server, receiver, kinds).await;
    (server, id, secret)
}

async fn tell(server: &TestApp, receiver: &Receiver, kinds: &[&str]) -> (Uuid, String) {
    let kinds: Vec<_> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let added = webhooks::add(&server.app, &receiver.url(), &kinds).await;
    let (webhook, secret) = added.unwrap();
    (webhook.row.id, secret.expose().to_owned())
}

pub fn kinds(came: &[Delivery]) -> Vec<&str> {
    came.iter().map(Delivery::kind).collect()
}

pub async fn rename(person: &Person, file: &str, name: &str) {
    let rename = "mutation($f: ID!, $n: String!) { renameFile(id: $f, name: $n) { id } }";
    let variables = json!({ "f": file, "n": name });
    person.ask_with(rename, variables).await.data("/renameFile");
}

async fn id_of(person: &Person) -> String {
    person.ask("{ me { id } }").await.text("/me/id")
}

pub async fn webhook(server: &TestApp) -> webhooks::Webhook {
    webhooks::list(&server.app).await.unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_told_everything_in_order_signed_and_without_names_of_files() {
    let receiver = Receiver::start().await;
    let (server, _, secret) = server_telling(&receiver, &[]).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("hiddenname.txt", b"x").await;
    rename(&alice, &file, "hiddenother.txt").await;
    let share = alice.share_with(&file, "bob").await;
    let ticket = bob.ticket(&file).await;
    alice.revoke(&share).await.data("/revokeShare");
    assert_eq!(bob.get(&ticket).await.code(), "ACCESS_REVOKED");
    alice.sign_in("hiddentypo", "password").await;
    let group = "mutation { createGroup(name: \"hiddengroup\") { id } }";
    alice.ask(group).await.data("/createGroup");

    let came = receiver
        .wait_until(|came| {
            let has = |kind| kinds(came).contains(&kind);
            has("GROUP_CREATED") && has("DOWNLOAD_REFUSED") && has("SIGN_IN_REFUSED")
        })
        .await;
    let of_file: Vec<_> = came
        .iter()
        .filter(|it| it.event["object"]["id"] == *file)
        .collect();
    let of_file: Vec<_> = of_file.iter().map(|it| it.kind()).collect();
    assert_eq!(
        of_file,
        [
            "UPLOADED",
            "RENAMED",
            "SHARED",
            "SHARE_REVOKED",
            "DOWNLOAD_REFUSED"
        ]
    );
    assert_eq!(
        kinds(&came)[..3],
        ["WEBHOOK_ADDED", "SIGNED_UP", "SIGNED_UP"]
    );
    for pair in came.windows(2) {
        assert_eq!(
            pair[0].place() + 1,
            pair[1].place(),
            "none left out: {pair:#?}"
        );
    }
    for delivery in &came {
        assert_eq!(delivery.signatures_by(&secret), 1, "{delivery:?}");
        assert_eq!(delivery.headers["webhook-id"], delivery.event["id"]);
        assert_eq!(delivery.headers["content-type"], "application/json");
        assert!(!delivery.body.contains("hidden"), "{delivery:?}");
        assert_eq!(delivery.event["missed"], 0);
    }
    let shared = came.iter().find(|it| it.kind() == "SHARED").unwrap();
    let (me, them) = (id_of(&alice).await, id_of(&bob).await);
    assert_eq!(
        shared.event["actor"],
        json!({ "kind": "USER", "id": me, "username": "alice" })
    );
    assert_eq!(
        shared.event["audience"],
        json!({ "kind": "USER", "id": them, "username": "bob" })
    );
    assert_eq!(shared.event["owner"], shared.event["actor"]);
    assert_eq!(shared.event["address"], "127.0.0.1");
    let refused = came.iter().find(|it| it.kind() == "DOWNLOAD_REFUSED");
    assert_eq!(refused.unwrap().event["reason"], "ACCESS_REVOKED");
    // Of nobody's name, and in nobody's feed.
    let typo = came.iter().find(|it| it.kind() == "SIGN_IN_REFUSED");
    assert_eq!(typo.unwrap().event["actor"], json!({ "kind": "ANONYMOUS" }));
    assert_eq!(typo.unwrap().event["object"], Value::Null);
}

/// The end of a group concerns all of its members, and is one event.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_group_is_told_once_however_many_it_concerns() {
    let receiver = Receiver::start().await;
    let (server, _, _) = server_telling(&receiver, &["GROUP_DELETED", "UPLOADED"]).await;
    let alice = server.person("alice").await;
    for name in ["bob", "carol"] {
        server.person(name).await;
    }
    for members in [&["bob", "carol"][..], &[]] {
        let group = alice.group_of(members).await;
        let delete = "mutation($g: ID!) { deleteGroup(id: $g) }";
        let deleted = alice.ask_with(delete, json!({ "g": group })).await;
        deleted.data("/deleteGroup");
        alice.upload("a.txt", b"x").await;
    }

    let came = receiver
        .wait_until(|came| {
            kinds(came)
                .iter()
                .filter(|kind| **kind == "UPLOADED")
                .count()
                == 2
        })
        .await;

    let expected = ["GROUP_DELETED", "UPLOADED", "GROUP_DELETED", "UPLOADED"];
    assert_eq!(kinds(&came), expected);
    assert!(came.iter().all(|it| it.event["missed"] == 0), "{came:?}");
    nothing_waits(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_of_some_kinds_is_told_no_others() {
    let receiver = Receiver::start().await;
    let (server, ..) = server_telling(&receiver, &["trashed", "UPLOADED"]).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"x").await;
    rename(&alice, &file, "b.txt").await;
    alice.delete(&file).await.data("/deleteFile");

    let came = receiver.wait_for(2).await;
    assert_eq!(kinds(&came), ["UPLOADED", "TRASHED"]);
    server.person("bob").await;
    nothing_waits(&server).await;
}

/// What no receiver wants is not kept waiting either.
pub async fn nothing_waits(server: &TestApp) {
    server
        .eventually("nothing waits, and nobody sends", async |server| {
            let webhook = webhook(server).await;
            webhook.waiting == 0 && webhook.row.holder.is_none()
        })
        .await;
    let row = webhook(server).await.row;
    assert_eq!((row.failures, row.missed), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_account_is_told_without_its_name() {
    let receiver = Receiver::start().await;
    let (server, ..) = server_telling(&receiver, &["ACCOUNT_DELETED", "PURGED"]).await;
    let alice = server.person("alicewonderland").await;
    let me = id_of(&alice).await;
    let file = alice.upload("a.txt", b"x").await;
    let delete = format!(
        "mutation {{ deleteAccount(password: \"{}\") }}",
        crate::support::person::PASSWORD
    );
    alice.ask(&delete).await.data("/deleteAccount");
    server.sweep().await;

    let came = receiver.wait_for(2).await;
    let deleted = came.iter().find(|it| it.kind() == "ACCOUNT_DELETED");
    assert_eq!(deleted.unwrap().event["object"]["id"], *me);
    let purged = came.iter().find(|it| it.kind() == "PURGED").unwrap();
    assert_eq!(
        purged.event["object"],
        json!({ "kind": "FILE", "id": file })
    );
    for delivery in came {
        assert!(!delivery.body.contains("alice"), "{delivery:?}");
    }
}

/// The program of docs/webhooks.md, as it stands there.
#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_of_the_documentation_takes_what_is_ours_and_nothing_else() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/webhooks.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, program) = page.split_once("```python\n").unwrap();
    let (program, _) = program.split_once("```").unwrap();
    let receiver = Receiver::start().await;
    let (server, _, secret) = server_telling(&receiver, &[]).await;
    server.person("alice").await;
    let delivery = receiver.wait_for(1).await.remove(0);

    let ask = |headers: &Value, body: &str| {
        let check = format!(
            "{program}\nimport json\nprint(is_ours(json.loads({headers}), {body}.encode()))\n",
            headers = json!(headers.to_string()),
            body = json!(body),
        );
        let python = Command::new("python3")
            .args(["-c", &check])
            .env("WEBHOOK_SECRET", &secret)
            .output()
            .unwrap();
        assert!(python.status.success(), "{python:?}");
        String::from_utf8(python.stdout).unwrap()
    };
    let headers = json!(delivery.headers);
    assert_eq!(ask(&headers, &delivery.body), "True\n");
    assert_eq!(ask(&headers, &format!("{} ", delivery.body)), "False\n");
    let mut old = headers.clone();
    old["webhook-timestamp"] = json!("1700000000");
    assert_eq!(ask(&old, &delivery.body), "False\n");
    let mut unsigned = headers;
    unsigned["webhook-signature"] = json!("v1,AAAA");
    assert_eq!(ask(&unsigned, &delivery.body), "False\n");
}
