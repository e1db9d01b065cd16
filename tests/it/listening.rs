//! Listening: where the server listens, what gives way to it, and how it ends.

use std::{
    fs,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, symlink},
        net::{UnixListener, UnixStream},
    },
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use reqwest::StatusCode;

use crate::support::{
    Person,
    person::PASSWORD,
    program::{Printed, Program},
};

#[tokio::test(flavor = "multi_thread")]
async fn two_programs_do_not_listen_at_one_place() {
    let program = Program::new().await;
    let server = program.serve();
    let address = server.base.strip_prefix("http://").unwrap().to_owned();

    let second = Program::new().await.set("LISTEN", &address).run(&[]);

    assert_eq!(second.status, Some(1), "{second:?}");
    assert!(
        second
            .err
            .contains(&format!("cannot listen on http://{address}")),
        "{second:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_server_finishes_the_downloads_under_way() {
    let program = Program::new().await;
    let mut server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    // More than the buffers between here and there take in, so that the rest waits for the signal.
    let byte = |at: u32| at.to_le_bytes()[0] ^ at.to_le_bytes()[1];
    let bytes: Vec<u8> = (0..64 << 20).map(byte).collect();
    let file = alice.upload("large.bin", &bytes).await;
    let ticket = alice.ticket(&file).await;
    let mut download = reqwest::get(&ticket).await.unwrap();
    assert_eq!(download.status(), StatusCode::OK);
    let mut received = download.chunk().await.unwrap().unwrap().to_vec();

    server.terminate();

    let refuses = async {
        while reqwest::get(format!("{}/healthz", server.base))
            .await
            .is_ok()
        {}
    };
    tokio::time::timeout(Duration::from_secs(10), refuses)
        .await
        .unwrap();
    assert!(!server.has_ended(), "it left the download behind");
    while let Some(chunk) = download.chunk().await.unwrap() {
        received.extend_from_slice(&chunk);
    }
    assert!(received == bytes);
    let (status, log) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("stopped"), "{log}");
    let (_, ticket) = ticket.rsplit_once('/').unwrap();
    assert!(
        !log.contains(ticket) && !log.contains(PASSWORD),
        "the log tells secrets"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_server_ends_at_once() {
    let program = Program::new().await;
    let server = program.serve();
    // A connection that is kept alive, and asks nothing more.
    let client = reqwest::Client::new();
    client
        .get(format!("{}/readyz", server.base))
        .send()
        .await
        .unwrap();

    server.terminate();

    let (status, log) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
}

/// What the program says when it does not listen where it is told to.
fn does_not_listen(program: &Program, what: &str) -> Printed {
    assert!(program.try_serve(&[]).is_err(), "{what}: it listens");
    program.run(&[])
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_a_dead_socket_gives_way_to_a_new_one() {
    let program = Program::new().await;
    let (place, kept) = (program.path("place"), program.path("kept"));
    fs::write(&kept, "precious").unwrap();
    let dead = program.path("dead");
    drop(UnixListener::bind(&dead).unwrap());
    let program = program.set("LISTEN", &format!("unix:{}", place.display()));
    for (name, make) in [
        (
            "a regular file",
            &(|| fs::write(&place, "precious").unwrap()) as &dyn Fn(),
        ),
        ("a directory", &|| fs::create_dir(&place).unwrap()),
        ("a symbolic link", &|| symlink(&kept, &place).unwrap()),
        ("a symbolic link", &|| symlink(&dead, &place).unwrap()),
        ("a symbolic link", &|| symlink("nowhere", &place).unwrap()),
        ("a FIFO", &|| {
            let made = Command::new("mkfifo").arg(&place).status();
            assert!(made.unwrap().success());
        }),
    ] {
        make();
        let before = fs::symlink_metadata(&place).unwrap();

        let printed = does_not_listen(&program, name);

        assert_eq!(printed.status, Some(1), "{name}: {printed:?}");
        let said = format!("{} is {name}, which is left as it is", place.display());
        assert!(
            printed.err.contains(&said) && printed.err.contains("CLOAKROOM_LISTEN"),
            "{name}: {printed:?}"
        );
        let after = fs::symlink_metadata(&place).unwrap();
        assert_eq!(
            (after.ino(), after.mtime_nsec(), after.mode()),
            (before.ino(), before.mtime_nsec(), before.mode()),
            "{name}"
        );
        assert!(!program.data_dir().exists(), "{name}: it had begun");
        match before.is_dir() {
            true => fs::remove_dir(&place).unwrap(),
            false => fs::remove_file(&place).unwrap(),
        }
    }
    assert_eq!(fs::read_to_string(&kept).unwrap(), "precious");

    // A dead one makes room, again and again.
    fs::rename(&dead, &place).unwrap();
    for _ in 0..2 {
        program.serve().kill();
        let left = fs::symlink_metadata(&place).unwrap();
        assert!(left.file_type().is_socket());
    }
}

/// Even one so busy that no more clients can wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_living_socket_is_left_to_its_process() {
    let program = Program::new().await;
    let place = program.path("place");
    let program = program.set("LISTEN", &format!("unix:{}", place.display()));
    let listener = UnixListener::bind(&place).unwrap();
    let inode = fs::symlink_metadata(&place).unwrap().ino();
    let left_alone = |what: &str| {
        let began = Instant::now();
        let printed = does_not_listen(&program, what);
        assert_eq!(printed.status, Some(1), "{what}: {printed:?}");
        assert!(
            printed
                .err
                .contains("another process listens on this socket"),
            "{what}: {printed:?}"
        );
        assert!(began.elapsed() < Duration::from_secs(10), "{what}");
        assert_eq!(fs::symlink_metadata(&place).unwrap().ino(), inode, "{what}");
    };
    left_alone("idle");
    let mut waiting = Vec::new();
    loop {
        let place = place.clone();
        let (sender, connected) = std::sync::mpsc::channel();
        std::thread::spawn(move || sender.send(UnixStream::connect(place)));
        match connected.recv_timeout(Duration::from_millis(500)) {
            Ok(client) => waiting.push(client.unwrap()),
            Err(_) => break,
        }
    }
    left_alone("busy");
    drop(listener);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_be_listened_at_is_named_with_the_way_out() {
    let program = Program::with(None);
    let unix = |path: &Path| format!("unix:{}", path.display());
    let long = program.path(&"s".repeat(120));
    let missing = program.path("no/such.sock");
    let taken = program.path("taken.sock");
    let _listener = UnixListener::bind(&taken).unwrap();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_port = holder.local_addr().unwrap().to_string();
    for (listen, said) in [
        (unix(&long), "107 bytes"),
        (unix(&missing), "no does not exist: make it"),
        (unix(&taken), "another process listens"),
        (taken_port, "Another program listens there"),
        ("192.0.2.1:8080".to_owned(), "has that address"),
    ] {
        let printed = Program::with(None).set("LISTEN", &listen).run(&["serve"]);
        assert_eq!(printed.status, Some(1), "{printed:?}");
        for words in ["cannot listen on", said, "CLOAKROOM_LISTEN"] {
            assert!(printed.err.contains(words), "{words}: {printed:?}");
        }
    }
}

/// URLs that begin with it would lead nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn listening_everywhere_needs_the_address_that_clients_use() {
    for listen in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0"] {
        let program = Program::with(None).set("LISTEN", listen);
        let printed = program.run(&["serve"]);
        assert_eq!(printed.status, Some(2), "{printed:?}");
        assert!(
            printed.err.contains("CLOAKROOM_PUBLIC_URL: is not set"),
            "{printed:?}"
        );
        assert!(printed.err.contains("1 mistake(s)"), "{printed:?}");
    }
    let program = Program::with(None)
        .set("LISTEN", "0.0.0.0:0")
        .set("PUBLIC_URL", "HTTPS://Files.Example:443/");
    let server = program.serve();
    let alice = Person::anonymous(&server.base.replace("0.0.0.0", "127.0.0.1"));
    assert_eq!(
        alice.ask("{ __typename }").await.text("/__typename"),
        "Query"
    );
    assert!(
        server
            .log()
            .await
            .contains("public_url=\"https://files.example\"")
    );

    let doubts = "CLOAKROOM_PUBLIC_URL is not set";
    let behind_nginx = Program::with(None).set("DELIVERY", "x-accel");
    assert!(behind_nginx.serve().log().await.contains(doubts));
    assert!(!Program::with(None).serve().log().await.contains(doubts));
}
