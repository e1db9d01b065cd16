//! Several instances over one database: what one of them was told holds at all others, from that answer on.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;

use crate::support::{Person, TestApp};

/// How many revocations the short form has; `CLOAKROOM_REVOCATIONS` has more.
const REVOCATIONS: usize = 120;
/// Redemptions at each instance that are under way all the time, and those right after the answer.
const AT_ONCE: usize = 2;

fn revocations() -> usize {
    match std::env::var("CLOAKROOM_REVOCATIONS") {
        Ok(number) => number.parse().expect("CLOAKROOM_REVOCATIONS is a number"),
        Err(_) => REVOCATIONS,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_instance_revokes_no_other_delivers() {
    let first = TestApp::start_with(|options| {
        options.changes_per_hour = "1000000000".to_owned();
    })
    .await;
    let others = [first.another().await, first.another().await];
    let (alice, bob) = (first.person("alice").await, first.person("bob").await);
    let bases = [&first, &others[0], &others[1]].map(|server| server.base.clone());
    let file = alice.upload("a.txt", b"hers").await;
    let mut stale = 0_usize;
    for round in 0..revocations() {
        let at = |person: &Person, shift: usize| person.at(&bases[(round + shift) % bases.len()]);
        let share = at(&alice, 0).share_with(&file, "bob").await;
        let ticket = at(&bob, 1).ticket(&file).await;
        let (_, ticket) = ticket.rsplit_once('/').unwrap();
        let redeem = async |base: &str| {
            let url = format!("{base}/download/{ticket}");
            bob.at(base).get(&url).await.status.as_u16()
        };

        // Whoever is asked all the time has every chance to remember an answer.
        let (is_revoked, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
        let asking = join_all(
            bases
                .iter()
                .flat_map(|base| [base; AT_ONCE])
                .map(async |base| {
                    let mut stale = 0;
                    while !is_over.load(Ordering::SeqCst) {
                        let was_revoked = is_revoked.load(Ordering::SeqCst);
                        match redeem(base).await {
                            200 => stale += usize::from(was_revoked),
                            403 => {}
                            other => panic!("{other} in round {round}"),
                        }
                    }
                    stale
                }),
        );
        let revoking = async {
            for base in &bases {
                assert_eq!(redeem(base).await, 200, "round {round}");
            }
            at(&alice, 2).revoke(&share).await.data("/revokeShare");
            is_revoked.store(true, Ordering::SeqCst);
            let after = bases.iter().flat_map(|base| [base; AT_ONCE]);
            let after = join_all(after.map(async |base| redeem(base).await)).await;
            is_over.store(true, Ordering::SeqCst);
            after.into_iter().filter(|status| *status != 403).count()
        };
        let (found, after) = tokio::join!(asking, revoking);
        stale += found.iter().sum::<usize>() + after;
    }
    assert_eq!(stale, 0, "stale answers");
}
