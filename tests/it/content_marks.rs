//! The mark of the content directory: without it nothing is begun, and nothing is acknowledged.

use std::fs;

use serde_json::json;

use super::{
    cli::succeeded,
    installation::{everything_in, refused, with_a_file},
    readiness::becomes,
};
use crate::support::{Answer, Person, program::Program};

async fn try_upload(person: &Person, name: &str, bytes: &[u8]) -> Answer {
    let query = "mutation($file: Upload!) { uploadFile(file: $file) { id } }";
    person.upload_with(query, json!({}), name, bytes).await
}

/// Its disk is not mounted, or another one is.
#[tokio::test(flavor = "multi_thread")]
async fn a_content_directory_without_its_mark_stops_the_start_and_every_repair() {
    let program = Program::new().await;
    with_a_file(&program).await;
    let content = program.data_dir().join("content");
    let away = program.path("away");
    fs::rename(&content, &away).unwrap();
    let other = Program::new().await;
    other.serve().kill();
    let others = fs::read(other.data_dir().join("content/installation")).unwrap();
    for (make, said) in [
        (&(|| {}) as &dyn Fn(), "does not have the mark"),
        (
            &|| fs::create_dir(&content).unwrap(),
            "does not have the mark",
        ),
        (
            &|| fs::write(content.join("installation"), &others).unwrap(),
            "belong to different installations",
        ),
        (
            &|| fs::write(content.join("installation"), "half a mar").unwrap(),
            "is damaged",
        ),
    ] {
        make();
        let before = everything_in(&program.data_dir().join("content"));
        for command in [&["serve"][..], &["verify"], &["verify", "--repair"]] {
            let printed = program.run(command);
            refused(&printed, &[said, "/data/content"]);
        }
        assert!(
            everything_in(&program.data_dir().join("content")) == before,
            "{said}"
        );
    }

    // What is said to do is all there is to do.
    fs::remove_file(content.join("installation")).unwrap();
    fs::remove_dir(&content).unwrap();
    fs::rename(&away, &content).unwrap();
    fs::remove_file(content.join("installation")).unwrap();
    let said = program.run(&["serve"]).err;
    let command = said.split('`').nth(1).unwrap();
    let done = std::process::Command::new("sh")
        .args(["-c", command])
        .status();
    assert!(done.unwrap().success(), "{command}");
    succeeded(&program.run(&["verify", "--deep", "--repair"]));
    let server = program.serve();
    assert_eq!(
        reqwest::get(format!("{}/readyz", server.base))
            .await
            .unwrap()
            .status(),
        200
    );
}

/// An empty installation too: what came in would be below the disk, and gone when that is back.
#[tokio::test(flavor = "multi_thread")]
async fn an_installation_without_files_waits_for_its_disk_as_well() {
    let program = Program::new().await;
    program.serve().kill();
    fs::remove_dir_all(program.data_dir().join("content")).unwrap();
    refused(&program.run(&["serve"]), &["does not have the mark"]);
    assert!(!program.data_dir().join("content").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn first_starts_at_once_make_one_installation() {
    let program = Program::new().await.migrated();
    let servers: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..3).map(|_| scope.spawn(|| program.serve())).collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    let mark = fs::read(program.data_dir().join("content/installation")).unwrap();
    assert_eq!(mark.len(), 37);
    drop(servers);
    program.serve().kill();
    assert_eq!(
        fs::read(program.data_dir().join("content/installation")).unwrap(),
        mark
    );
    succeeded(&program.run(&["verify"]));
}

/// Its database has the id of the installation by then, and its content directory no mark.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_is_killed_before_the_mark_is_followed_by_a_second() {
    let program = Program::new().await.migrated();
    let renames = "rename,renameat,renameat2";
    let [trace, kill] = [
        format!("trace={renames}"),
        format!("inject={renames}:signal=KILL:when=1"),
    ];
    let strace = ["strace", "-f", "-o", "/dev/null", "-e", &trace, "-e", &kill];
    assert!(program.try_serve(&strace).is_err(), "it was killed");
    let content = program.data_dir().join("content");
    let names: Vec<_> = fs::read_dir(&content)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        names.len() == 1 && names[0].starts_with("installation."),
        "the mark alone is renamed, and was not: {names:?}"
    );

    program.serve().kill();

    assert_eq!(fs::read(content.join("installation")).unwrap().len(), 37);
    succeeded(&program.run(&["verify"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_content_goes_away_is_not_ready_and_acknowledges_nothing() {
    let program = Program::new().await;
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    let file = alice.upload("a.txt", b"precious").await;
    let ticket = alice.ticket(&file).await;
    let trashed = alice.upload("b.txt", b"to be deleted").await;
    alice.delete(&trashed).await.data("/deleteFile");
    let (content, away) = (program.data_dir().join("content"), program.path("away"));
    becomes(&server, 200).await;

    // As when a disk is unmounted: an empty directory is there.
    fs::rename(&content, &away).unwrap();
    fs::create_dir(&content).unwrap();

    let said = becomes(&server, 503).await;
    assert!(said.contains("The storage"), "{said}");
    assert_eq!(
        try_upload(&alice, "c.txt", b"lost").await.code(),
        "UNAVAILABLE"
    );
    assert_eq!(
        try_upload(&alice, "d.bin", &vec![7; 3 << 20]).await.code(),
        "UNAVAILABLE"
    );
    // The file is not gone, and its bytes are not removed.
    assert_eq!(alice.get(&ticket).await.code(), "UNAVAILABLE");
    alice
        .ask(&format!("mutation {{ purgeFile(id: \"{trashed}\") }}"))
        .await
        .data("/purgeFile");
    assert_eq!(everything_in(&content).len(), 1);

    fs::remove_dir(&content).unwrap();
    fs::rename(&away, &content).unwrap();
    becomes(&server, 200).await;
    assert_eq!(alice.get(&ticket).await.bytes, b"precious");
    alice.upload("e.txt", b"kept").await;
}
