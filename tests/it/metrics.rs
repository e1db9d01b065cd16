//! Metrics: what Prometheus reads, and what it must not.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
    time::Duration,
};

use cloakroom::{
    http::ROUTES,
    metrics::{ALL, Kind},
};
use reqwest::{Client, Method};

use crate::support::{
    Program, TestApp, live::Live, nginx::free_port, person::PASSWORD, program::Serving,
};

/// One line of the text: a series, its labels and its value.
#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// What a server tells Prometheus.
struct Scrape {
    text: String,
    samples: Vec<Sample>,
}

impl Scrape {
    async fn of(address: &str) -> Self {
        let answer = Client::new().get(format!("http://{address}/metrics"));
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.unwrap();
        let lines = text.lines();
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let samples = lines.map(sample).collect();
        Self { text, samples }
    }

    /// The sum of the samples that have these labels.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let of_it = self.samples.iter().filter(|sample| {
            let has = |(label, value): &(&str, &str)| {
                sample.labels.get(*label).is_some_and(|it| it == value)
            };
            sample.name == name && labels.iter().all(has)
        });
        of_it.map(|sample| sample.value).sum()
    }
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.strip_suffix('}').unwrap();
    // No value of a label has a comma or a quotation mark in it.
    let labels = labels.split(',').filter(|label| !label.is_empty());
    let labels = labels.map(|label| {
        let (label, value) = label.split_once("=\"").unwrap();
        (label.to_owned(), value.trim_end_matches('"').to_owned())
    });
    Sample {
        name: name.to_owned(),
        labels: labels.collect(),
        value: value.parse().unwrap(),
    }
}

/// A server in a process of its own over the data of `server`, and where its metrics are.
fn measured(server: &TestApp) -> (Serving, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let program = Program::of(server)
        .set("METRICS_LISTEN", &address)
        .set("JANITOR_INTERVAL", "1s");
    (program.serve(), address)
}

/// The series that a sample belongs to: those of a histogram are three.
fn family(sample: &str) -> &str {
    let is_known = |name: &str| ALL.iter().any(|series| series.name == name);
    let parts = ["_bucket", "_sum", "_count"];
    let stem = parts.iter().find_map(|part| sample.strip_suffix(part));
    match stem {
        Some(stem) if is_known(stem) => stem,
        _ => sample,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journey_moves_every_series_and_shows_in_no_label() {
    let server = TestApp::start().await;
    let (serving, address) = measured(&server);
    let alice = server.person("alicewonderland").await.at(&serving.base);
    let bob = server.person("bobthebuilder").await.at(&serving.base);

    let file = alice.upload("secretplans.txt", &[b'x'; 100_000]).await;
    let share = alice.share_with(&file, "bobthebuilder").await;
    let ticket = bob.ticket(&file).await;
    assert_eq!(bob.get(&ticket).await.bytes.len(), 100_000);
    let head = bob.request(Method::HEAD, &ticket).send().await.unwrap();
    assert_eq!(head.status(), 200);
    alice.revoke(&share).await.data("/revokeShare");
    assert_eq!(bob.get(&ticket).await.code(), "ACCESS_REVOKED");
    let forged = format!("{}/download/secretticket", serving.base);
    assert_eq!(bob.get(&forged).await.code(), "TICKET_INVALID");
    bob.get(&format!("{}/secretpath", serving.base)).await;
    let upload = alice.tus_create("secretupload.bin", 1000).await;
    alice.tus_patch(&upload, 0, &[0; 600]).await.expect(204);
    alice
        .ask("mutation { createGroup(name: \"secretgroup\") { id } }")
        .await;
    let link = alice.link(&file).await;
    bob.get(&link.url).await;
    alice.sign_in("alicewonderland", "secretpassword").await;
    alice.sign_in("alicewonderland", PASSWORD).await;
    let socket = Live::open(&alice).await;
    alice.delete(&file).await.data("/deleteFile");
    let purge = format!("mutation {{ purgeFile(id: \"{file}\") }}");
    alice.ask(&purge).await.data("/purgeFile");

    let mut scrape = Scrape::of(&address).await;
    for _ in 0..200 {
        // The janitor comes once a second.
        if scrape.sum("cloakroom_swept_at_seconds", &[]) > 0.0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        scrape = Scrape::of(&address).await;
    }

    let there: BTreeSet<_> = scrape
        .samples
        .iter()
        .map(|sample| family(&sample.name))
        .collect();
    let declared: BTreeSet<_> = ALL.iter().map(|series| series.name).collect();
    let apart: Vec<_> = there.symmetric_difference(&declared).collect();
    assert!(apart.is_empty(), "declared or there alone: {apart:?}");
    for series in ALL {
        let kind = match series.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let said = format!("# TYPE {} {kind}\n", series.name);
        assert!(scrape.text.contains(&said), "{said}");
        for sample in &scrape.samples {
            let labels = sample.labels.keys().map(String::as_str);
            let labels: Vec<_> = labels.filter(|label| *label != "le").collect();
            let is_of_it = family(&sample.name) == series.name;
            assert!(!is_of_it || labels == series.labels, "{sample:?}");
        }
    }

    let redeemed = |answer| scrape.sum("cloakroom_redemptions_total", &[("answer", answer)]);
    assert_eq!(redeemed("OK"), 3.0, "GET, HEAD, and the link's ticket");
    assert_eq!(redeemed("ACCESS_REVOKED"), 1.0);
    assert_eq!(redeemed("TICKET_INVALID"), 1.0);
    let requests = |route, status| {
        let labels = [("route", route), ("status", status)];
        scrape.sum("cloakroom_http_request_seconds_count", &labels)
    };
    assert_eq!(requests("/download/{ticket}", "200"), 3.0);
    assert_eq!(requests("/download/{ticket}", "403"), 1.0);
    assert_eq!(requests("/uploads/{id}", "204"), 1.0);
    assert_eq!(requests("unmatched", "404"), 1.0);
    assert!(scrape.sum("cloakroom_received_bytes_total", &[]) > 100_600.0);
    assert!(scrape.sum("cloakroom_sent_bytes_total", &[]) > 100_000.0);
    assert_eq!(scrape.sum("cloakroom_resumable_uploads", &[]), 1.0);
    assert_eq!(scrape.sum("cloakroom_uploads_under_way", &[]), 0.0);
    assert_eq!(
        scrape.sum("cloakroom_sessions", &[]),
        2.0,
        "who signs in again has the same one"
    );
    assert_eq!(scrape.sum("cloakroom_sockets", &[]), 1.0);
    assert!(scrape.sum("cloakroom_connections", &[]) >= 1.0);
    assert_eq!(scrape.sum("cloakroom_database_up", &[]), 1.0);
    assert_eq!(scrape.sum("cloakroom_silent_tasks", &[]), 0.0);
    let finished = [("operation", "finish")];
    assert_eq!(
        scrape.sum("cloakroom_storage_seconds_count", &finished),
        1.0
    );
    for [series, label, value] in [
        ["cloakroom_database_seconds_count", "operation", "query"],
        ["cloakroom_database_seconds_count", "operation", "write"],
        ["cloakroom_batch_items_count", "queue", "file rows"],
        ["cloakroom_disk_free_bytes", "", ""],
    ] {
        let labels: Vec<_> = [(label, value)]
            .into_iter()
            .filter(|(label, _)| !label.is_empty())
            .collect();
        assert!(scrape.sum(series, &labels) >= 1.0, "{series} {value}");
    }

    // Nothing of anybody's.
    let me = alice.ask("{ me { id } }").await.text("/me/id");
    let text = scrape.text.to_lowercase();
    let (_, ticket) = ticket.rsplit_once('/').unwrap();
    for hidden in [
        "alice",
        "bob",
        "secret",
        "127.0.0.1",
        &file,
        &share,
        &link.share,
        &link.token,
        ticket,
        &me,
    ] {
        assert!(!text.contains(&hidden.to_lowercase()), "{hidden} shows");
    }
    let routes: Vec<_> = ROUTES.iter().map(|route| route.path).collect();
    for sample in &scrape.samples {
        for (label, value) in &sample.labels {
            let is_word = value
                .chars()
                .all(|it| it.is_ascii_alphabetic() || " -_".contains(it));
            let is_known = match label.as_str() {
                "route" => routes.contains(&value.as_str()) || value == "unmatched",
                "status" => value.len() == 3 && value.parse::<u16>().is_ok(),
                "le" => value == "+Inf" || value.parse::<f64>().is_ok(),
                "version" => value == env!("CARGO_PKG_VERSION"),
                _ => is_word,
            };
            assert!(is_known, "{sample:?}");
        }
    }
    drop(socket);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_on_their_own_listener_alone_and_nowhere_unless_set() {
    let server = TestApp::start().await;
    let (serving, address) = measured(&server);
    let client = Client::new();
    let status = async |url: String| client.get(url).send().await.unwrap().status().as_u16();
    assert_eq!(status(format!("{}/metrics", serving.base)).await, 404);
    assert_eq!(status(format!("{}/metrics", server.base)).await, 404);
    for path in ["/", "/graphql", "/healthz", "/metrics/", "/download/x"] {
        assert_eq!(
            status(format!("http://{address}{path}")).await,
            404,
            "{path}"
        );
    }
    let posted = client.post(format!("http://{address}/metrics"));
    assert_eq!(posted.send().await.unwrap().status(), 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_of_metrics_that_is_taken_ends_the_start_with_its_setting() {
    let server = TestApp::start().await;
    let taken = server.base.strip_prefix("http://").unwrap();
    let printed = Program::of(&server)
        .set("METRICS_LISTEN", taken)
        .run(&["serve"]);
    assert_eq!(printed.status, Some(1), "{printed:?}");
    assert!(
        printed.err.contains("CLOAKROOM_METRICS_LISTEN"),
        "{printed:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_and_the_dashboard_and_the_alerts_know_the_series() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let page = fs::read_to_string(docs.join("metrics.md")).unwrap();
    for series in ALL {
        let kind = format!("{:?}", series.kind).to_lowercase();
        let labels: Vec<_> = series.labels.iter().map(|it| format!("`{it}`")).collect();
        let labels = match labels.is_empty() {
            true => "–".to_owned(),
            false => labels.join(", "),
        };
        let line = format!(
            "| `{}` | {kind} | {labels} | {} |\n",
            series.name, series.help
        );
        assert!(page.contains(&line), "docs/metrics.md has no line: {line}");
    }
    for name in ["metrics.md", "grafana.json", "alerts.yml"] {
        let text = fs::read_to_string(docs.join(name)).unwrap();
        let words = text.split(|it: char| !it.is_ascii_lowercase() && it != '_');
        let named = words.filter(|word| word.starts_with("cloakroom_") && *word != "cloakroom_");
        for word in named {
            let is_known = ALL.iter().any(|series| series.name == family(word));
            assert!(is_known, "{name} names {word}, which is no series");
        }
    }
    let dashboard = fs::read_to_string(docs.join("grafana.json")).unwrap();
    let _: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    for series in ALL {
        assert!(
            dashboard.contains(series.name),
            "{} is not shown",
            series.name
        );
    }
}

/// Prometheus's own tool takes the rules, and the text that is scraped.
#[tokio::test(flavor = "multi_thread")]
async fn prometheus_takes_the_alerts_and_what_it_reads() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/alerts.yml");
    let checked = Command::new("promtool")
        .args(["check", "rules"])
        .arg(rules)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");

    let server = TestApp::start().await;
    let (serving, address) = measured(&server);
    server.person("alice").await.at(&serving.base).me().await;
    let text = Scrape::of(&address).await.text;
    let file = server.directory().path().join("scrape.txt");
    fs::write(&file, text).unwrap();
    let checked = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
}

/// What many fields ask for is read together, whoever is first: see `graphql/loaders/loads.rs`.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_files_takes_as_many_queries_as_a_page_of_one() {
    let server = TestApp::start().await;
    let (serving, address) = measured(&server);
    let alice = server.person("alice").await.at(&serving.base);
    server.person("bob").await;
    for number in 0..40 {
        let file = alice.upload(&format!("{number}.txt"), b"a").await;
        alice.share_with(&file, "bob").await;
    }
    let queries = async || {
        let scrape = Scrape::of(&address).await;
        let queries = [("operation", "query")];
        scrape.sum("cloakroom_database_seconds_count", &queries)
    };
    let mut fewest = Vec::new();
    for rows in [1, 40] {
        let page = format!(
            "{{ files(first: {rows}) {{ nodes {{ owner {{ username }} shares {{ nodes {{ user {{ username }} }} }} }} }} }}"
        );
        // The janitor and others read as well now and then.
        let mut least = f64::MAX;
        for _ in 0..10 {
            let before = queries().await;
            let answer = alice.ask(&page).await;
            let last = format!("/files/nodes/{}/shares/nodes/0/user/username", rows - 1);
            assert_eq!(answer.text(&last), "bob");
            least = least.min(queries().await - before);
        }
        fewest.push(least);
    }
    assert_eq!(fewest[0], fewest[1]);
    assert!(fewest[0] >= 3.0, "{fewest:?}");
}
