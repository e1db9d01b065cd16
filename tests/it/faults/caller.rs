//! A client that takes no answer for an answer.

use reqwest::{Client, Method, RequestBuilder, StatusCode, header::HeaderMap, multipart};
use serde_json::{Value, json};

use super::journal::{Account, Entry};
use crate::support::{
    Download,
    tus::{PART, metadata},
};

/// Why a request has no good answer.
#[derive(Debug)]
pub enum Refusal {
    /// The connection was cut, or never made.
    Cut,
    /// The server answered with this code; with a status, where it gave no code.
    Code(String),
}

/// One user's program, at one server.
#[derive(Clone)]
pub struct Caller {
    client: Client,
    base: String,
    secret: String,
}

impl Caller {
    pub fn new(client: &Client, base: &str, account: &Account) -> Self {
        Self {
            client: client.clone(),
            base: base.to_owned(),
            secret: account.secret.clone(),
        }
    }

    /// Another user, at the same server.
    pub fn of(&self, account: &Account) -> Self {
        Self::new(&self.client, &self.base, account)
    }

    fn post(&self) -> RequestBuilder {
        let request = self.client.post(format!("{}/graphql", self.base));
        request.bearer_auth(&self.secret)
    }

    /// The data of an operation's answer.
    pub async fn ask(&self, query: &str, variables: Value) -> Result<Value, Refusal> {
        let body = json!({ "query": query, "variables": variables });
        answer(self.post().json(&body)).await
    }

    /// The id of a new file.
    pub async fn upload(&self, entry: &Entry) -> Result<String, Refusal> {
        let query = "mutation($file: Upload!) { uploadFile(file: $file) { id sha256 } }";
        let operations = json!({ "query": query, "variables": { "file": null } }).to_string();
        let part = multipart::Part::bytes(entry.bytes()).file_name(entry.name.clone());
        let form = multipart::Form::new()
            .text("operations", operations)
            .text("map", json!({ "0": ["variables.file"] }).to_string())
            .part("0", part);
        let data = answer(self.post().multipart(form)).await?;
        assert_eq!(data["uploadFile"]["sha256"], entry.sha256);
        Ok(text(&data["uploadFile"]["id"]))
    }

    /// The same, by the tus protocol in two parts.
    pub async fn upload_in_parts(&self, entry: &Entry) -> Result<String, Refusal> {
        let bytes = entry.bytes();
        let name = metadata(&[("filename", &entry.name)]);
        let url = format!("{}/uploads", self.base);
        let request = self.tus(Method::POST, &url).header("upload-metadata", name);
        let mut done = told(request.header("upload-length", bytes.len())).await?;
        let location = done["location"].to_str().unwrap();
        let (_, id) = location.split_once("/uploads/").unwrap();
        let url = format!("{url}/{id}");
        let (first, second) = bytes.split_at(bytes.len() / 2);
        for (offset, part) in [(0, first), (first.len(), second)] {
            if !part.is_empty() {
                let request = self
                    .tus(Method::PATCH, &url)
                    .header("upload-offset", offset);
                let request = request.header("content-type", PART).body(part.to_vec());
                done = told(request).await?;
            }
        }
        Ok(done["cloakroom-file"].to_str().unwrap().to_owned())
    }

    fn tus(&self, method: Method, url: &str) -> RequestBuilder {
        let request = self.client.request(method, url).bearer_auth(&self.secret);
        request.header("tus-resumable", "1.0.0")
    }

    /// What a ticket opens.
    pub async fn redeem(&self, ticket: &str) -> Download {
        let url = format!("{}/download/{ticket}", self.base);
        Download::of(self.client.get(url).send().await.unwrap()).await
    }

    /// A ticket for a file.
    pub async fn ticket(&self, file: &str) -> Result<String, Refusal> {
        let query = "query($f: ID!) { downloadTicket(fileId: $f) { url } }";
        let data = self.ask(query, json!({ "f": file })).await?;
        Ok(ticket(&data["downloadTicket"]["url"]))
    }
}

/// The headers of an answer that is no refusal.
async fn told(request: RequestBuilder) -> Result<HeaderMap, Refusal> {
    let response = request.send().await.map_err(|_| Refusal::Cut)?;
    let (status, headers) = (response.status(), response.headers().clone());
    if status.is_success() {
        return Ok(headers);
    }
    let problem: Value = response.json().await.unwrap_or_default();
    let code = problem["code"].as_str().map(str::to_owned);
    Err(Refusal::Code(code.unwrap_or_else(|| status.to_string())))
}

async fn answer(request: RequestBuilder) -> Result<Value, Refusal> {
    let cut = |_| Refusal::Cut;
    let response = request.send().await.map_err(cut)?;
    let status = response.status();
    let mut body: Value = match response.bytes().await {
        Ok(body) => serde_json::from_slice(&body).unwrap_or_default(),
        Err(error) => return Err(cut(error)),
    };
    if status == StatusCode::OK && body.get("errors").is_none() {
        return Ok(body["data"].take());
    }
    let code = body
        .pointer("/errors/0/extensions/code")
        .or(body.get("code"));
    let code = code.and_then(Value::as_str);
    Err(Refusal::Code(
        code.map_or_else(|| status.to_string(), str::to_owned),
    ))
}

/// What is known to be text.
pub fn text(value: &Value) -> String {
    value.as_str().expect("not text").to_owned()
}

/// The ticket in a ticket's URL.
pub fn ticket(url: &Value) -> String {
    text(url).rsplit_once('/').unwrap().1.to_owned()
}
