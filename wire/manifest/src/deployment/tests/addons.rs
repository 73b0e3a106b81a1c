//! Runtime and CPI configs: what is wrong with them, and where addons go.

use super::{map, with, yaml};
use crate::yaml::Value;
use crate::{cpi_config, merge, runtime_config::RuntimeConfig};

#[test]
fn runtime_and_cpi_configs_are_checked() {
    let runtime = |text: &str| RuntimeConfig::parse(&map(text)).unwrap_err().code.number();
    assert_eq!(runtime("releases: [{name: r, version: 1.latest}]"), 530001);
    assert_eq!(
        runtime("addons: [{name: a, jobs: [{name: x, release: q}]}]"),
        530002
    );
    let one = yaml("{tags: {a: 1}, addons: [{name: x}]}");
    assert_eq!(
        crate::runtime_config::merged([&one, &one])
            .unwrap_err()
            .code
            .number(),
        530006
    );
    let merged = crate::runtime_config::merged([&one]).unwrap();
    assert!(merged.contains_key("releases") && !merged.contains_key("variables"));
    let cpis = cpi_config::parse(&map(
        "cpis: [{name: a, type: warden, migrated_from: [{name: b}]}]",
    ))
    .unwrap();
    assert_eq!(cpis[0].exec_path, "/var/vcap/jobs/warden_cpi/bin/cpi");
    let twice = cpi_config::parse(&map(
        "cpis: [{name: a, type: t}, {name: c, type: t, migrated_from: [{name: a}]}]",
    ));
    assert_eq!(twice.unwrap_err().to_string(), "Duplicate cpi name 'a'");
}

fn placed(addon: &str) -> Vec<String> {
    let config = format!(
        "{{releases: [{{name: extra, version: 1}}], tags: {{a: runtime, b: runtime}}, addons: [{addon}]}}"
    );
    let runtime = [RuntimeConfig::parse(&map(&config)).unwrap()];
    let deployment = with("/tags?", "{b: manifest}").unwrap();
    let teams = ["team".to_owned()];
    let deployment = merge::addons(deployment, &runtime, &teams, |_| None).unwrap();
    let tags = merge::tags(&runtime, &deployment, &deployment.instance_groups[0]);
    assert_eq!(Value::Map(tags), yaml("{a: runtime, b: manifest}"));
    let jobs: Vec<String> = deployment.instance_groups[0]
        .jobs
        .iter()
        .map(|job| job.name.clone())
        .collect();
    assert_eq!(deployment.release("extra").is_some(), jobs.len() > 1);
    jobs
}

#[test]
fn addons_go_where_filters_say() {
    let job = "name: a, jobs: [{name: x, release: extra}]";
    for (filter, goes) in [
        ("", true),
        ("include: {}", true),
        (
            "include: {deployments: [dep], azs: [z1], networks: [net], teams: [team], lifecycle: service, instance_groups: [web], stemcell: [{os: debian}], jobs: [{name: j, release: r}]}",
            true,
        ),
        ("include: {deployments: [dep], azs: [z2]}", false),
        ("include: {lifecycle: errand}", false),
        ("include: {teams: [other]}", false),
        ("exclude: {}", true),
        ("exclude: {deployments: [dep]}", false),
        ("exclude: {deployments: [dep], azs: [z2]}", true),
        (
            "include: {deployments: [dep]}, exclude: {jobs: [{name: j, release: r}]}",
            false,
        ),
    ] {
        let filter = if filter.is_empty() {
            String::new()
        } else {
            format!(", {filter}")
        };
        assert_eq!(
            placed(&format!("{{{job}{filter}}}")).len() > 1,
            goes,
            "{filter}"
        );
    }
}

#[test]
fn addons_that_clash() {
    let clash = |config: &str| {
        let runtime = [RuntimeConfig::parse(&map(config)).unwrap()];
        let deployment = with("/variables?", "[{name: v, type: password}]").unwrap();
        merge::addons(deployment, &runtime, &[], |_| None)
            .unwrap_err()
            .code
            .number()
    };
    assert_eq!(
        clash(
            "{releases: [{name: r, version: 2}], addons: [{name: a, jobs: [{name: x, release: r}]}]}"
        ),
        530003
    );
    assert_eq!(
        clash(
            "{releases: [{name: r, version: 1}], addons: [{name: a, jobs: [{name: j, release: r}]}]}"
        ),
        140010
    );
    assert_eq!(clash("{variables: [{name: v, type: password}]}"), 190022);
}
