//! The settings of single sign-on are looked at together, at the start.

use clap::Parser;
use cloakroom::config::{Config, Options};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

const ISSUER: &str = "--oidc-issuer=https://id.example/realms/main";
const CLIENT: &str = "--oidc-client-id=cloakroom";

/// What these flags make; or all that is wrong with them.
fn config(flags: &[&str]) -> Result<Config, String> {
    let line = ["cloakroom"].iter().chain(flags);
    let options = Cli::try_parse_from(line).unwrap().options;
    options.validate().map_err(|mistakes| mistakes.to_string())
}

#[test]
fn what_single_sign_on_needs_is_asked_for_at_once() {
    for (flags, variable, what) in [
        (
            &[ISSUER][..],
            "OIDC_CLIENT_ID",
            "is not set, and OIDC_ISSUER is",
        ),
        (
            &[CLIENT],
            "OIDC_CLIENT_ID",
            "is set, and OIDC_ISSUER is not",
        ),
        (
            &["--oidc-admin-claim=groups", "--oidc-admin-group=a"],
            "OIDC_ADMIN_CLAIM",
            "is set, and OIDC_ISSUER is not",
        ),
        (
            &[ISSUER, CLIENT, "--oidc-admin-claim=groups"],
            "OIDC_ADMIN_GROUP",
            "is not set",
        ),
        (
            &[ISSUER, CLIENT, "--oidc-admin-group=admins"],
            "OIDC_ADMIN_CLAIM",
            "is not set",
        ),
        (
            &["--password-sign-in=off"],
            "PASSWORD_SIGN_IN",
            "nobody could sign in",
        ),
        (
            &["--password-sign-in=sometimes"],
            "PASSWORD_SIGN_IN",
            "is not one of on, off",
        ),
        (
            &["--oidc-sign-up=ajar", ISSUER, CLIENT],
            "OIDC_SIGN_UP",
            "is not one of open, closed",
        ),
    ] {
        let mistakes = config(flags).unwrap_err();
        let expected = format!("CLOAKROOM_{variable}: ");
        assert!(
            mistakes.contains(&expected) && mistakes.contains(what),
            "{flags:?}: {mistakes}"
        );
        assert!(mistakes.contains("1 mistake(s)"), "{flags:?}: {mistakes}");
    }
}

#[test]
fn an_issuer_is_https_or_on_this_machine() {
    for issuer in [
        "https://id.example",
        "https://id.example/realms/main/",
        "http://127.0.0.1:8080",
        "http://localhost:8080/realms/main",
        "http://[::1]:8080",
    ] {
        let config = config(&[&format!("--oidc-issuer={issuer}"), CLIENT]).unwrap();
        assert_eq!(config.oidc.oidc_issuer, issuer);
    }
    for issuer in [
        "http://id.example",
        "http://localhost.example",
        "http://10.0.0.5",
        "https://user:word@id.example",
        "https://id.example/?realm=main",
        "https://id.example/#main",
        "ftp://id.example",
        "id.example",
        "https://",
        "",
    ] {
        let mistakes = config(&[&format!("--oidc-issuer={issuer}"), CLIENT]).unwrap_err();
        assert!(
            mistakes.contains("CLOAKROOM_OIDC_ISSUER: "),
            "{issuer}: {mistakes}"
        );
    }
}

#[test]
fn the_provider_is_called_by_its_host_where_nobody_says_more() {
    let unnamed = config(&[ISSUER, CLIENT]).unwrap();
    assert_eq!(unnamed.oidc.oidc_name, "id.example");
    let named = config(&[ISSUER, CLIENT, "--oidc-name=Example Ltd"]).unwrap();
    assert_eq!(named.oidc.oidc_name, "Example Ltd");
    for name in ["", "a\nb", &"a".repeat(101)] {
        let mistakes = config(&[ISSUER, CLIENT, &format!("--oidc-name={name}")]).unwrap_err();
        assert!(
            mistakes.contains("CLOAKROOM_OIDC_NAME: "),
            "{name:?}: {mistakes}"
        );
    }
}
