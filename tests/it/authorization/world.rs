//! Where an actor of the table lives: a server, an owner with files, and others they are shared with.

use std::time::Duration;

use cloakroom::domain::accounts;
use entity::{api_token, file, share, user};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};

use super::table::{Actor, Denied, Empty, Hidden, Null, Outcome, Unauth, Yes};
use crate::support::{Answer, Person, TestApp, person::PASSWORD};

/// A server, and `actor` on it. Olivia owns, Rita is a recipient, Sam is a stranger.
pub struct World {
    pub actor: Actor,
    pub server: TestApp,
    /// Who asks.
    pub person: Person,
    /// The part of `/download/…` that was issued to the actor while they had sight; not a ticket for who never had.
    pub ticket: String,
    owner: Person,
    things: Things,
}

/// Ids of what belongs to the owner.
#[derive(Clone)]
struct Things {
    file: String,
    share: String,
    trashed: String,
    token: String,
}

impl World {
    pub async fn of(actor: Actor) -> Self {
        let server = TestApp::start_with(|options| options.user_quota = Some("1GiB".into())).await;
        let owner = server.person("olivia").await;
        let (recipient, stranger) = (server.person("rita").await, server.person("sam").await);
        let person = match actor {
            Actor::Anonymous => server.anonymous(),
            Actor::Stranger | Actor::Everyone => stranger,
            Actor::Recipient => recipient,
            Actor::Owner | Actor::Disabled => owner.clone(),
            Actor::Reader => owner.with_token(&owner.token("[READ]").await),
            Actor::Writer => owner.with_token(&owner.token("[WRITE]").await),
        };
        let things = things(&server, &owner, actor).await;
        let ticket = ticket(&owner, &person, &things.file, actor).await;
        if actor == Actor::Disabled {
            let disable = accounts::set_disabled(&server.app, "olivia", true);
            disable.await.unwrap();
        }
        Self {
            actor,
            server,
            person,
            ticket,
            owner,
            things,
        }
    }

    /// Replaces what the owner has, so that one mutation does not feel the one before.
    pub async fn renew(&mut self) {
        // Nothing that a disabled owner does may work, and so nothing has changed.
        if self.actor != Actor::Disabled {
            self.things = things(&self.server, &self.owner, self.actor).await;
        }
    }

    /// All that a refusal must leave as it was.
    #[expect(clippy::disallowed_methods, reason = "the test looks into the tables")]
    pub async fn state(&self) -> impl PartialEq + use<> {
        let rows = self.server.app.db.read();
        let files = file::Entity::find().order_by_asc(file::Column::Id);
        let shares = share::Entity::find().order_by_asc(share::Column::Id);
        let tokens = api_token::Entity::find().order_by_asc(api_token::Column::Id);
        let users = user::Entity::find().order_by_asc(user::Column::Id);
        (
            files.all(rows).await.unwrap(),
            shares.all(rows).await.unwrap(),
            tokens.all(rows).await.unwrap(),
            users.all(rows).await.unwrap(),
        )
    }

    /// Runs `operation` as the actor.
    pub async fn run(&self, operation: &str) -> Outcome {
        let me = match self.actor {
            Actor::Stranger | Actor::Everyone => "sam",
            Actor::Recipient => "rita",
            _ => "olivia",
        };
        let operation = operation
            .replace("FILE", &quoted(&self.things.file))
            .replace("SHARE", &quoted(&self.things.share))
            .replace("TRASHED", &quoted(&self.things.trashed))
            .replace("TOKEN", &quoted(&self.things.token))
            .replace("ME", &quoted(me))
            .replace("PASSWORD", &quoted(PASSWORD));
        let answer = match operation.contains("$file: Upload!") {
            true => {
                let upload = self
                    .person
                    .upload_with(&operation, json!({}), "a.txt", b"a");
                upload.await
            }
            false => self.person.ask(&operation).await,
        };
        outcome(&answer)
    }
}

/// A file shared with Rita and, for those whom that is about, with everyone; a file in the trash; an API token.
async fn things(server: &TestApp, owner: &Person, actor: Actor) -> Things {
    let file = owner.upload("notes.txt", b"hello").await;
    let end = server.date_in(Duration::from_secs(3600));
    let with_user = "mutation($f: ID!, $e: DateTime) {
        made: shareWithUser(fileId: $f, username: \"rita\", expiresAt: $e) { id } }";
    let with_everyone = "mutation($f: ID!, $e: DateTime) {
        made: shareWithAuthenticated(fileId: $f, expiresAt: $e) { id } }";
    let variables = json!({ "f": file, "e": end });
    let mut share = owner.ask_with(with_user, variables.clone()).await;
    if matches!(actor, Actor::Anonymous | Actor::Everyone) {
        share = owner.ask_with(with_everyone, variables).await;
    }
    let trashed = owner.upload("old.txt", b"old").await;
    let trash = json!({ "f": trashed });
    let trash = owner.ask_with("mutation($f: ID!) { deleteFile(id: $f) }", trash);
    trash.await.data("/deleteFile");
    let token = owner
        .ask("mutation { createApiToken(name: \"x\", scopes: [READ]) { apiToken { id } } }")
        .await;
    Things {
        share: share.text("/made/id"),
        token: token.text("/createApiToken/apiToken/id"),
        file,
        trashed,
    }
}

async fn ticket(owner: &Person, person: &Person, file: &str, actor: Actor) -> String {
    let url = match actor {
        Actor::Anonymous => return "no-ticket".to_owned(),
        Actor::Stranger => {
            let share = owner.share_with(file, "sam").await;
            let url = person.ticket(file).await;
            owner.revoke(&share).await.data("/revokeShare");
            url
        }
        _ => person.ticket(file).await,
    };
    url.rsplit('/').next().unwrap().to_owned()
}

/// What became of the field at the end of the only path in `answer`.
fn outcome(answer: &Answer) -> Outcome {
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

fn quoted(text: &str) -> String {
    format!("{text:?}")
}
