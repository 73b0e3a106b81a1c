//! The agent's settings, and the files that they come in.
//!
//! They hold the agent's key, so nobody but root may read them, and no copy is left anywhere.

use serde_json::{Map, Value, json};
use warren_lib_tar::{Entry, Kind, Time, WriteError, Writer};

/// Where the files are in a machine.
pub const DIRECTORY: &str = "/var/vcap/bosh/";
/// The settings among them.
pub const FILE: &str = "warden-cpi-agent-env.json";
/// The most of them that is read.
const MOST: usize = 4 << 20;

/// Settings of a new machine.
#[must_use]
pub fn new(
    agent_id: &str,
    cid: &str,
    (mbus, ntp): (&str, &[String]),
    networks: Map<String, Value>,
    env: &Map<String, Value>,
) -> Value {
    json!({
        "agent_id": agent_id,
        "vm": {"name": cid, "id": cid},
        "mbus": mbus,
        "ntp": ntp,
        "networks": networks,
        "disks": {"system": "", "ephemeral": null, "persistent": null},
        "env": env,
    })
}

/// Adds a persistent disk, or takes it away when there is no hint.
pub fn set_disk(settings: &mut Value, disk: &str, hint: Option<&str>) {
    let Value::Object(settings) = settings else {
        return;
    };
    let disks = settings.entry("disks").or_insert_with(|| json!({}));
    if !disks.is_object() {
        *disks = json!({});
    }
    let Value::Object(disks) = disks else { return };
    let persistent = disks.entry("persistent").or_insert(Value::Null);
    if !persistent.is_object() {
        *persistent = json!({});
    }
    let Value::Object(persistent) = persistent else {
        return;
    };
    match hint {
        Some(hint) => {
            persistent.insert(disk.to_owned(), json!(hint));
        }
        None => {
            persistent.remove(disk);
        }
    }
}

/// All files of a new machine, as one archive for [`DIRECTORY`].
///
/// # Errors
/// [`WriteError`].
pub fn archive(settings: &Value, cid: &str) -> Result<Vec<u8>, WriteError> {
    let user_data = json!({"Registry": {"Endpoint": format!("{DIRECTORY}{FILE}")}});
    let metadata = json!({"instance-id": cid});
    // The settings last: an agent that waits for them finds the rest.
    files(&[
        ("warden-cpi-user-data.json", &user_data),
        ("warden-cpi-metadata.json", &metadata),
        (FILE, settings),
    ])
}

/// The settings alone, as an archive.
///
/// # Errors
/// [`WriteError`].
pub fn archive_of_settings(settings: &Value) -> Result<Vec<u8>, WriteError> {
    files(&[(FILE, settings)])
}

fn files(files: &[(&str, &Value)]) -> Result<Vec<u8>, WriteError> {
    let mut writer = Writer::new(Vec::new());
    for (name, value) in files {
        let bytes = value.to_string().into_bytes();
        writer.start(&Entry {
            path: name.as_bytes().to_vec(),
            kind: Kind::File,
            mode: 0o600,
            uid: 0,
            gid: 0,
            mtime: now(),
            stored: bytes.len() as u64,
            xattrs: Vec::new(),
            sparse: None,
        })?;
        writer.data(&bytes)?;
    }
    writer.finish()
}

fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Time {
        seconds: since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0)),
        nanoseconds: 0,
    }
}

/// Settings out of the archive that Garden gives of them; `None` if they are not there, are no
/// settings or larger than any are.
#[must_use]
pub fn from_archive(archive: impl std::io::Read) -> Option<Value> {
    let mut reader = warren_lib_tar::Reader::new(archive);
    reader.next_entry().ok()??;
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        match reader.read_data(&mut piece).ok()? {
            0 => break,
            count => bytes.extend_from_slice(piece.get(..count)?),
        }
        if bytes.len() > MOST {
            return None;
        }
    }
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    value.is_object().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use warren_wire_agent::settings::Settings;
    use warren_wire_cpi::Networks;

    use crate::networks;

    fn example() -> Value {
        let networks =
            json!({"default": {"type": "manual", "ip": "10.0.0.2", "preconfigured": true}});
        let env = json!({"bosh": {"password": "x", "other": [1]}, "more": true});
        let (Value::Object(networks), Value::Object(env)) = (networks, env) else {
            unreachable!()
        };
        new("a1", "vm1", ("nats://n", &[]), networks, &env)
    }

    #[test]
    fn an_agent_understands_them_and_nothing_of_env_is_lost() {
        let value = example();
        assert_eq!(value["env"]["bosh"]["other"], json!([1]));
        assert_eq!(value["env"]["more"], json!(true));
        let settings = Settings::parse(value.to_string().as_bytes()).unwrap();
        assert_eq!(settings.agent_id, "a1");
        assert_eq!(settings.vm.id, "vm1");
        assert_eq!(settings.default_ip().unwrap(), "10.0.0.2");
        assert!(settings.disks.persistent.is_empty());
    }

    /// The file in a stock VM, out of what its CPI was given.
    #[test]
    fn they_are_as_recorded() {
        let recorded = include_str!("../../wire/agent/tests/fixtures/settings.json");
        let recorded: Value = serde_json::from_str(recorded).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let object = |value: &Value| value.as_object().unwrap().clone();
        let mut given: Networks = serde_json::from_value(json!({"default": {"type": "manual",
            "ip": "10.244.0.2", "prefix": "32", "netmask": "255.255.255.0", "cloud_properties": {},
            "default": ["dns", "gateway"], "dns": [], "gateway": "10.244.0.1"}}))
        .unwrap();
        networks::add_name_servers(&mut given, || vec!["10.255.255.53".to_owned()]);
        let mut settings = new(
            &text(&recorded["agent_id"]),
            &text(&recorded["vm"]["id"]),
            (&text(&recorded["mbus"]), &[]),
            networks::for_agent(&given),
            &object(&recorded["env"]),
        );
        for (disk, hint) in object(&recorded["disks"]["persistent"]) {
            set_disk(&mut settings, &disk, Some(&text(&hint)));
        }
        assert_eq!(settings, recorded);
    }

    #[test]
    fn disks_come_and_go() {
        let mut value = example();
        set_disk(&mut value, "d1", Some("/warden-cpi-dev/d1"));
        set_disk(&mut value, "d2", Some("/warden-cpi-dev/d2"));
        set_disk(&mut value, "d1", None);
        assert_eq!(
            value["disks"]["persistent"],
            json!({"d2": "/warden-cpi-dev/d2"})
        );
        for mut odd in [
            json!([]),
            json!({"disks": 1}),
            json!({"disks": {"persistent": "x"}}),
        ] {
            set_disk(&mut odd, "d", Some("h"));
            assert!(odd.is_array() || odd["disks"]["persistent"]["d"] == "h");
        }
    }

    #[test]
    fn an_archive_gives_them_back() {
        let archive = archive_of_settings(&example()).unwrap();
        assert_eq!(from_archive(archive.as_slice()), Some(example()));
        assert_eq!(from_archive(&b"x"[..]), None);
        assert_eq!(from_archive(&b""[..]), None);
        let whole = super::archive(&example(), "vm1").unwrap();
        let mut reader = warren_lib_tar::Reader::new(whole.as_slice());
        let mut names = Vec::new();
        while let Some(entry) = reader.next_entry().unwrap() {
            assert_eq!(entry.mode, 0o600);
            names.push(String::from_utf8(entry.path).unwrap());
        }
        assert_eq!(names.last().unwrap(), FILE);
        assert_eq!(names.len(), 3);
    }
}
