//! Dates, as clients write and read them.

use std::time::Duration;

use serde_json::json;

use crate::support::TestApp;

/// As the specification of the scalar says (https://scalars.graphql.org/andimarek/date-time.html): clients read it with one
/// pattern. What they send may be any date of RFC 3339.
#[tokio::test(flavor = "multi_thread")]
async fn dates_have_three_digits_of_the_second_however_they_were_sent() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    server.person("bob").await;
    let file = alice.upload("a.txt", b"a").await;
    for (sent, told) in [
        ("2031-01-31T23:59:59Z", "2031-01-31T23:59:59.000Z"),
        ("2031-01-31T23:59:59.1Z", "2031-01-31T23:59:59.100Z"),
        ("2031-01-31T23:59:59.12Z", "2031-01-31T23:59:59.120Z"),
        ("2031-01-31T23:59:59.120Z", "2031-01-31T23:59:59.120Z"),
        ("2031-01-31T23:59:59.999999999Z", "2031-01-31T23:59:59.999Z"),
        ("2031-01-31T23:59:59.5+02:00", "2031-01-31T21:59:59.500Z"),
        ("2031-12-31T23:00:00-01:30", "2032-01-01T00:30:00.000Z"),
        ("9999-12-31T23:59:59.9Z", "9999-12-31T23:59:59.900Z"),
    ] {
        let share = "mutation($f: ID!, $e: DateTime) {
            shareWithUser(fileId: $f, username: \"bob\", expiresAt: $e) { expiresAt } }";
        let share = alice.ask_with(share, json!({ "f": file, "e": sent })).await;
        assert_eq!(share.data("/shareWithUser/expiresAt"), told, "{sent}");
    }
    let pattern = |date: &str| {
        let shape = date
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c });
        shape.collect::<String>()
    };
    // Every field of the type, of rows as of what is made up.
    let query =
        "query($f: ID!) { file(id: $f) { createdAt owner { createdAt } downloadTicket { expiresAt }
        shares { nodes { createdAt } } events { edges { node { at } } } } }";
    // A moment that ends in zeros.
    let now = server.app.clock.now().0;
    server.set_ahead(Duration::from_millis(
        u64::try_from(100 - now % 100).unwrap(),
    ));
    let file = alice.upload("b.txt", b"b").await;
    alice.share_with_everyone(&file).await;
    let answer = alice.ask_with(query, json!({ "f": file })).await;
    let mut dates = 0;
    for pointer in [
        "/file/createdAt",
        "/file/owner/createdAt",
        "/file/downloadTicket/expiresAt",
        "/file/shares/nodes/0/createdAt",
        "/file/events/edges/0/node/at",
    ] {
        let date = answer.text(pointer);
        assert_eq!(
            pattern(&date),
            "0000-00-00T00:00:00.000Z",
            "{pointer}: {date}"
        );
        dates += usize::from(date.ends_with("00Z"));
    }
    assert!(dates > 1, "{answer:?}");
}
