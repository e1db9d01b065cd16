//! The upstream that decides nothing, which Cloakroom is measured against: `constant_upstream LISTEN [DATABASE_URL]`.
//!
//! It answers every redemption with one fixed `X-Accel-Redirect`, and every GraphQL request with one fixed body. With a
//! PostgreSQL database it first runs `SELECT 1`, prepared, on a connection of a pool such as Cloakroom's.

use axum::{
    Router,
    extract::State,
    http::{HeaderName, StatusCode, header},
    routing::{get, post},
};
use sea_orm::sqlx::{self, PgPool, postgres::PgPoolOptions};
use tokio::net::{TcpListener, UnixListener};

type Redirect = [(HeaderName, &'static str); 4];

/// The headers of Cloakroom's own answer.
const REDIRECT: Redirect = [
    (
        HeaderName::from_static("x-accel-redirect"),
        "/_content/00/00/00000000000000000000000000000000",
    ),
    (header::CONTENT_TYPE, "application/octet-stream"),
    (
        header::CONTENT_DISPOSITION,
        "attachment; filename=\"bench-000000.bin\"",
    ),
    (header::CACHE_CONTROL, "private, no-store"),
];

/// Cloakroom's answer to `{ me { username } }`.
const ME: ([(HeaderName, &str); 1], &str) = (
    [(header::CONTENT_TYPE, "application/json")],
    r#"{"data":{"me":{"username":"owner"}}}"#,
);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments
        .next()
        .ok_or("usage: constant_upstream LISTEN [DATABASE_URL]")?;
    let download = match arguments.next() {
        None => get(async || REDIRECT),
        Some(url) => {
            // As many connections as Cloakroom reads by, and none asked first whether it is still one.
            let pool = PgPoolOptions::new()
                .max_connections(8)
                .test_before_acquire(false);
            get(after_select).with_state(pool.connect(&url).await?)
        }
    };
    let router = Router::new()
        .route("/download/{ticket}", download)
        .route("/graphql", post(async || ME));
    match listen.strip_prefix("unix:") {
        Some(path) => axum::serve(UnixListener::bind(path)?, router).await?,
        None => axum::serve(TcpListener::bind(&listen).await?, router).await?,
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this query reads no row")]
async fn after_select(State(pool): State<PgPool>) -> Result<Redirect, StatusCode> {
    let selected = sqlx::query("SELECT 1").fetch_one(&pool).await;
    selected
        .map(|_row| REDIRECT)
        .map_err(|_error| StatusCode::INTERNAL_SERVER_ERROR)
}
