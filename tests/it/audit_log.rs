//! The log and the database tell what happened, and no secret, nothing that a name forges, and nothing that was refused.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Parts, Person,
    link::fetch,
    multipart::CONTENT_TYPE,
    person::PASSWORD,
    program::{Program, Serving},
};

/// A server whose log and database are looked through: everything of value that its clients had.
async fn a_busy_day(server: &Serving) -> Vec<String> {
    let (alice, bob) = (
        Person::anonymous(&server.base),
        Person::anonymous(&server.base),
    );
    alice.sign_up("alice").await;
    bob.sign_up("bob").await;
    let typed = "typed-into-the-wrong-field";
    bob.sign_in(typed, PASSWORD).await;
    bob.sign_in("bob", typed).await;
    bob.sign_in("bob", PASSWORD).await.data("/signIn");
    let token = alice.token("[READ, WRITE]").await;
    let program = alice.with_token(&token);
    let file = program.upload("a.txt", b"a").await;
    alice.share_with(&file, "bob").await;
    let mut secrets: Vec<String> = [PASSWORD, typed, &token].map(str::to_owned).into();
    for person in [&alice, &bob, &program] {
        let ticket = person.ticket(&file).await;
        assert_eq!(person.get(&ticket).await.status, 200);
        assert_eq!(person.get(&format!("{ticket}A")).await.status, 404);
        assert_eq!(
            person.get(&format!("{ticket}?x={ticket}")).await.status,
            200
        );
        secrets.push(ticket.rsplit_once('/').unwrap().1.to_owned());
        secrets.extend(person.cookie().split_once('=').map(|(_, id)| id.to_owned()));
    }
    // A link, by every way that its password comes.
    let typed_at_link = "typed-at-a-link";
    let link = alice
        .link_with(&file, json!({ "password": typed_at_link }))
        .await;
    for (method, headers, body) in [
        (Method::POST, vec![], "password=typed-at-a-link"),
        (
            Method::GET,
            vec![("authorization", "Basic eDp0eXBlZC1hdC1hLWxpbms=")],
            "",
        ),
        (Method::GET, vec![("accept", "text/html")], ""),
    ] {
        let answer = fetch(method, &link.url, &headers, body).await;
        let ticket = answer.header("location").rsplit_once('/');
        secrets.extend(ticket.map(|(_, ticket)| ticket.to_owned()));
        bob.get(&format!("{}{}", server.base, answer.header("location")))
            .await;
    }
    let wrong = bob.visit(&link.token, Some(typed)).await;
    assert_eq!(wrong.code(), "FORBIDDEN");
    secrets.extend([link.token, typed_at_link.to_owned()]);
    // A drop, by the header and by the page's form.
    let typed_at_drop = "typed-at-a-drop";
    let drop = alice.drop_with(json!({ "password": typed_at_drop })).await;
    let visitor = bob.dropping(&drop.token, Some(typed_at_drop));
    visitor.leave("b.txt", b"b").await.data("/dropFile");
    let wrong = bob.look_at_drop(&drop.token, Some(typed)).await;
    assert_eq!(wrong.code(), "FORBIDDEN");
    let form = Parts::new()
        .text("password", typed_at_drop)
        .file("file", b"c");
    let sent = bob
        .client
        .post(&drop.url)
        .header("content-type", CONTENT_TYPE);
    assert_eq!(sent.body(form.end()).send().await.unwrap().status(), 200);
    secrets.extend([drop.token, typed_at_drop.to_owned()]);
    // A query by GET, whose address holds a variable and a bearer token that is wrong.
    let url = format!(
        "{}/graphql?query={{me{{id}}}}&variables={{\"p\":\"{typed}\"}}",
        server.base
    );
    let wrong = alice.client.get(&url).bearer_auth(format!("{token}x"));
    assert_eq!(wrong.send().await.unwrap().status(), 401);
    let new = "another long password";
    let change =
        "mutation($c: String!, $n: String!) { changePassword(current: $c, new: $n) { id } }";
    alice
        .ask_with(change, json!({ "c": PASSWORD, "n": new }))
        .await
        .data("/changePassword");
    secrets.push(new.to_owned());
    secrets.extend(alice.cookie().split_once('=').map(|(_, id)| id.to_owned()));
    secrets
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_log_or_in_the_database() {
    for (format, level) in [
        ("json", "info"),
        ("text", "debug"),
        ("text", "trace"),
        ("json", "trace,tower_http::csrf::service=trace"),
    ] {
        let program = Program::new()
            .await
            .set("LOG_FORMAT", format)
            .set("LOG", level);
        let server = program.serve();
        let secrets = a_busy_day(&server).await;
        assert!(secrets.len() >= 15, "{secrets:?}");
        let mut log = server.log().await;
        assert!(
            log.contains("Downloaded") && log.contains("SignInRefused"),
            "{log}"
        );
        // The database, where it is a file; the secret that signs is beside it, not in it.
        let secret = std::fs::read_to_string(program.data_dir().join("secret")).unwrap();
        for entry in std::fs::read_dir(program.data_dir()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && !path.ends_with("secret") {
                log.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
            }
        }
        for secret in secrets.iter().chain([&secret]) {
            assert!(
                !log.contains(secret.as_str()),
                "{secret} can be read ({format})"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_says_who_did_what_to_what_and_for_whom() {
    let program = Program::new().await.set("LOG_FORMAT", "json");
    let server = program.serve();
    let (alice, bob) = (
        Person::anonymous(&server.base),
        Person::anonymous(&server.base),
    );
    alice.sign_up("alice").await;
    bob.sign_up("bob").await;
    let me = async |person: &Person| person.ask("{ me { id } }").await.text("/me/id");
    let (alice_id, bob_id) = (me(&alice).await, me(&bob).await);
    let file = alice.upload("a.txt", b"a").await;
    alice.share_with(&file, "bob").await;

    let log = server.log().await;

    let lines = log.lines().map(serde_json::from_str::<Value>);
    let mut lines = lines.map(|line| line.unwrap()["fields"].take());
    let shared = lines.find(|line| line["kind"] == "Shared").unwrap();
    assert_eq!(
        shared,
        json!({
            "kind": "Shared",
            "actor": "User",
            "actor_id": alice_id,
            "object": "File",
            "object_id": file,
            "audience": "User",
            "audience_id": bob_id,
            "address": "127.0.0.1",
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_forges_a_line_of_the_log() {
    for format in ["json", "text"] {
        let program = Program::new().await.set("LOG_FORMAT", format);
        let server = program.serve();
        let alice = Person::anonymous(&server.base);
        alice.sign_up("alice").await;
        let forged = "x%0D%0A2031-01-01T00:00:00Z  INFO audit: kind=SignedIn%1B[2J%E2%80%AE.txt";
        let headers =
            format!("Content-Disposition: form-data; name=\"0\"; filename*=UTF-8''{forged}");
        let body = Parts::upload_file().part(&headers, b"x").end();
        let file = alice
            .post_body(CONTENT_TYPE, body)
            .await
            .text("/uploadFile/id");
        let hostile = "y\r\n2031-01-01T00:00:00Z  INFO audit: kind=SignedIn \u{1b}[2J \u{2028}\u{85}\u{202e}z";
        for query in [
            "mutation($f: ID!, $n: String!) { renameFile(id: $f, name: $n) { id } }",
            "mutation($n: String!) { createApiToken(name: $n, scopes: [READ]) { secret } }",
            "mutation($n: String!) { createGroup(name: $n) { id } }",
            "mutation($n: String!) { signUp(username: $n, password: $n) { id } }",
            "mutation($n: String!) { signIn(username: $n, password: $n) { id } }",
        ] {
            let answer = alice
                .ask_with(query, json!({ "f": file, "n": hostile }))
                .await;
            assert_ne!(answer.code(), "", "{query}");
        }
        let named =
            "mutation { createApiToken(name: \"a quoted \\\" name\", scopes: [READ]) { secret } }";
        alice.ask(named).await.text("/createApiToken/secret");
        let group = alice.ask_group("a quoted \" name").await;
        let group = group.text("/made/id");
        alice.delete_group(&group).await.data("/deleteGroup");

        let log = server.log().await;

        assert!(
            [
                "Uploaded",
                "ApiTokenCreated",
                "GroupCreated",
                "GroupDeleted"
            ]
            .iter()
            .all(|kind| log.contains(kind)),
            "{log}"
        );
        for line in log.lines() {
            let begins = if format == "json" {
                "{\"timestamp\":\""
            } else {
                "20"
            };
            assert!(
                line.starts_with(begins) && !line.starts_with("2031"),
                "{line:?}"
            );
            assert!(
                !line.contains(|c: char| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c)),
                "{line:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_leaves_no_line_in_the_log() {
    let program = Program::new().await.set("LOG_FORMAT", "json");
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    let again =
        format!("mutation {{ signUp(username: \"Alice\", password: \"{PASSWORD}\") {{ id }} }}");
    assert_eq!(alice.ask(&again).await.code(), "CONFLICT");
    let file = alice.upload("a.txt", b"a").await;
    assert_eq!(alice.delete(&file).await.code(), "");
    assert_eq!(alice.delete(&file).await.code(), "NOT_FOUND");
    let rename = "mutation($f: ID!) { renameFile(id: $f, name: \"b.txt\") { id } }";
    assert_ne!(
        alice.ask_with(rename, json!({ "f": file })).await.code(),
        ""
    );

    let log = server.log().await;

    let count = |kind: &str| log.matches(&format!("\"kind\":\"{kind}\"")).count();
    let counts = ["SignedUp", "Uploaded", "Trashed", "Renamed"].map(count);
    assert_eq!(counts, [1, 1, 1, 0], "{log}");
}
