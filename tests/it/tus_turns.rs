//! Resumable uploads: the newest request goes on, whatever hangs half open, in one process and between processes.

use std::time::{Duration, Instant};

use reqwest::Method;

use crate::support::{
    Person, Program, TestApp,
    tus::{PART, TusAnswer, half_open, staged},
};

/// How often a client breaks off in the test that does so at random.
const BREAKS: usize = 80;
/// How many uploads many come for at once.
const UPLOADS: usize = 40;
/// How many bytes a connection holds back at most, and how many its successor sends.
const HELD_BACK: usize = 64_000;
const SENT: usize = 30_000;
/// No request waits so long, wherever an older one hangs: it would be told to come back.
const AT_ONCE: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_is_let_in_at_once() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let bytes: Vec<u8> = (0..4_u32 << 20).map(|at| (at % 251) as u8).collect();
    for (method, status) in [("HEAD", 200), ("PATCH", 409), ("DELETE", 204)] {
        let url = alice.tus_create("a.bin", bytes.len()).await;
        let mut old = half_open(&alice, &server.base, &url, 0, &bytes[..2 << 20], 2 << 20).await;
        staged(&server, 1 << 20).await;
        let began = Instant::now();

        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = alice.tus(method, &url).header("content-type", PART);
        // Another offset than there is.
        let request = request.header("upload-offset", 1).body("");
        let answer = TusAnswer::of(request.send().await.unwrap()).await;

        let answer = answer.expect(status);
        assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
        assert_eq!(old.answer().await.status, 409);
        if status == 200 {
            let offset = answer.offset();
            assert!(offset >= 1 << 20, "{offset} bytes were kept");
            let rest = alice.tus_patch(&url, offset, &bytes[offset..]).await;
            let id = rest.expect(204).header("cloakroom-file").to_owned();
            let ticket = alice.ticket(&id).await;
            assert!(alice.get(&ticket).await.bytes == bytes);
        }
        if status == 409 {
            alice.tus_delete(&url).await.expect(204);
        }
    }
    server.only_files_stay(1).await;
}

/// Two processes on one data directory and one database: a network change may lead to the other one.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_to_another_instance_is_let_in_at_once() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let process = Program::of(&server).serve();
    let there = alice.at(&process.base);
    let bytes: Vec<u8> = (0..4_u32 << 20).map(|at| (at % 249) as u8).collect();
    let url = alice.tus_create("a.bin", bytes.len()).await;
    for (older, newer) in [(&there, &alice), (&alice, &there)] {
        let offset = alice.tus_head(&url).await.offset();
        let part = &bytes[offset..offset + (1 << 20)];
        let mut old = half_open(&alice, &older.base, &url, offset, part, 1 << 20).await;
        staged(&server, offset + (1 << 19)).await;
        let began = Instant::now();

        let head = newer.tus_head(&newer.at_base(&url)).await.expect(200);

        assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
        assert!(head.offset() >= offset + (1 << 19), "{}", head.offset());
        assert_eq!(old.answer().await.status, 409);
    }
    let offset = alice.tus_head(&url).await.offset();
    let there_url = there.at_base(&url);
    let rest = there.tus_patch(&there_url, offset, &bytes[offset..]);
    let id = rest.await.expect(204).header("cloakroom-file").to_owned();
    let ticket = alice.ticket(&id).await;
    assert!(alice.get(&ticket).await.bytes == bytes);
    server.only_files_stay(1).await;
}

/// `upload` looks without disturbing.
#[tokio::test(flavor = "multi_thread")]
async fn who_looks_by_graphql_ends_nothing() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.bin", 2 << 20).await;
    let part = alice.tus_slow_part(&url, 0, 2 << 20).await;
    part.send(&[1; 1 << 20]).await;
    staged(&server, 1 << 19).await;
    assert_eq!(alice.upload_offset(&url).await, 0);
    part.send(&[1; 1 << 20]).await;
    part.finish().await.expect(204);
}

/// A client of a bad network: each connection hangs at some moment, in the middle of anything, and delivers what it holds back at
/// another; the client comes back on a new one, at either process. What hung connections deliver are other bytes, so that the file
/// tells: they are there where they came first and were acknowledged, and nowhere else.
///
/// What hung may also come to the server after what was sent later. Then it is the newer one, and ends the other: what that has
/// brought by then stays, and the client goes on behind that. So the bytes that a 409 acknowledges all come from one of the two
/// requests: the test looks at the first of them to see which, and compares the others.
#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_an_older_request_lands_after_a_newer_one_began() {
    const WRONG: u8 = 0xEE;
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let process = Program::of(&server).serve();
    let at = [alice.clone(), alice.at(&process.base)];
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let length = BREAKS * (HELD_BACK + SENT);
    let mut expected: Vec<u8> = (0..length).map(|at| (at % 233) as u8).collect();
    let url = alice.tus_create("a.bin", length).await;
    let (mut offset, mut hanging, mut refused) = (0, Vec::new(), Vec::new());
    for _ in 0..BREAKS {
        let (old, new) = (at[random(2)].clone(), &at[random(2)]);
        let (pieces, pauses) = (random(8) + 1, random(3) as u64);
        let hung = Duration::from_millis(random(6) as u64);
        let late = tokio::spawn({
            let url = url.clone();
            async move {
                tokio::time::sleep(hung).await;
                let mut wire = half_open(&old, &old.base, &url, offset, b"", HELD_BACK).await;
                for _ in 0..pieces {
                    // The server may have ended the connection.
                    let _ = wire.send(&[WRONG; HELD_BACK / 8]).await;
                    tokio::time::sleep(Duration::from_millis(pauses)).await;
                }
                wire
            }
        });
        tokio::time::sleep(Duration::from_millis(random(12) as u64)).await;
        let end = offset + random(SENT) + 1;
        match append(new, &url, offset, &expected[offset..end]).await {
            Ok(_) => offset = end,
            Err(now) => {
                refused.push(offset..now);
                offset = now;
            }
        }
        // It sends no more, and never reads.
        hanging.push(late.await.unwrap().read);
    }
    assert!(refused.len() < BREAKS, "no newer request ever came first");
    let file = loop {
        match append(&alice, &url, offset, &expected[offset..]).await {
            Ok(file) => break file,
            // The last one that hung, or the one before it.
            Err(now) => {
                refused.push(offset..now);
                offset = now;
            }
        }
    };
    let found = alice.get(&alice.ticket(&file).await).await.bytes;
    for of_one in refused {
        if found[of_one.clone()].first() == Some(&WRONG) {
            expected[of_one].fill(WRONG);
        }
    }
    let differs = found
        .iter()
        .zip(&expected)
        .position(|(one, other)| one != other);
    assert_eq!((found.len(), differs), (length, None));
    server.only_files_stay(1).await;
}

/// Appends `bytes` at `offset`. The id of the file where it is whole; where another request is in the way, the offset to go on
/// from.
async fn append(person: &Person, url: &str, offset: usize, bytes: &[u8]) -> Result<String, usize> {
    let url = person.at_base(url);
    let answer = person.tus_patch(&url, offset, bytes).await;
    if answer.status == 204 {
        assert_eq!(answer.offset(), offset + bytes.len());
        return Ok(answer.header("cloakroom-file").to_owned());
    }
    answer.expect(409);
    let now = person.tus_head(&url).await.expect(200).offset();
    assert!(now >= offset, "{now} after {offset}");
    Err(now)
}

/// Who only looks is never told that somebody newer has come: clients take that for the end of the upload, and begin anew.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_look_at_once_all_learn_the_offset() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let process = Program::of(&server).serve();
    let at = [alice.clone(), alice.at(&process.base)];
    for _ in 0..5 {
        let url = alice.tus_create("a.bin", 2 << 20).await;
        let mut old = half_open(&alice, &server.base, &url, 0, &[1; 1 << 20], 1 << 20).await;
        staged(&server, 1 << 19).await;

        let looks = (0..20).map(async |number: usize| {
            let person = &at[number % 2];
            person.tus_head(&person.at_base(&url)).await
        });
        let looks = futures_util::future::join_all(looks).await;

        let offsets: Vec<_> = looks
            .into_iter()
            .map(|it| it.expect(200).offset())
            .collect();
        assert!(offsets.iter().all(|it| *it == offsets[0]), "{offsets:?}");
        assert_eq!(old.answer().await.status, 409);
        // Neither is who ends it.
        let looks = (0..20).map(|_| alice.tus_head(&url));
        let looks = futures_util::future::join_all(looks);
        let (looks, ended) = futures_util::join!(looks, alice.tus_delete(&url));
        ended.expect(204);
        for look in looks {
            assert!([200, 404].contains(&look.status), "{look:?}");
        }
        server.nothing_stays().await;
    }
}

/// Of many that come at once, one goes on, and none waits for good.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_goes_on() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    // The moment at which bytes are content and the database does not say so yet is short.
    for upload in 1..=UPLOADS {
        let url = alice.tus_create("a.bin", 100).await;
        let parts = (0..20_u8).map(|number| {
            let (alice, url) = (alice.clone(), url.clone());
            async move { (number, alice.tus_patch(&url, 0, &[number; 100]).await) }
        });
        let answers = futures_util::future::join_all(parts).await;
        let finished: Vec<_> = answers.iter().filter(|(_, it)| it.status == 204).collect();
        assert_eq!(finished.len(), 1, "{answers:?}");
        for (_, answer) in &answers {
            assert!([204, 409, 410].contains(&answer.status), "{answer:?}");
        }
        let (number, answer) = finished[0];
        let ticket = alice.ticket(answer.header("cloakroom-file")).await;
        assert_eq!(alice.get(&ticket).await.bytes, [*number; 100]);
        server.only_files_stay(upload).await;
    }
}
