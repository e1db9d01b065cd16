//! Tickets: nothing made up is one. The key is always the same, so that a find can be repeated.
#![no_main]

use std::{path::Path, sync::LazyLock};

use cloakroom::{
    auth::signing::{Keyring, Signer},
    config::Secret,
    domain::tickets,
};
use libfuzzer_sys::fuzz_target;

static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    let secret = Secret::from("a secret of this target, and of nothing else".to_owned());
    Keyring::load(&[secret], Path::new("/nowhere")).unwrap().tickets
});

fuzz_target!(|text: &str| {
    assert_eq!(tickets::read(&SIGNER, text), None);
});
