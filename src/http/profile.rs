//! Profiles of routes: which layers are around a route, and in which form those layers refuse.

use axum::{
    Router,
    http::{HeaderName, Method, header},
    response::{IntoResponse, Response},
};

use super::{answer, layers, request_id::X_REQUEST_ID};
use crate::{app::SharedApp, error::Error};

/// What a route is to the programs and browsers that call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Callers sign in, by cookies as well, and pages of allowed origins may call it. It speaks GraphQL.
    Api,
    /// It knows no cookies, so a page of another site can do nothing here in a user's name.
    Public,
    /// The same, and people send it a form.
    Form,
}

/// Headers that pages of allowed origins may use, apart from those that browsers let every page use.
#[derive(Debug)]
pub struct PageHeaders {
    /// In a request.
    pub sent: Vec<HeaderName>,
    /// In an answer.
    pub read: Vec<HeaderName>,
}

impl Profile {
    /// Puts the layers of this profile around the one route of `router`, which takes `methods`.
    pub fn around<S: Clone + Send + Sync + 'static>(
        self,
        app: &SharedApp,
        methods: &[Method],
        router: Router<S>,
    ) -> Router<S> {
        match self {
            Self::Api => {
                let headers = PageHeaders {
                    sent: vec![header::CONTENT_TYPE, header::AUTHORIZATION, header::ACCEPT],
                    read: vec![X_REQUEST_ID, header::RETRY_AFTER],
                };
                layers::signed_in(app, self, methods, headers, router)
            }
            Self::Public => router,
            Self::Form => layers::with_body(app, router),
        }
    }

    /// A layer's refusal, in the form that clients of the route read.
    pub fn refuse(self, error: Error) -> Response {
        match self {
            Self::Api => answer::request_error(error),
            Self::Public | Self::Form => error.into_response(),
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
            (Profile::Public, "application/problem+json"),
            (Profile::Form, "application/problem+json"),
        ] {
            let refusal = profile.refuse(Error::new(Code::CsrfRefused, "No."));
            assert_eq!(refusal.status(), StatusCode::FORBIDDEN, "{profile:?}");
            assert_eq!(refusal.headers()[CONTENT_TYPE], form, "{profile:?}");
        }
    }
}
