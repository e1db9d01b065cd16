//! Those who wait for a password to be hashed: a crowd at one address holds up nobody else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use cloakroom::config::Options;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::{Person, TestApp, person::PASSWORD};

const WRONG: &str = "a password made up";
const CROWDED: &str = "203.0.113.5";
const CROWD: usize = 60;

/// A server that hashes one password at a time, and lets anybody guess.
async fn one_thread(change: impl FnOnce(&mut Options)) -> TestApp {
    TestApp::start_with(|options| {
        options.hashing_threads = Some("1".into());
        options.sign_in_tries = "1000".into();
        options.sign_in_tries_per_address = "1000".into();
        change(options);
    })
    .await
}

/// Sign-ins and sign-ups at once, from one address.
struct Crowd {
    answered: Arc<AtomicUsize>,
    people: Vec<JoinHandle<String>>,
}

impl Crowd {
    fn at(server: &TestApp) -> Self {
        let answered = Arc::new(AtomicUsize::new(0));
        let people = (0..CROWD).map(|n| {
            let (person, answered) = (server.anonymous().from(CROWDED), Arc::clone(&answered));
            tokio::spawn(async move {
                let field = if n % 2 == 0 { "signIn" } else { "signUp" };
                let query = format!(
                    "mutation($u: String!, $p: String!) {{ {field}(username: $u, password: $p) {{ id }} }}"
                );
                let variables = json!({ "u": format!("crowd{n}"), "p": WRONG });
                let answer = person.ask_with(&query, variables).await;
                answered.fetch_add(1, Ordering::SeqCst);
                answer.code().to_owned()
            })
        });
        Self {
            people: people.collect(),
            answered,
        }
    }

    fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }

    /// Waits until the first of them have had their turn.
    async fn has_begun(&self, server: &TestApp) {
        server
            .eventually("the crowd is being served", async |_| self.answered() >= 3)
            .await;
    }

    async fn codes(self) -> Vec<String> {
        let mut codes = Vec::new();
        for person in self.people {
            codes.push(person.await.unwrap());
        }
        codes
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_at_one_address_holds_up_no_other() {
    let server = one_thread(|_| {}).await;
    let alice = server.person("alice").await;
    let crowd = Crowd::at(&server);
    crowd.has_begun(&server).await;

    let before = crowd.answered();
    alice.sign_in("alice", PASSWORD).await.data("/signIn");
    let after = crowd.answered();

    assert!(
        after < CROWD && after - before < 20,
        "{} of the crowd were served first",
        after - before
    );
    // Nor does it hold up whoever is signed in, at that very address.
    let before = crowd.answered();
    let change =
        "mutation($c: String!) { changePassword(current: $c, new: \"a new one, please\") { id } }";
    let neighbour = alice.from(CROWDED);
    let answer = neighbour.ask_with(change, json!({ "c": PASSWORD })).await;
    answer.data("/changePassword");
    let after = crowd.answered();
    assert!(
        after - before < 20,
        "{} of the crowd were served first",
        after - before
    );
    let codes = crowd.codes().await;
    assert!(
        codes
            .iter()
            .all(|code| ["", "UNAUTHENTICATED"].contains(&code.as_str())),
        "{codes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_is_too_long_for_its_line_is_refused_and_nobody_else_is() {
    let server = one_thread(|options| options.hashing_queue_per_address = "5".into()).await;
    let alice = server.person("alice").await;
    let crowd = Crowd::at(&server);
    crowd.has_begun(&server).await;
    alice.sign_in("alice", PASSWORD).await.data("/signIn");
    let codes = crowd.codes().await;
    assert!(codes.iter().any(|code| code == "RATE_LIMITED"), "{codes:?}");
    assert!(
        codes.iter().any(|code| code == "UNAUTHENTICATED"),
        "{codes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_all_lines_hold_are_told_that_the_server_is_busy() {
    let server = one_thread(|options| options.hashing_queue = "5".into()).await;
    let codes = Crowd::at(&server).codes().await;
    assert!(codes.iter().any(|code| code == "UNAVAILABLE"), "{codes:?}");
    assert!(
        codes.iter().any(|code| code == "UNAUTHENTICATED"),
        "{codes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_is_refused_without_waiting_for_a_hash() {
    let server = one_thread(|_| {}).await;
    server.person("alice").await;
    let crowd = Crowd::at(&server);
    crowd.has_begun(&server).await;
    let query = "mutation($p: String!) { signUp(username: \"ALICE\", password: $p) { id } }";
    let before = crowd.answered();
    for _ in 0..3 {
        let late = server.anonymous().from(CROWDED);
        let answer = late.ask_with(query, json!({ "p": PASSWORD })).await;
        assert_eq!(answer.code(), "CONFLICT");
    }
    let after = crowd.answered();
    assert!(
        after < CROWD && after - before < 30,
        "it waited in the line, behind {} others",
        after - before
    );
    crowd.codes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_leaves_the_line() {
    let server = one_thread(|options| options.hashing_queue_per_address = "2".into()).await;
    server.person("alice").await;
    // Nobody's try can be counted while this is held, and so nobody's place is given up by an answer.
    let (release, writer) = server.hold_the_throttle().await;
    // Whoever finds a place taken by one of the looks below asks again.
    let sign_in = |person: Person| async move {
        while person.sign_in("alice", WRONG).await.code() == "RATE_LIMITED" {}
    };
    let waiting: Vec<_> = (0..2)
        .map(|_| tokio::spawn(sign_in(server.anonymous())))
        .collect();
    server
        .eventually("the line is full", async |server| is_refused(server).await)
        .await;

    for request in waiting {
        request.abort();
    }

    server
        .eventually("there is room again", async |server| {
            !is_refused(server).await
        })
        .await;
    release.send(()).unwrap();
    writer.await.unwrap();
}

/// Whether a sign-in is refused for its line: otherwise it waits.
async fn is_refused(server: &TestApp) -> bool {
    let visitor = server.anonymous();
    let answer = visitor.sign_in("alice", WRONG);
    match tokio::time::timeout(Duration::from_millis(500), answer).await {
        Ok(answer) => {
            assert_eq!(answer.code(), "RATE_LIMITED");
            true
        }
        Err(_elapsed) => false,
    }
}
