//! Where webhooks may lead: not inside, unless the operator allows it; whatever a name or a redirect says.

use std::time::Duration;

use cloakroom::domain::webhooks;
use tokio::{net::TcpStream, time::sleep};

use crate::{
    store_tls::{Terminator, certify},
    support::{
        TestApp,
        receiver::{Receiver, Reply},
    },
};

async fn add(server: &TestApp, url: &str) -> Result<(), String> {
    let added = webhooks::add(&server.app, url, &[]).await;
    added.map(drop).map_err(|error| error.to_string())
}

/// Why the only webhook fails, once it has.
async fn failure(server: &TestApp) -> String {
    let of_row = async || {
        let webhooks = webhooks::list(&server.app).await.unwrap();
        webhooks[0].row.failure.clone()
    };
    server
        .eventually("a failure is noted", async |_| of_row().await.is_some())
        .await;
    of_row().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_inside_are_refused_however_they_are_written() {
    let server = TestApp::start().await;
    for url in [
        "https://127.0.0.1/",
        "https://0x7f000001/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "http://93.184.215.14/",
        "ftp://hooks.example/",
        "https://user:password@hooks.example/",
        "https://hooks.example/#part",
        "hooks.example",
        "unix:/run/x.sock",
    ] {
        let refused = add(&server, url).await.unwrap_err();
        assert!(refused.starts_with("BAD_USER_INPUT"), "{url}: {refused}");
    }
    assert_eq!(server.rows("webhook").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_inside_is_refused_when_it_is_looked_up() {
    let receiver = Receiver::start().await;
    let server = TestApp::start().await;
    let port = receiver.port;
    add(&server, &format!("https://localhost:{port}/"))
        .await
        .unwrap();
    let failure = failure(&server).await;
    assert!(
        failure.contains("localhost leads to") && failure.contains("WEBHOOK_NETWORKS"),
        "{failure}"
    );
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_to_an_allowed_network_is_told_and_unencrypted_only_there() {
    let receiver = Receiver::start().await;
    let server = TestApp::start_with(|options| {
        options.webhook_networks = "127.0.0.0/8,::1".to_owned();
    })
    .await;
    let port = receiver.port;
    add(&server, &format!("http://localhost:{port}/hook"))
        .await
        .unwrap();
    assert_eq!(receiver.wait_for(1).await[0].kind(), "WEBHOOK_ADDED");

    // The same name, where only another network is allowed.
    let server = server
        .restart_with(|options| options.webhook_networks = "10.0.0.0/8".to_owned())
        .await;
    server.person("alice").await;
    let failure = failure(&server).await;
    assert!(failure.contains("only https:// is allowed"), "{failure}");
    assert_eq!(receiver.came().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_a_failure_and_not_followed() {
    let (receiver, inside) = (Receiver::start().await, Receiver::start().await);
    let server = TestApp::start_with(|options| {
        options.webhook_networks = "127.0.0.1".to_owned();
    })
    .await;
    let head = format!(
        "HTTP/1.1 307 x\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
        inside.url()
    );
    receiver.answer(Reply::Raw(head));
    add(&server, &receiver.url()).await.unwrap();
    let failure = failure(&server).await;
    assert!(
        failure.contains("307") && failure.contains("redirects are not followed"),
        "{failure}"
    );
    assert_eq!((receiver.came().len(), inside.connections()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_has_to_be_of_an_authority_that_is_believed() {
    let directory = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    certify(directory.path(), "hook", "IP:127.0.0.1");
    let endpoint = format!("http://127.0.0.1:{}", receiver.port);
    let tls = Terminator::start(directory.path(), "hook", &endpoint);
    while TcpStream::connect(("127.0.0.1", tls.port)).await.is_err() {
        sleep(Duration::from_millis(20)).await;
    }
    let server = TestApp::start_with(|options| {
        options.webhook_networks = "127.0.0.1".to_owned();
    })
    .await;
    add(&server, &format!("https://127.0.0.1:{}/hook", tls.port))
        .await
        .unwrap();
    let failure = failure(&server).await;
    assert!(failure.contains("certificate"), "{failure}");
    assert_eq!(receiver.connections(), 0, "nothing of it came");

    let ca_file = directory.path().join("ca.pem").display().to_string();
    let server = server
        .restart_with(|options| options.webhook_ca_file = Some(ca_file))
        .await;
    server.advance(Duration::from_secs(60));
    assert_eq!(receiver.wait_for(1).await[0].kind(), "WEBHOOK_ADDED");
}
