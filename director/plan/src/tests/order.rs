//! Packages in the order of their compilation, groups and instances in that of their update.

use super::scene::{Scene, group};
use crate::order::{batches, groups};
use crate::{compile, order::Batch};

fn text(list: &[String]) -> String {
    format!("instance_groups:\n{}", list.concat())
}

#[test]
fn packages_come_after_what_they_need() {
    let mut scene = Scene::new();
    let text = text(&[group("web", 1, ", azs: [z1]")]);
    let tasks = |scene: &Scene| {
        let draft = scene.plan(&text).unwrap();
        scene.with_input(&text, |input| compile::plan(input, &draft).unwrap())
    };
    let plan = tasks(&scene);
    let names: Vec<usize> = plan.iter().map(|task| task.package).collect();
    assert_eq!(names, [1, 0, 2]);
    assert_eq!(plan[2].after, [0, 1]);
    assert_eq!(plan[1].dependency_key, r#"[["lib","lib-v",[]]]"#);
    assert_eq!(
        plan[2].dependency_key,
        r#"[["app","app-v",[["lib","lib-v",[]]]],["lib","lib-v",[]]]"#
    );
    assert_eq!(
        plan[0].dependency_key_sha1,
        "97d170e1550eee4afc0af065b78cda302a97674c"
    );
    // What was compiled on this stemcell is not compiled again, nor is what only it needs.
    let key = plan[1].dependency_key.clone();
    scene.compiled(0, "debian", "1.4", &key);
    assert!(tasks(&scene).iter().all(|task| task.compiled.is_none()));
    scene.compiled(0, "debian", "1.5", &key);
    assert_eq!(
        tasks(&scene)
            .iter()
            .filter(|task| task.compiled.is_some())
            .count(),
        1
    );
    // Without source, another minor version will do, and another major one will not.
    for package in &mut scene.releases[0].packages {
        package.source = None;
        package.compiled.clear();
    }
    scene.compiled(1, "debian", "1.9", "[]");
    scene.compiled(1, "debian", "2.1", "[]");
    scene.compiled(0, "debian", "1.3", &key);
    let draft = scene.plan(&text).unwrap();
    let refused = scene
        .with_input(&text, |input| compile::plan(input, &draft))
        .unwrap_err();
    assert_eq!(refused.code, 60_001);
    assert!(refused.message.contains("'tool/tool-v'"), "{refused}");
}

#[test]
fn stemcells_that_differ_by_name_only_have_the_same_packages() {
    let mut scene = Scene::new();
    let mut another = scene.stemcells[0].clone();
    another.alias = "another".to_owned();
    scene.stemcells.push(another);
    let text = text(&[group("a", 1, ", azs: [z1]"), group("b", 1, ", azs: [z1]")]);
    let mut draft = scene.plan(&text).unwrap();
    draft.groups[0].stemcell = 1;
    let plan = scene.with_input(&text, |input| compile::plan(input, &draft).unwrap());
    let on: Vec<(usize, usize)> = plan.iter().map(|one| (one.package, one.stemcell)).collect();
    assert_eq!(on, [(1, 0), (0, 0), (2, 0)]);
}

#[test]
fn a_key_that_no_memory_holds_is_refused() {
    let mut scene = Scene::new();
    let release = &mut scene.releases[0];
    let pattern = release.packages[0].clone();
    // Each needs both of the next pair: two ways more per level.
    release.packages = (0..60)
        .map(|number| {
            let mut package = pattern.clone();
            package.name = format!("p{number}");
            let pair = number / 2 * 2 + 2;
            package.dependencies = (pair..(pair + 2).min(60))
                .map(|n| format!("p{n}"))
                .collect();
            package
        })
        .collect();
    let last = compile::dependency_key(release, &release.packages[50]).unwrap();
    assert!(last.len() > 30);
    let refused = compile::dependency_key(release, &release.packages[0]).unwrap_err();
    assert_eq!(refused.code, 60_000);
    assert!(refused.message.contains("100000 ways"), "{refused}");
}

#[test]
fn packages_that_need_each_other_are_refused() {
    let mut scene = Scene::new();
    scene.releases[0].packages[1].dependencies = vec!["tool".to_owned()];
    let text = text(&[group("web", 1, ", azs: [z1]")]);
    let draft = scene.plan(&text).unwrap();
    let refused = scene
        .with_input(&text, |input| compile::plan(input, &draft))
        .unwrap_err();
    assert!(
        refused.message.contains("depend on each other"),
        "{refused}"
    );
}

#[test]
fn serial_groups_go_one_by_one_and_others_together() {
    let scene = Scene::new();
    let with = |name: &str, serial: bool| {
        group(
            name,
            1,
            &format!(", azs: [z1], update: {{serial: {serial}}}"),
        )
    };
    let text = text(&[
        with("a", true),
        with("b", false),
        with("c", false),
        with("d", true),
        with("e", true),
    ]);
    let draft = scene.plan(&text).unwrap();
    assert_eq!(
        groups(&draft.groups),
        [vec![0], vec![1, 2], vec![3], vec![4]]
    );
}

#[test]
fn canaries_come_first_and_zones_one_after_another() {
    let scene = Scene::new();
    let text = text(&[group("web", 6, ", azs: [z1, z2]")]);
    let draft = scene.plan(&text).unwrap();
    let group = &draft.groups[0];
    let zones = |batch: &Batch| -> Vec<&str> {
        batch
            .instances
            .iter()
            .map(|place| group.instances[*place].az.as_deref().unwrap())
            .collect()
    };
    let all: Vec<usize> = (0..6).collect();
    let plan = batches(group, &all, false);
    assert_eq!(plan.len(), 3);
    assert_eq!(
        (
            plan[0].instances.as_slice(),
            plan[0].canaries,
            plan[0].at_once
        ),
        (&[0][..], true, 1)
    );
    assert_eq!((zones(&plan[1]), plan[1].at_once), (vec!["z1", "z1"], 2));
    assert_eq!(
        (zones(&plan[2]), plan[2].canaries),
        (vec!["z2", "z2", "z2"], false)
    );
    assert!(batches(group, &[], false).is_empty());
    let only = batches(group, &[3], false);
    assert_eq!((only.len(), only[0].canaries), (1, true));
}
