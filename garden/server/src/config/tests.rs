//! What settings become.

use super::*;

fn config(flags: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let mut settings = Settings::default();
    for (name, value) in flags {
        settings.set(name, value).unwrap();
    }
    Config::from_settings(&settings)
}

#[test]
fn defaults_are_the_stock_servers() {
    let config = config(&[]).unwrap();
    assert_eq!(
        config.binds,
        [Bind::Unix {
            path: "/tmp/garden.sock".into(),
            mode: 0o777
        }]
    );
    assert_eq!(config.network.pool.to_string(), "10.254.0.0/22");
    assert_eq!(config.network.ports.first, 61001);
    assert_eq!((config.max_containers, config.default_grace_time), (0, 0));
    assert!(config.debug.is_none() && config.without_effect.is_empty());
}

#[test]
fn kernel_parameters_are_those_that_were_given() {
    let given = [("tcp-retries1", "4"), ("tcp-keepalive-time", "0")];
    let expected = [("net.ipv4.tcp_retries1".to_owned(), "4".to_owned())];
    assert_eq!(config(&given).unwrap().sysctls, expected.into());
}

#[test]
fn addresses_of_ipv6_have_room_for_those_of_ipv4() {
    let mut config = config(&[]).unwrap();
    assert_eq!(config.network.ipv6, None);
    for bad in [
        "",
        "x",
        "fd00:77::",
        "fd00:77::/64",
        "fd00:77::1/96",
        "10.0.0.0/8",
        "::/96",
        "::ffff:0:0/96",
        "fe80::/96",
        "ff02::/96",
    ] {
        assert!(config.set_ipv6(bad).is_err(), "{bad}");
    }
    config.set_ipv6("fd00:77:1::/96").unwrap();
    let address = config.network.ipv6.unwrap().address([10, 1, 2, 3].into());
    assert_eq!(address.to_string(), "fd00:77:1::a01:203");
}

#[test]
fn flags_are_taken() {
    let config = config(&[
        ("bind-ip", "127.0.0.1"),
        ("bind-port", "7777"),
        ("debug-bind-ip", "127.0.0.1"),
        ("tag", "x"),
        ("depot", "/d"),
        ("deny-network", "10.0.0.0/8"),
        ("deny-network", "1.2.3.4/32"),
        ("default-grace-time", "5m"),
        ("device-cgroup-rule", "c 10:* rwm"),
        ("apparmor", "profile"),
        ("cpu-quota-per-share", "7"),
        ("default-container-blockio-weight", "500"),
    ])
    .unwrap();
    assert_eq!(config.debug.unwrap().port(), 17013);
    assert_eq!(config.state, PathBuf::from("/d-state"));
    assert_eq!(config.network.deny.len(), 2);
    assert_eq!(config.network.deny[0].end().to_string(), "10.255.255.255");
    assert_eq!(config.default_grace_time, 300_000_000_000);
    assert_eq!(config.devices.len(), 1);
    assert_eq!(config.apparmor.as_deref(), Some("profile"));
    assert_eq!((config.io_weight, config.throttling), (Some(500), None));
    assert!(config.sysctls.is_empty());
    assert_eq!(config.cpu_quota(0), None);
    assert_eq!(config.cpu_quota(1), Some(1000));
    assert_eq!(config.cpu_quota(1000), Some(7000));
    assert_eq!(config.cpu_quota(u64::MAX), Some(17_592_186_044));
    assert!(config.without_effect.is_empty());
}

#[test]
fn throttling_is_on_if_it_is_asked_for() {
    let on = ("enable-cpu-throttling", "true");
    let interval = |value| config(&[on, ("cpu-throttling-check-interval", value)]);
    assert_eq!(
        config(&[on]).unwrap().throttling,
        Some(Duration::from_secs(15))
    );
    assert_eq!(
        interval("3").unwrap().throttling,
        Some(Duration::from_secs(3))
    );
    assert!(matches!(interval("0"), Err(ConfigError::Interval)));
}

#[test]
fn a_runtime_is_external_only_if_asked_for_by_our_own_name() {
    assert_eq!(
        config(&[("runtime-plugin", "/bin/runc")]).unwrap().runtime,
        None
    );
    let given = config(&[("runtime", "/opt/runc")]).unwrap().runtime;
    assert_eq!(given, Some(PathBuf::from("/opt/runc")));
    let found = config(&[("runtime", "sh")]).unwrap().runtime.unwrap();
    assert!(found.is_absolute() && found.ends_with("sh"));
    let wrong = config(&[("runtime", "no-such-runtime")]);
    assert!(matches!(wrong, Err(ConfigError::Runtime { .. })));
}

#[test]
fn what_makes_no_server_is_named() {
    assert!(matches!(config(&[("tag", "xy")]), Err(ConfigError::Tag(_))));
    let wrong = config(&[("device-cgroup-rule", "x")]);
    assert!(matches!(wrong, Err(ConfigError::Device { .. })));
    let wrong = config(&[("port-pool-start", "65000"), ("port-pool-size", "1000")]);
    assert!(matches!(wrong, Err(ConfigError::Ports { .. })));
    let wrong = config(&[("default-container-blockio-weight", "5")]);
    assert!(matches!(wrong, Err(ConfigError::IoWeight(5))));
    let wrong = config(&[("network-pool", "10.0.0.0/31")]);
    assert!(matches!(wrong, Err(ConfigError::Pool(_))));
}
