//! Profiles of routes: which layers are around a route, and in which form those layers refuse.

use axum::{
    Router,
    http::{Method, header},
    middleware,
    response::{IntoResponse, Response},
};

use super::{answer, layers, oidc, plain_pages, request_id::X_REQUEST_ID, tus};
use crate::{app::SharedApp, error::Error};

/// What a route is to the programs and browsers that call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Callers sign in, by cookies as well, and pages of allowed origins may call it. It speaks GraphQL.
    Api,
    /// The same, and it speaks the tus protocol.
    Tus,
    /// It knows no cookies, so a page of another site can do nothing here in a user's name.
    Public,
    /// The same, and people send it a form, which may hold a password: a page of another site sends none, or it would use up the
    /// tries of whoever looks at that page.
    Form,
    /// Another site sends browsers here, and what they bring signs them in. No page of another site may read it.
    Return,
    /// It knows no cookies, as above: a ticket says it all. Pages of allowed origins may show and fetch what it opens.
    Ticket,
}

impl Profile {
    /// Puts the layers of this profile around the one route of `router`, which takes `methods`.
    pub fn around<S: Clone + Send + Sync + 'static>(
        self,
        app: &SharedApp,
        methods: &'static [Method],
        router: Router<S>,
    ) -> Router<S> {
        match self {
            Self::Api => {
                let read = vec![X_REQUEST_ID, header::RETRY_AFTER];
                layers::signed_in(app, self, methods, read, router)
            }
            Self::Tus => {
                let mut read = vec![X_REQUEST_ID, header::RETRY_AFTER];
                read.extend_from_slice(&tus::READ);
                let router = layers::signed_in(app, self, methods, read, router);
                router.layer(middleware::from_fn(tus::speak))
            }
            Self::Public => router,
            Self::Form => layers::with_form(app, self, router),
            Self::Return => {
                let router = layers::with_session(app, router);
                router.layer(middleware::from_fn(oidc::find_attempt))
            }
            Self::Ticket => layers::shown(app, methods, router),
        }
    }

    /// A layer's refusal, in the form that clients of the route read.
    pub fn refuse(self, error: Error) -> Response {
        match self {
            Self::Api => answer::request_error(error),
            Self::Form | Self::Return => plain_pages::refusal(error),
            Self::Tus | Self::Public | Self::Ticket => error.into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{StatusCode, header::CONTENT_TYPE};

    use super::*;
    use crate::error::Code;

    #[test]
    fn each_profile_refuses_in_the_form_that_its_clients_read() {
        for (profile, form) in [
            (
                Profile::Api,
                "application/graphql-response+json; charset=utf-8",
            ),
            (Profile::Tus, "application/problem+json"),
            (Profile::Public, "application/problem+json"),
            (Profile::Form, "text/html; charset=utf-8"),
            (Profile::Return, "text/html; charset=utf-8"),
            (Profile::Ticket, "application/problem+json"),
        ] {
            let refusal = profile.refuse(Error::new(Code::CsrfRefused, "No."));
            assert_eq!(refusal.status(), StatusCode::FORBIDDEN, "{profile:?}");
            assert_eq!(refusal.headers()[CONTENT_TYPE], form, "{profile:?}");
        }
    }
}
