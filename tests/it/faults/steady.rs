//! The short form of scripts/load: nothing fails and nothing grows under load, and uploads in numbers take little memory.

use std::{path::Path, process::Command};

use crate::support::Database;

#[test]
fn a_short_load_meets_no_error_and_grows_nothing() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/load");
    let mut load = Command::new(script);
    load.args(["--quick", "--binary", env!("CARGO_BIN_EXE_cloakroom")]);
    if let Database::Postgres(_) = Database::chosen() {
        load.arg("--postgres");
    }
    let output = load.output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
