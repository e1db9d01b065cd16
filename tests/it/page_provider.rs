//! Journeys through the page, with a provider of sign-ins as people run them (`tests/clients/provider.mjs`).

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use cloakroom::{config::Options, domain::accounts};
use tokio::runtime::Handle;

use crate::{
    clients::clients,
    page::walk_with,
    support::{
        TestApp,
        nginx::free_port,
        oidc::{CLIENT_ID, CLIENT_SECRET},
        person::PASSWORD,
    },
};

/// A process of the provider, which ends with this.
struct Provider {
    issuer: String,
    process: Child,
    _says: BufReader<ChildStdout>,
}

impl Provider {
    /// One that knows the server that `options` are of, which get to know it.
    fn start(options: &mut Options) -> Self {
        assert!(
            clients().join("node_modules/oidc-provider").exists(),
            "the provider is not installed: run `npm ci` in tests/clients"
        );
        let port = free_port().to_string();
        let mut command = Command::new("node");
        command.arg(clients().join("provider.mjs")).arg(&port);
        command.arg(options.public_url.as_ref().unwrap());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.stderr(Stdio::null()).spawn().unwrap();
        // Kept, since it goes on to say things, and ends where nobody could read them.
        let mut says = BufReader::new(process.stdout.take().unwrap());
        let mut ready = String::new();
        says.read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        let issuer = format!("http://127.0.0.1:{port}");
        options.oidc_issuer = Some(issuer.clone());
        options.oidc_name = Some("the company".to_owned());
        options.oidc_client_id = Some(CLIENT_ID.to_owned());
        options.oidc_client_secret = Some(CLIENT_SECRET.to_owned().into());
        Self {
            issuer,
            process,
            _says: says,
        }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn walk(journey: &str, change: impl FnOnce(&mut Options)) {
    let mut provider = None;
    let server = TestApp::behind_nginx(|options| {
        provider = Some(Provider::start(options));
        change(options);
    })
    .await;
    let provider = provider.unwrap();
    let app = &server.app;
    tokio::task::block_in_place(|| {
        walk_with(&server.base, journey, &[&provider.issuer], |word| {
            Handle::current().block_on(async {
                match word {
                    "stop alice" => drop(accounts::set_disabled(app, "alice", true).await.unwrap()),
                    "link bob" => {
                        let password = PASSWORD.to_owned().into();
                        accounts::create(app, "bob", password).await.unwrap();
                        accounts::link(app, "bob", "bob").await.unwrap();
                    }
                    word => panic!("{word}?"),
                }
            });
        });
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn one_signs_up_in_and_out_with_a_real_provider() {
    walk("byProvider", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_provider_alone_signs_in_the_page_shows_its_button_and_no_password() {
    walk("byProviderAlone", |options| {
        options.password_sign_in = "off".to_owned();
        options.oidc_sign_up = "closed".to_owned();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_a_password_ends_once_a_real_provider_has_asked_anew() {
    walk("endsByProvider", |_| {}).await;
}
