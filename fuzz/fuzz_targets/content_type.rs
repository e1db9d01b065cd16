//! Content types: any head under any name has one that a header can carry.
#![no_main]

use cloakroom::domain::content_type;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &str)| {
    let (head, name) = input;
    let known = content_type::detect(head, name);
    assert!(known.contains('/') && known.bytes().all(|byte| matches!(byte, b' '..=b'~')));
});
