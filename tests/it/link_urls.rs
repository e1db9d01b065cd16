//! Which URLs of links lead to a file.

use reqwest::Method;
use serde_json::json;

use crate::support::{TestApp, link::fetch};

const OLD: &str = "an old secret of thirty-two bytes or more";
const NEW: &str = "a new secret of thirty-two bytes or more!";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_token_of_a_link_leads_nowhere() {
    let (server, elsewhere) = tokio::join!(TestApp::start(), TestApp::start());
    let (alice, anna) = (server.person("alice").await, elsewhere.person("anna").await);
    let file = alice.upload("a.txt", b"hello").await;
    let link = alice.link(&file).await;
    let foreign = anna.link(&anna.upload("a.txt", b"a").await).await;
    let ticket = alice.ticket(&file).await;
    let token = &link.token;
    let api_token = alice.token("[READ]").await;
    let changed = |at: usize| {
        let other = if token.as_bytes()[at] == b'A' {
            "B"
        } else {
            "A"
        };
        format!("{}{other}{}", &token[..at], &token[at + 1..])
    };
    let (half, cut) = (token[..22].to_owned(), token[..token.len() - 1].to_owned());
    let visitor = server.anonymous();
    for bad in [
        changed(0),
        changed(21),
        changed(42),
        cut,
        half,
        format!("{token}A"),
        format!("{token}="),
        format!("{token}.."),
        foreign.token,
        link.share.clone(),
        file.clone(),
        api_token,
        ticket.rsplit('/').next().unwrap().to_owned(),
        "%00".to_owned(),
        "%ff".to_owned(),
        "x".repeat(10_000),
    ] {
        let refused = visitor.visit(&bad, None).await;
        assert_eq!(refused.code(), "NOT_FOUND", "{bad}");
        let url = format!("{}/s/{bad}", server.base);
        assert_eq!(visitor.get(&url).await.code(), "NOT_FOUND", "{bad}");
        let page = fetch(Method::GET, &url, &[("accept", "text/html")], "").await;
        assert_eq!(page.status, 404, "{bad}");
        let page = fetch(Method::POST, &url, &[], "password=x").await;
        assert_eq!(page.status, 404, "{bad}");
    }
    // Nor is it good for anything else.
    let url = format!("{}/download/{token}", server.base);
    assert_eq!(visitor.get(&url).await.code(), "TICKET_INVALID");
    let program = visitor.with_token(token);
    assert_eq!(program.ask("{ me { id } }").await.code(), "UNAUTHENTICATED");
    assert_eq!(
        visitor
            .visit(token, None)
            .await
            .text("/sharedLink/file/name"),
        "a.txt"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_survive_a_rotation_of_the_secret_until_the_old_one_is_gone() {
    let server = TestApp::start_with(|options| options.secret = Some(OLD.to_owned().into())).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    let old = alice.link(&file).await;

    let both = format!("{NEW}\n{OLD}");
    let server = server
        .restart_with(|options| options.secret = Some(both.into()))
        .await;

    let (alice, visitor) = (alice.at(&server.base), server.anonymous());
    visitor
        .visit(&old.token, None)
        .await
        .data("/sharedLink/file");
    let shown = "query($f: ID!) { file(id: $f) { shares { nodes { link { url } } } } }";
    let shown = alice.ask_with(shown, json!({ "f": file })).await;
    let shown = shown.text("/file/shares/nodes/0/link/url");
    assert!(!shown.ends_with(&old.token), "the first secret makes URLs");
    let (_, new) = shown.split_once("/s/").unwrap();
    visitor.visit(new, None).await.data("/sharedLink/file");

    let only_new = NEW.to_owned();
    let server = server
        .restart_with(|options| options.secret = Some(only_new.into()))
        .await;
    let visitor = server.anonymous();
    visitor.visit(new, None).await.data("/sharedLink/file");
    assert_eq!(visitor.visit(&old.token, None).await.code(), "NOT_FOUND");
}
