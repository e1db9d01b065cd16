//! A client that writes in the journal what it does.

use std::sync::Arc;

use reqwest::Client;
use serde_json::json;

use super::{
    caller::{Caller, Refusal, text},
    journal::{Access, Journal, Life},
};

/// One account's client. What is refused, or not answered, stays in doubt.
pub struct Scribe {
    pub caller: Caller,
    pub journal: Arc<Journal>,
    pub account: usize,
}

impl Scribe {
    pub fn new(client: &Client, base: &str, journal: &Arc<Journal>, account: usize) -> Self {
        Self {
            caller: Caller::new(client, base, &journal.accounts[account]),
            journal: Arc::clone(journal),
            account,
        }
    }

    /// Uploads the `size` bytes of `seed`, and returns the file's number in the journal.
    pub async fn upload(&self, seed: u64, size: usize) -> Result<usize, Refusal> {
        let (number, entry) = self.journal.attempt_upload(self.account, seed, size);
        let id = self.caller.upload(&entry).await?;
        self.journal.acknowledge_upload(number, &id);
        Ok(number)
    }

    /// The same, in parts.
    pub async fn upload_in_parts(&self, seed: u64, size: usize) -> Result<usize, Refusal> {
        let (number, entry) = self.journal.attempt_upload(self.account, seed, size);
        let id = self.caller.upload_in_parts(&entry).await?;
        self.journal.acknowledge_upload(number, &id);
        Ok(number)
    }

    /// Trashes, restores or purges.
    pub async fn change(&self, number: usize, life: Life) -> Result<(), Refusal> {
        let mutation = match life {
            Life::Trashed => "deleteFile(id: $id)",
            Life::Purged => "purgeFile(id: $id)",
            Life::Live | Life::Absent => "restoreFile(id: $id) { id }",
        };
        let query = format!("mutation($id: ID!) {{ {mutation} }}");
        let id = self.journal.entry(number).id;
        self.journal.attempt(number, life);
        self.caller.ask(&query, json!({ "id": id })).await?;
        self.journal.acknowledge(number);
        Ok(())
    }

    /// Shares a file with somebody, who takes a ticket at once.
    pub async fn share(&self, number: usize, grantee: usize) -> Result<(), Refusal> {
        let account = self.journal.accounts[grantee].clone();
        let id = self.journal.entry(number).id.unwrap();
        self.journal
            .attempt_access(number, grantee, Access::Granted);
        let query =
            "mutation($f: ID!, $u: String!) { shareWithUser(fileId: $f, username: $u) { id } }";
        let variables = json!({ "f": id, "u": account.username });
        let data = self.caller.ask(query, variables).await?;
        let share = text(&data["shareWithUser"]["id"]);
        self.journal.acknowledge_access(number, grantee, &share);
        let ticket = self.caller.of(&account).ticket(&id).await?;
        self.journal.keep_ticket(number, grantee, ticket);
        Ok(())
    }

    pub async fn revoke(&self, number: usize, grantee: usize) -> Result<(), Refusal> {
        let share = self.journal.entry(number).grants[&grantee].share.clone();
        let share = share.unwrap();
        self.journal
            .attempt_access(number, grantee, Access::Revoked);
        let query = "mutation($s: ID!) { revokeShare(id: $s) }";
        self.caller.ask(query, json!({ "s": share })).await?;
        self.journal.acknowledge_access(number, grantee, &share);
        Ok(())
    }
}
