//! HTTP: every route, and the layers around them.

use axum::{
    Router,
    http::{Method, header},
    routing::{MethodRouter, get},
};

use crate::{app::SharedApp, graphql::Schema};

mod answer;
mod body;
mod body_pace;
mod bundle;
mod caller;
mod client_address;
mod cookies;
mod delivery;
pub mod disposition;
mod drops;
mod graphiql;
mod graphql;
mod headers;
mod health;
mod layers;
mod links;
mod live;
mod measured;
mod multipart;
mod negotiation;
mod oidc;
mod page;
mod pages;
mod params;
mod persisted;
mod plain_pages;
mod problem;
mod profile;
mod request_id;
mod tus;

pub use live::Sockets;
pub use profile::Profile;

/// What handlers share.
#[derive(Clone)]
pub struct Context {
    pub app: SharedApp,
    pub schema: Schema,
    readiness: health::Readiness,
    sockets: Sockets,
}

/// One line of the route table.
pub struct Route {
    pub path: &'static str,
    pub methods: &'static [Method],
    handler: fn() -> MethodRouter<Context>,
    /// Which layers are around it, and in which form they refuse.
    pub profile: Profile,
}

/// Every route there is.
pub const ROUTES: &[Route] = &[
    Route {
        path: "/",
        methods: &[Method::GET, Method::HEAD],
        handler: || get(page::files),
        profile: Profile::Public,
    },
    Route {
        path: "/app/{*path}",
        methods: &[Method::GET, Method::HEAD],
        handler: || get(page::part),
        profile: Profile::Public,
    },
    Route {
        path: "/graphql",
        methods: &[Method::GET, Method::POST],
        handler: || get(graphql::get).post(graphql::post),
        profile: Profile::Api,
    },
    Route {
        path: "/graphiql/{*path}",
        methods: &[Method::GET],
        handler: || get(graphql::asset),
        profile: Profile::Public,
    },
    Route {
        path: "/download/{ticket}",
        methods: &[Method::GET, Method::HEAD],
        handler: || get(delivery::redeem),
        profile: Profile::Ticket,
    },
    Route {
        path: "/s/{token}",
        methods: &[Method::GET, Method::HEAD, Method::POST],
        handler: || get(links::get).post(links::post),
        profile: Profile::Form,
    },
    Route {
        path: "/drop/{token}",
        methods: &[Method::GET, Method::HEAD, Method::POST],
        handler: || get(drops::get).post(drops::post),
        profile: Profile::Form,
    },
    Route {
        path: "/uploads",
        methods: tus::COLLECTION,
        handler: tus::collection,
        profile: Profile::Tus,
    },
    Route {
        path: "/uploads/{id}",
        methods: tus::UPLOAD,
        handler: tus::upload,
        profile: Profile::Tus,
    },
    Route {
        path: "/auth/oidc",
        methods: &[Method::GET],
        handler: || get(oidc::begin),
        profile: Profile::Public,
    },
    Route {
        path: oidc::CALLBACK,
        methods: &[Method::GET],
        handler: || get(oidc::come_back),
        profile: Profile::Return,
    },
    Route {
        path: "/healthz",
        methods: &[Method::GET],
        handler: || get(health::alive),
        profile: Profile::Public,
    },
    Route {
        path: "/readyz",
        methods: &[Method::GET],
        handler: || get(health::ready),
        profile: Profile::Public,
    },
];

/// The whole server as one service.
pub fn router(app: &SharedApp) -> Router {
    router_with(app, Sockets::new(app))
}

/// The same, of which `sockets` are the WebSockets.
pub fn router_with(app: &SharedApp, sockets: Sockets) -> Router {
    let context = Context {
        app: SharedApp::clone(app),
        schema: crate::graphql::schema(app),
        readiness: health::Readiness::default(),
        sockets,
    };
    let mut router = Router::new();
    for route in ROUTES {
        let allow = allow(route.methods);
        let handler = (route.handler)().fallback(async move || problem::method_not_allowed(allow));
        let handler = Router::new().route(route.path, handler);
        router = router.merge(route.profile.around(app, route.methods, handler));
    }
    let router = router.fallback(problem::no_such_route).with_state(context);
    layers::every(app, router)
}

/// The `Allow` header (RFC 9110 §10.2.1) of a route.
fn allow(methods: &[Method]) -> [(header::HeaderName, String); 1] {
    let names: Vec<_> = methods.iter().map(Method::as_str).collect();
    [(header::ALLOW, names.join(", "))]
}
