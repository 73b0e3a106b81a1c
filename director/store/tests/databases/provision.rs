//! Role and database are made before anything connects.

use std::time::Duration;

use warren_director_store::provision::provision;
use warren_director_store::{Store, deployments};
use warren_tests_harness::Postgres;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn role_and_database_are_made_once_by_whoever_comes_first() {
    let mut server = Postgres::prepare();
    let admin = server.url("postgres", "postgres");
    let url = server.url("warren:it%27s%20a%20%22secret%22%5C", "director");
    // As in a pod: everybody starts at once, and the server last of all.
    let mut making = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (admin, url) = (admin.clone(), url.clone());
        making.spawn(async move { provision(&admin, &url, PATIENCE).await });
    }
    let patient = {
        let url = url.clone();
        tokio::spawn(async move { Store::open_patiently(&url, PATIENCE).await })
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.begin();
    for made in making.join_all().await {
        let made = made.unwrap();
        assert_eq!(made.role, "warren");
        assert_eq!(made.database, "director");
    }
    let store = patient.await.unwrap().unwrap();
    assert!(deployments::list(store.pool()).await.unwrap().is_empty());
    store.close().await;
    let owner = "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding) \
                 FROM pg_database WHERE datname = 'director'";
    assert_eq!(server.ask("postgres", owner), "warren|UTF8");
    let rights = "SELECT rolsuper, rolcanlogin FROM pg_roles WHERE rolname = 'warren'";
    assert_eq!(server.ask("postgres", rights), "f|t");

    // What is there stays, and the password becomes the one that is said now.
    let stored = "SELECT rolpassword FROM pg_authid WHERE rolname = 'warren'";
    let before = server.ask("postgres", stored);
    assert!(before.starts_with("SCRAM-SHA-256$"), "{before}");
    let url = server.url("warren:another", "director");
    provision(&admin, &url, PATIENCE).await.unwrap();
    assert_ne!(server.ask("postgres", stored), before);
    assert!(
        server
            .ask("director", "SELECT COUNT(*) FROM schema_migrations")
            .parse::<u32>()
            .unwrap()
            > 0
    );
}

#[tokio::test]
async fn refusals_name_no_password() {
    let nobody = "postgres://u:hidden@127.0.0.1:1/d";
    let refused = provision("sqlite:x", nobody, Duration::ZERO).await;
    let said = format!("{:?}", refused.unwrap_err());
    assert!(!said.contains("hidden"), "{said}");
    let refused = provision(nobody, "mysql://u:hidden@h/d", Duration::ZERO).await;
    let said = format!("{:?}", refused.unwrap_err());
    assert!(
        said.contains("...@h/d") && !said.contains("hidden"),
        "{said}"
    );
    let refused = provision(nobody, nobody, Duration::ZERO).await.unwrap_err();
    assert!(refused.is_passing(), "{refused:?}");
}
