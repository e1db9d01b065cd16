//! What the owner of the table's world has.

use std::time::Duration;

use entity::session;
use serde_json::json;
use uuid::Uuid;

use super::classes::*;
use crate::support::{Person, TestApp, rows};

/// Ids of what belongs to the owner.
#[derive(Clone)]
pub struct Things {
    pub file: String,
    pub share: String,
    pub trashed: String,
    pub token: String,
    /// The token of a link to the file; not one of ours for who does not know it.
    pub link: String,
    /// The same of a drop by which the file came.
    pub drop: String,
    pub drop_id: String,
    /// A group with Mia, which the file is shared with.
    pub group: String,
    /// A group of somebody else's with the owner and Mia.
    pub joined: String,
    /// A sign-in, by which nothing of the table is asked.
    pub session: String,
    /// Resumable uploads: one that is unfinished, one that is a file, and an unfinished one by the drop.
    pub resumable: String,
    pub finished: String,
    pub dropped: String,
}

/// A file shared by link, then with a group that Mia belongs to, then with Rita and, for those whom that is about, with everyone; a file in the trash; an API token.
pub async fn things(server: &TestApp, owner: &Person, other: &Person, caller: Caller) -> Things {
    let end = server.date_in(Duration::from_secs(3600));
    let terms = json!({ "maxFiles": 1000, "maxFileSize": 1000, "expiresAt": end });
    let drop = owner.drop_with(terms).await;
    let visitor = server.anonymous().dropping(&drop.token, None);
    visitor.leave("notes.txt", b"hello").await.data("/dropFile");
    let files = owner.ask("{ files(first: 1) { nodes { id } } }").await;
    let file = files.text("/files/nodes/0/id");
    let closed = owner.drop_with(json!({})).await;
    owner.close_drop(&closed).await.data("/closeDrop");
    let link = owner
        .link_with(&file, json!({ "maxDownloads": 1000 }))
        .await;
    let begin = "mutation { unfinished: createUpload(name: \"x\", size: 10) { id }
        finished: createUpload(name: \"y\", size: 0) { id } }";
    let begun = owner.ask(begin).await;
    let dropped = visitor.tus_create("z", 10).await;
    let unknown = "A".repeat(link.token.len());
    let owner_s = matches!(caller, Owner | Disabled | Reader | Writer);
    let link = match owner_s || caller == LinkVisitor {
        true => link.token,
        false => unknown.clone(),
    };
    let drop_token = match owner_s || caller == DropVisitor {
        true => drop.token,
        false => unknown,
    };
    let group = owner.group_of(&["mia"]).await;
    let joined = other.group_of(&["olivia", "mia"]).await;
    let with_group = owner.ask_share_with_group(&file, &group, json!(end)).await;
    let with_user = "mutation($f: ID!, $e: DateTime) {
        made: shareWithUser(fileId: $f, username: \"rita\", expiresAt: $e) { id } }";
    let with_everyone = "mutation($f: ID!, $e: DateTime) {
        made: shareWithAuthenticated(fileId: $f, expiresAt: $e) { id } }";
    let variables = json!({ "f": file, "e": &end });
    let mut share = owner.ask_with(with_user, variables.clone()).await;
    if matches!(caller, Anonymous | Everyone) {
        share = owner.ask_with(with_everyone, variables).await;
    }
    let share = match caller {
        Member => with_group.text("/share/id"),
        _ => share.text("/made/id"),
    };
    let trashed = owner.upload("old.txt", b"old").await;
    let trash = json!({ "f": trashed });
    let trash = owner.ask_with("mutation($f: ID!) { deleteFile(id: $f) }", trash);
    trash.await.data("/deleteFile");
    let make_token = "mutation($e: DateTime) {
        made: createApiToken(name: \"x\", scopes: [READ], expiresAt: $e) { apiToken { id } } }";
    let token = owner.ask_with(make_token, json!({ "e": end })).await;
    Things {
        session: session(server, owner).await,
        share,
        token: token.text("/made/apiToken/id"),
        file,
        trashed,
        link,
        drop: drop_token,
        drop_id: drop.id,
        group,
        joined,
        resumable: begun.text("/unfinished/id"),
        finished: begun.text("/finished/id"),
        dropped: dropped.rsplit('/').next().unwrap().to_owned(),
    }
}

/// The id of a session of the owner's, which nobody has a cookie of. A sign-in would be in the trail a moment later.
async fn session(server: &TestApp, owner: &Person) -> String {
    let user_id = owner.ask("{ me { id } }").await.text("/me/id");
    let (now, id) = (server.app.clock.now(), Uuid::new_v4());
    let session = session::Model {
        id_hash: id.as_bytes().to_vec(),
        data: "{}".to_owned(),
        created_at: now,
        expires_at: server.app.clock.after(Duration::from_secs(3600)),
        id: Some(id),
        user_id: user_id.parse().ok(),
        credential_epoch: Some(0),
        last_used_at: Some(now),
        address: Some("192.0.2.1".to_owned()),
        user_agent: Some("elsewhere".to_owned()),
    };
    rows::insert(&server.app.db, vec![session]).await;
    id.to_string()
}

pub async fn ticket(owner: &Person, person: &Person, things: &Things, caller: Caller) -> String {
    let file = &things.file;
    let url = match caller {
        Anonymous | DropVisitor | Administrator => return "no-ticket".to_owned(),
        LinkVisitor => person.link_ticket(&things.link, None).await,
        Stranger => {
            let share = owner.share_with(file, "sam").await;
            let url = person.ticket(file).await;
            owner.revoke(&share).await.data("/revokeShare");
            url
        }
        Recipient | Member | Everyone | Owner | Disabled | Reader | Writer => {
            person.ticket(file).await
        }
    };
    url.rsplit('/').next().unwrap().to_owned()
}
