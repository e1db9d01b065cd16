//! The file of a service's settings, named for a command.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use super::{cli::succeeded, installation::refused};
use crate::support::{person::PASSWORD, program::Program};

/// The names and ways that docs/deploy.md has for commands beside a service.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_finds_the_server_s_database_by_the_service_s_file() {
    let program = Program::new().await;
    program.serve().kill();
    let program = program.set("TICKET_TLL", "5m");
    let file = program.settings_file();
    let program = program.without("TICKET_TLL");
    let flag = format!("--env-file={}", file.display());
    // What is in the environment of whoever types the command is another one's.
    let typed = program
        .without("DATABASE_URL")
        .set("DATA_DIR", "/nonexistent/elsewhere");
    refused(
        &typed.run_with(&["create-user", "alice"], PASSWORD),
        &["/nonexistent/elsewhere"],
    );

    let made = typed.run_with(&["create-user", "alice", &flag], PASSWORD);
    succeeded(&made);
    assert!(
        made.err.contains("CLOAKROOM_TICKET_TLL is no setting"),
        "{made:?}"
    );
    succeeded(&typed.run(&["--env-file", file.to_str().unwrap(), "verify"]));
    // A flag goes before the file.
    let printed = typed.run(&[
        "verify",
        &flag,
        "--data-dir=/nonexistent/by-flag",
        "--database-url=sqlite:/nonexistent/by-flag",
    ]);
    refused(&printed, &["/nonexistent/by-flag"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_settings_that_cannot_be_used_is_named() {
    let program = Program::new().await.migrated();
    let file = program.path("cloakroom.env");
    let path = file.display().to_string();
    let flag = format!("--env-file={path}");
    let mistaken = |said: &[&str]| {
        let printed = program.run_with(&["create-user", "alice", &flag], PASSWORD);
        assert_eq!(printed.status, Some(2), "{printed:?}");
        for words in said {
            assert!(printed.err.contains(words), "{words}: {printed:?}");
        }
    };
    mistaken(&["--env-file: cannot read", &path]);
    for (text, said) in [
        ("CLOAKROOM_SIGN_UP closed\n", "line 1 of"),
        ("\nexport CLOAKROOM_SIGN_UP=closed\n", "line 2 of"),
        ("CLOAKROOM_SIGN_UP='closed\n", "a quote that does not end"),
        (
            "CLOAKROOM_SIGN_UP=sometimes\n",
            "CLOAKROOM_SIGN_UP: \"sometimes\" is not one of",
        ),
    ] {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        mistaken(&[said]);
    }
    fs::write(&file, "CLOAKROOM_SIGN_UP=closed\n").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    mistaken(&["--env-file: ", &path, "has mode 0644"]);
}
