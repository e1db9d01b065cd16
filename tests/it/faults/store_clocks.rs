//! A clock that is 20 minutes off, beside an object store: a store refuses signatures of another time.

use super::{clock::Clock, random::seed, scribe::Scribe, site::Site};
use crate::support::{Person, Store};

/// All signatures have expired by the store's clock. Whether one of a later time is refused is for each store to decide.
const BEHIND: &str = "-20m";
const AHEAD: &str = "+20m";

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_loses_nothing_in_an_object_store() {
    let seed = seed();
    let store = Store::create().await;
    let site = Site::in_store(&store, &store.endpoint, seed, 2).await;
    let clock = Clock::of(&site.program);
    let server = clock.serve(&site.program);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let scribe = Scribe::new(&client, &server.base, &site.journal, 0);
    let person = Person::anonymous(&server.base).with_token(&site.journal.accounts[0].secret);
    let kept = scribe.upload(1, 1000).await.unwrap();
    let id = site.journal.entry(kept).id.unwrap();
    for off in [AHEAD, BEHIND] {
        clock.set(off);
        let answer = person.get(&person.ticket(&id).await).await;
        let uploaded = scribe.upload(2, 100_000).await;
        if off == BEHIND {
            assert_eq!(answer.code(), "UNAVAILABLE", "seed {seed}");
            assert!(uploaded.is_err(), "seed {seed}");
        }
        clock.set("+0");
        let opened = person.get(&person.ticket(&id).await).await;
        assert_eq!(opened.status, 200, "{off}; seed {seed}");
    }
    server.terminate();
    server.ended().await;

    let said = clock.try_serve(&site.program, BEHIND).err().unwrap();
    assert!(said.contains("the clocks of this machine"), "{said}");
    let server = site.serve().await;
    site.holds_everything(&server.base).await;
}
