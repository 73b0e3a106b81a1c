//! What a config may say, by its type.

use warren_director_store::configs::{self, Config, Filter};
use warren_wire_manifest::check::read_manifest;
use warren_wire_manifest::cloud_config::{self, CloudConfig};
use warren_wire_manifest::cpi_config;
use warren_wire_manifest::runtime_config::RuntimeConfig;
use warren_wire_manifest::yaml::{Mapping, Value};

use crate::call::Call;
use crate::failure::Failure;

/// Reads a config: YAML, and a mapping (code 440011).
pub(super) fn read(content: &str) -> Result<Mapping, Failure> {
    read_manifest(content, "config").map_err(|error| Failure::bad(440_011, error.message))
}

/// Checks a config beside the others of its type, as a deployment would see them together. One with
/// placeholders is checked by the deploys that resolve them.
pub(super) async fn check(
    call: &Call,
    kind: &str,
    name: &str,
    content: &str,
) -> Result<(), Failure> {
    let map = read(content)?;
    if content.contains("((") {
        return Ok(());
    }
    match kind {
        "cloud" => {
            let mut all = others(call, kind, name).await?;
            if all.iter().any(|config| config.content.contains("((")) {
                return Ok(());
            }
            all.retain(|config| config.team.is_none());
            let mut values = super::deployment_diff::parsed(&all)?;
            values.push(Value::Map(map));
            let merged = cloud_config::merged(&values)?;
            // Without one of these it is a part of a config that others complete.
            if ["azs", "compilation", "networks"]
                .iter()
                .all(|key| is_there(&merged, key))
            {
                CloudConfig::parse(&merged, &call.api.cloud)?;
            }
        }
        "runtime" => {
            RuntimeConfig::parse(&map)?;
        }
        "cpi" => {
            let mut values = super::deployment_diff::parsed(&others(call, kind, name).await?)?;
            values.push(Value::Map(map));
            cpi_config::parse(&cpi_config::merged(&values)?)?;
        }
        _ => {}
    }
    Ok(())
}

fn is_there(map: &Mapping, key: &str) -> bool {
    match map.get(key) {
        None | Some(Value::Null) => false,
        Some(Value::Seq(items)) => !items.is_empty(),
        Some(_) => true,
    }
}

async fn others(call: &Call, kind: &str, name: &str) -> Result<Vec<Config>, Failure> {
    let filter = Filter {
        kind: Some(kind),
        name: None,
        limit: Some(1),
    };
    let mut all = configs::list(call.api.store.pool(), &filter).await?;
    all.retain(|config| config.name != name);
    Ok(all)
}
