//! Lists whose rows no recording has: each part fills what it needs into one director and reads it back.

mod contents;
mod disks;
mod linked;
mod machines;
mod problems;

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    lists_have_the_shape_that_clients_parse(Scene::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    let server = warren_tests_harness::Postgres::start();
    let url = server.database("rows");
    lists_have_the_shape_that_clients_parse(Scene::on(Some(url)).await).await;
}

async fn lists_have_the_shape_that_clients_parse(scene: Scene) {
    scene.fill().await;
    machines::machines(&scene).await;
    disks::snapshots_of_disks(&scene).await;
    problems::problems_and_locks(&scene).await;
    contents::contents(&scene).await;
    linked::linked(&scene).await;
    contents::jobs_and_variables(&scene).await;
    disks::disks_outside_of_manifests(&scene).await;
}
