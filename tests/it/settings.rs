//! The settings: how they are declared, documented, and kept to themselves.

use std::{fs, os::unix::fs::PermissionsExt};

use clap::Parser;
use cloakroom::config::{self, Options, SETTINGS};

use crate::support::program::Program;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

#[test]
fn the_documentation_has_every_setting() {
    assert!(
        include_str!("../../docs/settings.md") == config::markdown(),
        "write it again: cargo run -- settings > docs/settings.md"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_help_has_every_setting_with_its_default() {
    let help = Program::new().await.run(&["--help"]);
    for setting in SETTINGS.iter() {
        let (_, after) = help
            .out
            .split_once(&format!("--{} <", setting.flag))
            .unwrap_or_else(|| panic!("--help has no --{}", setting.flag));
        let described = after.split("\n      --").next().unwrap();
        for part in [&setting.help, &setting.values, &setting.variable] {
            assert!(described.contains(part), "{}: {described}", setting.flag);
        }
        let has_default = described.contains("[default: ") || setting.name == "allowed_origins";
        assert!(has_default, "{}: {described}", setting.flag);
    }
}

#[test]
fn every_default_is_a_value_that_its_setting_allows() {
    let config = Cli::parse_from(["cloakroom"]).options.validate().unwrap();
    assert!(config.server.max_connections > 0 && config.server.max_connections_per_address > 0);
    assert!((1..=4).contains(&config.accounts.hashing_threads));
    assert_eq!(config.server.public_url, "http://127.0.0.1:8080");
    assert_eq!(
        config.database.database_url.expose(),
        "sqlite:./data/cloakroom.sqlite3"
    );
}

#[test]
fn no_secret_is_in_the_debug_output_of_the_configuration() {
    // Long enough to sign with, and the URL of a database as well.
    let canary = "postgres://canary-of-thirty-two-bytes-or-more";
    let secrets: Vec<_> = SETTINGS.iter().filter(|one| one.is_secret).collect();
    assert!(secrets.len() >= 2);
    let flags = secrets
        .iter()
        .map(|secret| format!("--{}={canary}", secret.flag));
    let line = ["cloakroom".to_owned()].into_iter().chain(flags);

    let options = Cli::parse_from(line).options;
    let config = options.validate().unwrap();

    for printed in [format!("{options:?}"), format!("{config:?}")] {
        assert!(!printed.contains("canary"), "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_secret_may_be_in_a_file() {
    let secrets: Vec<_> = SETTINGS.iter().filter(|one| one.is_secret).collect();
    for secret in secrets {
        let program = Program::with(None);
        let file = program.path("secret");
        // Long enough to sign with, and the URL of a database as well.
        let text = format!(
            "sqlite:{}\n",
            program.path("thirty-two-bytes-or-more").display()
        );
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let file = file.to_str().unwrap();
        let name = secret.name.to_uppercase();

        let printed = program.set(&format!("{name}_FILE"), file).run(&["migrate"]);
        assert_eq!(printed.status, Some(0), "{name}: {printed:?}");

        let printed = Program::with(None)
            .set(&name, "something")
            .set(&format!("{name}_FILE"), file)
            .run(&["migrate"]);
        assert_eq!(printed.status, Some(2), "{name}: {printed:?}");
        let said = format!("CLOAKROOM_{name}: is set, and so is CLOAKROOM_{name}_FILE");
        assert!(printed.err.contains(&said), "{printed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_setting_is_named_in_the_log_with_the_nearest_one_and_without_its_value() {
    let program = Program::new()
        .await
        .set("TICKET_TLL", "hunter2")
        .set("SECRT", "hunter2")
        .set("SOMETHING_ELSE_ALTOGETHER", "hunter2");

    let printed = program.run(&["migrate"]);

    assert_eq!(printed.status, Some(0), "{printed:?}");
    let line = |variable: &str| {
        let mut lines = printed.err.lines();
        lines
            .find(|line| line.contains(variable) && line.contains("WARN"))
            .unwrap_or_else(|| panic!("{variable} is not in {}", printed.err))
    };
    assert!(line("CLOAKROOM_TICKET_TLL").contains("CLOAKROOM_TICKET_TTL"));
    assert!(line("CLOAKROOM_SECRT").contains("CLOAKROOM_SECRET "));
    assert!(line("CLOAKROOM_SOMETHING_ELSE_ALTOGETHER").contains("--help"));
    assert!(!printed.err.contains("hunter2"), "{}", printed.err);
    assert_eq!(printed.err.matches("is no setting").count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_item_of_a_list_that_is_wrong_is_named() {
    let printed = Program::new()
        .await
        .set("TRUSTED_PROXIES", "10.0.0.0/33, 10.0.0.0/8, nowhere")
        .run(&["migrate"]);
    assert_eq!(printed.status, Some(2), "{printed:?}");
    for item in ["\"10.0.0.0/33\"", "\"nowhere\""] {
        assert!(printed.err.contains(item), "{printed:?}");
    }
    assert!(printed.err.contains("2 mistake(s)"), "{printed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_variables_has_every_setting_and_its_defaults_are_taken() {
    let program = Program::new().await;
    let printed = program.run(&["settings", "--env", "SIGN_UP=closed", "MAX_FILE_SIZE=1GiB"]);
    assert_eq!(printed.status, Some(0), "{printed:?}");
    let file = printed.out;
    let page = program.run(&["settings"]).out;
    let names = page.lines().filter_map(|line| {
        let (name, _) = line.strip_prefix("| `")?.split_once('`')?;
        (name != "CLOAKROOM_…").then_some(name)
    });
    let mut number = 0;
    for name in names {
        let line = format!("CLOAKROOM_{name}=");
        let lines = file.lines().map(|line| line.trim_start_matches('#'));
        assert_eq!(
            lines.filter(|it| it.starts_with(&line)).count(),
            1,
            "{name}"
        );
        number += 1;
    }
    assert!(
        number > 50,
        "only {number} settings were read from the page"
    );
    let set: Vec<_> = file
        .lines()
        .filter(|line| line.starts_with("CLOAKROOM_"))
        .collect();
    assert_eq!(
        set,
        ["CLOAKROOM_MAX_FILE_SIZE=1GiB", "CLOAKROOM_SIGN_UP=closed"]
    );

    // With every default in force.
    let in_force: String = file
        .lines()
        .map(|line| match line.strip_prefix("#CLOAKROOM_") {
            Some(rest) if !rest.ends_with('=') => format!("CLOAKROOM_{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let path = program.settings_file();
    fs::write(&path, in_force).unwrap();
    let data_dir = program.data_dir().display().to_string();
    let path = path.display().to_string();
    let arguments = ["migrate", "--env-file", &path, "--data-dir", &data_dir];
    let migrated = program.run(&arguments);
    assert_eq!(migrated.status, Some(0), "{migrated:?}");

    let refused = program.run(&["settings", "--env", "NONSENSE=1"]);
    assert_eq!(refused.status, Some(1));
    assert!(
        refused.err.contains("NONSENSE is no setting"),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn clap_makes_completions_and_a_page_for_each_command() {
    let program = Program::new().await;
    for shell in ["bash", "zsh", "fish"] {
        let printed = program.run(&["completions", shell]);
        assert_eq!(printed.status, Some(0), "{printed:?}");
        for word in ["create-user", "ticket-ttl"] {
            assert!(printed.out.contains(word), "{shell}: {word}");
        }
    }
    let directory = program.path("pages");
    fs::create_dir(&directory).unwrap();
    let written = program.run(&["man", directory.to_str().unwrap()]);
    assert_eq!(written.status, Some(0), "{written:?}");
    let page = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
    assert!(page("cloakroom.1").contains("ticket\\-ttl"));
    let of_command = page("cloakroom-create-user.1");
    assert!(of_command.contains("admin") && !of_command.contains("ticket\\-ttl"));
    let nowhere = program.run(&["man", "/nonexistent"]);
    assert_eq!(nowhere.status, Some(1), "{nowhere:?}");
}
