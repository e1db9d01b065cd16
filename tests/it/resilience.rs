//! What goes wrong for one request stays with that request.

use std::{fs, process::Command, time::Duration};

use cloakroom::error::Code;
use sea_orm::{ConnectionTrait, DbBackend};
use tokio::sync::oneshot;

use crate::support::{Person, Program, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_takes_too_long_is_given_up() {
    let server = TestApp::start_with(|options| options.execution_timeout = "1s".to_owned()).await;
    let alice = server.person("alice").await;
    let file = alice.upload("notes.txt", b"hello").await;
    let rename = format!("mutation {{ renameFile(id: \"{file}\", name: \"new.txt\") {{ name }} }}");
    let (entered, inside) = oneshot::channel();
    let (release, held) = oneshot::channel::<()>();
    let db = server.app.db.clone();
    let holder = tokio::spawn(async move {
        db.write(move |transaction| {
            Box::pin(async move {
                if transaction.get_database_backend() == DbBackend::Postgres {
                    transaction
                        .execute_unprepared("LOCK TABLE file IN EXCLUSIVE MODE")
                        .await?;
                }
                entered.send(()).unwrap();
                let _ = held.await;
                Ok(())
            })
        })
        .await
    });
    inside.await.unwrap();

    let given_up = tokio::time::timeout(Duration::from_secs(10), alice.ask(&rename))
        .await
        .unwrap();
    assert_eq!(
        (given_up.status.as_u16(), given_up.code()),
        (503, "UNAVAILABLE")
    );
    let read = alice.ask("{ me { username } }").await;
    assert_eq!(read.text("/me/username"), "alice", "reading goes on");

    release.send(()).unwrap();
    holder.await.unwrap().unwrap();
    assert_eq!(alice.ask(&rename).await.text("/renameFile/name"), "new.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_transaction_fails_that_one_alone() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;

    let failed = server
        .app
        .db
        .write::<(), _>(|_| Box::pin(async { panic!("on purpose") }))
        .await;

    assert_eq!(failed.unwrap_err().code, Code::Internal);
    alice.upload("notes.txt", b"hello").await;
    let files = alice.ask("{ files { nodes { name } } }").await;
    assert_eq!(files.text("/files/nodes/0/name"), "notes.txt");
}

/// A disk that never answers, as a pipe that nobody writes to: the thread that waits for it is not waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_does_not_come_back_holds_up_no_stop() {
    let program = Program::new().await.set("SHUTDOWN_TIMEOUT", "1s");
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    let ticket = alice.ticket(&file).await;
    let mut content = program.data_dir().join("content");
    while content.is_dir() {
        let entries = fs::read_dir(&content).unwrap().map(|entry| entry.unwrap());
        let mut paths = entries.map(|entry| entry.path());
        // Not the directory's mark.
        content = paths
            .find(|path| !path.ends_with("content/installation"))
            .unwrap();
    }
    fs::remove_file(&content).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(&content)
            .status()
            .unwrap()
            .success()
    );
    let download = tokio::spawn(reqwest::get(ticket));
    let tasks = format!("/proc/{}/task", server.pid);
    let waits = || {
        let tasks = fs::read_dir(&tasks).unwrap().flatten();
        let mut places = tasks.map(|task| fs::read_to_string(task.path().join("wchan")));
        places.any(|place| place.is_ok_and(|place| place == "wait_for_partner"))
    };
    for _ in 0..200 {
        if waits() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(waits(), "no thread waits for the pipe");

    server.terminate();

    let (status, log) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(download.await.unwrap().is_err());
}
