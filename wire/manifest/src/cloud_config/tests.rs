//! Every refusal of a cloud config, with its code and text.

use super::{CloudConfig, CloudOptions, NetworkKind, merged};
use crate::check::Invalid;
use crate::yaml::{Dialect, Value, parse};

const BASE: &str = "
azs: [{name: z1}, {name: z2, cpi: c}]
vm_types: [{name: small}]
vm_extensions: [{name: ext}]
disk_types: [{name: disk, disk_size: 1024}]
networks: NETWORKS
compilation: COMPILATION
";
const NETWORK: &str =
    "[{name: net, subnets: [{azs: [z1, z2], range: 10.0.0.0/24, gateway: 10.0.0.1}]}]";
const COMPILATION: &str = "{workers: 2, network: net, az: z1, vm_type: small}";

fn yaml(text: &str) -> Value {
    parse(text, Dialect::Ruby).unwrap()
}

fn checked(text: &str) -> Result<CloudConfig, Invalid> {
    let config = merged([&yaml(text)])?;
    let options = CloudOptions {
        director_ips: vec!["10.0.0.9".parse().unwrap()],
        ..CloudOptions::default()
    };
    CloudConfig::parse(&config, &options)
}

fn with(networks: &str, compilation: &str) -> Result<CloudConfig, Invalid> {
    checked(
        &BASE
            .replace("NETWORKS", networks)
            .replace("COMPILATION", compilation),
    )
}

fn refused(result: Result<CloudConfig, Invalid>) -> (u32, String) {
    let error = result.unwrap_err();
    (error.code.number(), error.message)
}

/// A manual network of one subnet with these further keys.
fn subnet(keys: &str) -> (u32, String) {
    refused(with(
        &format!("[{{name: net, subnets: [{{{keys}}}]}}]"),
        COMPILATION,
    ))
}

#[test]
fn a_whole_config() {
    let config = with(NETWORK, COMPILATION).unwrap();
    assert_eq!(config.compilation.workers, 2);
    let NetworkKind::Manual { subnets, .. } = &config.network("net").unwrap().kind else {
        panic!()
    };
    for (ip, fits) in [
        ("10.0.0.0", false),
        ("10.0.0.1", false),
        ("10.0.0.2", true),
        ("10.0.0.9", false),
        ("10.0.0.255", false),
        ("10.0.1.1", false),
    ] {
        assert_eq!(subnets[0].is_reservable(ip.parse().unwrap()), fits, "{ip}");
    }
    assert!(config.require_cpis(&["z2".to_owned()]).is_ok());
    assert_eq!(
        config
            .require_cpis(&["z1".to_owned()])
            .unwrap_err()
            .code
            .number(),
        550001
    );
}

#[test]
fn subnets_are_checked() {
    let ranged = |keys: &str| subnet(&format!("range: 10.0.0.0/24, gateway: 10.0.0.1, {keys}"));
    assert_eq!(subnet("gateway: 10.0.0.1").0, 40001);
    assert_eq!(
        subnet("range: 10.0.0.0/24").1,
        "Required property 'gateway' was not specified in object ({\"range\"=>\"10.0.0.0/24\"})"
    );
    assert_eq!(
        subnet("range: 10.0.0.0/32, gateway: 10.0.0.1"),
        (
            160002,
            "Invalid network range '10.0.0.0/32', should include at least 2 IPs".to_owned()
        )
    );
    for (gateway, reason) in [
        ("10.0.0.0/30", "must be a single IP"),
        ("10.0.1.1", "must be inside the range"),
        ("10.0.0.0", "can't be the network id"),
        ("10.0.0.255", "can't be the broadcast IP"),
    ] {
        assert_eq!(
            subnet(&format!("range: 10.0.0.0/24, gateway: {gateway}")),
            (
                160003,
                format!("Invalid gateway for network 'net': {reason}")
            )
        );
    }
    assert_eq!(ranged("dns: [x]").0, 160004);
    assert_eq!(
        ranged("reserved: [10.0.1.1]"),
        (
            160005,
            "Reserved IP '10.0.1.1/32' is out of network 'net' range".to_owned()
        )
    );
    assert_eq!(
        ranged("static: [10.0.1.1]"),
        (
            160006,
            "Static IP '10.0.1.1/32' is out of network 'net' range".to_owned()
        )
    );
    assert_eq!(
        ranged("static: 10.0.0.9"),
        (
            160006,
            "Static IP '10.0.0.9/32' is in network 'net' reserved range".to_owned()
        )
    );
    assert_eq!(
        ranged("reserved: [10.0.0.20-10.0.0.30], static: [10.0.0.25]").0,
        160006
    );
    assert_eq!(ranged("static: [a-b-c]").0, 160010);
    assert_eq!(
        ranged("az: z9"),
        (
            160007,
            "Network 'net' refers to an unknown availability zone 'z9'".to_owned()
        )
    );
    assert_eq!(ranged("az: z1, azs: [z1]").0, 160008);
    assert_eq!(ranged("azs: []").0, 160008);
    assert_eq!(ranged("prefix: 16").0, 16013);
    let two = |second: &str| {
        refused(with(
            &format!(
                "[{{name: net, subnets: [{{az: z1, range: 10.0.0.0/24, gateway: 10.0.0.1}}, {second}]}}]"
            ),
            COMPILATION,
        ))
    };
    assert_eq!(
        two("{az: z1, range: 10.0.0.0/25, gateway: 10.0.0.1}"),
        (160001, "Network 'net' has overlapping subnets".to_owned())
    );
    assert_eq!(two("{range: 10.0.1.0/24, gateway: 10.0.1.1}").0, 140016);
    assert_eq!(
        two("{az: z1, range: 10.0.1.0/24, gateway: 10.0.1.1, prefix: 28}").0,
        16014
    );
}

#[test]
fn networks_are_checked() {
    let network = |text: &str| refused(with(text, COMPILATION));
    assert_eq!(network("[]"), (190008, "No networks specified".to_owned()));
    assert_eq!(
        network("[{name: net, type: x}]"),
        (190010, "Invalid network type 'x'".to_owned())
    );
    assert_eq!(
        network("[{name: a_b, type: vip}, {name: A-b, type: vip}]"),
        (
            190007,
            "Invalid network name 'A-b', canonical name already taken".to_owned()
        )
    );
    assert_eq!(network("[{name: -a, type: vip}]").0, 420001);
    for key in ["az: z1", "azs: [z1]", "managed: true", "prefix: 3"] {
        assert_eq!(
            network(&format!("[{{name: net, type: dynamic, {key}}}]")).0,
            160008
        );
    }
    assert_eq!(
        network("[{name: net, type: dynamic, dns: [], subnets: []}]").0,
        160008
    );
    let fine = with(
        "[{name: net, type: dynamic}, {name: v, type: vip, subnets: [{static: [1.1.1.1-1.1.1.4], az: z1}]}]",
        "{workers: 1, network: net}",
    );
    assert_eq!(fine.unwrap().networks.len(), 2);
}

#[test]
fn compilation_is_checked() {
    let compile = |text: &str| refused(with(NETWORK, text));
    assert_eq!(
        compile("{workers: 0, network: net}"),
        (
            40002,
            "'workers' value (0) should be greater than 1".to_owned()
        )
    );
    assert_eq!(
        compile("{workers: 1, network: x}"),
        (
            120001,
            "Compilation config references an unknown network 'x'".to_owned()
        )
    );
    assert_eq!(
        compile("{workers: 1, network: net, az: z9}"),
        (
            120002,
            "Compilation config references unknown az 'z9'. Known azs are: [z1, z2]".to_owned()
        )
    );
    assert_eq!(compile("{workers: 1, network: net, vm_type: x}").0, 120003);
    assert_eq!(
        compile("{workers: 1, network: net, vm_type: small, cloud_properties: {a: 1}}").0,
        120007
    );
    assert_eq!(
        compile("{workers: 1, network: net, vm_type: small, vm_extensions: [x]}").0,
        120005
    );
    assert_eq!(
        compile("{workers: 1, network: net, vm_extensions: [ext]}").0,
        120007
    );
    assert_eq!(compile("{workers: 1, network: net}").0, 150006);
    assert_eq!(
        compile("{workers: 1, network: net, reuse_compilation_vms: 1}").1,
        "Property 'reuse_compilation_vms' value (1) did not match the required type 'boolean'"
    );
}

#[test]
fn names_are_unique() {
    for (key, code) in [
        ("azs: [{name: a}, {name: a}]", 190017),
        ("vm_types: [{name: a}, {name: a}]", 190004),
        ("vm_extensions: [{name: a}, {name: a}]", 190005),
        (
            "disk_types: [{name: a, disk_size: 1}, {name: a, disk_size: 1}]",
            190013,
        ),
        ("disk_types: [{name: a, disk_size: -1}]", 200001),
    ] {
        let text = format!(
            "{key}\nnetworks: [{{name: net, type: vip}}]\ncompilation: {{workers: 1, network: net}}"
        );
        assert_eq!(refused(checked(&text)).0, code, "{key}");
    }
}

#[test]
fn configs_are_put_together() {
    let one = yaml("{azs: [1], compilation: {}}");
    let two = yaml("{azs: [2], vm_types: ((types))}");
    let merged_config = merged([&one, &two]).unwrap();
    assert_eq!(merged_config.get("azs"), Some(&yaml("[1, 2]")));
    assert_eq!(merged_config.get("vm_types"), Some(&yaml("['((types))']")));
    assert_eq!(merged([&one, &one]).unwrap_err().code.number(), 570000);
    assert!(merged([]).unwrap().is_empty());
}
