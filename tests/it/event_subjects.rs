//! What events name, and pages of lists inside lists.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Person, TestApp};

const HOUR: Duration = Duration::from_secs(3600);

/// `[kind, detail, id of the share]` of each event of a file, the oldest first.
async fn subjects(owner: &Person, file: &str) -> Vec<Value> {
    let query = "query($f: ID!) { file(id: $f) { events(first: 100) { edges { node {
        kind detail share { id file { id } audience } } } } } }";
    let answer = owner.ask_with(query, json!({ "f": file })).await;
    let edges = answer.data("/file/events/edges");
    let edges = edges.as_array().unwrap().iter().rev();
    edges
        .map(|edge| {
            let node = &edge["node"];
            if !node["share"].is_null() {
                assert_eq!(node["share"]["file"]["id"], file);
            }
            json!([node["kind"], node["detail"], node["share"]["id"]])
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_names_the_share_that_it_is_about_while_there_is_one() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    server.person("bob").await;
    let file = alice.upload("a.txt", b"a").await;
    let one = alice.share_with(&file, "bob").await;
    let all = alice.share_with_everyone(&file).await;
    let ended = "mutation($s: ID!, $e: DateTime) { updateShare(id: $s, expiresAt: $e) { id } }";
    let end = json!({ "s": all, "e": server.date_in(HOUR) });
    alice.ask_with(ended, end).await.data("/updateShare");
    let expected = [
        json!(["UPLOADED", "a.txt", null]),
        json!(["SHARED", "user:bob", one]),
        json!(["SHARED", "AUTHENTICATED", all]),
        json!(["SHARED", "AUTHENTICATED", all]),
    ];
    assert_eq!(subjects(&alice, &file).await, expected);
    // One that has ended is there until it is swept.
    server.advance(HOUR);
    assert_eq!(subjects(&alice, &file).await, expected);

    alice.revoke(&one).await.data("/revokeShare");
    let told = subjects(&alice, &file).await;
    assert_eq!(told[1], json!(["SHARED", "user:bob", null]));
    assert_eq!(told[4], json!(["SHARE_REVOKED", "user:bob", null]));
    // The share of the same file with the same user is the one that the trail speaks of.
    let again = alice.share_with(&file, "bob").await;
    let told = subjects(&alice, &file).await;
    assert_eq!(told[1], json!(["SHARED", "user:bob", again]));

    // In the trash as well.
    alice.delete(&file).await.data("/deleteFile");
    let query = "{ trash { nodes { events(last: 2) { edges { node { share { id } } } } } } }";
    let trash = alice.ask(query).await;
    let event = trash.data("/trash/nodes/0/events/edges/0/node");
    assert_eq!(event, json!({ "share": { "id": again } }));
}

/// What is asked together is what is asked one by one, from either end and between cursors.
#[tokio::test(flavor = "multi_thread")]
async fn pages_inside_a_page_are_the_pages_of_each() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let bob = server.person("bob").await;
    let mut drops = Vec::new();
    for n in 0..4 {
        let drop = alice.drop_with(json!({})).await;
        let visitor = server.anonymous().dropping(&drop.token, None);
        for at in 0..n {
            visitor
                .leave(&format!("{n}{at}.txt"), b"a")
                .await
                .data("/dropFile");
        }
        drops.push(drop);
    }
    let other = bob.drop_with(json!({})).await;
    let visitor = server.anonymous().dropping(&other.token, None);
    visitor.leave("bob", b"a").await.data("/dropFile");
    let files = alice.list("files").await;
    let files: Vec<_> = files.as_array().unwrap().iter().collect();
    assert_eq!(files.len(), 6);
    // One rests in the trash, and some have more events than others.
    let newest = files[0]["id"].as_str().unwrap();
    alice.delete(newest).await.data("/deleteFile");
    for file in &files[1..4] {
        let rename = "mutation($f: ID!) { renameFile(id: $f, name: \"x\") { id } }";
        alice
            .ask_with(rename, json!({ "f": file["id"] }))
            .await
            .data("/renameFile");
    }
    let cursors = "{ drops { nodes { files { edges { cursor } } } } files { nodes { events { edges { cursor } } } } }";
    let cursors = alice.ask(cursors).await;
    let file_cursor = cursors.text("/drops/nodes/0/files/edges/0/cursor");
    let event_cursor = cursors.text("/files/nodes/0/events/edges/0/cursor");
    let page = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }";
    for arguments in [
        "first: 1",
        "last: 1",
        "first: 2",
        "last: 2",
        "first: 0",
        "first: 100",
    ] {
        let given = [file_cursor.as_str(), event_cursor.as_str()];
        for (bound, cursors) in [("", ["", ""]), ("after", given), ("before", given)] {
            let arguments = cursors.map(|cursor| match bound {
                "" => arguments.to_owned(),
                bound => format!("{arguments}, {bound}: \"{cursor}\""),
            });
            let [files, events] = arguments;
            let of_drop = format!("files({files}) {{ nodes {{ id name }} {page} }}");
            let of_file = format!("events({events}) {{ edges {{ node {{ id kind }} }} {page} }}");
            let together = format!(
                "{{ drops(first: 5) {{ nodes {{ id {of_drop} }} }} files(first: 5) {{ nodes {{ id {of_file} }} }} }}"
            );
            let together = alice.ask(&together).await;
            for (list, kind, field) in [("drops", "Drop", &of_drop), ("files", "File", &of_file)] {
                let nodes = together.data(&format!("/{list}/nodes"));
                let nodes = nodes.as_array().unwrap();
                assert!(nodes.len() > 3, "{nodes:?}");
                for node in nodes {
                    let alone = format!(
                        "query($i: ID!) {{ node(id: $i) {{ id ... on {kind} {{ {field} }} }} }}"
                    );
                    let alone = alice.ask_with(&alone, json!({ "i": node["id"] })).await;
                    assert_eq!(&alone.data("/node"), node, "{field}");
                }
            }
        }
    }
    let mine = alice
        .ask("{ drops { nodes { files { nodes { name } } } } }")
        .await;
    let names: Vec<Vec<String>> = mine
        .data("/drops/nodes")
        .as_array()
        .unwrap()
        .iter()
        .map(|drop| {
            let nodes = drop["files"]["nodes"].as_array().unwrap().iter();
            nodes
                .map(|file| file["name"].as_str().unwrap().to_owned())
                .collect()
        })
        .collect();
    let sizes: Vec<_> = names.iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 2, 1, 0], "{names:?}");
}
