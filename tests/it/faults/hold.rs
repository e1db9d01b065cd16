//! Holding a server to the journal, by what its clients can see.

use std::collections::HashMap;

use futures_util::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};

use super::{
    caller::{Caller, Refusal, text, ticket},
    journal::{Access, Entry, Journal, Life},
};

/// How much of a journal to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// What was touched since the last look.
    Fresh,
    Everything,
}

/// One of an owner's files, as the server lists it.
struct Seen {
    life: Life,
    id: String,
    sha256: Value,
}

/// Both at once: a server that has just started is slow to answer its first requests.
const FIRST_PAGES: &str = "{ files(first: 100) { ...page } trash(first: 100) { ...page } } \
    fragment page on FileConnection { pageInfo { hasNextPage endCursor } nodes { id name sha256 } }";
const FILE: &str = "query($id: ID!) { file(id: $id) {
        downloadTicket { url } shares(first: 100) { nodes { id user { username } } } } }";

impl Journal {
    /// Panics unless the server at `base` has all that was acknowledged, and each thing in doubt wholly or not at all.
    /// What it has ends the doubt. No client may be at work meanwhile.
    pub async fn hold(&self, base: &str, scope: Scope) {
        // A connection for each request: a proxy that reloads may close one that waits for its next.
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0);
        let client = client.build().unwrap();
        let owners = (0..self.accounts.len()).map(|owner| {
            let caller = Caller::new(&client, base, &self.accounts[owner]);
            async move { self.hold_owner(&caller, owner, scope).await }
        });
        join_all(owners).await;
        let mut entries = self.entries();
        let over = entries.extract_if(.., |_, entry| {
            matches!(entry.life.certain(), Some(Life::Absent | Life::Purged))
        });
        self.ended().extend(over);
    }

    async fn hold_owner(&self, caller: &Caller, owner: usize, scope: Scope) {
        let mut seen = listed(caller).await;
        let mut numbered = self.entries().clone();
        numbered.retain(|_, entry| entry.owner == owner);
        if scope == Scope::Fresh {
            numbered.retain(|_, entry| {
                if !entry.fresh {
                    let life = seen.remove(&entry.name).map(|seen| seen.life);
                    let as_before = life == entry.life.certain();
                    self.check(as_before, entry, &format!("untouched, it became {life:?}"));
                }
                entry.fresh
            });
        }
        for (number, mut entry) in numbered {
            let found = seen.remove(&entry.name);
            self.hold_entry(caller, &mut entry, found).await;
            entry.fresh = false;
            self.counts().held += 1;
            self.entries().insert(number, entry);
        }
        assert!(
            seen.is_empty(),
            "{:?} should not be there; seed {}",
            seen.keys(),
            self.seed
        );
        if scope == Scope::Everything {
            let mut ended = self.ended().clone();
            ended.retain(|_, entry| entry.owner == owner);
            for entry in ended.values() {
                self.hold_gone(caller, entry).await;
            }
        }
    }

    async fn hold_entry(&self, caller: &Caller, entry: &mut Entry, found: Option<Seen>) {
        let possible = entry.life.possible();
        let life = match &found {
            Some(seen) => seen.life,
            None if possible.contains(&Life::Purged) => Life::Purged,
            None => Life::Absent,
        };
        self.check(possible.contains(&life), entry, &format!("it is {life:?}"));
        entry.life.settle(life);
        let Some(seen) = found else {
            return self.hold_gone(caller, entry).await;
        };
        let same = entry.id.as_ref().is_none_or(|id| *id == seen.id) && seen.sha256 == entry.sha256;
        self.check(same, entry, "its id or its hash is another");
        entry.id = Some(seen.id);
        if life == Life::Trashed {
            return self.hold_inert(caller, entry).await;
        }
        let file = caller.ask(FILE, json!({ "id": entry.id })).await.unwrap();
        let ticket = ticket(&file["file"]["downloadTicket"]["url"]);
        let download = caller.redeem(&ticket).await;
        let whole = download.status == 200 && download.bytes == entry.bytes();
        self.check(whole, entry, "its owner does not get its bytes");
        entry.ticket = Some(ticket);
        let shares = shares(&file["file"]);
        for grantee in entry.grants.keys().copied().collect::<Vec<_>>() {
            self.hold_grant(caller, entry, grantee, &shares).await;
        }
    }

    /// A live file: whoever has a share gets the bytes, and whose share was revoked gets nothing, old ticket or new.
    async fn hold_grant(
        &self,
        caller: &Caller,
        entry: &mut Entry,
        grantee: usize,
        shares: &HashMap<String, String>,
    ) {
        let account = &self.accounts[grantee];
        let caller = caller.of(account);
        let share = shares.get(&account.username);
        let mut grant = entry.grants[&grantee].clone();
        let possible = grant.history.possible();
        let access = match share {
            Some(_) => Access::Granted,
            None if possible.contains(&Access::Revoked) => Access::Revoked,
            None => Access::Never,
        };
        let who = format!("{}'s access is {access:?}", account.username);
        self.check(possible.contains(&access), entry, &who);
        grant.history.settle(access);
        let asked = caller.ticket(entry.id.as_ref().unwrap()).await;
        match (share, asked) {
            (Some(share), Ok(ticket)) => {
                let download = caller.redeem(&ticket).await;
                self.check(
                    download.bytes == entry.bytes(),
                    entry,
                    "a grantee gets other bytes",
                );
                grant.share = Some(share.clone());
                grant.ticket = Some(ticket);
            }
            (None, Err(Refusal::Code(code))) if code == "NOT_FOUND" => {
                if let Some(ticket) = &grant.ticket {
                    let refused = caller.redeem(ticket).await;
                    let code = (refused.status.as_u16(), refused.code());
                    let revoked = code == (403, "ACCESS_REVOKED".to_owned());
                    self.check(revoked, entry, &format!("an old ticket opens it: {code:?}"));
                }
            }
            (_, asked) => self.check(false, entry, &format!("{who}, but: {asked:?}")),
        }
        entry.grants.insert(grantee, grant);
    }

    /// A file that is not there, by whatever id or ticket.
    async fn hold_gone(&self, caller: &Caller, entry: &Entry) {
        if let Some(id) = &entry.id {
            let asked = caller.ticket(id).await;
            let unknown = matches!(&asked, Err(Refusal::Code(code)) if code == "NOT_FOUND");
            self.check(unknown, entry, &format!("it is gone, but: {asked:?}"));
        }
        self.hold_inert(caller, entry).await;
    }

    /// Every ticket that was ever issued opens nothing.
    async fn hold_inert(&self, caller: &Caller, entry: &Entry) {
        let grants = entry
            .grants
            .values()
            .filter_map(|grant| grant.ticket.as_ref());
        for ticket in entry.ticket.iter().chain(grants) {
            let refused = caller.redeem(ticket).await;
            let code = (refused.status.as_u16(), refused.code());
            let inert = code == (404, "FILE_GONE".to_owned());
            self.check(inert, entry, &format!("an old ticket answers {code:?}"));
        }
    }

    fn check(&self, holds: bool, entry: &Entry, what: &str) {
        assert!(holds, "{what}; seed {}; {entry:#?}", self.seed);
    }
}

/// All files of one owner, by name.
async fn listed(caller: &Caller) -> HashMap<String, Seen> {
    let mut seen = HashMap::new();
    let mut pages = caller.ask(FIRST_PAGES, json!({})).await.unwrap();
    for (list, life) in [("files", Life::Live), ("trash", Life::Trashed)] {
        let mut page = pages[list].take();
        loop {
            for node in page["nodes"].as_array().unwrap() {
                let file = Seen {
                    life,
                    id: text(&node["id"]),
                    sha256: node["sha256"].clone(),
                };
                let twin = seen.insert(text(&node["name"]), file);
                assert!(twin.is_none(), "{} is there twice", node["name"]);
            }
            if page["pageInfo"]["hasNextPage"] != true {
                break;
            }
            let query = format!(
                "query($after: String) {{ page: {list}(first: 100, after: $after) \
                 {{ pageInfo {{ hasNextPage endCursor }} nodes {{ id name sha256 }} }} }}"
            );
            let after = json!({ "after": page["pageInfo"]["endCursor"] });
            page = caller.ask(&query, after).await.unwrap()["page"].take();
        }
    }
    seen
}

/// Share ids by username.
fn shares(node: &Value) -> HashMap<String, String> {
    let shares = node["shares"]["nodes"].as_array().into_iter().flatten();
    shares
        .map(|share| (text(&share["user"]["username"]), text(&share["id"])))
        .collect()
}
