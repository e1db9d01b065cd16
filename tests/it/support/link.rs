//! Links, and what strangers do with them.

use reqwest::{Client, Method, redirect};
use serde_json::{Value, json};

use super::{Answer, Download, Person};

/// A link, as its owner knows it.
#[derive(Clone, Debug)]
pub struct Link {
    /// The id of its share.
    pub share: String,
    pub token: String,
    /// At the base of whoever made it.
    pub url: String,
}

impl Person {
    /// The answer to making a link to `file`; `terms` are the other arguments of `shareByLink`.
    pub async fn ask_link(&self, file: &str, terms: Value) -> Answer {
        let query = "mutation($f: ID!, $p: String, $m: Int, $e: DateTime) {
            made: shareByLink(fileId: $f, password: $p, maxDownloads: $m, expiresAt: $e) {
                id audience user { id } expiresAt link { url hasPassword maxDownloads downloads } } }";
        let variables = json!({
            "f": file,
            "p": terms["password"],
            "m": terms["maxDownloads"],
            "e": terms["expiresAt"],
        });
        self.ask_with(query, variables).await
    }

    /// A new link to `file`.
    pub async fn link_with(&self, file: &str, terms: Value) -> Link {
        let made = self.ask_link(file, terms).await;
        let url = made.text("/made/link/url");
        let (_, token) = url.split_once("/s/").unwrap();
        Link {
            share: made.text("/made/id"),
            token: token.to_owned(),
            url: format!("{}/s/{token}", self.base),
        }
    }

    pub async fn link(&self, file: &str) -> Link {
        self.link_with(file, json!({})).await
    }

    /// The answer to changing a share by `arguments`, as in `maxDownloads: 3`.
    pub async fn update_share(&self, share: &str, arguments: &str) -> Answer {
        let query = format!(
            "mutation($s: ID!) {{ made: updateShare(id: $s, {arguments}) {{
                id expiresAt link {{ url hasPassword maxDownloads downloads }} }} }}"
        );
        self.ask_with(&query, json!({ "s": share })).await
    }

    /// How many downloads the owner sees of a link to `file`.
    pub async fn downloads(&self, file: &str, link: &Link) -> i64 {
        let query = "query($f: ID!) { file(id: $f) { shares(first: 100) { nodes { id link { downloads } } } } }";
        let answer = self.ask_with(query, json!({ "f": file })).await;
        let shares = answer.data("/file/shares/nodes");
        let mut shares = shares.as_array().unwrap().iter();
        let share = shares.find(|share| share["id"] == link.share.as_str());
        share.unwrap()["link"]["downloads"].as_i64().unwrap()
    }

    /// The answer to looking at a link.
    pub async fn visit(&self, token: &str, password: Option<&str>) -> Answer {
        let query = "query($t: String!, $p: String) { sharedLink(token: $t, password: $p) {
            hasPassword expiresAt downloadsLeft
            file { name size contentType sha256 createdAt } } }";
        self.ask_with(query, json!({ "t": token, "p": password }))
            .await
    }

    /// The answer to asking for a ticket by a link.
    pub async fn ask_link_ticket(&self, token: &str, password: Option<&str>) -> Answer {
        let query = "query($t: String!, $p: String) { sharedLink(token: $t, password: $p) {
            file { downloadTicket { url expiresAt } } } }";
        self.ask_with(query, json!({ "t": token, "p": password }))
            .await
    }

    /// A ticket's URL by a link, at this person's base.
    pub async fn link_ticket(&self, token: &str, password: Option<&str>) -> String {
        let answer = self.ask_link_ticket(token, password).await;
        let url = answer.text("/sharedLink/file/downloadTicket/url");
        let (_, ticket) = url.split_once("/download/").unwrap();
        format!("{}/download/{ticket}", self.base)
    }
}

/// A request without cookies that follows no redirect, as a program with these headers would send it.
pub async fn fetch(method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> Download {
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let mut request = client.request(method, url).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Download::of(request.send().await.unwrap()).await
}

/// The HTML of a page for strangers without the lines that name our own style sheet, icon and script.
pub fn without_ours(html: &str) -> String {
    let ours = [
        "<link rel=\"stylesheet\" href=\"/app/assets/",
        "<link rel=\"icon\" href=\"/app/assets/",
        "<script type=\"module\" src=\"/app/assets/",
    ];
    let lines = html.lines();
    let lines: Vec<_> = lines
        .filter(|line| !ours.iter().any(|own| line.starts_with(own)))
        .collect();
    lines.join("\n")
}
