//! ZooKeeper: deployed, changed, looked at and removed.

use std::path::Path;

use super::scene::{DEPLOYMENT, Scene};
use super::sheet::Sheet;
use super::{calls, memory, worker_log};
use crate::figures::Samples;

/// Runs of what is cheap.
const RUNS: usize = 5;
/// Creations of a machine that are looked at.
const CREATIONS: usize = 5;

/// See the module.
pub fn whole(scene: &Scene, tarball: &Path, sheet: &mut Sheet) {
    let once = |arguments: &[&str]| scene.times(1, arguments);
    let tarball = tarball.display().to_string();
    let uploaded = once(&["upload-release", &tarball]);
    sheet.seconds("upload release", &uploaded, "4.8-5.3 s (76 MB)");
    let three = scene.manifest("three.yml", |text| text);
    let five = scene.manifest("five.yml", |text| {
        text.replacen("instances: 3", "instances: 5", 1)
    });
    let from = worker_log::position(scene);
    let first = once(&["deploy", &three]);
    sheet.seconds(
        "first deploy, three machines in three zones, two packages compiled",
        &first,
        "64 / 112 / 288 s",
    );
    worker_log::compilation(scene, from, sheet);
    let nothing = scene.times(RUNS, &["deploy", &three]);
    sheet.seconds("no-op deploy, three machines", &nothing, "1.1-1.6 s");
    let scaled = once(&["deploy", &five]);
    sheet.seconds("scale 3 to 5", &scaled, "56-58 s");
    let nothing = scene.times(RUNS, &["deploy", &five]);
    sheet.seconds("no-op deploy, five machines", &nothing, "1.6 s");
    calls::verbs(scene, sheet);
    calls::requests(scene, sheet);
    memory::with_machines(scene, 5, ["988 MiB", "1685 MiB"], sheet);
    changes(scene, sheet);
    again_compiled(scene, &three, sheet);
    worker_log::cpi_call(scene, sheet);
}

/// What is done to machines that are there.
fn changes(scene: &Scene, sheet: &mut Sheet) {
    let one = format!("{DEPLOYMENT}/1");
    let from = worker_log::position(scene);
    let recreated = scene.times(CREATIONS, &["recreate", &one]);
    sheet.seconds("recreate one machine", &recreated, "23 / 112 s");
    worker_log::creations(scene, from, CREATIONS, sheet);
    let all = scene.times(1, &["recreate"]);
    sheet.seconds("recreate all five", &all, "85 s");
    let restarted = scene.times(1, &["restart", &one]);
    sheet.seconds("restart one", &restarted, "12-13 s");
    let (mut stopped, mut started) = (Samples::default(), Samples::default());
    stopped.0.push(scene.timed(&["stop", &one, "--hard"]));
    started.0.push(scene.timed(&["start", &one]));
    sheet.seconds("stop --hard one", &stopped, "17 s");
    sheet.seconds("start it again", &started, "22.5 s");
}

/// Removed, and deployed once more of a release whose packages are compiled.
fn again_compiled(scene: &Scene, manifest: &str, sheet: &mut Sheet) {
    let text = |rows: Vec<serde_json::Value>, column: &str| {
        let found = rows.first().and_then(|row| row[column].as_str());
        found.unwrap_or_default().trim_end_matches('*').to_owned()
    };
    let release = text(scene.rows(&["releases"]), "version");
    let system = text(scene.rows(&["stemcells"]), "os");
    let stemcell = text(scene.rows(&["stemcells"]), "version");
    let directory = scene.at("compiled");
    scene.shell(&format!("mkdir {}", directory.display()));
    scene.timed(&[
        "export-release",
        &format!("{DEPLOYMENT}/{release}"),
        &format!("{system}/{stemcell}"),
        "--dir",
        &directory.display().to_string(),
    ]);
    let compiled = scene.shell(&format!("echo {}/*.tgz", directory.display()));
    let deleted = scene.times(1, &["delete-deployment"]);
    sheet.seconds("delete-deployment, five machines", &deleted, "15 s");
    scene.timed(&["delete-release", DEPLOYMENT, "--force"]);
    scene.timed(&["upload-release", compiled.trim()]);
    let again = scene.times(1, &["deploy", manifest]);
    sheet.seconds(
        "first deploy, three machines, from a compiled release",
        &again,
        "",
    );
    scene.timed(&["delete-deployment"]);
}
