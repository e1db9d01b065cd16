//! How long requests take, by their routes; for metrics, and for traces.

use std::sync::{Arc, LazyLock};

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};

use super::{ROUTES, request_id};
use crate::{
    metrics::{self, Begun},
    traces,
};

/// What is no route.
const UNMATCHED: &str = "unmatched";

/// One for each route, in the order of the table, and one for what is no route.
static MEASURED: LazyLock<Vec<metrics::Route>> = LazyLock::new(|| {
    let routes = ROUTES.iter().map(|route| route.path);
    let routes = routes.chain([UNMATCHED]);
    routes.map(metrics::Route::named).collect()
});

/// A request to a route.
struct Measured {
    route: &'static metrics::Route,
    begun: Begun,
}

impl Measured {
    fn begin(request: &Request) -> Self {
        let route = &MEASURED[place(request).unwrap_or(ROUTES.len())];
        let begun = metrics::begin();
        Self { route, begun }
    }
}

fn traced(request: &Request) -> Option<Arc<traces::Open>> {
    let route = place(request).map_or(UNMATCHED, |place| ROUTES[place].path);
    traces::begin(request.method(), route, request.headers())
}

/// The place of the request's route in the table.
fn place(request: &Request) -> Option<usize> {
    let path = request.extensions().get::<MatchedPath>()?;
    ROUTES.iter().position(|it| it.path == path.as_str())
}

/// What is around everything: the request's id, and its time where that is measured or traced. In one layer, since each costs
/// every request as much as what these do.
pub async fn around(request: Request, next: Next) -> Response {
    let measured = metrics::is_on().then(|| Measured::begin(&request));
    let traced = traces::is_on().then(|| traced(&request)).flatten();
    let answer = request_id::assign(request, next);
    let response = match &traced {
        None => answer.await,
        Some(open) => open.around(answer).await,
    };
    let status = response.status().as_u16();
    if let Some(Measured { route, begun }) = measured {
        route.answered(begun, status);
    }
    if let Some(open) = traced {
        open.answered(status);
    }
    response
}
