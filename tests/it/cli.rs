//! The command line: what an operator types, and what the program says.

use std::{
    fs,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink},
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

const SECRET: &str = "a secret of thirty-two bytes or more";

fn succeeded(printed: &Printed) {
    assert_eq!(printed.status, Some(0), "{printed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_of_a_configuration_is_named_at_once() {
    let program = Program::new()
        .await
        .set("LISTEN", "everywhere")
        .set("PUBLIC_URL", "https://files.example/path")
        .set("DATABASE_URL", "mysql://root:hunter2@db/cloakroom")
        .set("DELIVERY", "pigeon")
        .set("SECRET", "short")
        .set("TICKET_TTL", "25h")
        .set("MAX_FILE_SIZE", "huge")
        .set("MAX_FILES_PER_REQUEST", "0")
        .set("USER_QUOTA", "-1")
        .set("SIGN_UP", "sometimes")
        .set("SIGN_UPS_PER_ADDRESS", "0")
        .set("SIGN_UP_WINDOW", "25h")
        .set("SIGN_INS_PER_ACCOUNT", "many")
        .set("KNOWN_ADDRESS_TTL", "soon")
        .set("HASHING_QUEUE", "0")
        .set("HASHING_QUEUE_PER_ADDRESS", "-1")
        .set("GRAPHIQL", "maybe")
        .set("ALLOWED_ORIGINS", "https://app.example,app.example/")
        .set("TRUSTED_PROXIES", "10.0.0.0/33")
        .set("LOG_FORMAT", "xml");

    let printed = program.run(&["serve"]);

    assert_eq!(printed.status, Some(2), "{printed:?}");
    assert_eq!(printed.out, "");
    for setting in [
        "LISTEN",
        "PUBLIC_URL",
        "DATABASE_URL",
        "DELIVERY",
        "SECRET",
        "TICKET_TTL",
        "MAX_FILE_SIZE",
        "MAX_FILES_PER_REQUEST",
        "USER_QUOTA",
        "SIGN_UP",
        "SIGN_UPS_PER_ADDRESS",
        "SIGN_UP_WINDOW",
        "SIGN_INS_PER_ACCOUNT",
        "KNOWN_ADDRESS_TTL",
        "HASHING_QUEUE",
        "HASHING_QUEUE_PER_ADDRESS",
        "GRAPHIQL",
        "ALLOWED_ORIGINS",
        "TRUSTED_PROXIES",
        "LOG_FORMAT",
    ] {
        let named = format!("CLOAKROOM_{setting}: ");
        assert_eq!(
            printed.err.matches(&named).count(),
            1,
            "{setting}: {}",
            printed.err
        );
    }
    assert!(printed.err.contains("20 mistake(s)"), "{}", printed.err);
    assert!(!printed.err.contains("hunter2") && !printed.err.contains("short\""));
    assert!(
        !program.data_dir().exists(),
        "a mistaken start leaves nothing behind"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_empty_or_short_stops_the_start() {
    let program = Program::new().await;
    let file = program.path("secret");
    for secret in ["", "   ", "\n\n", "short", &format!("{SECRET}\nshort")] {
        let program = Program::new().await.set("SECRET", secret);
        let printed = program.run(&[]);
        assert_eq!(printed.status, Some(2), "{secret:?}: {printed:?}");
        assert!(printed.err.contains("CLOAKROOM_SECRET: "), "{printed:?}");

        fs::write(&file, secret).unwrap();
        let program = Program::new()
            .await
            .set("SECRET_FILE", file.to_str().unwrap());
        let printed = program.run(&[]);
        assert_eq!(printed.status, Some(2), "{secret:?}: {printed:?}");
        assert!(
            printed.err.contains("CLOAKROOM_SECRET_FILE: "),
            "{printed:?}"
        );
    }
    let printed = Program::new()
        .await
        .set("SECRET_FILE", "/no/such/file")
        .run(&[]);
    assert_eq!(printed.status, Some(2), "{printed:?}");
    assert!(
        printed.err.contains("CLOAKROOM_SECRET_FILE: cannot read"),
        "{printed:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_secret_in_the_data_directory_stops_the_start() {
    for damaged in ["", "0123"] {
        let program = Program::new().await;
        fs::create_dir(program.data_dir()).unwrap();
        fs::write(program.data_dir().join("secret"), damaged).unwrap();

        let printed = program.run(&[]);

        assert_eq!(printed.status, Some(1), "{printed:?}");
        assert!(
            printed.err.contains("data/secret is damaged"),
            "{printed:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_made_at_the_first_start_is_the_operator_s_alone() {
    let program = Program::new().await;
    let secret = program.data_dir().join("secret");
    let server = program.serve();
    let mode = fs::metadata(&secret).unwrap().permissions().mode() & 0o777;
    let made = fs::read_to_string(&secret).unwrap();
    drop(server);

    let server = program.serve();

    assert_eq!((mode, made.len()), (0o600, 64));
    assert_eq!(
        fs::read_to_string(&secret).unwrap(),
        made,
        "a second start keeps it"
    );
    let mode = fs::metadata(program.data_dir())
        .unwrap()
        .permissions()
        .mode()
        & 0o777;
    assert_eq!(
        mode & 0o007,
        0,
        "{mode:o}: the data directory is open to others"
    );
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_output_ever_shows_a_secret_of_the_environment() {
    let url = "postgres://cloakroom:hunter2@127.0.0.1:1/nowhere";
    let program = Program::new()
        .await
        .set("SECRET", SECRET)
        .set("DATABASE_URL", url)
        .set("LOG", "trace");
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["serve", "--help"],
        &["migrate", "--help"],
        &["nonsense"],
        &["migrate"],
    ] {
        let printed = program.run(arguments);
        let all = format!("{}{}", printed.out, printed.err);
        assert!(
            !all.contains(SECRET) && !all.contains("hunter2"),
            "{arguments:?}: {all}"
        );
    }
    let help = program.run(&["--help"]);
    succeeded(&help);
    for setting in [
        "LISTEN",
        "DATA_DIR",
        "DATABASE_URL",
        "SECRET",
        "SECRET_FILE",
        "PUBLIC_URL",
        "TRUSTED_PROXIES",
        "LOG_BUFFER",
    ] {
        assert!(
            help.out.contains(&format!("CLOAKROOM_{setting}")),
            "--help does not tell of {setting}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_prints_the_committed_schema_whatever_the_configuration() {
    let printed = Program::new()
        .await
        .set("LISTEN", "nonsense")
        .run(&["schema"]);
    succeeded(&printed);
    assert!(printed.out == include_str!("../../schema.graphql"));
    assert_eq!(printed.err, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_made_by_the_operator_signs_in() {
    let program = Program::new().await.set("SIGN_UP", "closed");

    let made = program.run_with(&["create-user", "alice"], &format!("{PASSWORD}\n"));

    succeeded(&made);
    assert!(made.out.ends_with(" alice\n"), "{made:?}");
    assert!(!format!("{made:?}").contains(PASSWORD));
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    assert_eq!(
        alice
            .sign_in("alice", PASSWORD)
            .await
            .text("/signIn/username"),
        "alice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_be_made_is_explained() {
    let program = Program::new().await;
    succeeded(&program.run_with(&["create-user", "alice"], PASSWORD));
    for (name, password, said) in [
        ("ALICE", PASSWORD, "CONFLICT"),
        ("no name", PASSWORD, "BAD_USER_INPUT"),
        ("bob", "short", "BAD_USER_INPUT"),
        ("bob", "", "BAD_USER_INPUT"),
    ] {
        let printed = program.run_with(&["create-user", name], password);
        assert_eq!(printed.status, Some(1), "{printed:?}");
        assert!(printed.err.contains(said), "{printed:?}");
        assert_eq!(printed.out, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_stops_an_account_of_a_running_server() {
    let program = Program::new().await;
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;

    let stopped = program.run(&["disable-user", "Alice"]);
    succeeded(&stopped);
    // The audit line, which is in the database as well.
    assert!(
        stopped.err.contains("AccountDisabled") && stopped.err.contains("user:alice"),
        "{stopped:?}"
    );

    assert_eq!(
        alice.ask("{ files { nodes { id } } }").await.code(),
        "UNAUTHENTICATED"
    );
    assert_eq!(
        alice.sign_in("alice", PASSWORD).await.code(),
        "UNAUTHENTICATED"
    );
    let restored = program.run(&["enable-user", "alice"]);
    succeeded(&restored);
    assert!(restored.err.contains("AccountEnabled"), "{restored:?}");
    assert_eq!(
        alice
            .sign_in("alice", PASSWORD)
            .await
            .text("/signIn/username"),
        "alice"
    );
    assert_eq!(program.run(&["disable-user", "nobody"]).status, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_go_all_the_way_down_and_up_again() {
    let program = Program::new().await;
    let steps = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migration/src")).unwrap();
    let steps = steps.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_str().unwrap().starts_with('m')
    });
    let steps = steps.count().to_string();
    succeeded(&program.run(&["migrate"]));
    succeeded(&program.run_with(&["create-user", "alice"], PASSWORD));
    succeeded(&program.run(&["migrate"]));

    succeeded(&program.run(&["migrate", "--down", &steps]));
    succeeded(&program.run(&["migrate"]));

    // Nothing of before is left, and everything works.
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    assert_eq!(
        alice.sign_in("alice", PASSWORD).await.code(),
        "UNAUTHENTICATED"
    );
    alice.sign_up("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    alice.share_with_everyone(&file).await;
    assert_eq!(alice.get(&alice.ticket(&file).await).await.bytes, b"hello");
    drop(server);
    // One step at a time as well, with rows in the tables.
    for _ in 0..steps.parse().unwrap() {
        succeeded(&program.run(&["migrate", "--down", "1"]));
    }
    succeeded(&program.run(&["migrate"]));
}

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

/// Sets the mode of what is at `path`; SQLite may have removed its log meanwhile, and takes an empty one.
fn set_mode(path: &Path, mode: u32) {
    if !path.exists() {
        fs::write(path, "").unwrap();
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The program refuses to start, names the path, and says `way_out`.
fn refuses(program: &Program, path: &Path, way_out: &str) {
    let printed = program.run(&["verify"]);
    let path = path.display().to_string();
    assert!(
        [Some(1), Some(2)].contains(&printed.status)
            && printed.err.contains(&path)
            && printed.err.contains(way_out),
        "{path}, {way_out}: {printed:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_can_read_or_write_stops_the_start() {
    // SQLite's files are among them.
    let program = Program::with(None);
    program.serve().kill();
    let data = program.data_dir();
    let [secret, database, log, content] = [
        "secret",
        "cloakroom.sqlite3",
        "cloakroom.sqlite3-wal",
        "content",
    ]
    .map(|name| data.join(name));
    for (path, open, closed) in [
        (
            &secret,
            &[0o666, 0o644, 0o640, 0o620, 0o604, 0o602][..],
            &[0o600, 0o400][..],
        ),
        (&database, &[0o666, 0o644, 0o660, 0o602], &[0o640, 0o600]),
        (&log, &[0o666, 0o604], &[0o640, 0o600]),
        (
            &data,
            &[0o777, 0o770, 0o757, 0o1777],
            &[0o755, 0o710, 0o750],
        ),
        (&content, &[0o777, 0o2770], &[0o2750, 0o750]),
    ] {
        for mode in open {
            set_mode(path, *mode);
            refuses(&program, path, &format!("has mode {mode:04o}"));
            refuses(&program, path, "with `chmod ");
        }
        for mode in closed {
            set_mode(path, *mode);
            succeeded(&program.run(&["verify"]));
        }
    }
    // What is said to do is all there is to do.
    set_mode(&secret, 0o666);
    let said = program.run(&["verify"]).err;
    let command = said.split('`').nth(1).unwrap();
    let done = Command::new("sh").args(["-c", command]).status().unwrap();
    assert!(done.success(), "{command}");
    succeeded(&program.run(&["verify"]));

    let elsewhere = program.path("elsewhere");
    fs::rename(&secret, &elsewhere).unwrap();
    symlink(&elsewhere, &secret).unwrap();
    refuses(&program, &secret, "CLOAKROOM_SECRET_FILE");
    fs::remove_file(&elsewhere).unwrap();
    refuses(&program, &secret, "CLOAKROOM_SECRET_FILE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_another_user_stops_the_start() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("only root can give a file away");
        return;
    }
    let program = Program::with(None);
    program.serve().kill();
    let given_away = ["secret", "cloakroom.sqlite3"].map(|name| program.data_dir().join(name));
    for path in &given_away {
        std::os::unix::fs::chown(path, Some(12_345), None).unwrap();
        refuses(&program, path, "belongs to another user, number 12345");
        std::os::unix::fs::chown(path, Some(0), None).unwrap();
        succeeded(&program.run(&["verify"]));
    }
    // Root looks after the installation of somebody else.
    for path in given_away.iter().chain([&program.data_dir()]) {
        std::os::unix::fs::chown(path, Some(12_345), None).unwrap();
    }
    succeeded(&program.run(&["verify"]));
}

/// Its group may read it, as where systemd or Kubernetes puts it.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_file_that_others_can_read_stops_the_start() {
    let file = Program::new().await;
    let file = file.path("given");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, SECRET).unwrap();
    let program = Program::new().await;
    let program = program.set("SECRET_FILE", file.to_str().unwrap());
    for mode in [0o666, 0o644, 0o604, 0o660, 0o602] {
        set_mode(&file, mode);
        let printed = program.run(&["verify"]);
        let said = format!(
            "CLOAKROOM_SECRET_FILE: {} has mode {mode:04o}",
            file.display()
        );
        assert_eq!(printed.status, Some(2), "{printed:?}");
        assert!(printed.err.contains(&said), "{said}: {printed:?}");
        assert!(!printed.err.contains(SECRET), "{printed:?}");
    }
    for mode in [0o600, 0o400, 0o440, 0o640] {
        set_mode(&file, mode);
        succeeded(&program.run(&["verify"]));
    }
    // Kubernetes links to where it keeps them.
    let link = file.with_extension("link");
    symlink(&file, &link).unwrap();
    let program = program.set("SECRET_FILE", link.to_str().unwrap());
    succeeded(&program.run(&["verify"]));
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
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
