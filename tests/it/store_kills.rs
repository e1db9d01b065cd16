//! Instances over an object store that are killed, and what they take of memory.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::JoinHandle};

use crate::support::{
    Person, Program, Store, TestApp,
    content::bytes,
    multipart::UPLOAD_FILE,
    store_proxy::{Act, Call, StoreProxy},
};

const MIB: usize = 1 << 20;
/// How often an instance is killed in the test that does so at random.
const KILLS: u64 = 4;
/// Uploads at once in the test of memory, and the memory that all of them may take together.
const UPLOADS: usize = 16;
const UPLOAD_MEMORY: usize = 64 * MIB;

/// A moment within `most`, not the same for any two.
fn moment(most: Duration) -> Duration {
    let [chance] = cloakroom::random::bytes::<1>();
    most * u32::from(chance) / 255
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_at_another_instance_after_the_first_was_killed() {
    let store = Store::create().await;
    let program = store
        .configure_program(Program::new().await)
        .set("SIGN_UPS_PER_ADDRESS", "1000");
    let first = program.serve();
    let second = program.serve();
    let alice = Person::anonymous(&first.base);
    alice.sign_up("alice").await;
    let bytes = bytes(30 * MIB);
    let url = alice.tus_create("a.bin", bytes.len()).await;
    alice
        .tus_patch(&url, 0, &bytes[..10 * MIB])
        .await
        .expect(204);
    let part = alice.tus_slow_part(&url, 10 * MIB, 20 * MIB).await;
    assert!(part.send(&bytes[10 * MIB..27 * MIB]).await);
    first.kill();

    let there = alice.at(&second.base);
    let url = there.at_base(&url);
    let offset = there.tus_head(&url).await.expect(200).offset();
    assert!((10 * MIB..=27 * MIB).contains(&offset), "{offset}");
    there
        .tus_patch(&url, offset, &bytes[offset..])
        .await
        .expect(204);
    let done = there.tus_head(&url).await.expect(200);
    let ticket = there.ticket(done.header("cloakroom-file")).await;
    assert!(there.get(&ticket).await.bytes == bytes);
}

/// What was acknowledged is there, byte for byte; after the sweeps nothing else is.
#[tokio::test(flavor = "multi_thread")]
async fn kills_at_any_moment_lose_nothing_and_leave_nothing() {
    let store = Store::create().await;
    let program = store
        .configure_program(Program::new().await)
        .set("SIGN_UPS_PER_ADDRESS", "1000");
    let mut serving = program.serve();
    let alice = Person::anonymous(&serving.base);
    alice.sign_up("alice").await;
    let token = alice.token("[READ, WRITE]").await;
    let mut kept = Vec::new();
    for kill in 0..KILLS {
        let person = Person::anonymous(&serving.base).with_token(&token);
        let uploads = (0..6).map(|n| {
            let person = person.clone();
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for size in [50_000 + n, 9 * MIB + n, 300_000 + n, 17 * MIB + n] {
                    let bytes = bytes(size);
                    let request = person.post().multipart(form(&bytes));
                    let Ok(answer) = request.send().await else {
                        break;
                    };
                    let Ok(answer) = answer.json::<serde_json::Value>().await else {
                        break;
                    };
                    let id = answer.pointer("/data/uploadFile/id");
                    if let Some(id) = id.and_then(|id| id.as_str()) {
                        acknowledged.push((id.to_owned(), size));
                    }
                }
                acknowledged
            })
        });
        let uploads: Vec<_> = uploads.collect();
        tokio::time::sleep(Duration::from_millis(300) + moment(Duration::from_secs(5))).await;
        serving.kill();
        for upload in uploads {
            let acknowledged = upload.await.unwrap().into_iter();
            kept.extend(acknowledged.map(|(id, size)| (kill, id, size)));
        }
        serving = program.serve();
    }
    let person = Person::anonymous(&serving.base).with_token(&token);
    for (kill, id, size) in &kept {
        let ticket = person.ticket(id).await;
        assert!(
            person.get(&ticket).await.bytes == bytes(*size),
            "kill {kill}, {size}"
        );
    }
    serving.kill();

    let hours = Duration::from_secs(3600);
    let server = TestApp::beside_on(&program, &store, Duration::ZERO).await;
    server.sweep().await;
    for _ in 0..2 {
        server.advance(30 * hours);
        server.sweep().await;
    }
    let files = usize::try_from(server.rows("file").await).unwrap();
    assert!(files >= kept.len(), "{files} of {}", kept.len());
    server.only_files_stay(files).await;
    assert_eq!(server.rows("discarded_content").await, 0);
    drop(server);
    let printed = program.run(&["verify", "--deep", "--older-than", "0s"]);
    assert_eq!(printed.status, Some(0), "{printed:?}");
}

fn form(bytes: &[u8]) -> reqwest::multipart::Form {
    let operations = serde_json::json!({ "query": UPLOAD_FILE, "variables": { "file": null } });
    let file = reqwest::multipart::Part::bytes(bytes.to_vec()).file_name("a.bin");
    reqwest::multipart::Form::new()
        .text("operations", operations.to_string())
        .text("map", r#"{"0":["variables.file"]}"#)
        .part("0", file)
}

/// A part takes memory until the store has it, not until it is sent.
#[tokio::test(flavor = "multi_thread")]
async fn parts_that_the_store_has_not_taken_yet_count() {
    let (proxy, store) = StoreProxy::with_store().await;
    let program = store
        .configure_program(Program::new().await)
        .set("S3_UPLOAD_MEMORY", &UPLOAD_MEMORY.to_string());
    let serving = program.serve();
    let mut people = Vec::new();
    for n in 0..4 {
        let person = Person::anonymous(&serving.base);
        person.sign_up(&format!("person-{n}")).await;
        people.push(person);
    }
    people[0].upload("warm.bin", &bytes(9 * MIB)).await;
    let (memory, parts) = (serving.peak_memory(), proxy.count(Call::Part));
    let never = Arc::new(Semaphore::new(0));
    proxy.fault(Call::Part, Act::Hold(never), usize::MAX);

    let uploads = (0..UPLOADS).map(|n| {
        let person = people[n % people.len()].clone();
        tokio::spawn(async move { person.upload("a.bin", &bytes(17 * MIB + n)).await })
    });
    let uploads: Vec<_> = uploads.collect();
    let most = UPLOAD_MEMORY / (8 * MIB);
    for _ in 0..500 {
        if proxy.count(Call::Part) - parts >= most {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    serving.is_idle().await;

    assert_eq!(proxy.count(Call::Part) - parts, most);
    // Besides what is bounded, each holds two batches and its connection's buffers.
    let took = usize::try_from(serving.peak_memory() - memory).unwrap();
    let besides = 3 * UPLOADS * MIB;
    assert!(took < UPLOAD_MEMORY + besides, "{} MiB", took / MIB);
    uploads.iter().for_each(JoinHandle::abort);
}

/// They hold what they have begun to send, as long as they like.
#[tokio::test(flavor = "multi_thread")]
async fn slow_uploads_of_one_user_hold_up_nobody_else() {
    let store = Store::create().await;
    let server = TestApp::on(&store, |options| {
        options.s3_upload_memory = UPLOAD_MEMORY.to_string();
    })
    .await;
    let (mallory, alice) = (server.person("mallory").await, server.person("alice").await);
    let mut slow = Vec::new();
    for n in 0..2 * UPLOAD_MEMORY / (8 * MIB) {
        let url = mallory.tus_create(&format!("{n}.bin"), 9 * MIB).await;
        let part = mallory.tus_slow_part(&url, 0, 9 * MIB).await;
        assert!(part.send(&vec![1; MIB / 4]).await);
        slow.push(part);
    }
    let large = bytes(20 * MIB);
    let file = alice.upload("a.bin", &large).await;
    let ticket = alice.ticket(&file).await;
    assert!(alice.get(&ticket).await.bytes == large);
    for part in slow {
        part.hang_up().await;
    }
}

/// Strangers are as slow as they like by as many drops as there are; their owner and everybody else go on.
#[tokio::test(flavor = "multi_thread")]
async fn slow_visitors_of_drops_hold_up_neither_their_owner_nor_anybody_else() {
    let store = Store::create().await;
    let server = TestApp::on(&store, |options| {
        options.s3_upload_memory = UPLOAD_MEMORY.to_string();
    })
    .await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut slow = Vec::new();
    for _ in 0..4 {
        let drop = alice.drop_with(serde_json::json!({})).await;
        let visitor = server.anonymous().dropping(&drop.token, None);
        for n in 0..UPLOAD_MEMORY / (16 * MIB) {
            let url = visitor.tus_create(&format!("{n}.bin"), 9 * MIB).await;
            let part = visitor.tus_slow_part(&url, 0, 9 * MIB).await;
            assert!(part.send(&vec![1; MIB / 4]).await);
            slow.push(part);
        }
    }
    let large = bytes(20 * MIB);
    for person in [&alice, &bob] {
        let file = person.upload("a.bin", &large).await;
        let ticket = person.ticket(&file).await;
        assert!(person.get(&ticket).await.bytes == large);
    }
    for part in slow {
        part.hang_up().await;
    }
}
