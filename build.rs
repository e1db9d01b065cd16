//! Has cargo compile again when a bundle that the binary embeds appears or changes.

use std::path::Path;

fn main() {
    // Cargo takes a watched path that does not exist for changed, at every build. So while there are no bundles, watch
    // the directory that it will appear in.
    let watched = if Path::new("web/dist").is_dir() {
        "web/dist"
    } else {
        "web"
    };
    println!("cargo::rerun-if-changed={watched}");
    println!("cargo::rerun-if-changed=build.rs");
}
