//! Connections that break, and a server that is told to stop.

use std::time::Duration;

use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    caller::ticket,
    hold::Scope,
    journal::{Entry, Life},
    random::{Random, seed},
    site::{Site, long},
    traffic::Traffic,
};
use crate::support::{
    Person,
    multipart::{CONTENT_TYPE, Parts, envelope},
};

const SIZE: usize = 100_000;
/// What a server that is stopped leaves to requests under way.
const GRACE: &str = "2s";

/// A request of account 0 that uploads `entry`.
fn request(site: &Site, entry: &Entry) -> Vec<u8> {
    let disposition = format!(
        "Content-Disposition: form-data; name=\"0\"; filename=\"{}\"",
        entry.name
    );
    let body = Parts::upload_file()
        .part(&disposition, &entry.bytes())
        .end();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: {CONTENT_TYPE}\r\nContent-Length: {}\r\n\r\n",
        site.journal.accounts[0].secret,
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

/// Sends `bytes`, which the server may break off; the connection will be reset rather than closed.
async fn send(base: &str, bytes: &[u8]) -> TcpStream {
    let address = base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_zero_linger().unwrap();
    let _ = stream.write_all(bytes).await;
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_reset_anywhere_is_no_file_and_leaves_nothing() {
    let seed = seed();
    let mut random = Random::new(seed);
    let site = Site::new(seed, 1).await;
    let server = site.serve().await;
    for _ in 0..long().map_or(60, |_| 1000) {
        let (number, entry) = site.journal.attempt_upload(0, random.next(), SIZE);
        let request = request(&site, &entry);
        // Without its last line break, a body is complete.
        let end = random.below(request.len() as u64 - 2) as usize;
        drop(send(&server.base, &request[..end]).await);
        site.journal.expect(number, Life::Absent);
    }
    // Not by a sweep: what has been broken off is taken back at once.
    site.eventually_is_idle().await;
    site.holds_everything(&server.base).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_answers_what_is_under_way_and_loses_nothing() {
    let seed = seed();
    let mut random = Random::new(seed);
    let site = Site::new(seed, 4).await;
    let site = site.set("SHUTDOWN_TIMEOUT", GRACE);
    for round in 0..2 {
        let server = site.serve().await;
        site.journal.hold(&server.base, Scope::Fresh).await;
        let account = &site.journal.accounts[0];
        let person = Person::anonymous(&server.base).with_token(&account.secret);
        let large = Random::bytes(seed, 8 << 20);
        let file = person.upload("large.bin", &large).await;
        let url = person.ask_ticket(&file).await.data("/downloadTicket/url");
        let url = format!("{}/download/{}", server.base, ticket(&url));
        let traffic = Traffic::start(&server.base, &site.journal, &random.fork(round));
        let finished = person.slow_upload().await;
        assert!(finished.send(vec![1; SIZE]).await);
        let (number, entry) = site.journal.attempt_upload(0, random.next(), SIZE);
        let silent = send(&server.base, &request(&site, &entry)[..SIZE]).await;
        let mut download = reqwest::get(&url).await.unwrap();
        let mut received = download.chunk().await.unwrap().unwrap().to_vec();
        tokio::time::sleep(Duration::from_micros(random.below(100_000))).await;

        server.terminate();

        traffic.ended().await;
        while let Some(chunk) = download.chunk().await.unwrap() {
            received.extend_from_slice(&chunk);
        }
        assert!(received == large, "a download is cut off; seed {seed}");
        finished.send(envelope().1).await;
        let finished = finished.answer().await;
        assert_eq!(finished.data("/uploadFile/size"), SIZE, "seed {seed}");
        // The one that says nothing is waited for no longer than that.
        let (status, log) = server.ended().await;
        assert_eq!(status.code(), Some(0), "{log}; seed {seed}");
        drop(silent);
        site.journal.expect(number, Life::Absent);

        let server = site.serve().await;
        let person = person.at(&server.base);
        for id in [file, finished.text("/uploadFile/id")] {
            let deleted = person.delete(&id).await;
            assert_eq!(
                deleted.text("/deleteFile"),
                id,
                "an upload is lost; seed {seed}"
            );
            let purge = format!("mutation {{ purgeFile(id: \"{id}\") }}");
            person.ask(&purge).await.data("/purgeFile");
        }
    }
    let server = site.serve().await;
    site.holds_everything(&server.base).await;
}
