//! The role of an administrator: from when it holds, by what, and that somebody always has it.

use serde_json::{Value, json};

use crate::{
    administrators::{DISABLE, QUOTA, ROLE, change, id_of, names},
    support::{Answer, Person, TestApp, person::PASSWORD},
};

async fn role(person: &Person) -> Value {
    person.ask("{ me { role } }").await.data("/me/role")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_holds_from_the_next_request_on() {
    let server = TestApp::start().await;
    let (ada, alice) = (
        server.administrator("ada").await,
        server.person("alice").await,
    );
    let ids = (id_of(&ada).await, id_of(&alice).await);
    assert_eq!(
        alice.ask("{ statistics { users } }").await.code(),
        "FORBIDDEN"
    );

    change(&ada, ROLE, &ids.1, json!("ADMIN"))
        .await
        .data("/done");

    assert_eq!(role(&alice).await, "ADMIN");
    assert_eq!(names(&alice, "").await, ["alice", "ada"]);
    change(&alice, ROLE, &ids.0, json!("USER"))
        .await
        .data("/done");
    assert_eq!(role(&ada).await, "USER");
    for refused in [
        ada.ask("{ users { nodes { id } } }").await,
        change(&ada, ROLE, &ids.0, json!("ADMIN")).await,
        change(&ada, DISABLE, &ids.1, json!(true)).await,
    ] {
        assert_eq!(refused.code(), "FORBIDDEN");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_changes_accounts_and_one_that_reads_sees_them() {
    let server = TestApp::start().await;
    let (ada, alice) = (
        server.administrator("ada").await,
        server.person("alice").await,
    );
    let id = id_of(&alice).await;
    let program = ada.with_token(&ada.token("[READ, WRITE]").await);

    assert_eq!(names(&program, "").await, ["alice", "ada"]);
    assert_eq!(
        program
            .ask("{ statistics { users } }")
            .await
            .data("/statistics/users"),
        2
    );
    for (mutation, to) in [
        (DISABLE, json!(true)),
        (QUOTA, json!(1)),
        (ROLE, json!("ADMIN")),
    ] {
        assert_eq!(
            change(&program, mutation, &id, to).await.code(),
            "FORBIDDEN"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_stays_one() {
    let server = TestApp::start().await;
    let (ada, bea) = (
        server.administrator("ada").await,
        server.administrator("bea").await,
    );
    let (id, bea_s) = (id_of(&ada).await, id_of(&bea).await);
    // One who is stopped is no help.
    change(&ada, DISABLE, &bea_s, json!(true))
        .await
        .data("/done");

    let delete = json!({ "p": PASSWORD });
    for refused in [
        change(&ada, ROLE, &id, json!("USER")).await,
        change(&ada, DISABLE, &id, json!(true)).await,
        ada.ask_with(
            "mutation($p: String!) { deleteAccount(password: $p) }",
            delete,
        )
        .await,
    ] {
        assert_eq!(refused.code(), "CONFLICT");
    }
    assert_eq!(role(&ada).await, "ADMIN");
    change(&ada, DISABLE, &bea_s, json!(false))
        .await
        .data("/done");
    change(&ada, ROLE, &id, json!("USER")).await.data("/done");
    assert_eq!(role(&ada).await, "USER");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_administrators_who_all_resign_at_once_one_stays() {
    let server = TestApp::start().await;
    let other = server.another().await;
    for round in 0..6 {
        let mut people = Vec::new();
        for name in ["ada", "bea", "eva"] {
            let person = server.administrator(&format!("{name}{round}")).await;
            let id = id_of(&person).await;
            people.push((person, id));
        }
        let resign = people.iter().enumerate().map(async |(n, (person, id))| {
            let person = person.at([&server.base, &other.base][n % 2]);
            match round % 2 {
                0 => change(&person, ROLE, id, json!("USER")).await,
                _ => change(&person, DISABLE, id, json!(true)).await,
            }
        });
        let answers = futures_util::future::join_all(resign).await;

        let codes: Vec<_> = answers.iter().map(Answer::code).collect();
        let done = codes.iter().filter(|code| code.is_empty()).count();
        let refused = codes.iter().filter(|code| **code == "CONFLICT").count();
        assert_eq!((done, refused), (2, 1), "{codes:?}");
        // The next round begins without.
        for (_, id) in &people {
            cloakroom::domain::accounts::set_role(
                &server.app,
                cloakroom::domain::accounts::Overseer::Operator,
                id.parse().unwrap(),
                entity::user::Role::User,
            )
            .await
            .unwrap();
        }
    }
}
