//! What callers get of each route.

use super::classes::*;

/// What callers get of one route: the request is sent as it stands here, with the caller's credentials.
#[derive(Clone, Copy)]
pub struct RouteRow {
    /// The method and the route, as the route table has it.
    pub route: &'static str,
    pub class: Statuses,
    /// The path and the query; the route's own path where nothing else is said. `{ticket}` is the caller's ticket, and
    /// `{link}` and `{drop}` the tokens of the caller's link and drop; `{upload}` is an unfinished upload of the owner's, and
    /// `{dropped}` one by the owner's drop.
    pub path: Option<&'static str>,
    pub headers: &'static [(&'static str, &'static str)],
    pub body: &'static str,
}

const fn route(route: &'static str, class: Statuses) -> RouteRow {
    RouteRow {
        route,
        class,
        path: None,
        headers: &[],
        body: "",
    }
}

impl RouteRow {
    const fn at(mut self, path: &'static str) -> Self {
        self.path = Some(path);
        self
    }

    const fn sending(
        mut self,
        headers: &'static [(&'static str, &'static str)],
        body: &'static str,
    ) -> Self {
        self.headers = headers;
        self.body = body;
        self
    }
}

/// The same for all routes.
pub const CHANGED_BY_ROUTES: &[(&str, &str)] = &[
    (
        "event",
        "the trail has every download and every refusal, half a second later",
    ),
    ("concern", "it says whom events concern"),
    ("feed_position", "it counts the events"),
    (
        "throttle",
        "what an address brings back from a provider counts",
    ),
    (
        "event_once",
        "it says which tickets the trail has, and is written with it",
    ),
    ("link", "it counts the downloads of a link"),
    (
        "link_download",
        "it says which tickets of a link were counted",
    ),
];

const TUS: (&str, &str) = ("tus-resumable", "1.0.0");
const PART: (&str, &str) = ("content-type", "application/offset+octet-stream");

#[rustfmt::skip]
pub const ROUTES: &[RouteRow] = &[
    route("GET /", ANSWERED),
    route("HEAD /", ANSWERED),
    route("GET /app/{*path}", ANSWERED).at("/app/trash"),
    route("HEAD /app/{*path}", ANSWERED).at("/app/trash"),
    route("GET /graphql", ANSWERED).at("/graphql?query={me{id}}"),
    route("POST /graphql", ANSWERED)
        .sending(&[("content-type", "application/json")], r#"{ "query": "{ me { id } }" }"#),
    route("GET /graphiql/{*path}", ABSENT).at("/graphiql/no-such-file"),
    route("GET /download/{ticket}", TICKET_HOLDERS),
    route("HEAD /download/{ticket}", TICKET_HOLDERS),
    route("GET /s/{token}", LINKED_TO).at("/s/{link}"),
    route("HEAD /s/{token}", LINKED_TO).at("/s/{link}"),
    route("POST /s/{token}", LINKED_TO).at("/s/{link}"),
    route("GET /drop/{token}", DROP_PAGE).at("/drop/{drop}"),
    route("HEAD /drop/{token}", DROP_PAGE).at("/drop/{drop}"),
    route("POST /drop/{token}", DROP_FORM).at("/drop/{drop}"),
    route("OPTIONS /uploads", DISCOVERED),
    route("POST /uploads", ADDING).sending(&[TUS, ("upload-length", "10")], ""),
    route("OPTIONS /uploads/{id}", DISCOVERED).at("/uploads/{upload}"),
    route("HEAD /uploads/{id}", OWN_UPLOAD).at("/uploads/{upload}").sending(&[TUS], ""),
    route("PATCH /uploads/{id}", OWN_UPLOAD_CHANGED).at("/uploads/{upload}").sending(&[TUS, PART, ("upload-offset", "0")], "he"),
    route("POST /uploads/{id}", OWN_UPLOAD).at("/uploads/{upload}").sending(&[TUS, ("x-http-method-override", "HEAD")], ""),
    route("DELETE /uploads/{id}", OWN_UPLOAD_CHANGED).at("/uploads/{upload}").sending(&[TUS], ""),
    route("HEAD /uploads/{id}", DROPPED_UPLOAD).at("/uploads/{dropped}").sending(&[TUS], ""),
    route("PATCH /uploads/{id}", DROPPED_UPLOAD_CHANGED).at("/uploads/{dropped}").sending(&[TUS, PART, ("upload-offset", "0")], "he"),
    route("POST /uploads/{id}", DROPPED_UPLOAD).at("/uploads/{dropped}").sending(&[TUS, ("x-http-method-override", "HEAD")], ""),
    route("DELETE /uploads/{id}", DROPPED_UPLOAD_CHANGED).at("/uploads/{dropped}").sending(&[TUS], ""),
    route("GET /auth/oidc", AWAY),
    route("GET /auth/oidc/callback", NOT_BEGUN),
    route("GET /healthz", ANSWERED),
    route("GET /readyz", ANSWERED),
];
