//! Clients that hold connections: by taking nothing, sending nothing, or simply by being many.

use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::support::{
    Person, Program, TestApp, Wire,
    program::{Serving, signal},
};

const MEBIBYTE: usize = 1 << 20;
/// How soon somebody else is answered, whatever is going on.
const SOON: Duration = Duration::from_secs(5);
/// How soon a connection ends that a server with a patience of a second should end.
const ENDED: Duration = Duration::from_secs(8);

async fn impatient(least_rate: &str) -> Program {
    let program = Program::new().await;
    let program = program.set("CLIENT_TIMEOUT", "1s");
    program.set("MIN_BODY_RATE", least_rate)
}

/// A ticket's path, for a file of so many bytes.
async fn large_file(server: &Serving, bytes: usize) -> String {
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    let file = alice.upload("large.bin", &vec![7; bytes]).await;
    let ticket = alice.ticket(&file).await;
    ticket.strip_prefix(&server.base).unwrap().to_owned()
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

fn open_by(server: &Serving) -> usize {
    let open = fs::read_dir(format!("/proc/{}/fd", server.pid)).unwrap();
    open.count()
}

/// Waits until the server has no more descriptors open than `count`; false when it does not come to that.
async fn closes_down_to(server: &Serving, count: usize) -> bool {
    let began = Instant::now();
    while began.elapsed() < ENDED {
        if open_by(server) <= count {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

/// Waits until connections of the set-up have been closed.
async fn descriptors_at_rest(server: &Serving) -> usize {
    let mut last = open_by(server);
    loop {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let now = open_by(server);
        if now >= last {
            return now;
        }
        last = now;
    }
}

async fn connect(server: &Serving) -> TcpStream {
    let address = server.base.strip_prefix("http://").unwrap();
    TcpStream::connect(address).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_takes_ends_its_connection() {
    let program = impatient("1KiB").await;
    let server = program.serve();
    let path = large_file(&server, 16 * MEBIBYTE).await;
    let before = descriptors_at_rest(&server).await;
    // One answer, and many that are asked for ahead.
    for requests in [1, 30] {
        let mut client = connect(&server).await;
        let heads = request(&path).repeat(requests);
        client.write_all(heads.as_bytes()).await.unwrap();
        let mut beginning = [0; 1024];
        client.read_exact(&mut beginning).await.unwrap();

        assert!(
            closes_down_to(&server, before).await,
            "{requests}: it is kept, with the file"
        );
    }
}

/// One byte now and then, or many but far too few in all.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_taken_below_the_least_rate_ends_its_connection() {
    let program = impatient("1MiB").await;
    let server = program.serve();
    let path = large_file(&server, 16 * MEBIBYTE).await;
    let before = descriptors_at_rest(&server).await;
    for piece in [1, 32 * 1024] {
        let mut client = connect(&server).await;
        client.write_all(request(&path).as_bytes()).await.unwrap();
        let mut buffer = vec![0; piece];
        let taking = async {
            while client.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let closed = closes_down_to(&server, before);
        tokio::select! {
            closed = closed => assert!(closed, "{piece} bytes at a time: it is kept"),
            () = taking => panic!("{piece} bytes at a time: all is taken before it counts"),
        }
    }
}

/// To its last byte: what the server has handed on is not taken yet.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_taken_above_the_least_rate_may_take_its_time() {
    let program = impatient("64KiB").await;
    let server = program.serve();
    let path = large_file(&server, 4 * MEBIBYTE).await;
    let mut client = connect(&server).await;
    let asks = request(&path).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    client.write_all(asks.as_bytes()).await.unwrap();
    let began = Instant::now();
    let (mut buffer, mut taken) = (vec![0; 32 * 1024], 0);
    loop {
        let bytes = client.read(&mut buffer).await.unwrap();
        if bytes == 0 {
            break;
        }
        taken += bytes;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(taken > 4 * MEBIBYTE, "{taken}: it is cut off");
    assert!(began.elapsed() > Duration::from_secs(4), "several windows");
}

/// However connections are held: others are served while somebody holds more of them than the server has descriptors.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_kept_out_by_those_who_hold_connections() {
    let program = Program::new().await;
    let server = program.try_serve(&["prlimit", "--nofile=256"]).unwrap();
    let path = large_file(&server, MEBIBYTE).await;
    let unread = request(&path).repeat(30);
    let alice = Person::anonymous(&server.base);
    alice
        .sign_in("alice", crate::support::person::PASSWORD)
        .await;
    for (kind, sent) in [
        ("nothing", ""),
        ("half a head", "GET /healthz HTTP/1.1\r\nX: "),
        (
            "half a body",
            "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
        ),
        ("answers that are not taken", &unread),
    ] {
        let mut held = Vec::new();
        for number in 0..300 {
            let mut client = tokio::time::timeout(SOON, connect(&server))
                .await
                .unwrap_or_else(|_| panic!("{kind}: number {number} is not even accepted"));
            // Some give way to others at once.
            let _ = client.write_all(sent.as_bytes()).await;
            held.push(client);
        }
        for _ in 0..5 {
            let began = Instant::now();
            let healthz = reqwest::get(format!("{}/healthz", server.base));
            let healthz = tokio::time::timeout(SOON, healthz).await;
            let healthz = healthz.unwrap_or_else(|_| panic!("{kind}: /healthz does not answer"));
            assert_eq!(healthz.unwrap().status(), 200, "{kind}");
            assert!(began.elapsed() < SOON, "{kind}: {:?}", began.elapsed());
        }
        let upload = async {
            let file = alice.upload("small.bin", &[8; 300_000]).await;
            alice.get(&alice.ticket(&file).await).await.bytes.len()
        };
        let bytes = tokio::time::timeout(SOON * 4, upload).await;
        assert_eq!(bytes.expect(kind), 300_000, "{kind}");
        assert!(open_by(&server) < 220, "{kind}: {}", open_by(&server));
        drop(held);
    }
}

/// A client of its own address, of which this machine has many.
async fn from(address: &str, server: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    let own: SocketAddr = format!("{address}:0").parse().unwrap();
    socket.bind(own).unwrap();
    let server = server.strip_prefix("http://").unwrap().parse().unwrap();
    socket.connect(server).await.unwrap()
}

/// Whether there is an answer to another request on the same connection.
async fn answers_on(client: &mut TcpStream) -> bool {
    let mut buffer = [0; 1024];
    let asked = client.write_all(request("/healthz").as_bytes()).await;
    asked.is_ok() && client.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_that_is_idle_longest_gives_way() {
    let server =
        TestApp::start_with(|options| options.max_connections = Some("4".to_owned())).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = from("127.0.0.1", &server.base).await;
        assert!(answers_on(&mut client).await);
        clients.push(client);
    }
    // Now the second is the one of which nothing was heard for longest.
    assert!(answers_on(&mut clients[0]).await);

    assert!(answers_on(&mut from("127.0.0.1", &server.base).await).await);

    let mut answer = Vec::new();
    for client in &mut clients {
        answer.push(answers_on(client).await);
    }
    assert_eq!(answer, [true, false, true, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_take_the_connections_of_others() {
    let server = TestApp::start_with(|options| {
        options.trusted_proxies = String::new();
        options.max_connections = Some("40".to_owned());
        options.max_connections_per_address = Some("10".to_owned());
    })
    .await;
    let mut others = Vec::new();
    for number in 0..10 {
        let mut other = from(&format!("127.0.1.{number}"), &server.base).await;
        assert!(answers_on(&mut other).await);
        others.push(other);
    }

    let mut greedy = Vec::new();
    for _ in 0..100 {
        greedy.push(from("127.0.0.2", &server.base).await);
    }
    assert!(answers_on(greedy.last_mut().unwrap()).await);

    for other in &mut others {
        assert!(answers_on(other).await, "another address lost a connection");
    }
    let mut kept = 0;
    for client in &mut greedy {
        kept += usize::from(answers_on(client).await);
    }
    assert_eq!(kept, 10);
}

/// Proxies connect for many, and are told apart by what they forward.
#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_may_have_every_connection() {
    let server = TestApp::start_with(|options| {
        options.max_connections = Some("40".to_owned());
        options.max_connections_per_address = Some("10".to_owned());
    })
    .await;
    let mut clients = Vec::new();
    for _ in 0..40 {
        clients.push(from("127.0.0.1", &server.base).await);
    }
    for client in &mut clients {
        assert!(answers_on(client).await);
    }
}

/// What surrounds a body's bytes is bounded as well, and is no progress.
#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_body_that_never_gets_to_the_point_is_given_up() {
    let server = TestApp::start_with(|options| {
        options.client_timeout = "1s".to_owned();
        options.min_body_rate = "1KiB".to_owned();
    })
    .await;
    for (what, beginning, more) in [
        ("a size without end", "", "0"),
        ("an extension without end", "1;a=", "b"),
        (
            "an extension for each byte",
            "",
            "1;aaaaaaaaaaaaaaaa=b\r\n \r\n",
        ),
        ("trailers without end", "1\r\n \r\n0\r\n", "A: b\r\n"),
        ("a trailer without end", "1\r\n \r\n0\r\nA: ", "b"),
    ] {
        let headers = [
            "Content-Type: application/json",
            "Transfer-Encoding: chunked",
        ];
        let mut wire = Wire::begin(&server.base, "POST /graphql HTTP/1.1", &headers).await;
        wire.send(beginning.as_bytes()).await.unwrap();
        let began = Instant::now();
        let (answer, _) = wire.answer_during(more.bytes().cycle()).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{what}: {answer:?}");
        assert!(began.elapsed() < ENDED, "{what}: {:?}", began.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tiny_requests_sent_ahead_are_answered_in_turn() {
    let server = TestApp::start().await;
    let mut wire = Wire::connect(&server.base).await;
    let requests = request("/healthz").repeat(999)
        + "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let Wire { read, write } = &mut wire;
    let mut answers = Vec::new();
    let (sent, _) = futures_util::join!(
        write.write_all(requests.as_bytes()),
        read.read_to_end(&mut answers)
    );
    sent.unwrap();
    let answers = String::from_utf8_lossy(&answers);
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 999);
    assert!(answers.contains("HTTP/1.1 404"), "{answers:.100}");
}

/// A file each, that is: one at a time, and not one for each file of a request.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_many_files_holds_few_descriptors() {
    let program = Program::new().await;
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    let before = open_by(&server);
    let paths: Vec<String> = (0..20).map(|at| format!("variables.files.{at}")).collect();
    let map: serde_json::Map<_, _> = (0..20)
        .map(|at| (at.to_string(), serde_json::json!([paths[at]])))
        .collect();
    let operations = serde_json::json!({
        "query": "mutation($files: [Upload!]!) { uploadFiles(files: $files) { size } }",
        "variables": { "files": vec![(); 20] },
    });
    let mut parts = crate::support::Parts::new()
        .text("operations", &operations.to_string())
        .text("map", &serde_json::Value::from(map).to_string());
    for at in 0..20 {
        parts = parts.file(&at.to_string(), &[b'x'; 200_000]);
    }
    let whole = parts.end();
    let length = format!("Content-Length: {}", whole.len());
    let cookie = format!("Cookie: {}", alice.cookie());
    let headers = [
        "Content-Type: multipart/form-data; boundary=frontier",
        &length,
        &cookie,
    ];
    let mut wire = Wire::begin(&server.base, "POST /graphql HTTP/1.1", &headers).await;
    // The last file is not whole yet, and enough of it is here to be on the disk.
    let (sent, rest) = whole.split_at(whole.len() - 10_000);
    wire.send(sent).await.unwrap();
    let staging = program.data_dir().join("staging");
    while staging.read_dir().unwrap().count() < 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let open = open_by(&server) - before;

    assert!(open < 8, "{open} descriptors");
    wire.send(rest).await.unwrap();
    let answer = wire.answer().await;
    assert_eq!(answer.body.matches("200000").count(), 20, "{answer:?}");
    assert!(signal(server.pid, "-TERM").success());
}
