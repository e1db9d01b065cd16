//! Where a caller of the table lives: a server, an owner with files, and others they are shared with.

use std::time::Duration;

use entity::user;
use reqwest::{Method, multipart};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use super::{
    classes::*,
    table::RouteRow,
    tables::{Rows, Tables},
};
use crate::support::{Answer, Person, TestApp, person::PASSWORD};

/// What the operations of the table may use: things of the owner, the caller's name, everyone's password, and a file
/// that comes with the request.
const VARIABLES: [(&str, &str); 14] = [
    ("file", "ID!"),
    ("share", "ID!"),
    ("trashed", "ID!"),
    ("token", "ID!"),
    ("link", "String!"),
    ("drop", "String!"),
    ("dropId", "ID!"),
    ("group", "ID!"),
    ("joined", "ID!"),
    ("resumable", "ID!"),
    ("finished", "ID!"),
    ("me", "String!"),
    ("password", "String!"),
    ("upload", "Upload!"),
];

/// A server, and `caller` on it. Olivia owns, Rita is a recipient, Mia is a member of a group, Sam is a stranger.
pub struct World {
    pub caller: Caller,
    server: TestApp,
    /// Who asks.
    person: Person,
    /// The part of `/download/…` that was issued to the caller while they had sight; not a ticket for who never had.
    ticket: String,
    owner: Person,
    /// Who has a group that Olivia and Mia belong to.
    other: Person,
    things: Things,
    tables: Tables,
}

/// Ids of what belongs to the owner.
#[derive(Clone)]
struct Things {
    file: String,
    share: String,
    trashed: String,
    token: String,
    /// The token of a link to the file; not one of ours for who does not know it.
    link: String,
    /// The same of a drop by which the file came.
    drop: String,
    drop_id: String,
    /// A group with Mia, which the file is shared with.
    group: String,
    /// A group of somebody else's with the owner and Mia.
    joined: String,
    /// Resumable uploads: one that is unfinished, one that is a file, and an unfinished one by the drop.
    resumable: String,
    finished: String,
    dropped: String,
}

impl World {
    pub async fn of(caller: Caller) -> Self {
        let server = TestApp::start_with(|options| {
            options.user_quota = Some("1GiB".into());
            options.link_max_ttl = Some("30d".into());
            // Each mutation has groups of its own.
            options.max_groups_per_user = "1000".into();
            options.max_memberships_per_user = "1000".into();
        })
        .await;
        let owner = server.person("olivia").await;
        let (recipient, stranger) = (server.person("rita").await, server.person("sam").await);
        let (member, other) = (server.person("mia").await, server.person("greta").await);
        let person = match caller {
            Anonymous | LinkVisitor | DropVisitor => server.anonymous(),
            Stranger | Everyone => stranger,
            Recipient => recipient,
            Member => member,
            Owner | Disabled => owner.clone(),
            Reader => owner.with_token(&owner.token("[READ]").await),
            Writer => owner.with_token(&owner.token("[WRITE]").await),
        };
        let things = things(&server, &owner, &other, caller).await;
        let ticket = ticket(&owner, &person, &things, caller).await;
        let person = match caller {
            DropVisitor => person.dropping(&things.drop, None),
            _ => person,
        };
        if caller == Disabled {
            disable(&server).await;
        }
        Self {
            caller,
            tables: Tables::of(&server.app.db).await,
            server,
            person,
            ticket,
            owner,
            other,
            things,
        }
    }

    /// Replaces what the owner has, so that one mutation does not feel the one before.
    pub async fn renew(&mut self) {
        // Nothing that a disabled owner does may work, and so nothing has changed.
        if self.caller != Disabled {
            self.things = things(&self.server, &self.owner, &self.other, self.caller).await;
        }
    }

    /// Every row of every table.
    pub async fn rows(&self) -> Rows {
        self.tables.rows().await
    }

    /// Runs a row's operation as the caller. Subscriptions, once there are any, come by another way, and end here too.
    pub async fn run(&self, operation: &str) -> Outcome {
        let variables = json!({
            "file": self.things.file,
            "share": self.things.share,
            "trashed": self.things.trashed,
            "token": self.things.token,
            "link": self.things.link,
            "drop": self.things.drop,
            "dropId": self.things.drop_id,
            "group": self.things.group,
            "joined": self.things.joined,
            "resumable": self.things.resumable,
            "finished": self.things.finished,
            "me": match self.caller {
                Stranger | Everyone => "sam",
                Recipient => "rita",
                Member => "mia",
                Anonymous | Owner | Disabled | Reader | Writer | LinkVisitor | DropVisitor => {
                    "olivia"
                }
            },
            "password": PASSWORD,
        });
        let document = document(operation);
        let answer = match variables_of(operation).any(|name| name == "upload") {
            true => self.upload(&document, variables).await,
            false => self.person.ask_with(&document, variables).await,
        };
        outcome_of(&answer)
    }

    /// The answer to an operation whose variable `$upload` is a file of this request.
    async fn upload(&self, document: &str, mut variables: Value) -> Answer {
        variables["upload"] = Value::Null;
        let operations = json!({ "query": document, "variables": variables });
        let form = multipart::Form::new()
            .text("operations", operations.to_string())
            .text("map", r#"{ "0": ["variables.upload"] }"#)
            .part("0", multipart::Part::bytes(b"a").file_name("a.txt"));
        Answer::of(self.person.post().multipart(form).send().await.unwrap()).await
    }

    /// Sends a row's request as the caller.
    pub async fn status(&self, row: &RouteRow) -> u16 {
        let (method, path) = row.route.split_once(' ').unwrap();
        let path = row.path.unwrap_or(path);
        let path = path
            .replace("{ticket}", &self.ticket)
            .replace("{link}", &self.things.link)
            .replace("{drop}", &self.things.drop)
            .replace("{upload}", &self.things.resumable)
            .replace("{dropped}", &self.things.dropped);
        let url = format!("{}{path}", self.server.base);
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.person.request(method, &url).body(row.body);
        for (name, value) in row.headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap().status().as_u16()
    }
}

/// A row's operation with the variables it uses declared.
pub fn document(operation: &str) -> String {
    let (kind, selection) = operation.split_at(operation.find('{').unwrap());
    let kind = match kind.trim() {
        "" => "query",
        kind => kind,
    };
    let used = VARIABLES.iter().filter(|(variable, _)| {
        let mut names = variables_of(operation);
        names.any(|name| name == *variable)
    });
    let declared: Vec<_> = used.map(|(name, of)| format!("${name}: {of}")).collect();
    match declared.is_empty() {
        true => format!("{kind} {selection}"),
        false => format!("{kind}({}) {selection}", declared.join(", ")),
    }
}

/// The names after every `$`.
fn variables_of(operation: &str) -> impl Iterator<Item = &str> {
    let names = operation.split('$').skip(1);
    names.map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

/// Disables the owner by nothing but the flag. An operator's command voids the session as well, and would hide it when
/// nobody looks at the flag.
async fn disable(server: &TestApp) {
    let disable = server.app.db.write(|transaction| {
        Box::pin(async move {
            user::Entity::update_many()
                .col_expr(user::Column::Disabled, true.into())
                .filter(user::Column::Username.eq("olivia"))
                .exec(transaction)
                .await?;
            Ok(())
        })
    });
    disable.await.unwrap();
}

/// A file shared by link, then with a group that Mia belongs to, then with Rita and, for those whom that is about, with everyone; a file in the trash; an API token.
async fn things(server: &TestApp, owner: &Person, other: &Person, caller: Caller) -> Things {
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

async fn ticket(owner: &Person, person: &Person, things: &Things, caller: Caller) -> String {
    let file = &things.file;
    let url = match caller {
        Anonymous | DropVisitor => return "no-ticket".to_owned(),
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

/// What became of the field at the end of the only path in `answer`.
fn outcome_of(answer: &Answer) -> Outcome {
    match answer.code() {
        "UNAUTHENTICATED" => return Unauth,
        "NOT_FOUND" => return Hidden,
        "FORBIDDEN" => return Denied,
        _ => {}
    }
    let mut value = answer.data("");
    loop {
        value = match value {
            Value::Null => return Null,
            Value::Array(rows) if rows.is_empty() => return Empty,
            Value::Array(mut rows) => rows.swap_remove(0),
            Value::Object(fields) => fields.into_iter().next().unwrap().1,
            _ => return Yes,
        }
    }
}
