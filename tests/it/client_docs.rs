//! What docs/clients.md shows: its snippets run as they stand there, and its table has every code.

use std::{collections::BTreeSet, path::Path};

use cloakroom::error::Code;
use serde_json::{Value, json};

use crate::{
    browser::browse,
    clients::{clients, node_at, python_at},
    support::{Person, Program, TestApp, live::BEGINNING, nginx::free_port},
};

const PAGE: &str = include_str!("../../docs/clients.md");
/// Where the snippets look for the server.
const ADDRESS: &str = "https://files.example.org";

/// The blocks of code that are marked by `run=NAME`, one after the other.
fn snippets(name: &str) -> Vec<&'static str> {
    let mark = format!("run={name}\n");
    let blocks = PAGE.split("```").skip(1).step_by(2);
    let found: Vec<_> = blocks
        .filter_map(|block| Some(block.split_once(&mark)?.1))
        .collect();
    assert!(!found.is_empty(), "the page has nothing for {name}");
    found
}

/// The program that the blocks of this name make, for the server at `base`.
fn program(name: &str, base: &str) -> String {
    snippets(name).concat().replace(ADDRESS, base)
}

/// The names of the files on the first page of one of this person's lists.
async fn names(person: &Person, list: &str) -> Value {
    let query = format!("{{ {list} {{ nodes {{ name }} }} }}");
    let nodes = person.ask(&query).await.data(&format!("/{list}/nodes"));
    let names = nodes.as_array().unwrap().iter();
    names.map(|node| node["name"].clone()).collect()
}

async fn upload_twenty(person: &Person) {
    let query = "mutation($files: [Upload!]!) { uploadFiles(files: $files) { id } }";
    let names: Vec<_> = (0..20)
        .map(|n| (format!("variables.files.{n}"), format!("{n}.txt")))
        .collect();
    let files: Vec<_> = names
        .iter()
        .map(|(path, name)| (path.as_str(), name.as_str(), &b"x"[..]))
        .collect();
    let variables = json!({ "files": vec![Value::Null; files.len()] });
    let answer = person.upload_all(query, variables, &files).await;
    answer.data("/uploadFiles");
}

/// Runs a snippet for pages: its fetch keeps cookies, as a browser's does. What it printed.
fn run_as_page(program: &str) -> String {
    // Below the installed clients, so that it finds them.
    let directory = tempfile::tempdir_in(clients().join("node_modules")).unwrap();
    let journey = clients().join("journey.mjs").display().to_string();
    let prelude = format!(
        "import {{ browserFetch }} from {};\nglobalThis.fetch = browserFetch(globalThis.fetch);\n",
        json!(journey)
    );
    let path = directory.path().join("snippet.mjs");
    std::fs::write(&path, format!("{prelude}{program}")).unwrap();
    node_at(&path, &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snippet_for_apollo_client_uploads_shares_and_pages() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    // More than a page.
    for _ in 0..3 {
        upload_twenty(&alice).await;
    }

    let printed = run_as_page(&program("apollo", &server.base));

    assert!(printed.ends_with("\n61\nNOT_FOUND\n"), "{printed}");
    assert_eq!(names(&alice, "files").await[0], "hello.txt");
    assert_eq!(names(&bob, "sharedWithMe").await, json!(["hello.txt"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snippet_for_urql_signs_in_for_a_token_and_downloads() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;

    let printed = run_as_page(&program("urql", &server.base));

    assert_eq!(printed, "5\n");
    assert_eq!(names(&alice, "files").await, json!(["hello.txt"]));
    let tokens = alice.ask("{ apiTokens { name } }").await;
    assert_eq!(tokens.text("/apiTokens/0/name"), "page");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snippet_for_strangers_opens_a_link_and_leaves_a_file() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("hello.txt", b"hello").await;
    let link = alice
        .link_with(&file, json!({ "password": "over the hills" }))
        .await;
    let drop = alice
        .drop_with(json!({ "password": "f\u{fc}r dich \u{1f381}" }))
        .await;
    let program = program("strangers", &server.base);
    let uses = format!(
        "
        const locked = await openLink('{link}');
        console.log(locked.hasPassword, locked.file);
        await openLink('{link}', 'wrong').catch(({{ code }}) => console.log(code));
        const {{ file }} = await openLink('{link}', 'over the hills');
        console.log(file.name, await (await fetch(file.downloadTicket.url)).text());
        const left = await leave('{drop}', new File(['from afar'], 'letter.txt'), 'f\u{fc}r dich \u{1f381}');
        console.log(left.name, left.size);
        ",
        link = link.token,
        drop = drop.token,
    );

    let printed = run_as_page(&(program + &uses));

    assert_eq!(
        printed,
        "true null\nFORBIDDEN\nhello.txt hello\nletter.txt 9\n"
    );
    assert_eq!(names(&alice, "files").await[0], "letter.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snippet_for_tus_in_a_page_uploads() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let token = alice.token("[WRITE]").await;
    let program = program("tus", &server.base);
    let page = format!(
        "{program}
const file = Object.assign(Buffer.from('hello'), {{ name: 'hello.txt' }});
const headers = {{ Authorization: 'Bearer {token}' }};
console.log(await uploadResumably(file, headers, () => {{}}));
"
    );

    let printed = run_as_page(&page);

    assert_eq!(names(&alice, "files").await, json!(["hello.txt"]));
    let ticket = alice.ticket(printed.trim()).await;
    assert_eq!(alice.get(&ticket).await.bytes, b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snippet_for_tus_in_a_script_uploads() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let token = alice.token("[WRITE]").await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("photo.jpg"), b"\xff\xd8\xff").unwrap();
    let path = directory.path().join("snippet.py");
    let program = program("tuspy", &server.base);
    std::fs::write(&path, format!("token = '{token}'\n{program}")).unwrap();

    let printed = python_at(directory.path(), &path);

    let ticket = alice.ticket(printed.trim()).await;
    assert_eq!(alice.get(&ticket).await.bytes, b"\xff\xd8\xff");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snippet_for_python_uploads_and_lists() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("photo.jpg"), b"\xff\xd8\xff").unwrap();
    let path = directory.path().join("snippet.py");
    std::fs::write(&path, program("gql", &server.base)).unwrap();

    let printed = python_at(directory.path(), &path);

    assert_eq!(printed, "photo.jpg\nNOT_FOUND\n");
    assert_eq!(names(&alice, "files").await, json!(["photo.jpg"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snippet_for_a_video_renews_its_ticket() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let clip = "tests/fixtures/content_types/files/clip.webm";
    let clip = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(clip)).unwrap();
    let file = alice.upload("clip.webm", &clip).await;
    let token = alice.token("[READ]").await;
    let port = free_port().to_string();
    // In real time, as a browser has it.
    let process = Program::of(&server)
        // Where its tickets say that it is.
        .set("LISTEN", &format!("127.0.0.1:{}", free_port()))
        .set("ALLOWED_ORIGINS", &format!("http://127.0.0.1:{port}"))
        .set("TICKET_TTL", "11s")
        .serve();
    let directory = tempfile::tempdir().unwrap();
    let snippet = directory.path().join("snippet.js");
    std::fs::write(&snippet, snippets("video").concat()).unwrap();
    let snippet = snippet.display().to_string();
    browse(
        "video.mjs",
        &[&process.base, &port, &token, &file, &snippet],
    );
}

/// The journey with Relay runs what the page shows.
#[test]
fn the_snippets_for_relay_are_those_of_its_journey() {
    let sources = ["relay.mjs", "multipart.mjs"]
        .map(|name| std::fs::read_to_string(clients().join(name)).unwrap());
    for snippet in snippets("relay") {
        let is_run = sources.iter().any(|source| source.contains(snippet));
        assert!(is_run, "no client runs this:\n{snippet}");
    }
}

#[test]
fn the_page_says_what_to_do_for_every_code() {
    let rows = PAGE.lines().filter_map(|line| {
        let (code, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        let is_code = code.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        (is_code && rest.matches(" | ").count() == 1).then_some(code)
    });
    let known = Code::ALL.iter().map(|code| code.as_str());
    assert_eq!(BTreeSet::from_iter(rows), BTreeSet::from_iter(known));
}

#[test]
fn the_readme_leads_to_the_page() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    assert!(readme.contains("(docs/clients.md)"));
}

/// What the snippets for the live feed print of it, while a file is uploaded: they have signed in and made a token before.
async fn follows(run: impl FnOnce(String, String) -> String + Send + 'static) {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let token = alice.token("[READ]").await;
    let base = server.base.clone();
    let following = tokio::task::spawn_blocking(move || run(base, token));
    // The feed is followed from its beginning, so it does not matter when.
    alice.upload("hello.txt", b"hello").await;
    let printed = following.await.unwrap();
    assert_eq!(
        printed,
        "SIGNED_UP\nAPI_TOKEN_CREATED\nUPLOADED hello.txt\n"
    );
}

/// The same for the snippet `name` in JavaScript. Node has no WebSocket of its own in every version.
async fn follows_as_page(name: &'static str) {
    follows(move |base, token| {
        let uses = format!(
            "
            await follow('{token}', '{BEGINNING}', ({{ kind, file }}) => {{
              console.log(file ? `${{kind}} ${{file.name}}` : kind);
              return kind !== 'UPLOADED';
            }});
            process.exit(0);
            "
        );
        run_as_page(&format!("{WEB_SOCKET}{}{uses}", program(name, &base)))
    })
    .await;
}

const WEB_SOCKET: &str = "import WebSocket from 'ws';\nglobalThis.WebSocket ??= WebSocket;\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_snippet_for_graphql_ws_follows_the_feed() {
    follows_as_page("live-graphql-ws").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snippet_for_apollo_client_follows_the_feed() {
    follows_as_page("live-apollo").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snippet_for_urql_follows_the_feed() {
    follows_as_page("live-urql").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snippet_for_gql_follows_the_feed() {
    follows(|base, token| {
        let uses = format!(
            "

async def main():
    async for event in follow({token:?}, {BEGINNING:?}):
        print(event['kind'], *([event['file']['name']] if event['file'] else []))
        if event['kind'] == 'UPLOADED':
            return

asyncio.run(main())
"
        );
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("live.py");
        std::fs::write(&path, program("live-gql", &base) + &uses).unwrap();
        python_at(directory.path(), &path)
    })
    .await;
}
