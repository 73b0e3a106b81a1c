//! The rules on made-up workspaces, and the reader on an answer of cargo's shape.

use proptest::prelude::*;

use super::metadata::{Dependency, Kind, Package, parse};
use super::*;

fn package(folder: &str, dependencies: &[(&str, Kind)]) -> Package {
    Package {
        name: crate_name(folder),
        folder: folder.to_owned(),
        dependencies: dependencies
            .iter()
            .map(|(name, kind)| Dependency {
                name: (*name).to_owned(),
                kind: *kind,
                has_path: name.starts_with("warren"),
            })
            .collect(),
    }
}

/// A crate for every row, so that no row is without one; `extra` replaces the
/// plain crate in the same folder.
fn workspace(extra: Package) -> Vec<Package> {
    let mut packages: Vec<Package> = TABLE
        .iter()
        .filter(|row| row.folder != extra.folder)
        .map(|row| package(row.folder, &[]))
        .collect();
    packages.push(extra);
    packages
}

fn found(extra: Package) -> Vec<String> {
    violations(&workspace(extra), TABLE)
}

#[test]
fn a_crate_that_keeps_its_row_is_fine() {
    let good = [
        package(
            "sys/mount",
            &[
                ("warren-sys-netlink", Kind::Normal),
                ("rustix", Kind::Normal),
            ],
        ),
        package("sys/nft", &[("warren-sys-process", Kind::Normal)]),
        package("firewall", &[("warren-sys-nft", Kind::Normal)]),
        package(
            "cli",
            &[("warren-firewall", Kind::Normal), ("clap", Kind::Normal)],
        ),
        package("tests/vm", &[("warren-tests-harness", Kind::Normal)]),
        package("tests/harness", &[("warren-sys-process", Kind::Normal)]),
    ];
    for extra in good {
        let folder = extra.folder.clone();
        assert_eq!(found(extra), Vec::<String>::new(), "{folder}");
    }
}

#[test]
fn an_edge_upwards_is_named_with_its_rule() {
    assert_eq!(
        found(package("sys/mount", &[("warren-sys-nft", Kind::Normal)])),
        [
            "sys/mount -> sys/nft (dependency): sys/mount may use only sys/errno, sys/netlink; \
             it must not know containers, BOSH, HTTP or async"
        ]
    );
    assert_eq!(
        found(package("sys/errno", &[("warren-sys-mount", Kind::Build)])),
        [
            "sys/errno -> sys/mount (build dependency): sys/errno may use no crate of this \
             workspace"
        ]
    );
}

#[test]
fn a_development_dependency_obeys_the_same_rows() {
    let found = found(package(
        "sys/netlink",
        &[("warren-sys-nft", Kind::Development)],
    ));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn test_support_is_for_development_only() {
    assert!(
        found(package(
            "firewall",
            &[("warren-tests-harness", Kind::Development)]
        ))
        .is_empty()
    );
    assert_eq!(
        found(package("cli", &[("warren-tests-harness", Kind::Normal)])),
        [
            "cli -> tests/harness (dependency): crates under tests/ may only be development \
             dependencies"
        ]
    );
}

#[test]
fn xtask_stands_alone() {
    assert_eq!(
        found(package("xtask", &[("warren-sys-mount", Kind::Normal)])).len(),
        1
    );
    assert_eq!(
        found(package("cli", &[("xtask", Kind::Development)])),
        ["cli -> xtask (development dependency): nothing may use xtask"]
    );
}

#[test]
fn a_foreign_crate_can_be_ruled_out() {
    assert_eq!(
        found(package("sys/process", &[("tokio", Kind::Normal)])),
        [
            "sys/process -> tokio (dependency): sys/process must not know containers, BOSH, HTTP \
             or async"
        ]
    );
    assert!(found(package("sys/process", &[("tokio", Kind::Development)])).is_empty());
}

#[test]
fn a_path_out_of_the_workspace_is_refused() {
    let found = found(package("cli", &[("warren-elsewhere", Kind::Normal)]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("a path dependency must be a crate of this workspace"),
        "{found:?}"
    );
}

#[test]
fn a_crate_without_a_row_and_a_row_without_a_crate_are_found() {
    let mut packages = workspace(package("sys/teleport", &[]));
    packages.retain(|package| package.folder != "firewall");
    let found = violations(&packages, TABLE);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("sys/teleport: no row"), "{found:?}");
    assert!(found[1].starts_with("firewall: a row"), "{found:?}");
}

#[test]
fn the_folder_is_the_name() {
    let mut wrong = package("sys/mount", &[]);
    wrong.name = "mounting".to_owned();
    assert_eq!(
        found(wrong),
        ["sys/mount: the crate is called mounting but its folder says warren-sys-mount"]
    );
}

/// Kahn's algorithm without the queue: rows that use only settled rows settle.
#[test]
fn the_table_has_no_cycle() {
    let mut settled: Vec<&str> = Vec::new();
    loop {
        let next = TABLE.iter().find(|row| {
            !settled.contains(&row.folder)
                && match row.uses {
                    Uses::Everything => true,
                    Uses::Only(uses) => uses.iter().all(|used| settled.contains(used)),
                }
        });
        match next {
            Some(row) => settled.push(row.folder),
            None => break,
        }
    }
    assert_eq!(settled.len(), TABLE.len());
}

#[test]
fn cargo_s_answer_is_reduced_to_folders_and_edges() {
    let json = br#"{
        "workspace_root": "/w", "version": 1, "packages": [{
            "name": "warren-sys-mount", "manifest_path": "/w/sys/mount/Cargo.toml",
            "dependencies": [
                {"name": "rustix", "kind": null, "path": null},
                {"name": "warren-sys-netlink", "kind": "dev", "path": "/w/sys/netlink"},
                {"name": "cc", "kind": "build"}
            ]}]}"#;
    let packages = parse(json).unwrap();
    assert_eq!(packages[0].folder, "sys/mount");
    let edges: Vec<_> = packages[0]
        .dependencies
        .iter()
        .map(|dependency| {
            (
                dependency.name.as_str(),
                dependency.kind,
                dependency.has_path,
            )
        })
        .collect();
    assert_eq!(
        edges,
        [
            ("rustix", Kind::Normal, false),
            ("warren-sys-netlink", Kind::Development, true),
            ("cc", Kind::Build, false)
        ]
    );
}

proptest! {
    #[test]
    fn junk_from_cargo_is_an_error_not_a_panic(junk in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&junk);
    }
}
