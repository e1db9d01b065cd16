//! What anybody can have refused at will does not fill the log.

use serde_json::json;

use crate::support::{Person, Program};

/// How many lines of `log` have all of `words`.
fn lines(log: &str, words: &[&str]) -> usize {
    let lines = log.lines();
    lines
        .filter(|line| words.iter().all(|word| line.contains(word)))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_find_no_room_are_a_line_of_the_log_now_and_then() {
    let program = Program::new().await;
    // More than any disk has.
    let server = program.set("DISK_RESERVE", "1125899906842624").serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    let query = "mutation($file: Upload!) { uploadFile(file: $file) { id } }";
    for _ in 0..40 {
        let refused = alice.upload_with(query, json!({}), "a.bin", b"a").await;
        assert_eq!(refused.code(), "STORAGE_FULL", "{refused:?}");
    }

    let log = server.log().await;

    let told = lines(&log, &["STORAGE_FULL"]);
    assert!((1..=5).contains(&told), "{told} lines");
    assert_eq!(lines(&log, &["STORAGE_FULL", " WARN "]), told, "{log}");
    assert_eq!(lines(&log, &[" ERROR "]), 0, "{log}");
}
