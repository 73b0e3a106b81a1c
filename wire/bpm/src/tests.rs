//! Files as they are and as they should not be.

use proptest::prelude::*;

use crate::check::{Invalid, clean};
use crate::config::Config;
use crate::quantity::{NoQuantity, bytes};
use crate::volume::{VolumeError, parse};
use crate::{Process, Volume, id};

fn config(text: &str) -> Config {
    Config::parse(text.as_bytes()).unwrap()
}

fn fault(process: &str) -> String {
    let config = config(&format!("processes: [{process}]"));
    config.check("web").unwrap_err().to_string()
}

#[test]
fn any_scalar_is_a_text_as_it_is_written() {
    let read = config(
        "unknown: {at: [the, top]}
processes:
- name: 07
  executable: /x
  args: [--port, 2424, 1.50, true, ~, 0x10, 'null', 1e3]
  env: {1: 2, on: off, EMPTY: , QUOTED: '1.0'}
  unknown: 1
  limits: {memory: 1G, open_files: 1e3, core_file_size: 18446744073709551615, processes: -1}
  ephemeral_disk: yes
  persistent_disk: 'true'
  capabilities: ~
  unsafe:
  hooks:
",
    );
    let process = &read.processes[0];
    assert_eq!(process.name, "07");
    assert_eq!(
        process.args,
        ["--port", "2424", "1.50", "true", "", "0x10", "null", "1e3"]
    );
    let env: Vec<(&str, &str)> = process
        .env
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        env,
        [("1", "2"), ("EMPTY", ""), ("QUOTED", "1.0"), ("on", "off")]
    );
    assert_eq!(process.limits.open_files, Some(1000));
    assert_eq!(process.limits.core_file_size, Some(u64::MAX));
    assert_eq!(process.limits.processes, Some(-1));
    assert!(process.ephemeral_disk && process.persistent_disk);
    assert!(process.capabilities.is_empty());
    assert_eq!(process.hooks, None);
}

#[test]
fn a_file_may_be_empty_json_or_have_anchors_and_merges() {
    for empty in ["", "---", "~", "# nothing", "processes:", "processes: []"] {
        assert_eq!(config(empty), Config::default(), "{empty:?}");
    }
    let json = r#"{"processes":[{"name":"a","executable":"/x","hooks":{}}]}"#;
    assert_eq!(config(json).processes[0].hooks, Some(Default::default()));
    let merged = config(
        "base: &base {executable: /x, limits: {memory: 1M}}
processes:
- {<<: *base, name: a}
- {<<: *base, name: b, executable: /y}
---
processes: another document",
    );
    let programs: Vec<&str> = merged
        .processes
        .iter()
        .map(|each| each.executable.as_str())
        .collect();
    assert_eq!(programs, ["/x", "/y"]);
    assert_eq!(merged.processes[1].limits.memory.as_deref(), Some("1M"));
    assert_eq!(config("processes: [~]").check("web"), Err(Invalid::Name));
}

#[test]
fn the_first_process_of_a_name_counts() {
    let two = config("processes: [{name: a, executable: /1}, {name: a, executable: /2}]");
    assert_eq!(two.process("a").unwrap().executable, "/1");
    assert_eq!(two.process("b"), None);
}

#[test]
fn wrong_types_are_told() {
    for wrong in [
        "processes: 1",
        "[]",
        "processes: [{args: x}]",
        "processes: [{env: [a]}]",
        "processes: [{name: [a]}]",
        "processes: [{limits: {open_files: many}}]",
        "processes: [{limits: {open_files: -1}}]",
        "processes: [{limits: {processes: 1.5}}]",
        "processes: [{ephemeral_disk: perhaps}]",
        "\t:",
    ] {
        assert!(Config::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
    assert!(Config::parse(&vec![b' '; crate::config::LONGEST + 1]).is_err());
}

#[test]
fn faults_have_the_texts_that_operators_know() {
    let with = |volume: &str| {
        fault(&format!(
            "{{name: a, executable: /x, additional_volumes: [{{path: {volume}}}]}}"
        ))
    };
    assert_eq!(fault("{executable: /x}"), "invalid config: name");
    assert_eq!(fault("{name: a}"), "invalid config: executable");
    assert_eq!(
        with("/var/vcap/data/../x/"),
        "volume path must be canonical, expected /var/vcap/x but got /var/vcap/data/../x/"
    );
    assert_eq!(
        with("/var/vcap/data/web"),
        "invalid volume path: /var/vcap/data/web cannot conflict with default job data or store \
         directories"
    );
    for outside in ["/var/vcap", "/etc", "relative", "/var/vcapx/a"] {
        let expected = format!("invalid volume path: {outside} must be within /var/vcap");
        assert_eq!(with(outside), expected);
    }
    assert_eq!(
        fault("{name: a, executable: /x, shutdown_signal: HUP}"),
        "shutdown signal should either be 'TERM' or 'INT' (or left unspecified), but got 'HUP'"
    );
    let good = "{name: a, executable: /x, shutdown_signal: INT, additional_volumes: \
                [{path: /var/vcap/data/web/deeper}, {path: /var/vcap/data/other}]}";
    assert_eq!(config(&format!("processes: [{good}]")).check("web"), Ok(()));
    // All processes of the file, not only the one that is wanted.
    let two = config("processes: [{name: a, executable: /x}, {name: b}]");
    assert_eq!(two.check("web"), Err(Invalid::Executable));
}

#[test]
fn paths_are_cleaned_as_go_does() {
    for (path, expected) in [
        ("", "."),
        ("/", "/"),
        ("//a//b/", "/a/b"),
        ("/../a", "/a"),
        ("a/../..", ".."),
        ("../../a", "../../a"),
        ("./a/.", "a"),
        ("/a/b/../../..", "/"),
    ] {
        assert_eq!(clean(path), expected, "{path}");
    }
}

#[test]
fn quantities() {
    for (text, expected) in [
        ("1B", 1),
        ("2k", 2 << 10),
        ("100MB", 100 << 20),
        ("1.5GiB", 3 << 29),
        (" 7 tb".replace(' ', "").as_str(), 7 << 40),
        ("7e", 7 << 60),
    ] {
        assert_eq!(bytes(text), Ok(expected), "{text}");
    }
    for wrong in [
        "", "1", "G", "-1G", "0M", "1X", "1 0G", "16E", "nanG", "infM", "0.1B", "1GiBs",
    ] {
        assert_eq!(bytes(wrong), Err(NoQuantity), "{wrong}");
    }
}

#[test]
fn volumes_of_the_command_line() {
    let all = parse("/a:writable,mount_only,allow_executions,shared").unwrap();
    assert!(all.writable && all.mount_only && all.allow_executions && all.shared);
    let plain = Volume {
        path: "/a".into(),
        ..Volume::default()
    };
    assert_eq!(parse("/a"), Ok(plain));
    assert_eq!(
        parse("/a:b:c").unwrap_err().to_string(),
        "invalid volume definition (format: <path>[:<options>]): /a:b:c"
    );
    assert_eq!(parse(""), Err(VolumeError::Definition(String::new())));
    assert_eq!(
        parse("/a:rw").unwrap_err().to_string(),
        "invalid volume option: rw"
    );
}

#[test]
fn container_names() {
    assert_eq!(id::container("nats", "nats"), "bpm-nats");
    let sync = "bpm-nats.2ebosh_nats_sync";
    assert_eq!(id::container("nats", "bosh_nats_sync"), sync);
    assert_eq!(
        id::of_container(sync).as_deref(),
        Some("nats.bosh_nats_sync")
    );
    for foreign in [
        "nats", "bpm-a.2", "bpm-a.zz", "bpm-a b", "bpm-.2E", "bpm-.61",
    ] {
        assert_eq!(id::of_container(foreign), None, "{foreign}");
    }
}

proptest! {
    #[test]
    fn junk_is_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Config::parse(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let _ = crate::quantity::bytes(&text);
        let _ = parse(&text);
        let _ = id::decode(&text);
        prop_assert_eq!(clean(&clean(&text)), clean(&text));
    }

    #[test]
    fn names_come_back(text in ".*") {
        prop_assert_eq!(id::decode(&id::encode(&text)), Some(text));
    }

    #[test]
    fn what_is_written_is_read(name in "[a-z~0-9.]{1,8}", args in proptest::collection::vec(".*", 0..4)) {
        let config = Config { processes: vec![Process { name, args, ..Process::default() }] };
        let text = yaml_serde::to_string(&config).unwrap();
        prop_assert_eq!(Config::parse(text.as_bytes()).unwrap(), config);
    }
}
