//! The configuration: mistakes are named at once, and secrets are kept.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    process::Command,
};

use super::cli::succeeded;
use crate::support::program::Program;

pub const SECRET: &str = "a secret of thirty-two bytes or more";

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

/// A path in an old encoding, such as Latin-1.
#[test]
fn a_setting_that_is_no_text_is_named_without_its_value() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    let latin = OsStr::from_bytes(b"/srv/m\xfcll");
    program.env_clear().env("CLOAKROOM_DATA_DIR", latin);
    program
        .env("CLOAKROOM_SECRET", latin)
        .env("CLOAKROOM_OTHER", latin);
    let output = program.arg("verify").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    for name in ["DATA_DIR", "SECRET"] {
        assert!(
            said.contains(&format!("CLOAKROOM_{name}: is not UTF-8")),
            "{said}"
        );
    }
    assert!(said.contains("2 mistake(s)"), "{said}");
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
