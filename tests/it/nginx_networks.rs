//! nginx counts together what the application does: the addresses that one customer has.

use reqwest::Method;

use crate::support::{Person, TestApp, Wire, nginx::Site};

/// A site that believes who says where they come from, and lets a network have three requests under way.
fn three_requests() -> Site {
    Site {
        directives: "; set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For".to_owned(),
        instead: vec![("cloakroom_address 1000;", "cloakroom_address 3;")],
        ..Site::default()
    }
}

/// A request from `address` that does not end.
async fn hold(server: &TestApp, address: &str) -> Wire {
    let from = format!("X-Forwarded-For: {address}");
    let headers = [
        "Content-Type: application/json",
        "Content-Length: 1000",
        &from,
    ];
    Wire::begin(&server.base, "POST /graphql HTTP/1.1", &headers).await
}

async fn status(server: &TestApp, address: &str) -> u16 {
    let person = Person::anonymous(&server.base).from(address);
    let health = format!("{}/healthz", server.base);
    let request = person.request(Method::GET, &health);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_addresses_of_one_ipv6_customer_share_what_nginx_has_for_one() {
    let server = TestApp::behind_site(&three_requests(), |_| {}).await;
    for (held, neighbour, others) in [
        (
            [
                "2001:db8:1:2::1",
                "2001:db8:1:2:3::1",
                "2001:db8:1:2:ffff::",
            ],
            "2001:db8:1:2:a0a:a0a:a0a:a0a",
            &["2001:db8:1:3::1", "2001:db8:0:2::1", "::1"][..],
        ),
        (
            ["203.0.113.5"; 3],
            "203.0.113.5",
            &["203.0.113.6", "203.0.112.5"],
        ),
        // As a socket for both kinds of addresses has those of IPv4.
        (
            ["::ffff:203.0.113.7"; 3],
            "::ffff:203.0.113.7",
            &["::ffff:203.0.113.8", "::1"],
        ),
    ] {
        let mut requests = Vec::new();
        for address in held {
            requests.push(hold(&server, address).await);
        }
        // Each look is a request as well, and can take the place of one that is to be held.
        while status(&server, neighbour).await != 429 {
            assert!(requests.len() < 100, "a network may have any number");
            requests.push(hold(&server, held[0]).await);
        }
        for other in others {
            assert_eq!(status(&server, other).await, 200, "{other} beside {held:?}");
        }
    }
}
