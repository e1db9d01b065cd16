//! Providers that lie, and browsers that bring what is not theirs: what a person then sees, and that
//! nothing came of it.

use std::time::Duration;

use reqwest::{StatusCode, Url};
use serde_json::{Map, Value, json};

use crate::support::{
    Person, TestApp,
    oidc::{CLIENT_ID, Provider, Script, Signature, see, see_in, sent_to, sent_to_anew},
    rows::number,
};

pub fn claims(claims: Value) -> Map<String, Value> {
    claims.as_object().unwrap().clone()
}

/// That nobody was signed in or made, and the trail says why.
pub async fn nothing_came_of_it(server: &TestApp, person: &Person, what: &str) {
    assert_eq!(person.me().await, Value::Null, "{what}");
    for table in ["\"user\"", "session", "oidc_identity"] {
        let count = format!("SELECT count(*) AS number FROM {table}");
        assert_eq!(number(&server.app.db, &count).await, 0, "{what}: {table}");
    }
}

/// How many sign-ins were refused for `reason`, by the trail.
async fn refusals(server: &TestApp, reason: &str) -> i64 {
    let query = format!(
        "SELECT coalesce(sum(count), 0) AS number FROM event WHERE kind = 'SIGN_IN_REFUSED' AND detail = '{reason}'"
    );
    number(&server.app.db, &query).await
}

/// Nothing came of a sign-in, and the trail says why, once more than `before`.
async fn is_refused(server: &TestApp, person: &Person, what: &str, reason: &str, before: i64) {
    nothing_came_of_it(server, person, what).await;
    server
        .eventually(what, async |server| {
            refusals(server, reason).await == before + 1
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_to_be_believed_signs_nobody_in() {
    let provider = Provider::start().await;
    let server = provider.server(|_| {}).await;
    let signed = |signature| Script {
        signature,
        ..Script::default()
    };
    let says = |others: Value| Script {
        claims: claims(others),
        ..Script::default()
    };
    let now = server.app.clock.now().0 / 1000;
    let cases = [
        ("alg none", signed(Signature::Nothing), "WRONG_SIGNATURE"),
        (
            "HS256 with the public key",
            signed(Signature::PublicKeyAsJson),
            "WRONG_SIGNATURE",
        ),
        (
            "HS256 with its modulus",
            signed(Signature::PublicKeyAsModulus),
            "WRONG_SIGNATURE",
        ),
        (
            "HS256 with the client's secret",
            signed(Signature::ClientSecret),
            "WRONG_SIGNATURE",
        ),
        (
            "another key of that name",
            signed(Signature::Impostor),
            "WRONG_SIGNATURE",
        ),
        (
            "a key that is not published",
            signed(Signature::SecondKey),
            "WRONG_SIGNATURE",
        ),
        (
            "a signature of other claims",
            signed(Signature::OfOtherClaims),
            "WRONG_SIGNATURE",
        ),
        (
            "for another client",
            says(json!({ "aud": "somebody-else" })),
            "WRONG_AUDIENCE",
        ),
        (
            "for others as well",
            says(json!({ "aud": [CLIENT_ID, "somebody-else"] })),
            "WRONG_AUDIENCE",
        ),
        ("for nobody", says(json!({ "aud": null })), "WRONG_AUDIENCE"),
        (
            "of another issuer",
            says(json!({ "iss": "https://id.example" })),
            "WRONG_ISSUER",
        ),
        ("expired", says(json!({ "exp": now - 1 })), "EXPIRED"),
        ("without an end", says(json!({ "exp": null })), "MALFORMED"),
        (
            "of tomorrow",
            says(json!({ "iat": now + 86_400 })),
            // So the library calls a wrong time of issue, too.
            "EXPIRED",
        ),
        (
            "with another's nonce",
            says(json!({ "nonce": "another" })),
            "WRONG_NONCE",
        ),
        (
            "without a nonce",
            says(json!({ "nonce": null })),
            "WRONG_NONCE",
        ),
        ("about nobody", says(json!({ "sub": null })), "MALFORMED"),
        (
            "about nobody at all",
            says(json!({ "sub": "" })),
            "WRONG_SUBJECT",
        ),
        (
            "about somebody endless",
            says(json!({ "sub": "a".repeat(256) })),
            "WRONG_SUBJECT",
        ),
        ("about a number", says(json!({ "sub": 17 })), "MALFORMED"),
    ];
    let person = server.anonymous();
    for (what, script, reason) in cases {
        let before = refusals(&server, reason).await;
        provider.says(|it| *it = script);
        let seen = provider.sign_in(&server, &person, "alice").await;
        assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{what}: {seen:?}");
        assert!(seen.text.contains("cannot be believed"), "{what}: {seen:?}");
        is_refused(&server, &person, what, reason, before).await;
    }
    // The same browser, once the provider is honest.
    provider.is_honest();
    let seen = provider.sign_in(&server, &person, "alice").await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
}

/// OpenID Connect Core §3.1.2.1 and §3.1.3.7. A provider that was asked for `auth_time` has to send it, and it has to be of this
/// sign-in.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_makes_nobody_sign_in_again_signs_nobody_in_anew() {
    let provider = Provider::start().await;
    let server = provider.server(|_| {}).await;
    let person = server.anonymous();
    let now = server.app.clock.now().0 / 1000;
    let cases = [
        ("no auth_time", json!(null), "NOT_ANEW"),
        ("yesterday", json!(now - 86_400), "NOT_ANEW"),
        ("a little too early", json!(now - 62), "NOT_ANEW"),
        ("tomorrow", json!(now + 86_400), "NOT_ANEW"),
        ("no time", json!("soon"), "MALFORMED"),
    ];
    for (what, auth_time, reason) in cases {
        let before = refusals(&server, reason).await;
        provider.says(|script| script.claims = claims(json!({ "auth_time": auth_time })));
        let seen = provider.sign_in_anew(&server, &person, "alice").await;
        assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{what}: {seen:?}");
        let is_said = seen.text.contains("did not make you sign in again");
        assert_eq!(is_said, reason == "NOT_ANEW", "{what}: {seen:?}");
        is_refused(&server, &person, what, reason, before).await;
    }
    // What the provider is asked, and what it is asked otherwise.
    let anew = sent_to_anew(&person).await;
    let query: Vec<_> = anew.query_pairs().into_owned().collect();
    let asked = |name: &str| query.iter().find(|(key, _)| key == name);
    assert_eq!(asked("prompt").unwrap().1, "login");
    assert_eq!(asked("max_age").unwrap().1, "0");
    let plain = sent_to(&person).await;
    assert!(!plain.query().unwrap().contains("max_age"), "{plain}");
    // Another site may lead to a sign-in, and to no more than that.
    let led = person
        .step_by_step()
        .get(format!("{}/auth/oidc?anew", server.base))
        .header("sec-fetch-site", "cross-site");
    let led = led.send().await.unwrap();
    let led = led.headers()["location"].to_str().unwrap();
    assert!(
        led.contains("/authorize?") && !led.contains("max_age"),
        "{led}"
    );
    // A clock that is a little behind is believed, and nobody else has to say when.
    provider.says(|script| script.claims = claims(json!({ "auth_time": now - 50 })));
    let seen = provider.sign_in_anew(&server, &person, "alice").await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
    provider.says(|script| script.claims = claims(json!({ "auth_time": now - 86_400 })));
    let seen = provider.sign_in(&server, &person, "alice").await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_in_the_browser_that_asked_once_and_not_for_ever() {
    let provider = Provider::start().await;
    let server = provider.server(|_| {}).await;
    provider.says(|script| script.takes_codes_twice = true);
    let refused = async |person: &Person, back: &Url, what: &str| {
        let seen = see(person, back.as_str()).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{what}: {seen:?}");
        assert!(
            seen.text.contains("was not begun in this browser"),
            "{what}: {seen:?}"
        );
        nothing_came_of_it(&server, person, what).await;
    };
    // An attacker's own sign-in, for somebody else to finish; by a browser that has begun none, and by one that has.
    let attacker = server.anonymous();
    let sent = sent_to(&attacker).await;
    let back = provider.grant(&server, &sent, "attacker");
    refused(&server.anonymous(), &back, "without an attempt").await;
    let victim = server.anonymous();
    sent_to(&victim).await;
    refused(&victim, &back, "with another attempt").await;

    let person = server.anonymous();
    let sent = sent_to(&person).await;
    let back = provider.grant(&server, &sent, "alice");
    let mut forged = back.clone();
    forged.set_query(Some(&back.query().unwrap().replace("state=", "state=A")));
    let copy = person.double();
    refused(&copy, &forged, "with another state").await;
    forged.set_query(Some(&back.query().unwrap().replace("state=", "before=")));
    refused(&person.double(), &forged, "without a state").await;

    // A copy of the browser, a moment later and from then on.
    let copies = [person.double(), person.double()];
    server.advance(Duration::from_secs(601));
    refused(&copies[0], &back, "too late").await;
    let sent = sent_to(&person).await;
    let back = provider.grant(&server, &sent, "alice");
    let copy = person.double();
    assert_eq!(
        see(&person, back.as_str()).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(person.me().await, "alice");
    for again in [&copy, &person] {
        let seen = see(again, back.as_str()).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{seen:?}");
    }
    assert_eq!(copy.me().await, Value::Null);
    let sessions = number(&server.app.db, "SELECT count(*) AS number FROM session").await;
    assert_eq!(sessions, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_somebody_elses_attempt_is_good_for_nothing() {
    let provider = Provider::start().await;
    let server = provider.server(|_| {}).await;
    let (attacker, victim) = (server.anonymous(), server.anonymous());
    let stolen = provider.grant(&server, &sent_to(&victim).await, "victim");
    let own = provider.grant(&server, &sent_to(&attacker).await, "attacker");
    let code = |url: &Url| {
        url.query_pairs()
            .find(|(key, _)| key == "code")
            .unwrap()
            .1
            .into_owned()
    };
    let injected = own.as_str().replace(&code(&own), &code(&stolen));
    let seen = see(&attacker, &injected).await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{seen:?}");
    nothing_came_of_it(&server, &attacker, "PKCE").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_refuses_is_said_calmly_in_both_languages_and_never_in_its_words() {
    let provider = Provider::start().await;
    let server = provider.server(|_| {}).await;
    for (languages, lang, said) in [
        ("en", "en", "The provider did not sign you in"),
        (
            "de-AT,de;q=0.9,en;q=0.1",
            "de",
            "Der Anbieter hat Sie nicht angemeldet",
        ),
    ] {
        let person = server.anonymous();
        let mut back = provider.grant(&server, &sent_to(&person).await, "alice");
        let query = back.query().unwrap().replace("code=", "x=");
        back.set_query(Some(&format!(
            "{query}&error=access_denied&error_description=<b>call+this+number"
        )));
        let seen = see_in(&person, back.as_str(), languages).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN);
        assert!(seen.text.contains(said), "{seen:?}");
        assert!(
            seen.text.contains(&format!("<html lang=\"{lang}\">")),
            "{seen:?}"
        );
        assert!(!seen.text.contains("this number"), "{seen:?}");
        assert_eq!(seen.headers["cache-control"], "no-store");
        assert!(
            seen.headers["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("default-src 'none'")
        );
        nothing_came_of_it(&server, &person, languages).await;
    }
    // A program reads a code instead.
    let answer = reqwest::get(format!("{}/auth/oidc/callback?state=a", server.base))
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(problem["code"], "BAD_USER_INPUT");
    assert_eq!(problem["reason"], "WRONG_STATE");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_address_brings_back_is_limited_as_wrong_passwords_are() {
    let provider = Provider::start().await;
    let server = provider
        .server(|options| options.sign_in_tries_per_address = "3".to_owned())
        .await;
    // What is right costs nothing.
    for _ in 0..4 {
        let seen = provider
            .sign_in(&server, &server.anonymous(), "alice")
            .await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
    }
    provider.says(|script| script.signature = Signature::Impostor);
    let mut asked = 0;
    for round in 0..5 {
        let person = server.anonymous();
        let seen = provider.sign_in(&server, &person, "alice").await;
        let (expected, is_asked) = match round {
            0..3 => (StatusCode::UNAUTHORIZED, 1),
            _ => (StatusCode::TOO_MANY_REQUESTS, 0),
        };
        asked += is_asked;
        assert_eq!(seen.status, expected, "{round}: {seen:?}");
        assert_eq!(seen.headers.contains_key("retry-after"), is_asked == 0);
    }
    assert_eq!(provider.times_asked("/token"), 4 + asked);
}

/// A page of another site can have browsers ask for any address, and they send no cookie of ours along.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_began_uses_up_no_sign_ins_of_its_network() {
    let provider = Provider::start().await;
    let server = provider
        .server(|options| options.sign_in_tries_per_address = "3".to_owned())
        .await;
    let url = format!("{}/auth/oidc/callback?state=a&code=b", server.base);
    for _ in 0..10 {
        let seen = see(&server.anonymous(), &url).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{seen:?}");
    }
    let person = server.anonymous();
    let seen = provider.sign_in(&server, &person, "alice").await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_of_a_new_person_at_once_make_one_account() {
    let provider = Provider::start().await;
    let server = provider.server(|_| {}).await;
    let people: Vec<_> = (0..6).map(|_| server.anonymous()).collect();
    let signing_in = people
        .iter()
        .map(|person| provider.sign_in(&server, person, "alice"));
    for seen in futures_util::future::join_all(signing_in).await {
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
    }
    for person in &people {
        assert_eq!(person.me().await, "alice");
    }
    let accounts = number(&server.app.db, "SELECT count(*) AS number FROM \"user\"").await;
    assert_eq!(accounts, 1);
}
