//! The page for people: its files and their headers; and journeys through it, walked in a real browser (`web/test/journeys`).

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Command, Stdio},
};

use reqwest::{Client, StatusCode, header};
use tokio::runtime::Handle;

use crate::support::{Database, Program, TestApp, many_files, nginx::free_port};

/// Walks the journey of this name through the page at `base`. Whenever it says a word, `act` does what the word asks for.
pub fn walk_with(base: &str, journey: &str, more: &[&str], mut act: impl FnMut(&str)) {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    assert!(
        web.join("node_modules/playwright-core").exists(),
        "the browser's driver is not installed: run `npm ci` in web"
    );
    let mut command = Command::new("node");
    command.arg(web.join("test/journey.mjs"));
    command.args([base, journey]).args(more);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .expect("node is not installed");
    let mut answers = child.stdin.take().unwrap();
    for word in BufReader::new(child.stdout.take().unwrap()).lines() {
        act(&word.unwrap());
        writeln!(answers).unwrap();
    }
    let mut said = String::new();
    let mut errors = child.stderr.take().unwrap();
    errors.read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{journey}: {said}");
}

async fn walk(server: &TestApp, journey: &str, more: &[&str]) {
    tokio::task::block_in_place(|| {
        walk_with(&server.base, journey, more, |word| panic!("{word}?"));
    });
}

/// A test for each journey: behind nginx, with the default settings.
macro_rules! journeys {
    ($($test:ident walks $journey:literal $(with $more:expr)?;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            let server = TestApp::behind_nginx(|_| {}).await;
            let more: &[&str] = &[$($more)?];
            walk(&server, $journey, more).await;
        }
    )*};
}

const FIXTURES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/content_types/files"
);

journeys! {
    a_file_goes_up_is_shared_and_comes_down walks "throughEverything";
    another_password_ends_the_other_window walks "anotherPassword";
    an_api_token_is_shown_once_and_revoked walks "apiTokens";
    the_page_speaks_german_and_is_dark walks "languageAndColours";
    files_go_to_the_trash_and_come_back walks "trashAndBack";
    windows_of_one_browser_show_the_same walks "twoWindows";
    a_long_list_has_few_rows_in_the_page walks "manyFiles" with "600";
    long_names_and_many_shares_are_shown_right walks "longNamesAndManyShares";
    the_keyboard_alone_is_enough walks "keyboardAlone";
    an_upload_pauses_goes_on_and_is_cancelled walks "pauseAndGoOn";
    an_upload_survives_a_reload walks "reloaded";
    an_unfinished_upload_goes_on_with_the_file_chosen_again walks "choosesAgain";
    an_upload_survives_a_cut_network walks "networkCut";
    fifty_files_go_up_at_once walks "fiftyAtOnce";
    a_group_gives_sight_until_one_leaves_it walks "byGroup";
    a_share_with_everyone_is_taken_and_given_back walks "withEveryone";
    a_link_is_used_up_and_revoked walks "linkUsedUp";
    harmless_files_are_shown_in_place walks "previews" with FIXTURES;
    strangers_leave_files_by_phone walks "dropByPhone";
    strangers_leave_files_without_scripts walks "dropWithoutScripts";
    an_ended_ticket_is_a_page_with_our_style walks "endedTicket";
    every_view_passes_axe walks "everyViewByAxe";
    every_view_fits_every_width walks "everyWidth";
    nothing_moves_while_a_view_loads walks "nothingMoves";
    what_others_share_is_seen_without_a_reload walks "twoPeople";
    of_what_happens_at_once_nothing_is_lost walks "eventsTogether";
    what_changes_while_an_answer_is_on_its_way_is_asked_for_again walks "changedMeanwhile";
    what_strangers_leave_is_seen_without_a_reload walks "dropSeenAtOnce";
    the_activity_shows_the_past_and_what_happens walks "activity";
    files_are_found_by_name_and_sorted_both_ways walks "searchAndOrder";
    sessions_are_listed_and_ended walks "sessions";
    an_account_is_deleted_with_its_password walks "deletedAccount";
    the_keyboard_alone_is_enough_on_every_view walks "keyboardOnOtherViews";
    the_page_is_usable_within_a_second_on_a_slow_processor walks "usableAtOnce";
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_said_before_a_byte_is_sent() {
    let server = TestApp::behind_nginx(|options| {
        options.max_file_size = "3MiB".to_owned();
        options.user_quota = Some("5MiB".to_owned());
    })
    .await;
    walk(&server, "refusedBefore", &[]).await;
}

/// `CLOAKROOM_TEST_FILES=1000000` for a million.
#[tokio::test(flavor = "multi_thread")]
async fn a_huge_list_is_shown_searched_and_sorted_quickly() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let count = many_files::how_many(40_000).to_string();
    tokio::task::block_in_place(|| {
        walk_with(&server.base, "hugeList", &[&count], |word| {
            let (from, to) = word.split_once(' ').expect("from where to where");
            let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
            let name = |at| format!("file {:07}.txt", from + at);
            Handle::current().block_on(many_files::add(&server, to - from, None, name));
        });
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_goes_on_after_the_server_was_away() {
    let address = format!("127.0.0.1:{}", free_port());
    let program = Program::with(Database::chosen().create().await).set("LISTEN", &address);
    tokio::task::block_in_place(|| {
        let mut serving = Some(program.serve());
        walk_with(&format!("http://{address}"), "feedGoesOn", &[], |word| {
            if word == "start" {
                serving = Some(program.serve());
            } else if let Some(serving) = serving.take() {
                serving.kill();
            }
        });
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_is_revoked_while_its_file_plays() {
    let server = TestApp::behind_nginx(|options| options.ticket_ttl = "11s".to_owned()).await;
    walk(&server, "revokedWhilePlaying", &[FIXTURES]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_survives_the_death_of_the_server() {
    let address = format!("127.0.0.1:{}", free_port());
    let database = Database::chosen().create().await;
    let program = Program::with(database).set("LISTEN", &address);
    tokio::task::block_in_place(|| {
        let mut serving = Some(program.serve());
        let base = format!("http://{address}");
        walk_with(&base, "serverRestarted", &[], |word| {
            assert_eq!(word, "restart");
            if let Some(serving) = serving.take() {
                serving.kill();
            }
            serving = Some(program.serve());
        });
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_comes_compressed_with_a_policy_and_its_parts_never_change() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let get = async |path: &str, coding: &str| {
        let request = Client::new().get(format!("{}{path}", server.base));
        let answer = request.header(header::ACCEPT_ENCODING, coding).send();
        answer.await.unwrap()
    };
    let page = get("/", "identity").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(page.headers()[header::CACHE_CONTROL], "no-cache");
    let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str();
    let policy = policy.unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
    assert!(!policy.contains("unsafe"), "{policy}");
    let html = page.text().await.unwrap();
    let parts: Vec<_> = html
        .split('"')
        .filter(|text| text.starts_with("/app/assets/"))
        .collect();
    assert!(parts.len() > 2, "{html}");

    let mut compressed = 0;
    for part in parts {
        let plain = get(part, "identity").await;
        assert_eq!(plain.status(), StatusCode::OK, "{part}");
        assert!(!plain.headers().contains_key(header::CONTENT_ENCODING));
        let cached = plain.headers()[header::CACHE_CONTROL].to_str().unwrap();
        assert_eq!(cached, "public, max-age=31536000, immutable", "{part}");
        let gzip = get(part, "gzip").await;
        assert_eq!(gzip.headers()[header::CONTENT_ENCODING], "gzip", "{part}");
        let tags = [&plain, &gzip].map(|answer| answer.headers()[header::ETAG].clone());
        assert_ne!(tags[0], tags[1], "{part}");
        let small = get(part, "gzip, deflate, br").await;
        assert_eq!(small.headers()[header::CONTENT_ENCODING], "br", "{part}");
        assert_eq!(small.headers()[header::VARY], "accept-encoding", "{part}");
        compressed += small.bytes().await.unwrap().len();
    }
    assert!(
        compressed <= 170 * 1024,
        "the first load: {compressed} bytes"
    );
    for (path, status) in [
        ("/app/trash", 200),
        ("/app/assets/none.js", 404),
        ("/app/assets/../../etc/passwd", 404),
    ] {
        assert_eq!(get(path, "br").await.status(), status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_page_its_addresses_are_none_and_links_still_have_theirs() {
    let server = TestApp::behind_nginx(|options| options.page = "off".to_owned()).await;
    for path in ["/", "/app/trash", "/app/index.html"] {
        let answer = reqwest::get(format!("{}{path}", server.base)).await;
        assert_eq!(answer.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
    }
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    let link = alice.link(&file).await;
    let request = Client::new().get(&link.url).header("accept", "text/html");
    let page = request.send().await.unwrap().text().await.unwrap();
    let style = page.split('"').find(|text| text.ends_with(".css"));
    let style = format!("{}{}", server.base, style.expect("a style sheet"));
    assert_eq!(reqwest::get(style).await.unwrap().status(), StatusCode::OK);
}
