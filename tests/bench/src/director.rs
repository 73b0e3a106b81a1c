//! A nested director from nothing to fifty machines, row by row beside what the stock system took.
//!
//! ```text
//! up ─► release ─► deploy 3 ─► nothing ─► scale to 5 ─► look ─► recreate, restart, stop, start ─► delete
//!    └─► the same from a compiled release ─► small machines, many at once ─► down
//! ```
//!
//! The stock figures are of another machine of the same size, on the same work, and cannot be had in
//! the same run: no ratio is printed. All happens on a machine of the test harness; nothing is left.

mod calls;
mod deployment;
mod life;
mod many;
mod memory;
mod options;
mod scene;
mod sheet;
mod worker_log;

use std::fmt::Display;

pub use options::Options;
use scene::Scene;
use sheet::Sheet;

/// Measures, and prints a table.
pub fn bench(options: &Options) {
    let mut sheet = Sheet::default();
    let scene = Scene::new(options);
    let tarball = scene.release();
    life::up(&scene, &mut sheet);
    memory::idle(&scene, &mut sheet);
    deployment::whole(&scene, &tarball, &mut sheet);
    many::small(&scene, &mut sheet);
    sheet.print(options.depth, &options.database);
}

/// Tells somebody who waits what happens.
fn tell(what: impl Display) {
    eprintln!("bench: {what}");
}
