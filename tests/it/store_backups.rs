//! A backup of an installation at an object store, made while it is used, and restored: as docs/scale.md says it is made.

use std::process::Command;

use super::{cli::succeeded, move_content::same};
use crate::support::{Cluster, Person, Program, Store, content::bytes};

/// Copies what is in one prefix to another, as any program does that copies buckets.
async fn copy(from: &Store, to: &Store) {
    let mut names = from.names().await;
    names.push("installation".to_owned());
    for name in names {
        let object = from.get(&name).await.unwrap();
        to.put(&name, &object).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_was_made_while_files_came_has_all_that_its_database_names() {
    let cluster = Cluster::start();
    let store = Store::create().await;
    let url = cluster.create().await.expose().to_owned();
    let program = store.configure_program(Program::with(Some(url.clone().into())));
    let serving = program.serve();
    let alice = Person::anonymous(&serving.base);
    alice.sign_up("alice").await;
    let bob = Person::anonymous(&serving.base);
    bob.sign_up("bob").await;
    let mut files = Vec::new();
    for size in [0, 5, 300_000, 9 << 20] {
        let bytes = bytes(size);
        files.push((alice.upload("before.bin", &bytes).await, bytes));
    }
    alice.share_with(&files[1].0, "bob").await;
    let unfinished = alice.tus_create("unfinished.bin", 20 << 20).await;
    alice
        .tus_patch(&unfinished, 0, &bytes(12 << 20))
        .await
        .expect(204);

    // First the database, then the bucket. What comes in between is only in the bucket.
    let dump = cluster.run("pg_dump", &["--dbname", &url]);
    let later = alice.upload("later.bin", b"later").await;
    let copied = Store::at(&store.endpoint).await;
    copy(&store, &copied).await;
    serving.kill();

    let restored = cluster.create().await.expose().to_owned();
    let file = program.path("dump.sql");
    std::fs::write(&file, dump).unwrap();
    let psql = Command::new("psql")
        .args([
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--dbname",
            &restored,
            "--file",
        ])
        .arg(&file)
        .output()
        .unwrap();
    assert!(psql.status.success(), "{psql:?}");

    // On another machine, which has the secret.
    let secret = std::fs::read_to_string(program.data_dir().join("secret")).unwrap();
    let machine = Program::with(Some(restored.into())).set("SECRET", secret.trim());
    let machine = copied.configure_program(machine);
    let printed = machine.run(&["verify", "--deep"]);
    succeeded(&printed);
    assert!(printed.out.contains("4 files of"), "{printed:?}");
    let serving = machine.serve();
    let (alice, bob) = (alice.at(&serving.base), bob.at(&serving.base));
    same(&alice, &files).await;
    let ticket = bob.ticket(&files[1].0).await;
    assert_eq!(bob.get(&ticket).await.bytes, files[1].1);
    assert_eq!(alice.ask_ticket(&later).await.code(), "NOT_FOUND");
    // Parts of unfinished uploads are in no copy of a bucket: nothing false comes of them.
    let upload = alice.at_base(&unfinished);
    let offset = alice.tus_head(&upload).await.expect(200).offset();
    let rest = bytes((20 << 20) - offset);
    let status = alice.tus_patch(&upload, offset, &rest).await.status;
    assert!(
        status >= 400,
        "a file was made of parts that are gone: {status}"
    );
    let count = alice.ask("{ files(first: 50) { nodes { name } } }").await;
    let count = count.data("/files/nodes");
    assert_eq!(count.as_array().unwrap().len(), 4);
    alice.upload("new.bin", b"new").await;
}
