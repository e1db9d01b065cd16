//! `move-database`: all rows go from SQLite to PostgreSQL, and users notice nothing but the pause.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::Child,
};

use reqwest::StatusCode;
use rusqlite::{Connection, OpenFlags};
use sea_orm::{ConnectionTrait, Database as Connect, DbBackend, Statement};
use serde_json::json;

use super::{cli::succeeded, installation::refused, move_content::same};
use crate::support::{Cluster, Database, Person, Program, content::bytes, program::Serving};

/// An empty PostgreSQL database, of the run's server or of one for this test.
struct Empty {
    url: String,
    _cluster: Option<Cluster>,
}

impl Empty {
    async fn create() -> Self {
        let (url, cluster) = match Database::chosen() {
            Database::Sqlite => {
                let cluster = Cluster::start();
                (cluster.create().await, Some(cluster))
            }
            server => (server.create().await.unwrap(), None),
        };
        Self {
            url: url.expose().to_owned(),
            _cluster: cluster,
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test looks behind what clients see"
    )]
    async fn rows(&self, table: &str) -> i64 {
        let connection = Connect::connect(&self.url).await.unwrap();
        let count = format!("SELECT COUNT(*) FROM \"{table}\"");
        let count = Statement::from_string(DbBackend::Postgres, count);
        let row = connection.query_one_raw(count).await.unwrap().unwrap();
        connection.close().await.unwrap();
        row.try_get_by_index(0).unwrap()
    }
}

/// The tables of an SQLite database, and how many rows each has.
fn tables(path: &Path) -> Vec<(String, i64)> {
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
         AND name NOT LIKE 'listed_file_gram%' AND name <> 'seaql_migrations'";
    let mut names = database.prepare(names).unwrap();
    let names = names.query_map((), |row| row.get::<_, String>(0)).unwrap();
    let count = |name: String| {
        let rows = format!("SELECT COUNT(*) FROM \"{name}\"");
        let rows = database.query_row(&rows, (), |row| row.get(0)).unwrap();
        (name, rows)
    };
    names.map(|name| count(name.unwrap())).collect()
}

/// What people have, and what is to hold wherever the rows are.
struct World {
    alice: Person,
    bob: Person,
    files: Vec<(String, Vec<u8>)>,
    shared: String,
    share: String,
    ticket: String,
    link: String,
    unfinished: String,
    token: String,
}

impl World {
    async fn make(serving: &Serving) -> Self {
        let alice = Person::anonymous(&serving.base);
        alice.sign_up("alice").await;
        let bob = Person::anonymous(&serving.base);
        bob.sign_up("bob").await;
        let mut files = Vec::new();
        for n in 0..20 {
            let bytes = bytes(1000 + n);
            files.push((
                alice.upload(&format!("Ünïcode {n}.bin"), &bytes).await,
                bytes,
            ));
        }
        let file = |n: usize| &*files[n].0;
        let share = alice.share_with(file(0), "bob").await;
        alice.share_with_everyone(file(1)).await;
        let group = alice.group_of(&["bob"]).await;
        alice.share_with_group(file(2), &group).await;
        let link = alice.link_with(file(3), json!({ "maxDownloads": 1 })).await;
        let ticket = alice.link_ticket(&link.token, None).await;
        assert_eq!(alice.get(&ticket).await.bytes, files[3].1);
        let drop = alice.drop_with(json!({ "password": "knock knock" })).await;
        let left = alice
            .dropping(&drop.token, Some("knock knock"))
            .leave("left", b"left")
            .await;
        assert_eq!(left.data("/dropFile/size"), 4);
        alice.delete(file(4)).await;
        let unfinished = alice.tus_create("unfinished.bin", 1000).await;
        alice.tus_patch(&unfinished, 0, &[7; 400]).await.expect(204);
        Self {
            token: alice.token("[READ, WRITE]").await,
            ticket: bob.ticket(file(0)).await,
            shared: files[0].0.clone(),
            link: link.token,
            share,
            unfinished,
            alice,
            bob,
            files,
        }
    }

    /// All of it is there at `serving`, and works.
    async fn holds(&self, serving: &Serving) {
        let (alice, bob) = (self.alice.at(&serving.base), self.bob.at(&serving.base));
        let restore = "mutation($f: ID!) { restoreFile(id: $f) { id } }";
        let restored = alice
            .ask_with(restore, json!({ "f": self.files[4].0 }))
            .await;
        restored.text("/restoreFile/id");
        same(&alice, &self.files).await;
        for n in 0..3 {
            let ticket = bob.ticket(&self.files[n].0).await;
            assert_eq!(bob.get(&ticket).await.bytes, self.files[n].1);
        }
        // The used link stays used, the ticket of before is good until the share is revoked.
        let refused = alice.ask_link_ticket(&self.link, None).await;
        assert_eq!(refused.code(), "LINK_EXHAUSTED");
        let (_, ticket) = self.ticket.split_once("/download/").unwrap();
        let ticket = format!("{}/download/{ticket}", serving.base);
        assert_eq!(bob.get(&ticket).await.bytes, self.files[0].1);
        alice.revoke(&self.share).await.text("/revokeShare");
        assert_eq!(bob.get(&ticket).await.status, StatusCode::FORBIDDEN);
        assert_eq!(bob.ask_ticket(&self.shared).await.code(), "NOT_FOUND");
        // Uploads go on, and the numbers of rows that are made from now on are new ones.
        let upload = alice.at_base(&self.unfinished);
        assert_eq!(alice.tus_head(&upload).await.expect(200).offset(), 400);
        alice.tus_patch(&upload, 400, &[8; 600]).await.expect(204);
        let by_token = Person::anonymous(&serving.base).with_token(&self.token);
        by_token.upload("by token.txt", b"more").await;
        let found = alice
            .ask("{ files(search: \"UNFIN\") { nodes { name } } }")
            .await;
        assert_eq!(found.text("/files/nodes/0/name"), "unfinished.bin");
        let found = alice
            .ask("{ files(search: \"ünïc\", first: 50) { nodes { name } } }")
            .await;
        let found = found.data("/files/nodes");
        assert_eq!(found.as_array().unwrap().len(), 20);
        let events = bob
            .ask("{ events(first: 100) { edges { node { kind } } } }")
            .await;
        let events = events.data("/events/edges").to_string();
        assert!(events.contains("\"SHARED\""), "{events}");
    }
}

/// Reads what a command says until it has told of so many tables, and kills it.
fn kill_after(mut child: Child, tables: usize) {
    let said = BufReader::new(child.stderr.take().unwrap()).lines();
    let told = said.filter(|line| line.as_ref().is_ok_and(|line| line.ends_with(" rows")));
    assert_eq!(told.take(tables).count(), tables);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_rows_go_to_postgres_and_everything_goes_on() {
    let empty = Empty::create().await;
    let program = Program::with(None);
    let serving = program.serve();
    let world = World::make(&serving).await;
    let command = ["move-database", "--to", &*empty.url];

    refused(&program.run(&command), &["is in use", "stop every server"]);
    serving.terminate();
    serving.ended().await;
    succeeded(&program.run(&["add-webhook", "https://hooks.invalid/"]));
    let provider = ["--oidc-issuer=https://id.example", "--oidc-client-id=a"];
    let linked = program.run(&[&provider[..], &["link-user", "bob", "b-17"]].concat());
    assert_eq!(linked.status, Some(0), "{linked:?}");
    let before = tables(&program.data_dir().join("cloakroom.sqlite3"));
    let without: Vec<_> = before.iter().filter(|(_, rows)| *rows == 0).collect();
    let without: Vec<_> = without.iter().map(|(name, _)| &**name).collect();
    assert!(
        without.len() <= 5,
        "these tables are not tried: {without:?}"
    );

    // Broken off at any table, nothing has happened; or all, where the end was quicker than the kill.
    let (_, all) = *before.iter().find(|(name, _)| name == "user").unwrap();
    for copied in [1, before.len() / 3, before.len() / 2] {
        let broken = Empty::create().await;
        let command = ["move-database", "--to", &*broken.url];
        kill_after(program.spawn(&command), copied);
        let rows = broken.rows("user").await;
        assert!([0, all].contains(&rows), "{rows} after {copied} tables");
        if rows == 0 {
            succeeded(&program.run(&command));
            assert_eq!(broken.rows("user").await, all);
        }
    }
    let printed = program.run(&command);
    succeeded(&printed);
    assert!(
        printed.out.contains("rows are in the PostgreSQL database"),
        "{printed:?}"
    );
    for (table, rows) in &before {
        assert_eq!(empty.rows(table).await, *rows, "{table}");
    }
    refused(&program.run(&command), &["is not empty"]);

    let program = program.set("DATABASE_URL", &empty.url);
    let serving = program.serve();
    world.holds(&serving).await;
    succeeded(&program.run(&["verify", "--deep"]));
}

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::disallowed_methods,
    reason = "a table of somebody else's is made by SQL"
)]
async fn a_database_that_is_not_empty_or_not_the_right_kind_is_refused() {
    let empty = Empty::create().await;
    let program = Program::with(None).migrated();
    let to = |url: &str| program.run(&["move-database", "--to", url]);
    refused(
        &to("sqlite:/tmp/another.sqlite3"),
        &["--to names an SQLite database"],
    );
    let connection = Connect::connect(&empty.url).await.unwrap();
    connection
        .execute_unprepared("CREATE TABLE letters (text text)")
        .await
        .unwrap();
    refused(&to(&empty.url), &["not Cloakroom's", "Nothing was changed"]);
    connection
        .execute_unprepared("DROP TABLE letters")
        .await
        .unwrap();
    connection.close().await.unwrap();

    // Of another installation's server.
    let other = Program::with(Some(empty.url.clone().into()));
    drop(other.serve());
    refused(&to(&empty.url), &["is not empty", "Nothing was changed"]);
    refused(
        &other.run(&["move-database", "--to", &empty.url]),
        &["CLOAKROOM_DATABASE_URL is not SQLite's"],
    );

    // What this program does not know may be precious to somebody.
    let path = program.data_dir().join("cloakroom.sqlite3");
    let database = Connection::open(path).unwrap();
    database
        .execute("CREATE TABLE notes (text TEXT)", ())
        .unwrap();
    drop(database);
    let empty = Empty::create().await;
    refused(&to(&empty.url), &["\"notes\"", "does not know"]);
}
