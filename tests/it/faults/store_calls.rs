//! An instance that is killed at each of its calls to an object store: before the store gets it, and when the store has done it.

use std::sync::Arc;

use reqwest::{Client, Method};
use tokio::sync::Semaphore;

use super::{
    caller::Refusal,
    hold::Scope,
    journal::Life,
    random::{Random, seed},
    scribe::Scribe,
    site::Site,
};
use crate::support::{
    Person, Store,
    store_proxy::{Act, Call, Moment, StoreProxy},
    tus::{PART, metadata},
};

/// Less than a part, and more than one.
const SMALL: usize = 100_000;
const LARGE: usize = (8 << 20) + 12_345;

/// What a client does.
#[derive(Clone, Copy, Debug)]
enum What {
    Small,
    Large,
    /// By tus, in two requests of more than a part each.
    Resumed,
    /// By tus, and ended by the client half way.
    Ended,
    Purged,
}

impl What {
    async fn done_by(self, scribe: &Scribe, person: &Person, bytes: u64) -> Result<(), Refusal> {
        match self {
            Self::Small => scribe.upload(bytes, SMALL).await.map(drop),
            Self::Large => scribe.upload(bytes, LARGE).await.map(drop),
            Self::Resumed => scribe.upload_in_parts(bytes, 2 * LARGE).await.map(drop),
            Self::Ended => ended(person).await.map_err(|_| Refusal::Cut),
            Self::Purged => {
                let number = scribe.upload(bytes, SMALL).await?;
                scribe.change(number, Life::Trashed).await?;
                scribe.change(number, Life::Purged).await
            }
        }
    }
}

async fn ended(person: &Person) -> reqwest::Result<()> {
    let url = format!("{}/uploads", person.base);
    let name = metadata(&[("filename", "ended.bin")]);
    let begin = person
        .tus(Method::POST, &url)
        .header("upload-metadata", name);
    let begun = begin.header("upload-length", 2 * LARGE).send().await?;
    let url = person.at_base(begun.headers()["location"].to_str().unwrap());
    let part = person
        .tus(Method::PATCH, &url)
        .header("upload-offset", 0)
        .header("content-type", PART);
    part.body(vec![1; LARGE]).send().await?.error_for_status()?;
    let end = person.tus(Method::DELETE, &url).send().await?;
    end.error_for_status().map(drop)
}

async fn killed_at_each_call_of(what: What) {
    let seed = seed();
    let mut random = Random::new(seed);
    let store = Store::create().await;
    let proxy = StoreProxy::start(&store.endpoint).await;
    let site = Site::in_store(&store, &proxy.endpoint, seed, 2).await;
    // Its own calls come between those of clients.
    let site = site.set("JANITOR_INTERVAL", "1h");
    let client = Client::builder().no_proxy().build().unwrap();
    let mut server = site.serve().await;
    let person = Person::anonymous("").with_token(&site.journal.accounts[0].secret);
    let clients = |base: &str| {
        let scribe = Scribe::new(&client, base, &site.journal, 0);
        (scribe, person.at(base))
    };

    // A first time, to see which calls there are.
    let before = proxy.calls().len();
    let (scribe, person) = clients(&server.base);
    let done = what.done_by(&scribe, &person, random.next()).await;
    done.unwrap();
    let mut calls = proxy.calls().split_off(before);
    // The janitor's, which looks once when it begins.
    calls.retain(|call| *call != Call::ListUploads);
    assert!(!calls.is_empty(), "{what:?} asks nothing of the store");
    for (number, call) in calls.iter().enumerate() {
        let after = calls[..number].iter().filter(|it| *it == call).count();
        for moment in [Moment::Before, Moment::After] {
            let heard = Arc::new(Semaphore::new(0));
            let report = Act::Report(Arc::clone(&heard), moment);
            proxy.fault_after(after, *call, report);
            let (scribe, person) = clients(&server.base);
            tokio::select! {
                biased;
                heard = heard.acquire() => heard.unwrap().forget(),
                done = what.done_by(&scribe, &person, random.next()) => {
                    panic!("{call:?} did not come: {done:?}; seed {seed}")
                }
            }
            server.kill();
            proxy.mend();
            server = site.serve().await;
            site.journal.hold(&server.base, Scope::Fresh).await;
        }
    }
    site.holds_everything(&server.base).await;
    eprintln!("{what:?}: killed at {calls:?}; seed {seed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_call_of_a_small_upload_loses_and_leaves_nothing() {
    killed_at_each_call_of(What::Small).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_call_of_an_upload_in_parts_loses_and_leaves_nothing() {
    killed_at_each_call_of(What::Large).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_call_of_a_resumable_upload_loses_and_leaves_nothing() {
    killed_at_each_call_of(What::Resumed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_call_of_an_end_leaves_nothing() {
    killed_at_each_call_of(What::Ended).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_call_of_a_purge_loses_and_leaves_nothing() {
    killed_at_each_call_of(What::Purged).await;
}
