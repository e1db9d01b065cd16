//! Reads settings one after the other, and collects every mistake on the way.

use std::{collections::BTreeMap, fmt::Display, path::Path};

use url::Url;

use super::{
    Config, Delivery, Listen, Mistakes, PasswordSignIn, Secret, Server, StorageKind,
    declare::PREFIX,
    descriptors,
    kinds::Kind,
    objects::{OBJECT_BYTES, part_bytes},
};
use crate::private;

pub struct Check<'a> {
    /// The files that hold secrets, by the name of the setting.
    files: &'a BTreeMap<&'static str, String>,
    mistakes: Vec<String>,
}

impl<'a> Check<'a> {
    /// `mistakes` are those that are known already.
    pub fn new(files: &'a BTreeMap<&'static str, String>, mistakes: &[String]) -> Self {
        Self {
            files,
            mistakes: mistakes.to_vec(),
        }
    }

    /// The value of a setting; that of `Default` when nothing is set, or after a mistake, so that the next setting is
    /// looked at too.
    pub fn read<T: Default + 'static>(
        &mut self,
        name: &str,
        text: Option<&str>,
        kind: Kind<T>,
    ) -> T {
        let Some(path) = self.files.get(name) else {
            return text.map_or_else(T::default, |text| self.understand(name, text, &kind));
        };
        let file = format!("{name}_file");
        if text.is_some() {
            let other = variable(&file);
            self.mistake(name, format!("is set, and so is {other}; set one of them"));
            return T::default();
        }
        match private::read_given(Path::new(path)) {
            Ok((text, closed)) => {
                if let Err(error) = closed {
                    self.mistake(&file, error);
                }
                self.understand(&file, &text, &kind)
            }
            Err(error) => {
                self.mistake(&file, format!("cannot read {path:?}: {error}"));
                T::default()
            }
        }
    }

    fn understand<T: Default + 'static>(&mut self, name: &str, text: &str, kind: &Kind<T>) -> T {
        kind.read(text).unwrap_or_else(|mistakes| {
            for mistake in mistakes {
                self.mistake(name, mistake);
            }
            T::default()
        })
    }

    fn has_mistake(&self, name: &str) -> bool {
        let begin = format!("{}: ", variable(name));
        self.mistakes
            .iter()
            .any(|mistake| mistake.starts_with(&begin))
    }

    fn mistake(&mut self, name: &str, what: impl Display) {
        self.mistakes.push(format!("{}: {what}", variable(name)));
    }

    /// What an object store needs.
    fn check_store(&mut self, config: &Config) {
        if config.storage.storage != StorageKind::S3 {
            return;
        }
        let s3 = &config.s3;
        let needed = [
            ("s3_endpoint", s3.s3_endpoint.is_empty()),
            ("s3_bucket", s3.s3_bucket.is_empty()),
            ("s3_access_key_id", s3.s3_access_key_id.is_empty()),
            (
                "s3_secret_access_key",
                s3.s3_secret_access_key.expose().is_empty(),
            ),
        ];
        for (name, is_missing) in needed {
            let file = format!("{name}_file");
            if is_missing && !self.has_mistake(name) && !self.has_mistake(&file) {
                self.mistake(name, "is not set, and STORAGE is s3");
            }
        }
        let largest = config.uploads.max_file_size;
        if largest > OBJECT_BYTES {
            let what = format!(
                "{largest} bytes are more than an object store keeps as one object, which is {OBJECT_BYTES}"
            );
            self.mistake("max_file_size", what);
        } else if 2 * part_bytes(largest) > s3.s3_upload_memory {
            let part = part_bytes(largest);
            let what = format!(
                "is not enough for two parts of a file of MAX_FILE_SIZE, {part} bytes each; allow more, or smaller files"
            );
            self.mistake("s3_upload_memory", what);
        }
    }

    /// What single sign-on needs.
    fn check_provider(&mut self, config: &Config) {
        let oidc = &config.oidc;
        let is_on = config.has_provider() || self.has_mistake("oidc_issuer");
        let given = [
            ("oidc_client_id", !oidc.oidc_client_id.is_empty()),
            ("oidc_admin_claim", !oidc.oidc_admin_claim.is_empty()),
        ];
        for (name, is_given) in given {
            if is_given && !is_on {
                self.mistake(name, "is set, and OIDC_ISSUER is not: set both, or none");
            }
        }
        if is_on && oidc.oidc_client_id.is_empty() && !self.has_mistake("oidc_client_id") {
            let what = "is not set, and OIDC_ISSUER is: set what the provider calls this server";
            self.mistake("oidc_client_id", what);
        }
        let (claim, group) = (&oidc.oidc_admin_claim, &oidc.oidc_admin_group);
        for (name, text, other) in [
            ("oidc_admin_group", group, claim),
            ("oidc_admin_claim", claim, group),
        ] {
            if text.is_empty() && !other.is_empty() && !self.has_mistake(name) {
                let what = "is not set; who is an administrator is told by OIDC_ADMIN_CLAIM and OIDC_ADMIN_GROUP together";
                self.mistake(name, what);
            }
        }
        if config.accounts.password_sign_in == PasswordSignIn::Off && !is_on {
            let what = "is off, and OIDC_ISSUER is not set: nobody could sign in";
            self.mistake("password_sign_in", what);
        }
    }

    pub fn finish(mut self, mut config: Config) -> Result<Config, Mistakes> {
        if let (Listen::Tcp(address), "") = (&config.server.listen, &*config.server.public_url)
            && address.ip().to_canonical().is_unspecified()
            && !self.has_mistake("public_url")
        {
            let what = format!(
                "is not set, and LISTEN is {address}, which is no address that a client can use: set the URL that \
                 clients use, such as https://files.example or http://192.0.2.7:{}",
                address.port()
            );
            self.mistake("public_url", what);
        }
        self.check_store(&config);
        self.check_provider(&config);
        if !self.mistakes.is_empty() {
            return Err(Mistakes(self.mistakes));
        }
        config.derive();
        Ok(config)
    }
}

fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_uppercase())
}

impl Config {
    /// What is no mistake, and yet seldom meant: each with its setting and what follows from it.
    fn doubts(&self) -> Vec<String> {
        let Server {
            public_url, listen, ..
        } = &self.server;
        if !public_url.is_empty() {
            return Vec::new();
        }
        let behind_nginx = self.tickets.delivery == Delivery::XAccel;
        match listen {
            Listen::Unix(_) => vec![
                "CLOAKROOM_PUBLIC_URL is not set, and LISTEN is a unix socket: the URLs of tickets begin with \
                 http://localhost"
                    .to_owned(),
            ],
            Listen::Tcp(address) if behind_nginx => vec![format!(
                "CLOAKROOM_PUBLIC_URL is not set, and DELIVERY is x-accel: the URLs of tickets begin with \
                 http://{address}, where nginx does not answer"
            )],
            Listen::Tcp(_) => Vec::new(),
        }
    }

    /// Fills in what follows from other settings or from the machine, where nothing was set.
    fn derive(&mut self) {
        self.doubts = self.doubts();
        let Self {
            server,
            database,
            storage,
            accounts,
            oidc,
            ..
        } = self;
        if server.public_url.is_empty() {
            server.public_url = match &server.listen {
                listen @ Listen::Tcp(_) => listen.to_string(),
                Listen::Unix(_) => "http://localhost".to_owned(),
            };
        }
        if oidc.oidc_name.is_empty()
            && let Ok(issuer) = Url::parse(&oidc.oidc_issuer)
        {
            oidc.oidc_name = issuer.host_str().unwrap_or_default().to_owned();
        }
        if server.max_connections == 0 {
            server.max_connections = descriptors::connections().min(descriptors::CONNECTIONS_MAX);
        }
        if server.max_connections_per_address == 0 {
            server.max_connections_per_address = server.max_connections.div_ceil(4);
        }
        if database.database_url.expose().is_empty() {
            database.database_url = sqlite_url(&storage.data_dir);
        }
        if accounts.hashing_threads == 0 {
            let processors = std::thread::available_parallelism().map_or(1, Into::into);
            accounts.hashing_threads = processors.min(4);
        }
    }
}

/// The URL of the SQLite database that is kept in `data_dir`.
fn sqlite_url(data_dir: &Path) -> Secret {
    let path = data_dir.join("cloakroom.sqlite3");
    Secret::from(format!("sqlite:{}", path.display()))
}
