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
    #[expect(clippy::disallowed_methods, reason = "databases are made by SQL alone")]
    pub async fn create(self) -> Option<Secret> {
        let Self::Postgres(server) = self else {
            return None;
        };
        let name = format!(
            "test_{}",
            cloakroom::keys::hex(&cloakroom::keys::random::<8>())
        );
        let connection = Connect::connect(&server).await.unwrap();
        connection
            .execute_unprepared(&format!("CREATE DATABASE {name}"))
            .await
            .unwrap();
        connection.close().await.unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        Some(Secret::from(format!("{base}/{name}")))
    }
}
