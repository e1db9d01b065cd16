//! Where a caller of the table lives: a server, an owner with files, and others they are shared with.

use cloakroom::domain::accounts::{self, Overseer};
use entity::{Timestamp, user};
use reqwest::{Method, multipart};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use super::{
    classes::*,
    routes::RouteRow,
    tables::{Rows, Tables},
    things::{Things, things, ticket},
};
use crate::support::{Answer, Person, TestApp, live::Live, person::PASSWORD};

/// What the operations of the table may use: things of the owner, the caller's name, everyone's password, and a file
/// that comes with the request.
const VARIABLES: [(&str, &str); 17] = [
    ("file", "ID!"),
    ("share", "ID!"),
    ("trashed", "ID!"),
    ("token", "ID!"),
    ("link", "String!"),
    ("drop", "String!"),
    ("dropId", "ID!"),
    ("group", "ID!"),
    ("joined", "ID!"),
    ("session", "ID!"),
    ("resumable", "ID!"),
    ("finished", "ID!"),
    ("dropped", "ID!"),
    ("account", "ID!"),
    ("me", "String!"),
    ("password", "String!"),
    ("upload", "Upload!"),
];

/// A server, and `caller` on it. Olivia owns, Rita is a recipient, Mia is a member of a group, Sam is a stranger, Ada looks after
/// accounts, such as Victor's.
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
    /// The id of an account that is none of theirs.
    account: String,
    tables: Tables,
}

impl World {
    pub async fn of(caller: Caller) -> Self {
        let server = TestApp::start_with(|options| {
            options.user_quota = Some("1GiB".into());
            options.link_max_ttl = Some("30d".into());
            // Nobody is there.
            options.oidc_issuer = Some("http://127.0.0.1:9".into());
            options.oidc_client_id = Some("cloakroom".into());
            // Each mutation has groups of its own.
            options.max_groups_per_user = "1000".into();
            options.max_memberships_per_user = "1000".into();
        })
        .await;
        let owner = server.person("olivia").await;
        own_quota(&server, &owner).await;
        let (recipient, stranger) = (server.person("rita").await, server.person("sam").await);
        let (member, other) = (server.person("mia").await, server.person("greta").await);
        let administrator = server.administrator("ada").await;
        // So that the first may go.
        server.administrator("bea").await;
        let victor = server.person("victor").await;
        let person = match caller {
            Anonymous | LinkVisitor | DropVisitor => server.anonymous(),
            Stranger | Everyone => stranger,
            Recipient => recipient,
            Member => member,
            Owner | Disabled => owner.clone(),
            Administrator => administrator,
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
            account: victor.ask("{ me { id } }").await.text("/me/id"),
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

    /// What the server's clock says.
    pub fn now(&self) -> Timestamp {
        self.server.app.clock.now()
    }

    /// Every row of every table, once no event waits for its place in the feed.
    pub async fn rows(&self) -> Rows {
        let waiting = "SELECT COUNT(*) AS number FROM concern WHERE seq IS NULL";
        let is_settled = async |server: &TestApp| server.number(waiting).await == 0;
        self.server
            .eventually("every event has its place", is_settled)
            .await;
        self.tables.rows().await
    }

    /// Runs a row's operation as the caller. Of a subscription, the first event counts.
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
            "session": self.things.session,
            "resumable": self.things.resumable,
            "dropped": self.things.dropped,
            "finished": self.things.finished,
            "account": self.account,
            "me": match self.caller {
                Stranger | Everyone => "sam",
                Recipient => "rita",
                Member => "mia",
                Administrator => "ada",
                Anonymous | Owner | Disabled | Reader | Writer | LinkVisitor | DropVisitor => {
                    "olivia"
                }
            },
            "password": PASSWORD,
        });
        let document = document(operation);
        if operation.starts_with("subscription") {
            return self.first_event(&document, variables).await;
        }
        let answer = match variables_of(operation).any(|name| name == "upload") {
            true => self.upload(&document, variables).await,
            false => self.person.ask_with(&document, variables).await,
        };
        outcome_of(&answer)
    }

    async fn first_event(&self, document: &str, variables: Value) -> Outcome {
        let mut live = Live::of(&self.person).await;
        live.say(json!({ "type": "connection_init" })).await;
        match live.frame().await {
            Ok(_) => {}
            Err(4401) => return Unauth,
            Err(code) => panic!("closed with {code}"),
        }
        live.subscribe("1", document, variables).await;
        let message = live.hear().await;
        assert_eq!(message["type"], "next", "{message}");
        value_of(message["payload"]["data"].clone())
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

/// Gives the owner a quota of their own, so that there is one to be seen.
async fn own_quota(server: &TestApp, owner: &Person) {
    let id = owner.ask("{ me { id } }").await.text("/me/id");
    let id = id.parse().unwrap();
    accounts::set_quota(&server.app, Overseer::Operator, id, Some(1 << 30))
        .await
        .unwrap();
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

/// What became of the field at the end of the only path in `answer`.
fn outcome_of(answer: &Answer) -> Outcome {
    match answer.code() {
        "UNAUTHENTICATED" => return Unauth,
        "NOT_FOUND" => return Hidden,
        "FORBIDDEN" => return Denied,
        _ => {}
    }
    value_of(answer.data(""))
}

fn value_of(mut value: Value) -> Outcome {
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
