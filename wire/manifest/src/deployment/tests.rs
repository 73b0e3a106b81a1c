//! Every refusal of a manifest, with its code and text, and addons in their places.

use proptest::prelude::*;

use super::{Deployment, UpdateOptions, VmStrategy, is_name};
use crate::check::Invalid;
use crate::cloud_config::{CloudConfig, CloudOptions, merged};
use crate::yaml::{Dialect, Mapping, Value, parse};
use crate::{cpi_config, merge, ops, runtime_config::RuntimeConfig};

const CLOUD: &str = "
azs: [{name: z1}, {name: z2}]
vm_types: [{name: small}]
vm_extensions: [{name: ext}]
disk_types: [{name: disk, disk_size: 1024}]
networks:
- {name: net, subnets: [{azs: [z1, z2], range: 10.0.0.0/24, gateway: 10.0.0.1}]}
- {name: other, subnets: [{azs: [z1, z2], range: 10.0.1.0/24, gateway: 10.0.1.1}]}
- {name: dyn, type: dynamic}
- {name: vip, type: vip, subnets: [{static: [1.1.1.1]}]}
compilation: {workers: 2, network: net, az: z1, vm_type: small}
";
const MANIFEST: &str = "
name: dep
releases: [{name: r, version: 1}]
stemcells: [{alias: s, os: debian, version: 1.10}]
update: {canaries: 1, max_in_flight: 50%, canary_watch_time: 1000-60000, update_watch_time: 1000}
instance_groups:
- name: web
  azs: [z1]
  instances: 2
  stemcell: s
  vm_type: small
  networks: [{name: net}]
  jobs: [{name: j, release: r}]
";

fn yaml(text: &str) -> Value {
    parse(text, Dialect::Ruby).unwrap()
}

fn map(text: &str) -> Mapping {
    yaml(text).as_map().unwrap().clone()
}

fn cloud() -> CloudConfig {
    CloudConfig::parse(&merged([&yaml(CLOUD)]).unwrap(), &CloudOptions::default()).unwrap()
}

/// The manifest with one value set, or removed if there is none.
fn with(path: &str, value: &str) -> Result<Deployment, Invalid> {
    let op = match value {
        "" => format!("[{{type: remove, path: '{path}'}}]"),
        value => format!("[{{type: replace, path: '{path}', value: {value}}}]"),
    };
    let changed = ops::apply(yaml(MANIFEST), &ops::parse_file(&op, "f").unwrap()).unwrap();
    Deployment::parse(
        changed.as_map().unwrap(),
        &cloud(),
        &UpdateOptions::default(),
    )
}

#[test]
fn a_manifest() {
    let deployment = with("/tags?", "{a: b}").unwrap();
    assert_eq!(deployment.stemcells[0].version, "1.1");
    let update = &deployment.instance_groups[0].update;
    assert_eq!(
        (update.canaries.of(9), update.max_in_flight.of(5)),
        (Some(1), Some(2))
    );
    assert_eq!(
        (update.update_watch_time.min, update.update_watch_time.max),
        (1000, 1000)
    );
    assert!(update.serial);
    let options = UpdateOptions {
        canaries: Some("3".to_owned()),
        max_in_flight: None,
        default_vm_strategy: Some(VmStrategy::CreateSwapDelete),
    };
    let given = Deployment::parse(&map(MANIFEST), &cloud(), &options).unwrap();
    assert_eq!(given.instance_groups[0].update.canaries.text(), "3");
    assert_eq!(
        given.instance_groups[0].update.vm_strategy,
        VmStrategy::CreateSwapDelete
    );
    assert!(is_name("a-b_c+1.2") && !is_name("") && !is_name("a/b"));
}

#[test]
fn what_is_refused() {
    let group = "/instance_groups/name=web";
    for (path, value, code, message) in [
        (
            "/azs?",
            "[]",
            190014,
            "Deployment manifest contains 'azs' section, but this can only be set in a cloud-config.",
        ),
        ("/networks?", "[]", 140026, ""),
        ("/disk_pools?", "[]", 140027, ""),
        (
            "/jobs?",
            "[]",
            140023,
            "Jobs are no longer supported, please use instance groups instead",
        ),
        ("/resource_pools?", "[]", 140028, ""),
        ("/name", "", 40001, ""),
        (
            "/name",
            "[1]",
            40000,
            "Property 'name' value ([1]) did not match the required type 'String'",
        ),
        ("/update", "", 40001, ""),
        ("/release?", "{}", 190001, ""),
        (
            "/releases/-",
            "{name: r, version: 2}",
            190002,
            "Duplicate release name 'r'",
        ),
        (
            "/releases/-",
            "{name: q}",
            40001,
            "Required property 'version' was not specified in object ({\"name\"=>\"q\"})",
        ),
        ("/stemcells", "[]", 140005, ""),
        (
            "/stemcells/-",
            "{alias: s, os: x, version: 1}",
            50005,
            "Duplicate stemcell alias 's'",
        ),
        (
            "/stemcells/-",
            "{alias: t, version: 1}",
            40001,
            "Required property 'os' or 'name' was not specified in object ({\"alias\"=>\"t\", \"version\"=>1})",
        ),
        (
            "/stemcells/-",
            "{alias: t, os: o, name: p, version: 1}",
            50006,
            "",
        ),
        (
            "/update/canary_watch_time",
            "x",
            180001,
            "Watch time should be an integer or a range of two integers",
        ),
        (
            "/update/canary_watch_time",
            "5-1",
            180001,
            "Min watch time cannot be greater than max watch time",
        ),
        (
            "/update/vm_strategy?",
            "x",
            40005,
            "Invalid vm_strategy 'x', valid strategies are: create-swap-delete, delete-create",
        ),
        (
            "/update/initial_deploy_az_update_strategy?",
            "x",
            40005,
            "Invalid initial_deploy_az_update_strategy 'x', valid strategies are: 'parallel, serial'",
        ),
        (
            "/update/serial?",
            "1",
            40000,
            "Property 'serial' value (1) did not match the required type 'boolean'",
        ),
        (
            "/instance_groups/-",
            "{name: WEB, azs: [z1], instances: 1, stemcell: s, vm_type: small, networks: [{name: net}], jobs: []}",
            190006,
            "Invalid instance group name 'WEB', canonical name already taken",
        ),
        (
            "G/lifecycle?",
            "x",
            140011,
            "Invalid lifecycle 'x' for 'web', valid lifecycle profiles are: service, errand",
        ),
        ("G/templates?", "[]", 140024, ""),
        (
            "G/jobs",
            "",
            40001,
            "Instance group 'web' does not specify jobs key",
        ),
        (
            "G/jobs/-",
            "{name: k, release: q}",
            140002,
            "Job 'k' (instance group 'web') references an unknown release 'q'",
        ),
        (
            "G/jobs/-",
            "{name: j, release: r}",
            140010,
            "Colocated job 'j' is already added to the instance group 'web'",
        ),
        (
            "G/jobs/0/consumes?",
            "{x: null}",
            100,
            "Consumer 'x' in job 'j' should only be a hash or string 'nil'",
        ),
        (
            "G/jobs/0/consumes?",
            "{x: {from: a, instances: []}}",
            100,
            "",
        ),
        ("G/jobs/0/provides?", "{x: null}", 100, ""),
        (
            "G/persistent_disk?",
            "-1",
            140013,
            "Instance group 'web' references an invalid persistent disk size '-1'",
        ),
        (
            "G/persistent_disk_type?",
            "x",
            140012,
            "Instance group 'web' references an unknown disk type 'x'",
        ),
        ("G/persistent_disk_pool?", "x", 140027, ""),
        ("G/persistent_disks?", "[{name: a, type: x}]", 140012, ""),
        (
            "G/persistent_disks?",
            "[{name: a, type: disk}, {name: a, type: disk}]",
            140013,
            "",
        ),
        (
            "G/persistent_disks?",
            "[{name: '', type: disk}]",
            140013,
            "",
        ),
        (
            "G/stemcell",
            "x",
            140005,
            "Instance group 'web' references an unknown stemcell 'x'",
        ),
        (
            "G/vm_type",
            "",
            140022,
            "Instance group 'web' is missing either 'vm_type' or 'vm_resources' section.",
        ),
        (
            "G/vm_resources?",
            "{cpu: 1, ram: 2, ephemeral_disk_size: 3}",
            140022,
            "",
        ),
        (
            "G/vm_type",
            "x",
            140004,
            "Instance group 'web' references an unknown vm type 'x'",
        ),
        ("G/resource_pool?", "x", 140025, ""),
        ("G/vm_extensions?", "[x]", 100, ""),
        (
            "G/networks",
            "[]",
            140009,
            "Instance group 'web' must specify at least one network",
        ),
        (
            "G/networks/-",
            "{name: x}",
            150001,
            "Instance group 'web' references an unknown network 'x'",
        ),
        (
            "G/networks/0/static_ips?",
            "[10.0.0.5]",
            150002,
            "Instance group 'web' has 2 instances but was allocated 1 static IPs in network 'net'",
        ),
        ("G/networks/0/static_ips?", "[10.0.0.0/8]", 150002, ""),
        (
            "G/networks/0/static_ips?",
            "[10.0.0.5-10.0.0.7, 10.0.0.6]",
            150009,
            "Instance group 'web' specifies static IP '10.0.0.6' more than once",
        ),
        (
            "G/networks",
            "[{name: dyn, static_ips: [1.1.1.1]}]",
            150008,
            "",
        ),
        (
            "G/networks/-",
            "{name: vip, static_ips: [1.1.1.1]}",
            130014,
            "",
        ),
        ("G/networks/0/default?", "[x]", 150003, ""),
        (
            "G/networks/-",
            "{name: other}",
            150005,
            "Instance group 'web' must specify which network is default for dns, gateway, since it has more than one network configured",
        ),
        (
            "G/networks",
            "[{name: net, default: [dns, gateway]}, {name: other, default: [dns]}]",
            150004,
            "Instance group 'web' specified more than one network to contain default. 'dns' has default networks: 'net', 'other'.",
        ),
        (
            "G/azs",
            "",
            150006,
            "Instance group 'web' must specify availability zone that matches availability zones of network 'net'",
        ),
        ("G/azs", "[]", 150006, ""),
        ("G/azs", "[z9]", 150006, ""),
        ("G/migrated_from?", "[{name: old, az: z2}]", 190018, ""),
        (
            "G/state?",
            "x",
            140008,
            "Invalid state 'x' for 'web', valid states are: started, stopped, detached, restart, recreate",
        ),
        (
            "G/instance_states?",
            "{0: x}",
            140007,
            "Invalid state 'x' for 'web/0', valid states are: started, stopped, detached, restart, recreate",
        ),
        (
            "G/instances",
            "'2'",
            40000,
            "Property 'instances' value (\"2\") did not match the required type 'Integer'",
        ),
        ("G/tags?", "[]", 40000, ""),
        (
            "/variables?",
            "{}",
            560000,
            "Key 'variables' expects an array, but received 'Hash'",
        ),
        (
            "/variables?",
            "[1]",
            560000,
            "All 'variables' elements should be Hashes",
        ),
        (
            "/variables?",
            "[{name: a}]",
            560000,
            "Type for variable 'a' is missing; 'type' must be specified",
        ),
        (
            "/variables?",
            "[{name: a, type: b}, {name: a, type: b}]",
            560000,
            "Some of the variables have duplicate names, eg: 'a'",
        ),
        (
            "/variables?",
            "[{name: a, type: b, options: 1}]",
            560000,
            "options of variable with name 'a' is not a Hash",
        ),
        (
            "/variables?",
            "[{name: a, type: b, consumes: 1}]",
            560000,
            "",
        ),
        (
            "/variables?",
            "[{name: a, type: b, update_mode: 1}]",
            560000,
            "",
        ),
        (
            "/features?",
            "[]",
            560001,
            "Key 'features' expects a Hash, but received 'Array'",
        ),
        (
            "/features?",
            "{use_dns_addresses: x}",
            560001,
            "Key 'use_dns_addresses' in 'features' expected to be a boolean, but received 'String'",
        ),
        (
            "/features?",
            "{use_link_dns_names: true, use_dns_addresses: false}",
            210001,
            "cannot enable `use_link_dns_names` when `use_dns_addresses` is explicitly disabled",
        ),
        (
            "/addons?",
            "[{name: a, jobs: [{name: x, release: q}]}]",
            530002,
            "Manifest specifies job 'x' which is defined in 'q', but 'q' is not listed in the deployment releases section.",
        ),
        (
            "/addons?",
            "[{name: a, include: {deployments: [d]}}]",
            530006,
            "",
        ),
        (
            "/addons?",
            "[{name: a, include: {jobs: [{name: x}]}}]",
            530004,
            "Job {\"name\"=>\"x\"} in deployment config's include section must have both name and release.",
        ),
        (
            "/addons?",
            "[{name: a, exclude: {stemcell: [{}]}}]",
            530005,
            "",
        ),
    ] {
        let error = with(&path.replace("G/", &format!("{group}/")), value).unwrap_err();
        assert_eq!(error.code.number(), code, "{path} {value}: {error}");
        assert!(
            message.is_empty() || error.message == message,
            "{path} {value}: {error}"
        );
    }
}

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

proptest! {
    #[test]
    fn any_value_anywhere_is_taken_or_refused(
        value in crate::yaml::tests::any_value(),
        path in prop::sample::select(vec!["/releases", "/stemcells", "/update", "/instance_groups", "/addons", "/variables", "/features", "/tags", "/instance_groups/0/jobs", "/instance_groups/0/networks", "/instance_groups/0/networks/0/static_ips", "/instance_groups/0/instances", "/instance_groups/0/persistent_disks", "/instance_groups/0/update"]),
    ) {
        let path: ops::Path = format!("{path}?").parse().unwrap();
        let op = ops::Op { kind: ops::Kind::Replace(value.clone()), path, described: None };
        if let Ok(changed) = ops::apply(yaml(MANIFEST), &[op]) {
            let _ = Deployment::parse(changed.as_map().unwrap(), &cloud(), &UpdateOptions::default());
        }
        for key in ["azs", "networks", "vm_types", "disk_types", "compilation"] {
            let mut config = map(CLOUD);
            config.insert(key, value.clone());
            let _ = CloudConfig::parse(&config, &CloudOptions::default());
        }
    }
}
