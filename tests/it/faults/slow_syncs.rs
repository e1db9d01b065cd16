//! Syncs that take long: what is being made durable is awaited, however little time an operation has.

use std::{path::PathBuf, time::Duration};

use sea_orm::{ConnectionTrait, Database as Connect};
use serde_json::json;

use super::{
    site::Site,
    strace::{Call, Strace},
};
use crate::support::{Person, multipart::UPLOAD_FILE};

/// Longer than an operation may take.
const SLOW: &str = "fsync,fdatasync:delay_enter=3000000";

/// A site where an operation has a second, and alice with a file there.
async fn hasty_site() -> (Site, String) {
    let site = Site::new(0, 1).await.set("EXECUTION_TIMEOUT", "1s");
    let server = site.serve().await;
    let file = alice(&site, &server.base).upload("a.txt", b"hello").await;
    (site, file)
}

fn alice(site: &Site, base: &str) -> Person {
    Person::anonymous(base).with_token(&site.journal.accounts[0].secret)
}

/// The names of the files, newest first.
async fn names(alice: &Person) -> Vec<String> {
    let files = alice.ask("{ files { nodes { name } } }").await;
    let files = files.data("/files/nodes");
    let names = files.as_array().unwrap().iter();
    names
        .map(|file| file["name"].as_str().unwrap().to_owned())
        .collect()
}

fn syncs_are_slow_on(site: &Site, path: PathBuf) -> Strace {
    Strace::watching(site)
        .only_on(&[path])
        .with(["-e", &format!("inject={SLOW}")])
}

/// Whether a call of that name took as long as it should.
fn was_slow(strace: &Strace) -> bool {
    let took = |call: &Call| call.ended.map_or(0, |ended| ended - call.began);
    let calls = strace.calls().into_iter();
    calls
        .filter(|call| call.name.ends_with("sync"))
        .any(|call| Duration::from_micros(took(&call)) >= Duration::from_secs(2))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_slow_to_sync_is_answered_when_it_is_durable() {
    let (site, _) = hasty_site().await;
    // The directory that the first upload after a start makes another one in.
    let strace = syncs_are_slow_on(&site, site.program.data_dir().join("content"));
    let server = strace.serve(&site).await.unwrap();
    let alice = alice(&site, &server.base);

    let answer = alice
        .upload_with(UPLOAD_FILE, json!({}), "b.txt", b"hello")
        .await;

    assert_eq!(answer.text("/uploadFile/name"), "b.txt");
    assert!(was_slow(&strace), "{:?}", strace.calls());
    assert_eq!(names(&alice).await, ["b.txt", "a.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_slow_is_awaited() {
    let (site, file) = hasty_site().await;
    let rename = format!("mutation {{ renameFile(id: \"{file}\", name: \"b.txt\") {{ name }} }}");
    let log = site.program.data_dir().join("cloakroom.sqlite3-wal");
    let strace = syncs_are_slow_on(&site, log);
    let server = match site.program.database_url() {
        None => strace.serve(&site).await.unwrap(),
        Some(url) => {
            let operator = Connect::connect(url).await.unwrap();
            let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
                'BEGIN PERFORM pg_sleep(3); RETURN NULL; END'; \
                CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED \
                FOR EACH ROW EXECUTE FUNCTION slow()";
            operator.execute_unprepared(slow).await.unwrap();
            operator.close().await.unwrap();
            site.serve().await
        }
    };
    let alice = alice(&site, &server.base);

    let answer = alice.ask(&rename).await;

    assert_eq!(answer.text("/renameFile/name"), "b.txt");
    assert_eq!(names(&alice).await, ["b.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_one_request_are_made_durable_side_by_side() {
    let site = Site::new(0, 1).await;
    let strace = Strace::watching(&site).with(["-e", "inject=fsync:delay_enter=100000"]);
    let server = strace.serve(&site).await.unwrap();
    let alice = alice(&site, &server.base);
    let names: Vec<_> = (0..20).map(|number| format!("{number}.txt")).collect();
    let paths: Vec<_> = (0..20)
        .map(|number| format!("variables.files.{number}"))
        .collect();
    let files = names.iter().zip(&paths);
    let files: Vec<_> = files
        .map(|(name, path)| (path.as_str(), name.as_str(), name.as_bytes()))
        .collect();
    let query = "mutation($files: [Upload!]!) { uploadFiles(files: $files) { name } }";
    let variables = json!({ "files": vec![json!(null); 20] });

    let began = std::time::Instant::now();
    let answer = alice.upload_all(query, variables, &files).await;

    let stored = answer.data("/uploadFiles");
    eprintln!("20 files in {:?}", began.elapsed());
    let expected: Vec<_> = names.iter().map(|name| json!({ "name": name })).collect();
    assert_eq!(stored, json!(expected), "in their order");
    server.kill();
    let calls = strace.calls().into_iter();
    let syncs = calls.filter(|call| call.name == "fsync" && call.is_on("/staging/"));
    let syncs: Vec<_> = syncs
        .map(|call| (call.began, call.ended.unwrap()))
        .collect();
    assert_eq!(syncs.len(), 20);
    let side_by_side = syncs.iter().any(|(began, ended)| {
        let mut others = syncs.iter();
        others.any(|(other, _)| began < other && other < ended)
    });
    assert!(side_by_side, "one after the other: {syncs:?}");
}
