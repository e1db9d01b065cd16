//! Tickets: nothing made up is one. The key is always the same, so that a find can be repeated.
#![no_main]

use std::{path::Path, sync::LazyLock};

use cloakroom::{config::Secret, domain::tickets::TicketKeys};
use libfuzzer_sys::fuzz_target;

static KEYS: LazyLock<TicketKeys> = LazyLock::new(|| {
    let secret = Secret::from("a secret of this target, and of nothing else".to_owned());
    TicketKeys::load(&[secret], Path::new("/nowhere")).unwrap()
});

fuzz_target!(|text: &str| {
    assert_eq!(KEYS.verify(text), None);
});
