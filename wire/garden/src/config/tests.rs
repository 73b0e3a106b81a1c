//! The INI dialect, every kind of value, the flag table, a stock file, junk.

use proptest::prelude::*;

use super::ini::{Ini, IniError, Problem};
use super::{FLAGS, Kind, Settings, SettingsError, Value, flag};
use crate::number::Nanoseconds;

/// As the stock job renders it for a nested director.
const STOCK: &str = r#"

[server]
; apparmor

; binaries
  iptables-bin = /var/vcap/packages/iptables/sbin/iptables
  iptables-restore-bin = /var/vcap/packages/iptables/sbin/iptables-restore
  init-bin = /var/vcap/data/garden/bin/init
  dadoo-bin = /var/vcap/packages/guardian/bin/dadoo
  nstar-bin = /var/vcap/packages/guardian/bin/nstar
  tar-bin = /var/vcap/packages/tar/tar

; containers
  default-grace-time = 0
  destroy-containers-on-startup = true

; image and rootfs
  default-rootfs =
  image-plugin = /var/vcap/packages/grootfs/bin/grootfs
  image-plugin-extra-arg = "--config"
  image-plugin-extra-arg = /var/vcap/jobs/garden/config/grootfs_config.yml

; network
  mtu = 0
  network-pool = 10.254.0.0/22
  deny-network = 10.0.0.0/8
  deny-network = 192.168.1.9/16
  allow-host-access = true
  dns-server = 8.8.8.8
  additional-host-entry = "1.2.3.4 host"

; server
  bind-ip = 127.0.0.1
  bind-port = 7777
  debug-bind-ip = 127.0.0.1
  debug-bind-port = 17013
  log-level = error
  time-format = rfc3339
  skip-setup = true
  depot = /var/vcap/data/garden/depot
  runtime-plugin=/var/vcap/packages/runc/bin/runc
"#;

fn stock() -> Settings {
    Settings::from_ini(&Ini::parse(STOCK).unwrap()).unwrap()
}

#[test]
fn a_stock_file() {
    let settings = stock();
    assert_eq!(
        settings.text("init-bin").unwrap(),
        "/var/vcap/data/garden/bin/init"
    );
    assert_eq!(
        settings.text("runtime-plugin").unwrap(),
        "/var/vcap/packages/runc/bin/runc"
    );
    assert_eq!(settings.text("default-rootfs"), None);
    assert!(settings.is_given("default-rootfs"));
    assert_eq!(
        settings.texts("image-plugin-extra-arg"),
        [
            "--config",
            "/var/vcap/jobs/garden/config/grootfs_config.yml"
        ]
    );
    assert_eq!(settings.texts("additional-host-entry"), ["1.2.3.4 host"]);
    assert_eq!(settings.number("bind-port"), Some(7777));
    assert_eq!(settings.number("mtu"), Some(0));
    assert_eq!(
        settings.duration("default-grace-time"),
        Some(Nanoseconds(0))
    );
    assert!(settings.is_on("allow-host-access") && !settings.is_on("no-image-plugin"));
    let denied: Vec<String> = settings
        .networks("deny-network")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(denied, ["10.0.0.0/8", "192.168.0.0/16"]);
    assert_eq!(settings.addresses("dns-server").len(), 1);
}

#[test]
fn defaults_are_there_when_nothing_is_given() {
    let settings = Settings::default();
    assert_eq!(settings.text("bind-socket").unwrap(), "/tmp/garden.sock");
    assert_eq!(settings.number("port-pool-start"), Some(61001));
    assert_eq!(
        settings.duration("metrics-emission-interval"),
        Some(Nanoseconds(60_000_000_000))
    );
    assert_eq!(
        settings.networks("network-pool")[0].to_string(),
        "10.254.0.0/22"
    );
    assert!(!settings.is_given("bind-socket"));
    assert_eq!(settings.text("init-bin"), None);
    assert_eq!(settings.values("no such flag"), []);
}

#[test]
fn the_command_line_wins_and_replaces_lists() {
    let mut over = Settings::default();
    over.set("deny-network", "1.0.0.0/8").unwrap();
    over.set("bind-port", "1").unwrap();
    over.set("bind-port", "2").unwrap();
    over.set("skip-setup", "false").unwrap();
    over.set("cpu-entitlement-per-share", "0.5").unwrap();
    let settings = stock().overridden_by(over);
    assert_eq!(settings.networks("deny-network").len(), 1);
    assert_eq!(settings.number("bind-port"), Some(2));
    assert!(!settings.is_on("skip-setup"));
    assert_eq!(settings.fraction("cpu-entitlement-per-share"), Some(0.5));
    assert_eq!(settings.text("log-level").unwrap(), "error");
}

#[test]
fn nothing_is_skipped_in_silence() {
    let read = |text: &str| Settings::from_ini(&Ini::parse(text).unwrap()).unwrap_err();
    assert!(matches!(
        read("[client]\n"),
        SettingsError::UnknownSection { .. }
    ));
    assert!(matches!(
        read("[server]\n\nbindip = x"),
        SettingsError::UnknownKey { line: 3, .. }
    ));
    let error = read("[server]\nbind-port = 65536");
    assert!(
        matches!(
            error,
            SettingsError::Value {
                name: "bind-port",
                line: 2,
                ..
            }
        ),
        "{error}"
    );
    assert!(Settings::from_ini(&Ini::parse("bind-port = 1\n[Server]\nmtu=1").unwrap()).is_ok());
}

#[test]
fn the_dialect() {
    let text = "a = 1 ; no comment here\r\n#c\n\t[ One ]\nk=v=w\nk = \"q\\t\\x41\\u00e4\\101\\\"\"\nempty =\n[two]\n[One]\nk = last";
    let ini = Ini::parse(text).unwrap();
    let names: Vec<&str> = ini
        .sections
        .iter()
        .map(|section| section.name.as_str())
        .collect();
    assert_eq!(names, ["", "One", "two"]);
    assert_eq!(ini.sections[0].entries[0].value, "1 ; no comment here");
    let one = ini.section("one").unwrap();
    assert_eq!(
        one.values("k").collect::<Vec<_>>(),
        ["v=w", "q\tAäA\"", "last"]
    );
    assert_eq!(one.values("empty").collect::<Vec<_>>(), [""]);
    let entry = &one.entries[1];
    assert!(entry.quoted);
    assert_eq!(entry.line, 5);
}

#[test]
fn lines_that_cannot_be_read() {
    for (text, line, problem) in [
        ("\n[a", 2, Problem::SectionHeader),
        ("[a] ; b", 1, Problem::SectionHeader),
        ("[ ]", 1, Problem::SectionName),
        ("x", 1, Problem::KeyValue),
        ("x = \"a", 1, Problem::Quotes),
        ("x = \"a\" b", 1, Problem::Quotes),
        ("x = \"a\"b\"", 1, Problem::Quotes),
        ("x = \"", 1, Problem::Quotes),
        ("x = \"\\\"", 1, Problem::Quotes),
        ("x = \"\\q\"", 1, Problem::Quotes),
        ("x = \"\\xff\"", 1, Problem::Quotes),
        ("x = \"\\ud800\"", 1, Problem::Quotes),
        ("x = \"\\400\"", 1, Problem::Quotes),
    ] {
        assert_eq!(Ini::parse(text), Err(IniError { line, problem }), "{text}");
    }
}

#[test]
fn durations_as_go_reads_them() {
    for (text, nanoseconds) in [
        ("0", 0),
        ("-0", 0),
        ("5s", 5_000_000_000),
        ("1h30m", 5_400_000_000_000),
        ("1.5h", 5_400_000_000_000),
        (".5ms", 500_000),
        ("3.000000001s", 3_000_000_001),
        ("-2us", -2_000),
        ("+2\u{b5}s", 2_000),
        ("0.0000000009s", 0),
        ("-9223372036854775808ns", i64::MIN),
        ("9223372036854775807ns", i64::MAX),
    ] {
        assert_eq!(
            Kind::Duration.parse(text),
            Ok(Value::Duration(Nanoseconds(nanoseconds))),
            "{text}"
        );
    }
    for bad in [
        "",
        "5",
        "s",
        "1x",
        ".s",
        "1..5s",
        "1 s",
        "--1s",
        "-",
        "9223372036854775808ns",
        "1e3s",
        "99999999999999999999h",
    ] {
        assert!(Kind::Duration.parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn other_kinds() {
    for (kind, good, bad) in [
        (
            Kind::Unsigned(16),
            vec!["0", "65535"],
            vec!["", "+1", "-1", "65536", "1.0", "0x1"],
        ),
        (
            Kind::Unsigned(64),
            vec!["18446744073709551615"],
            vec!["18446744073709551616"],
        ),
        (Kind::Signed, vec!["-5", "0"], vec!["", "x"]),
        (
            Kind::Fraction,
            vec!["0.25", "1"],
            vec!["", "NaN", "inf", "x"],
        ),
        (
            Kind::Switch,
            vec!["", "true", "False", "1", "t"],
            vec!["yes", "on", "tRUE"],
        ),
        (
            Kind::Ip,
            vec!["1.2.3.4", "::1"],
            vec!["", "1.2.3", "01.2.3.4", "host"],
        ),
        (
            Kind::Cidr,
            vec!["0.0.0.0/0", "1.2.3.4/32", "::/0", "fd00::/128"],
            vec![
                "1.2.3.4",
                "1.2.3.4/33",
                "::/129",
                "1.2.3.4/",
                "1.2.3.4/+8",
                "/8",
            ],
        ),
        (Kind::OneOf(&["a", "b"]), vec!["a"], vec!["", "A", "c"]),
    ] {
        for text in good {
            assert!(kind.parse(text).is_ok(), "{kind:?} {text:?}");
        }
        for text in bad {
            assert!(kind.parse(text).is_err(), "{kind:?} {text:?}");
        }
    }
}

#[test]
fn the_flag_table_is_sound() {
    for entry in FLAGS {
        assert_eq!(
            flag(entry.name),
            Some(entry),
            "{} is there twice",
            entry.name
        );
        assert!(
            entry
                .name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        );
        if let Some(default) = entry.default {
            assert!(entry.kind.parse(default).is_ok(), "{}", entry.name);
        }
    }
    assert_eq!(flag("nope"), None);
}

proptest! {
    #[test]
    fn any_text_gives_an_answer(text in ".*\\n?.*\\n?.*") {
        if let Ok(ini) = Ini::parse(&text) {
            let _ = Settings::from_ini(&ini);
        }
    }

    #[test]
    fn anything_like_a_file_gives_an_answer(
        text in "(\\[server\\]\n|bind-port = |mtu=|\"|\\\\x4|\\\\|[0-9a-z./ ]|;|\n){0,20}",
    ) {
        if let Ok(ini) = Ini::parse(&text) {
            let _ = Settings::from_ini(&ini);
        }
    }

    #[test]
    fn any_value_gives_an_answer(text in "([-+.0-9]{0,25}(ns|us|ms|s|m|h|/|:)?){0,3}") {
        for entry in FLAGS {
            let _ = entry.kind.parse(&text);
        }
    }

    #[test]
    fn entries_round_trip(
        entries in proptest::collection::vec(("[a-z][a-z-]{0,9}", "[!-~äöü ]{0,20}"), 0..8),
    ) {
        let text: String = entries
            .iter()
            .map(|(name, value)| {
                let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
                format!("{name} = \"{quoted}\"\n")
            })
            .collect();
        let ini = Ini::parse(&text).unwrap();
        let read: Vec<(String, String)> = ini.sections[0]
            .entries
            .iter()
            .map(|entry| (entry.name.clone(), entry.value.clone()))
            .collect();
        prop_assert_eq!(read, entries);
    }
}
