//! Providers that are away, or are not what they say: what a person then sees, and that nothing came of it.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    oidc_forgeries::{claims, nothing_came_of_it},
    support::oidc::{Mood, Provider, see, sent_to},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_or_speaks_something_else_signs_nobody_in() {
    use Mood::{Endless, Fails, Garbage, Html, Redirects, Silent};
    let provider = Provider::start().await;
    let server = provider
        .server(|options| {
            options.oidc_username_claim = "nickname".to_owned();
            options.oidc_timeout = "2s".to_owned();
        })
        .await;
    let person = server.anonymous();
    let moods = [Silent, Html, Redirects, Endless, Fails, Garbage];
    for path in ["/.well-known/openid-configuration", "/keys"] {
        for mood in moods {
            provider.says(|script| script.moods = [(path, mood)].into());
            server.advance(Duration::from_secs(10));
            let seen = see(&person, &format!("{}/auth/oidc", server.base)).await;
            let what = format!("{path} {mood:?}: {seen:?}");
            assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE, "{what}");
            assert_eq!(seen.location, None, "{what}");
            assert!(seen.text.contains("does not answer as it should"), "{what}");
        }
    }
    for path in ["/token", "/userinfo"] {
        for mood in moods {
            provider.is_honest();
            server.advance(Duration::from_secs(10));
            let sent_to = sent_to(&person).await;
            provider.says(|script| script.moods = [(path, mood)].into());
            let back = provider.grant(&server, &sent_to, "alice");
            let seen = see(&person, back.as_str()).await;
            let what = format!("{path} {mood:?}: {seen:?}");
            // An answer of the right form with a wrong token in it; userinfo that is about nobody.
            let expected = match mood {
                Garbage => StatusCode::UNAUTHORIZED,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            assert_eq!(seen.status, expected, "{what}");
            nothing_came_of_it(&server, &person, &what).await;
        }
    }
    assert_eq!(
        provider.times_asked("/elsewhere"),
        0,
        "a redirect was followed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_is_not_asked_at_every_try_and_keeps_no_server_from_starting() {
    let provider = Provider::start().await;
    provider
        .says(|script| script.moods = [("/.well-known/openid-configuration", Mood::Fails)].into());
    let server = provider.server(|_| {}).await;
    let person = server.anonymous();
    let begin = format!("{}/auth/oidc", server.base);
    for _ in 0..5 {
        let seen = see(&person, &begin).await;
        assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(provider.times_asked("/.well-known/openid-configuration"), 1);
    provider.is_honest();
    server.advance(Duration::from_secs(10));
    assert_eq!(see(&person, &begin).await.status, StatusCode::SEE_OTHER);
}

/// Who waited for the one question gets its answer, and asks no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_silent_is_asked_once_by_all_who_wait() {
    let provider = Provider::start().await;
    provider
        .says(|script| script.moods = [("/.well-known/openid-configuration", Mood::Silent)].into());
    let server = provider
        .server(|options| {
            options.oidc_timeout = "1s".to_owned();
            options.oidc_keys_pause = "1s".to_owned();
        })
        .await;
    let begin = format!("{}/auth/oidc", server.base);
    let people: Vec<_> = (0..4).map(|_| server.anonymous()).collect();
    let seen = join_all(people.iter().map(|person| see(person, &begin))).await;
    for seen in seen {
        assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(provider.times_asked("/.well-known/openid-configuration"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_says_it_is_another_or_names_unsafe_addresses_is_not_asked() {
    let provider = Provider::start().await;
    let server = provider.server(|_| {}).await;
    let person = server.anonymous();
    for others in [
        json!({ "issuer": "https://id.example" }),
        json!({ "issuer": format!("{}/", provider.issuer) }),
        json!({ "authorization_endpoint": "http://id.example/authorize" }),
        json!({ "authorization_endpoint": "javascript:alert(1)" }),
        json!({ "jwks_uri": "http://169.254.169.254/keys" }),
        json!({ "jwks_uri": null }),
    ] {
        provider.says(|script| script.metadata = claims(others.clone()));
        server.advance(Duration::from_secs(3600));
        let seen = see(&person, &format!("{}/auth/oidc", server.base)).await;
        assert_eq!(
            seen.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{others}: {seen:?}"
        );
    }
    for endpoint in ["http://169.254.169.254/token", "http://id.example/token"] {
        provider.says(|script| script.metadata = claims(json!({ "token_endpoint": endpoint })));
        server.advance(Duration::from_secs(3600));
        let seen = provider.sign_in(&server, &person, "alice").await;
        assert_eq!(
            seen.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{endpoint}: {seen:?}"
        );
    }
    nothing_came_of_it(&server, &person, "unsafe addresses").await;
}
