//! `warren up`: with nothing there, and with an image there.

use super::scene::Scene;
use super::sheet::Sheet;
use crate::figures::Samples;

/// Runs with the image there.
const RUNS: usize = 3;

/// Up with nothing, and down and up again.
pub fn up(scene: &Scene, sheet: &mut Sheet) {
    let (seconds, steps) = scene.up();
    let cold = Samples(vec![seconds]);
    sheet.seconds(
        "`warren up`, the image packed of a root file system that is there",
        &cold,
        "",
    );
    sheet.seconds("of that: the image", &Samples(of(&steps, "Image")), "");
    let (mut warm, mut ready, mut stemcell) = Default::default();
    for _ in 0..RUNS {
        scene.warren(&["down"]);
        let (seconds, steps) = scene.up();
        let push = |samples: &mut Samples, more: Vec<f64>| samples.0.extend(more);
        push(&mut warm, vec![seconds]);
        push(&mut ready, of(&steps, "Director"));
        push(&mut stemcell, of(&steps, "Stemcell"));
    }
    sheet.seconds("`warren up`, the image made before", &warm, "");
    sheet.seconds(
        "of that: the director's processes started, until all of them answer",
        &ready,
        "9.8 s",
    );
    sheet.seconds(
        "of that: upload stemcell (a light one here)",
        &stemcell,
        "3.8 s (94 MB)",
    );
}

/// The seconds of a step.
fn of(steps: &[(String, f64)], name: &str) -> Vec<f64> {
    let found = steps.iter().filter(|(step, _)| step == name);
    found.map(|(_, seconds)| *seconds).collect()
}
