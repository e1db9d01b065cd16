//! Drops, and what strangers leave in them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Answer, Parts, Person, multipart::SlowUpload};

pub const DROP_FILE: &str =
    "mutation($file: Upload!) { dropFile(file: $file) { name size sha256 } }";

/// A drop, as its owner knows it.
#[derive(Clone, Debug)]
pub struct Drop {
    pub id: String,
    pub token: String,
    /// At the base of whoever made it.
    pub url: String,
}

impl Person {
    /// The answer to making a drop; `terms` are the other arguments of `createDrop`.
    pub async fn ask_drop(&self, name: &str, terms: Value) -> Answer {
        let query = "mutation($n: String!, $p: String, $f: Int, $s: Int64, $e: DateTime) {
            made: createDrop(name: $n, password: $p, maxFiles: $f, maxFileSize: $s, expiresAt: $e) {
                id url name hasPassword maxFiles maxFileSize expiresAt createdAt closedAt } }";
        let variables = json!({
            "n": name,
            "p": terms["password"],
            "f": terms["maxFiles"],
            "s": terms["maxFileSize"],
            "e": terms["expiresAt"],
        });
        self.ask_with(query, variables).await
    }

    /// A new drop.
    pub async fn drop_with(&self, terms: Value) -> Drop {
        let made = self.ask_drop("Homework", terms).await;
        let url = made.text("/made/url");
        let (_, token) = url.split_once("/drop/").unwrap();
        Drop {
            id: made.text("/made/id"),
            token: token.to_owned(),
            url: format!("{}/drop/{token}", self.base),
        }
    }

    pub async fn close_drop(&self, drop: &Drop) -> Answer {
        let query = "mutation($d: ID!) { closeDrop(id: $d) }";
        self.ask_with(query, json!({ "d": drop.id })).await
    }

    /// The same base, as a program that leaves files in the drop of `token`.
    pub fn dropping(&self, token: &str, password: Option<&str>) -> Self {
        let password = password.map(|password| BASE64_URL_SAFE_NO_PAD.encode(password));
        let password = password.map_or_else(String::new, |password| format!(":{password}"));
        self.with_authorization(&format!("Drop {token}{password}"))
    }

    /// The answer to leaving a file, for one who is [`Self::dropping`].
    pub async fn leave(&self, name: &str, bytes: &[u8]) -> Answer {
        self.upload_with(DROP_FILE, json!({}), name, bytes).await
    }

    /// Begins to leave a file.
    pub async fn leave_slowly(&self) -> SlowUpload {
        let operations = json!({ "query": DROP_FILE, "variables": { "file": null } });
        let parts = Parts::new()
            .text("operations", &operations.to_string())
            .text("map", r#"{"0":["variables.file"]}"#)
            .file("0", b"");
        let mut beginning = parts.so_far();
        beginning.truncate(beginning.len() - b"\r\n".len());
        self.slow_body(beginning).await
    }

    /// The answer to looking at a drop.
    pub async fn look_at_drop(&self, token: &str, password: Option<&str>) -> Answer {
        let query = "query($t: String!, $p: String) { dropTarget(token: $t, password: $p) {
            name hasPassword owner maxFileSize filesLeft expiresAt } }";
        self.ask_with(query, json!({ "t": token, "p": password }))
            .await
    }
}
