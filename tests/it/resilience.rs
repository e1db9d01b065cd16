//! What goes wrong for one request stays with that request.

use std::time::Duration;

use cloakroom::error::Code;
use sea_orm::{ConnectionTrait, DbBackend};
use tokio::sync::oneshot;

use crate::support::TestApp;

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
