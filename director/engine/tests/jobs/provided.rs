//! Secrets in what one deployment provides to another: they are the provider's.

use warren_director_store::work::{InstanceAction, Work};

use crate::director::{Director, manifest};
use crate::rendered::{deploy, showing, shown};

/// A deployment that shows its own password, and provides it.
fn provider(name: &str, more: &str) -> String {
    let job = "jobs: [{name: db, release: r, provides: {conn: {shared: true}}, \
               properties: {password: ((password))}}]";
    manifest(
        1,
        &format!("variables: [{{name: password, type: password{more}}}]\n"),
    )
    .replace("name: d\n", &format!("name: {name}\n"))
    .replace("jobs: [{name: web, release: r}]", job)
}

/// One that shows another's, and has one of that name itself.
fn consumer(from: &str) -> String {
    let job = format!(
        "jobs: [{{name: app, release: r, consumes: {{conn: {{from: conn, deployment: {from}}}}}, \
         properties: {{password: ((password))}}}}]"
    );
    manifest(1, "variables: [{name: password, type: password}]\n")
        .replace("name: d\n", "name: app\n")
        .replace("jobs: [{name: web, release: r}]", &job)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_another_deployment_has_its_secrets() {
    let it = Director::start().await;
    let password = "properties: {password: {}}\n";
    let db = format!("provides: [{{name: conn, type: db, properties: [password]}}]\n{password}");
    let app = format!("consumes: [{{name: conn, type: db}}]\n{password}");
    it.release(&[
        showing("db", "aaaa", "<%= p('password') %>", &db),
        showing(
            "app",
            "bbbb",
            "<%= p('password') %> <%= link('conn').p('password') %>",
            &app,
        ),
    ])
    .await;
    let both = || {
        let text = shown(&it, "app");
        let (own, linked) = text.split_once(' ').unwrap();
        (own.to_owned(), linked.to_owned())
    };

    deploy(&it, "d", &provider("d", ""), &[]).await.done();
    deploy(&it, "app", &consumer("d"), &[]).await.done();
    let (own, linked) = both();
    assert_eq!((own.len(), &linked), (20, &shown(&it, "db")));
    assert_ne!(own, linked);
    let again = deploy(&it, "app", &consumer("d"), &[]).await.done();
    assert_eq!(again.finished().len(), 3, "{again:?}");

    // Another secret there is one for who is deployed after it, and for nobody else.
    let other = provider("d", ", update_mode: overwrite");
    deploy(&it, "d", &other, &[]).await.done();
    assert_ne!(shown(&it, "db"), linked);
    let restart = Work::UpdateInstance(InstanceAction {
        deployment: "app".to_owned(),
        job: "web".to_owned(),
        id: "0".to_owned(),
        action: "restart".to_owned(),
        skip_drain: false,
        hard: false,
        ignore_unresponsive_agent: false,
    });
    it.scene.work_on(Some("app"), restart).await.done();
    assert_eq!(both(), (own.clone(), linked));
    deploy(&it, "app", &consumer("d"), &[]).await.done();
    assert_eq!(both(), (own, shown(&it, "db")));

    // A deployment that never came to its end has no secrets yet.
    it.break_jobs(true);
    let young = provider("young", "").replace("1-30000", "1-1000");
    let failed = deploy(&it, "young", &young, &[]).await;
    assert_eq!(failed.code(), 400_007, "{failed:?}");
    it.break_jobs(false);
    let refused = deploy(&it, "app", &consumer("young"), &[]).await;
    assert_eq!(refused.code(), 70_011, "{refused:?}");
}
