//! Content-Disposition both ways: what a part calls its file, and what a download is called.
#![no_main]

use axum::http::{HeaderMap, HeaderValue, header::CONTENT_DISPOSITION};
use cloakroom::{
    domain::{file_name, tickets::Disposition},
    http::disposition::{self, Spelling},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(value) = HeaderValue::from_bytes(input) else {
        return;
    };
    let sent = HeaderMap::from_iter([(CONTENT_DISPOSITION, value)]);
    let name = file_name::clean(&disposition::file_name(&sent, Spelling::Unknown));
    if name.encode_utf16().count() > 255 {
        return assert!(file_name::check(&name).is_err());
    }
    assert_eq!(file_name::check(&name).unwrap(), name);
    let written = disposition::header(Disposition::Attachment, &name, "text/plain");
    let read = HeaderMap::from_iter([(CONTENT_DISPOSITION, written)]);
    assert_eq!(disposition::file_name(&read, Spelling::Unknown), name);
});
