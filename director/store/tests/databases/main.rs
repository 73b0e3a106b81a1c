//! The store on SQLite and on a real PostgreSQL: the same cases, in fresh databases.
//!
//! PostgreSQL runs in a directory of its own, listens on a socket in it, and is stopped at the end.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod aliases;
mod contents;
mod deploying;
mod documents;
mod history;
mod looking;
mod opening;
mod provision;
mod queue;
mod spares;
mod wake;

use std::future::Future;
use std::pin::Pin;

use warren_director_store::instances::{self, Instance};
use warren_director_store::{Store, deployments, variables};

type Case = fn(String) -> Pin<Box<dyn Future<Output = ()>>>;

/// Names and cases; each gets the URL of an empty database.
fn all() -> Vec<(&'static str, Case)> {
    macro_rules! list {
        ($($case:path),* $(,)?) => {
            vec![$((stringify!($case), (|url| Box::pin($case(url))) as Case)),*]
        };
    }
    list![
        opening::opens_twice_and_at_once,
        opening::refuses_a_newer_schema,
        queue::every_task_is_claimed_once,
        queue::a_dead_workers_task_is_claimed_again,
        queue::a_cancelled_task_still_ends,
        queue::locks_exclude_and_expire,
        documents::configs_are_listed_as_clients_expect,
        deploying::an_address_belongs_to_one,
        deploying::a_deployment_comes_and_goes,
        deploying::links_of_an_old_deploy_do_not_count,
        deploying::names_have_numbers_and_versions,
        aliases::aliases_have_a_version,
        deploying::values_are_pinned,
        history::events_are_filtered,
        contents::packages_are_shared_by_versions,
        contents::twins_are_found,
        documents::one_version_of_a_config_is_deleted,
        looking::waiting_tasks_are_seen_without_claiming,
        looking::old_rows_are_counted_and_forgotten,
        looking::one_of_many_raises_a_value,
        spares::addresses_wait_with_their_machine,
        spares::a_task_that_ends_leaves_no_locks,
        wake::work_is_heard_of_by_other_processes,
    ]
}

/// An instance `web/u` of the deployment `d`.
async fn instance(store: &Store) -> Instance {
    let pool = store.pool();
    let deployment = deployments::find_or_create(pool, "d", "[]").await.unwrap();
    let set = variables::create_set(pool, deployment.id).await.unwrap();
    let new = instances::New {
        deployment_id: deployment.id,
        job: "web",
        index: 0,
        uuid: "u",
        state: "started",
        availability_zone: Some("z1"),
        bootstrap: true,
        compilation: false,
        variable_set_id: set,
    };
    instances::create(pool, &new).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    for (number, (name, case)) in all().into_iter().enumerate() {
        println!("{name}");
        let path = directory.path().join(format!("{number}.db"));
        case(path.to_str().unwrap().to_owned()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    let server = warren_tests_harness::Postgres::start();
    for (number, (name, case)) in all().into_iter().enumerate() {
        println!("{name}");
        case(server.database(&format!("case{number}"))).await;
    }
}

async fn open(url: &str) -> Store {
    Store::open(url).await.unwrap()
}
