//! A store behind TLS: its certificate has to be of an authority that is believed, and name the store.

use std::{path::Path, process::Command};

use crate::support::{Program, Store, TestApp, nginx::free_port};

fn openssl(directory: &Path, arguments: &str) {
    let done = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(done.status.success(), "{arguments}: {done:?}");
}

/// The files `ca.pem`, `NAME.pem` and `NAME.key`: an authority, and a certificate of it for `subject`.
pub fn certify(directory: &Path, name: &str, subject: &str) {
    if !directory.join("ca.pem").exists() {
        openssl(
            directory,
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem",
        );
    }
    openssl(
        directory,
        &format!("req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"),
    );
    let extensions = format!("subjectAltName={subject}\nbasicConstraints=CA:FALSE\n");
    std::fs::write(directory.join("ext"), extensions).unwrap();
    openssl(
        directory,
        &format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out {name}.pem"
        ),
    );
}

/// Something that speaks TLS before the store, or a receiver of webhooks.
pub struct Terminator {
    child: std::process::Child,
    pub port: u16,
}

impl Terminator {
    pub fn start(directory: &Path, name: &str, endpoint: &str) -> Self {
        let port = free_port();
        let here = directory.display();
        let conf = format!(
            "daemon off; master_process off; pid {here}/{name}.pid; error_log {here}/{name}.log;
             events {{ }}
             http {{
                access_log off; client_max_body_size 0; proxy_request_buffering off;
                client_body_temp_path {here}/b; proxy_temp_path {here}/p; fastcgi_temp_path {here}/f;
                scgi_temp_path {here}/s; uwsgi_temp_path {here}/u;
                server {{
                    listen 127.0.0.1:{port} ssl;
                    ssl_certificate {here}/{name}.pem; ssl_certificate_key {here}/{name}.key;
                    location / {{ proxy_pass {endpoint}; proxy_set_header Host $http_host; proxy_http_version 1.1; }}
                }}
             }}"
        );
        let path = directory.join(format!("{name}.conf"));
        std::fs::write(&path, conf).unwrap();
        let child = Command::new("nginx").arg("-c").arg(path).spawn().unwrap();
        Self { child, port }
    }
}

impl Drop for Terminator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_believed_by_the_authority_that_is_configured_and_by_its_name() {
    let store = Store::create().await;
    let directory = tempfile::tempdir().unwrap();
    certify(directory.path(), "right", "IP:127.0.0.1");
    certify(directory.path(), "wrong", "DNS:elsewhere.example");
    let right = Terminator::start(directory.path(), "right", &store.endpoint);
    let wrong = Terminator::start(directory.path(), "wrong", &store.endpoint);
    let ca = directory.path().join("ca.pem").display().to_string();
    let at = |port: u16| Store {
        endpoint: format!("https://127.0.0.1:{port}"),
        ..store.clone()
    };

    let server = TestApp::on(&at(right.port), |options| {
        options.s3_ca_file = Some(ca.clone())
    })
    .await;
    let alice = server.person("alice").await;
    let bytes = crate::support::content::bytes(9 << 20);
    let file = alice.upload("a.bin", &bytes).await;
    let ticket = alice.ticket(&file).await;
    assert!(alice.get(&ticket).await.bytes == bytes);

    for (port, ca) in [(right.port, None), (wrong.port, Some(&ca))] {
        let program = at(port).configure_program(Program::new().await);
        let program = match ca {
            Some(ca) => program.set("S3_CA_FILE", ca),
            None => program,
        };
        let printed = program.run(&["serve"]);
        assert_ne!(printed.status, Some(0));
        assert!(printed.err.contains("certificate"), "{printed:?}");
    }
    let program = at(right.port)
        .configure_program(Program::new().await)
        .set("S3_CA_FILE", "/etc/hostname");
    let printed = program.run(&["serve"]);
    assert!(printed.err.contains("CLOAKROOM_S3_CA_FILE"), "{printed:?}");
}
