//! `prepare` and `apply`.

use serde_json::Value;
use warren_wire_agent::settings::Settings;
use warren_wire_agent::spec::ApplySpec;

use super::Outcome;
use crate::agent::Agent;
use crate::files;
use crate::install::apply as install;
use crate::owner::Owner;

pub(super) fn prepare(agent: &Agent, spec: &ApplySpec) -> Outcome {
    install::prepare(agent, spec)?;
    Ok("prepared".into())
}

pub(super) fn apply(agent: &Agent, mut spec: ApplySpec) -> Outcome {
    resolve_networks(&mut spec, &agent.settings.settings())?;
    if !spec.configuration_hash.is_empty() {
        // The supervisor forgets the jobs before their files go.
        agent.monit.remove_jobs()?;
        install::apply(agent, &spec)?;
        agent.monit.reload()?;
        let text = logrotate(spec.max_log_file_size());
        files::write(
            &agent.paths.logrotate(),
            text.as_bytes(),
            0o644,
            Owner::ROOT,
        )?;
    }
    agent.spec.keep(spec)?;
    Ok("applied".into())
}

/// Every network of a spec is one of the settings; addresses that only the VM knows come from
/// there.
fn resolve_networks(spec: &mut ApplySpec, settings: &Settings) -> Result<(), String> {
    for (name, network) in &mut spec.networks {
        let known = settings.networks.get(name);
        let known = known.ok_or_else(|| format!("Network '{name}' is not found in settings"))?;
        let Value::Object(entries) = network else {
            continue;
        };
        let is = |key: &str| entries.get(key).and_then(Value::as_str).unwrap_or_default();
        if is("type") == "dynamic" && is("ip").is_empty() {
            let found = [
                ("ip", &known.ip),
                ("netmask", &known.netmask),
                ("gateway", &known.gateway),
            ];
            for (key, value) in found {
                entries.insert(key.to_owned(), value.clone().into());
            }
        }
    }
    Ok(())
}

fn logrotate(size: &str) -> String {
    let size: String = size.chars().filter(char::is_ascii_alphanumeric).collect();
    format!(
        "# Written by the agent\n\
         /var/vcap/data/sys/log/*.log /var/vcap/data/sys/log/.*.log \
         /var/vcap/data/sys/log/*/*.log /var/vcap/data/sys/log/*/.*.log \
         /var/vcap/data/sys/log/*/*/*.log /var/vcap/data/sys/log/*/*/.*.log {{\n\
         \x20 missingok\n  rotate 7\n  compress\n  delaycompress\n  copytruncate\n  size={size}\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::{logrotate, resolve_networks};
    use serde_json::json;
    use warren_wire_agent::settings::Settings;
    use warren_wire_agent::spec::ApplySpec;

    #[test]
    fn networks_are_those_of_the_settings() {
        let settings = json!({"networks": {"a": {"ip": "10.0.0.9", "netmask": "255.0.0.0"}}});
        let settings = Settings::parse(settings.to_string().as_bytes()).unwrap();
        let spec = json!({"networks": {"a": {"type": "dynamic", "cloud_properties": {"x": 1}}}});
        let mut spec = ApplySpec::from_value(spec).unwrap();
        resolve_networks(&mut spec, &settings).unwrap();
        assert_eq!(spec.networks["a"]["ip"], "10.0.0.9");
        assert_eq!(spec.networks["a"]["cloud_properties"]["x"], 1);
        let manual = json!({"type": "manual", "ip": "10.0.0.9"});
        let mut spec = ApplySpec::from_value(json!({"networks": {"a": manual}})).unwrap();
        resolve_networks(&mut spec, &settings).unwrap();
        assert_eq!(spec.networks["a"], manual);
        let mut spec = ApplySpec::from_value(json!({"networks": {"b": {}}})).unwrap();
        let error = resolve_networks(&mut spec, &settings).unwrap_err();
        assert_eq!(error, "Network 'b' is not found in settings");
    }

    #[test]
    fn the_size_of_logs_cannot_write_lines() {
        assert!(logrotate("10M").contains("size=10M\n"));
        assert!(logrotate("1\n}\n/etc {").contains("size=1etc\n"));
    }
}
