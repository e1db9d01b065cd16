//! Answers to mutations: what was done is answered so, whatever fails behind the commit, and what is refused was not done.

use sea_orm::{ConnectOptions, ConnectionTrait, Database as Connect, DatabaseConnection};
use serde_json::{Value, json};

use crate::support::{Answer, Database, Person, TestApp, multipart::UPLOAD_FILE, person::PASSWORD};

/// A fault of the test's own in a server's database, which ends by [`Self::mend`].
struct Fault {
    operator: DatabaseConnection,
    mend: &'static str,
}

impl Fault {
    /// Runs the statement of this run's database.
    async fn new(server: &TestApp, sqlite: &str, postgres: &str, mend: [&'static str; 2]) -> Self {
        let mut options = ConnectOptions::new(server.app.config.database.database_url.expose());
        options.max_connections(1);
        let operator = Connect::connect(options).await.unwrap();
        let (fault, mend) = match Database::chosen() {
            Database::Sqlite => (sqlite, mend[0]),
            Database::Postgres(_) => (postgres, mend[1]),
        };
        operator.execute_unprepared(fault).await.unwrap();
        Self { operator, mend }
    }

    /// Every change of one kind (`INSERT`, `UPDATE`, `DELETE`) in a table fails.
    async fn of(server: &TestApp, change: &str, table: &str) -> Self {
        let sqlite = format!(
            "CREATE TRIGGER fault BEFORE {change} ON {table} BEGIN SELECT RAISE(ABORT, 'a fault'); END"
        );
        let postgres = format!(
            "CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''a fault''; END'; \
             CREATE TRIGGER fault BEFORE {change} ON {table} FOR EACH ROW EXECUTE FUNCTION fault()"
        );
        let mend = ["DROP TRIGGER fault", "DROP FUNCTION fault() CASCADE"];
        Self::new(server, &sqlite, &postgres, mend).await
    }

    /// The first commit that records an event takes files and shares out of everybody's sight, at that moment.
    async fn behind_the_next_commit(server: &TestApp) -> Self {
        let sqlite = "CREATE TRIGGER fault AFTER INSERT ON event BEGIN \
            UPDATE file SET size = size || ' bytes'; UPDATE share SET created_at = created_at || ' ms'; END";
        let postgres = "CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS \
            'BEGIN ALTER TABLE IF EXISTS share RENAME TO lost_share; \
            ALTER TABLE IF EXISTS file RENAME TO lost_file; RETURN NULL; END'; \
            CREATE CONSTRAINT TRIGGER fault AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED \
            FOR EACH ROW EXECUTE FUNCTION fault()";
        let mend = [
            "DROP TRIGGER fault; UPDATE file SET size = CAST(size AS INTEGER); \
             UPDATE share SET created_at = CAST(created_at AS INTEGER)",
            "DROP FUNCTION fault() CASCADE; ALTER TABLE lost_file RENAME TO file; \
             ALTER TABLE lost_share RENAME TO share",
        ];
        Self::new(server, sqlite, postgres, mend).await
    }

    async fn mend(self) {
        self.operator.execute_unprepared(self.mend).await.unwrap();
        self.operator.close().await.unwrap();
    }
}

async fn sign_up(person: &Person, username: &str) -> Answer {
    let query =
        "mutation($u: String!, $p: String!) { signUp(username: $u, password: $p) { username } }";
    person
        .ask_with(query, json!({ "u": username, "p": PASSWORD }))
        .await
}

async fn change_password(person: &Person, new: &str) -> Answer {
    let query =
        "mutation($c: String!, $n: String!) { changePassword(current: $c, new: $n) { username } }";
    person
        .ask_with(query, json!({ "c": PASSWORD, "n": new }))
        .await
}

/// Does `mutation`, behind whose commit nothing can be read, and returns the answer.
async fn done_all_the_same(server: &TestApp, person: &Person, mutation: &str) -> Answer {
    let fault = Fault::behind_the_next_commit(server).await;
    let answer = person.ask(mutation).await;
    let look = "{ files { nodes { size } } trash { nodes { size } } }";
    let unreadable = person.ask(look).await;
    assert_eq!(unreadable.code(), "INTERNAL", "there was no fault");
    fault.mend().await;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_signed_in_has_no_account_either() {
    let server = TestApp::start().await;
    let alice = server.anonymous();
    let fault = Fault::of(&server, "INSERT", "session").await;

    assert_eq!(sign_up(&alice, "alice").await.code(), "INTERNAL");

    fault.mend().await;
    assert_eq!(alice.me().await, json!(null));
    sign_up(&alice, "alice").await.data("/signUp");
    assert_eq!(alice.me().await, json!("alice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_changes_together_with_the_session_or_not_at_all() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for change in ["INSERT", "DELETE"] {
        let fault = Fault::of(&server, change, "session").await;
        let refused = change_password(&alice, "a new password").await;
        fault.mend().await;

        assert_eq!(refused.code(), "INTERNAL", "{change}");
        assert_eq!(alice.me().await, json!("alice"), "the session goes on");
        let other = server.anonymous();
        let new = other.sign_in("alice", "a new password").await;
        assert_eq!(new.code(), "UNAUTHENTICATED");
        other.sign_in("alice", PASSWORD).await.data("/signIn");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_fails_leaves_the_session_before_as_it_was() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    server.person("bob").await;
    let fault = Fault::of(&server, "INSERT", "session").await;

    let refused = alice.sign_in("bob", PASSWORD).await;

    assert_eq!(refused.code(), "INTERNAL");
    fault.mend().await;
    assert_eq!(alice.me().await, json!("alice"));
}

/// What is written of a session behind its beginning only prolongs it.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_signed_in_is_told_so_whatever_fails_behind_the_commit() {
    let server = TestApp::start().await;
    let fault = Fault::of(&server, "UPDATE", "session").await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);

    let changed = change_password(&alice, "a new password").await;
    let signed_in = bob.sign_in("bob", PASSWORD).await;

    fault.mend().await;
    assert_eq!(changed.text("/changePassword/username"), "alice");
    assert_eq!(signed_in.text("/signIn/username"), "bob");
    assert_eq!(alice.me().await, json!("alice"));
    assert_eq!(bob.me().await, json!("bob"));
    assert_eq!(server.rows("session").await, 2, "those before have ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_committed_is_answered_without_another_look() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let fault = Fault::behind_the_next_commit(&server).await;

    let answer = alice
        .upload_with(UPLOAD_FILE, json!({}), "a.txt", b"hello")
        .await;

    fault.mend().await;
    let file = answer.data("/uploadFile");
    let query = "{ files { nodes { id name size contentType sha256 } } }";
    assert_eq!(
        alice.ask(query).await.data("/files/nodes"),
        json!([file]),
        "the file that was answered"
    );

    let fault = Fault::behind_the_next_commit(&server).await;
    let files: [(&str, &str, &[u8]); 2] = [
        ("variables.files.0", "b.txt", b"b"),
        ("variables.files.1", "c.txt", b"c"),
    ];
    let query = "mutation($files: [Upload!]!) { uploadFiles(files: $files) { name size } }";
    let variables = json!({ "files": [null, null] });
    let answer = alice.upload_all(query, variables, &files).await;
    fault.mend().await;
    let expected = json!([{ "name": "b.txt", "size": 1 }, { "name": "c.txt", "size": 1 }]);
    assert_eq!(answer.data("/uploadFiles"), expected);
    server.only_files_stay(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_committed_is_answered_without_another_look() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    server.person("bob").await;
    let file = alice.upload("a.txt", b"hello").await;
    let look = format!("{{ file(id: \"{file}\") {{ name shares {{ nodes {{ id }} }} }} }}");

    let rename =
        format!("mutation {{ renameFile(id: \"{file}\", name: \"b.pdf\") {{ id name }} }}");
    let renamed = done_all_the_same(&server, &alice, &rename).await;
    assert_eq!(
        renamed.data("/renameFile"),
        json!({ "id": file, "name": "b.pdf" })
    );
    assert_eq!(alice.ask(&look).await.text("/file/name"), "b.pdf");

    let mut shares: Vec<Value> = Vec::new();
    for field in [
        format!("shareWithUser(fileId: \"{file}\", username: \"bob\")"),
        format!("shareWithAuthenticated(fileId: \"{file}\")"),
    ] {
        let share = format!("mutation {{ share: {field} {{ id audience file {{ name }} }} }}");
        let shared = done_all_the_same(&server, &alice, &share).await;
        assert_eq!(shared.text("/share/file/name"), "b.pdf");
        shares.insert(0, json!({ "id": shared.data("/share/id") }));
        let seen = alice.ask(&look).await;
        assert_eq!(seen.data("/file/shares/nodes"), json!(shares));
    }

    let delete = format!("mutation {{ deleteFile(id: \"{file}\") }}");
    let deleted = done_all_the_same(&server, &alice, &delete).await;
    assert_eq!(deleted.text("/deleteFile"), file);
    let restore = format!("mutation {{ restoreFile(id: \"{file}\") {{ name trashedAt }} }}");
    let restored = done_all_the_same(&server, &alice, &restore).await;
    assert_eq!(
        restored.data("/restoreFile"),
        json!({ "name": "b.pdf", "trashedAt": null })
    );
    alice.ask(&look).await.data("/file");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_that_is_committed_is_answered_so_and_its_bytes_go_later() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    alice.delete(&file).await.data("/deleteFile");
    let purge = format!("mutation {{ purgeFile(id: \"{file}\") }}");
    let fault = Fault::of(&server, "DELETE", "discarded_content").await;

    let purged = alice.ask(&purge).await;

    fault.mend().await;
    assert_eq!(purged.text("/purgeFile"), file);
    assert_eq!(server.rows("file").await, 0);
    assert_eq!(server.rows("discarded_content").await, 1, "noted");
    server.sweep().await;
    server.nothing_stays().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_while_the_database_fails_gives_its_quota_back_soon() {
    let server =
        TestApp::start_with(|options| options.user_quota = Some("100MiB".to_owned())).await;
    let alice = server.person("alice").await;
    let upload = alice.slow_upload().await;
    assert!(upload.send(vec![1; 1 << 20]).await);
    server
        .eventually("quota is reserved", async |server| {
            server.rows("upload").await == 1
        })
        .await;
    let fault = Fault::of(&server, "DELETE", "upload").await;

    upload.hang_up().await;
    server
        .eventually("it could not be taken back", async |server| {
            server.app.aborted_uploads.count() == 1
        })
        .await;
    assert_eq!(server.rows("upload").await, 1);
    fault.mend().await;

    // By no sweep, and long before the upload counts as abandoned.
    server.nothing_stays().await;
    assert_eq!(server.app.aborted_uploads.count(), 0);
}
