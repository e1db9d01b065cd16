//! Reads settings one after the other, and collects every mistake on the way.

use std::{collections::BTreeMap, fmt::Display, path::Path};

use super::{
    Config, Delivery, Listen, Mistakes, Secret, Server, declare::PREFIX, descriptors, kinds::Kind,
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
            ..
        } = self;
        if server.public_url.is_empty() {
            server.public_url = match &server.listen {
                listen @ Listen::Tcp(_) => listen.to_string(),
                Listen::Unix(_) => "http://localhost".to_owned(),
            };
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
