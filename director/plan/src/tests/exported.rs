//! Releases that are wanted as they were compiled somewhere (`exported_from`).

use super::scene::{Scene, group};
use crate::compile;

/// A group on `debian/1.5` whose release was compiled on these.
fn text(scene: &Scene, exported: &[(&str, &str)]) -> warren_wire_manifest::deployment::Deployment {
    let groups = format!("instance_groups:\n{}", group("web", 1, ", azs: [z1]"));
    let mut deployment = scene.deployment(&groups);
    deployment.releases[0].exported_from = exported
        .iter()
        .map(
            |(os, version)| warren_wire_manifest::deployment::ExportedFrom {
                os: (*os).to_owned(),
                version: (*version).to_owned(),
            },
        )
        .collect();
    deployment
}

#[test]
fn a_release_was_compiled_on_the_stemcell_of_its_group() {
    let scene = Scene::new();
    let refused = |exported: &[(&str, &str)]| {
        let deployment = text(&scene, exported);
        scene.with_deployment(&deployment, crate::assemble)
    };
    let error = refused(&[("debian", "1.4")]).unwrap_err();
    assert_eq!(error.code, 80_015);
    assert!(error.message.contains("'debian/1.4'"), "{error}");
    refused(&[("debian", "1.4"), ("debian", "1.5")]).unwrap();
}

#[test]
fn only_what_was_compiled_there_is_taken() {
    let mut scene = Scene::new();
    for package in &mut scene.releases[0].packages {
        package.source = None;
        package.dependencies.clear();
    }
    for place in 0..3 {
        scene.compiled(place, "debian", "1.4", "[]");
    }
    let plan = |scene: &Scene, exported: &[(&str, &str)]| {
        let deployment = text(scene, exported);
        scene.with_deployment(&deployment, |input| {
            let draft = crate::assemble(input)?;
            compile::plan(input, &draft)
        })
    };
    // Of the same major version: good enough, unless somebody says on what.
    let tasks = plan(&scene, &[]).unwrap();
    assert!(tasks.iter().all(|task| task.compiled.is_some()));
    let error = plan(&scene, &[("debian", "1.5")]).unwrap_err();
    assert_eq!(error.code, 60_003);
    let both = [("debian", "1.4"), ("debian", "1.5")];
    let versions = |scene: &Scene| -> Vec<String> {
        let tasks = plan(scene, &both).unwrap();
        let compiled = tasks.into_iter().map(|task| task.compiled.unwrap());
        compiled.map(|one| one.version).collect()
    };
    assert!(versions(&scene).iter().all(|version| version == "1.4"));
    for place in 0..3 {
        scene.compiled(place, "debian", "1.5", "[]");
        scene.compiled(place, "debian", "1.4", "[]");
    }
    assert!(versions(&scene).iter().all(|version| version == "1.5"));
}
