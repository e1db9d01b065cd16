//! The database that a test gets for itself.

use cloakroom::config::Secret;
use sea_orm::{ConnectionTrait, Database as Connect};

/// Which kind of database this run tests.
pub enum Database {
    Sqlite,
    /// The URL of a server.
    Postgres(String),
}

impl Database {
    pub fn chosen() -> Self {
        match std::env::var("CLOAKROOM_TEST_DATABASE").as_deref() {
            Ok("sqlite" | "") | Err(_) => Self::Sqlite,
            Ok(url) => Self::Postgres(url.to_owned()),
        }
    }

    /// The URL of a new, empty database; SQLite's is in the data directory, and so has none.
    pub async fn create(self) -> Option<Secret> {
        match self {
            Self::Sqlite => None,
            Self::Postgres(server) => Some(create(&server, "template1").await),
        }
    }

    /// The URL of a copy of the database at `url`, which nobody may be connected to.
    pub async fn copy(url: &str) -> Secret {
        let (_, name) = url.rsplit_once('/').unwrap();
        create(url, name).await
    }

    /// Ends the database at `url`, for the sake of space.
    pub async fn remove(url: &str) {
        let (server, name) = url.rsplit_once('/').unwrap();
        run(
            &format!("{server}/postgres"),
            &format!("DROP DATABASE {name} WITH (FORCE)"),
        )
        .await;
    }
}

/// A new database at the server of `url`, as `template` is.
async fn create(url: &str, template: &str) -> Secret {
    let suffix = cloakroom::hex::encode(&cloakroom::random::bytes::<8>());
    let name = format!("test_{suffix}");
    let (server, _) = url.rsplit_once('/').unwrap();
    let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
    run(&format!("{server}/postgres"), &create).await;
    Secret::from(format!("{server}/{name}"))
}

#[expect(clippy::disallowed_methods, reason = "databases are made by SQL alone")]
async fn run(url: &str, statement: &str) {
    let connection = Connect::connect(url).await.unwrap();
    connection.execute_unprepared(statement).await.unwrap();
    connection.close().await.unwrap();
}
