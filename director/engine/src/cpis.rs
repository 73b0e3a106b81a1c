//! CPIs by name, as CPI configs have them.
//!
//! ```text
//! no CPI config ── the director's own CPI, whose name is empty
//! CPI configs ──── merged, variables resolved ── one process description for each name
//! ```
//!
//! Rows of machines, disks and stemcells say which CPI they are of. A CPI that has taken the place of
//! others (`migrated_from`) answers to their names too. The configs are read for each task, while what a
//! CPI was found to be able to is remembered for as long as its settings stay the same. Source: reference
//! of the deploy engine, section 4.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use warren_director_cpi::Cpi;
use warren_director_plan::Stemcell;
use warren_director_plan::json::{from_manifest, from_mapping};
use warren_director_plan::placeholders::{self, Values};
use warren_director_store::configs::{self, Filter};
use warren_director_store::variables;
use warren_director_store::vms::{self, Vm};
use warren_wire_manifest::check::read_manifest;
use warren_wire_manifest::cloud_config::CloudConfig;
use warren_wire_manifest::cpi_config;
use warren_wire_manifest::deployment::Deployment;
use warren_wire_manifest::yaml;

use crate::variables::to_mapping;
use crate::{Engine, Error, Task};

/// CPIs that were called, by name, each with the settings that it was called with.
#[derive(Default)]
pub struct Registry(Mutex<BTreeMap<String, (Settings, Cpi)>>);

#[derive(PartialEq)]
struct Settings {
    program: PathBuf,
    properties: Map<String, Value>,
}

impl Registry {
    fn get(&self, own: &Cpi, name: &str, settings: Settings) -> Cpi {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((same, cpi)) = known.get(name)
            && *same == settings
        {
            return cpi.clone();
        }
        let cpi = own.another(settings.program.clone(), settings.properties.clone());
        known.insert(name.to_owned(), (settings, cpi.clone()));
        cpi
    }
}

/// The CPIs that there are now.
#[derive(Clone)]
pub struct Cpis {
    own: Cpi,
    registry: Arc<Registry>,
    /// `None` without CPI config.
    configured: Option<Arc<Vec<cpi_config::Cpi>>>,
}

impl Cpis {
    /// Reads the configs; calls are logged with the task.
    ///
    /// # Errors
    /// The database, a config that is broken, code 540001 for a variable without value.
    pub async fn read(engine: &Engine, task: &Task) -> Result<Self, Error> {
        let filter = Filter {
            kind: Some("cpi"),
            name: None,
            limit: Some(1),
        };
        let all = configs::list(engine.store.pool(), &filter).await?;
        let mut values = Vec::new();
        for config in &all {
            let manifest = read_manifest(&config.content, "CPI config")?;
            let value = from_manifest(&yaml::Value::Map(manifest));
            if let Value::Object(map) = resolve(engine, &value).await? {
                values.push(yaml::Value::Map(to_mapping(&map)));
            }
        }
        let configured = match values.is_empty() {
            true => None,
            false => Some(Arc::new(cpi_config::parse(&cpi_config::merged(&values)?)?)),
        };
        Ok(Self {
            own: engine.cpi_for(task),
            registry: engine.cpi_registry(),
            configured,
        })
    }

    /// The names under which stemcells are uploaded; the empty one without CPI config.
    pub fn names(&self) -> Vec<String> {
        match &self.configured {
            None => vec![String::new()],
            Some(all) => all.iter().map(|cpi| cpi.name.clone()).collect(),
        }
    }

    /// Whether there is a CPI config.
    pub fn are_configured(&self) -> bool {
        self.configured.is_some()
    }

    /// The CPI that answers to a name. The empty one is the director's own, unless another has taken its
    /// place.
    ///
    /// # Errors
    /// A name that no CPI has.
    pub fn get(&self, name: &str) -> Result<Cpi, Error> {
        if let Some(cpi) = self.find(name) {
            let settings = Settings {
                program: cpi.exec_path.clone().into(),
                properties: from_mapping(&cpi.properties),
            };
            let log = self.own.log();
            let found = self.registry.get(&self.own, &cpi.name, settings);
            return Ok(found.with_log(log));
        }
        if name.is_empty() {
            return Ok(self.own.clone());
        }
        let why = match &self.configured {
            None => " (because cpi-config is not set)",
            Some(_) => "",
        };
        Err(Error::refused(
            100,
            format!("CPI '{name}' not found in cpi-config{why}"),
        ))
    }

    fn find(&self, name: &str) -> Option<&cpi_config::Cpi> {
        let all = self.configured.as_ref()?;
        let by_name = all.iter().find(|cpi| cpi.name == name);
        by_name.or_else(|| {
            all.iter()
                .find(|cpi| cpi.migrated_from.iter().any(|former| former == name))
        })
    }

    /// A name and the names that its CPI had before.
    pub fn aliases(&self, name: &str) -> Vec<String> {
        let former = self.find(name).map(|cpi| cpi.migrated_from.clone());
        let mut all = vec![name.to_owned()];
        all.extend(former.unwrap_or_default());
        all
    }

    /// Makes a stemcell known to CPIs that took the place of those which have it.
    pub fn inherit(&self, stemcell: &mut Stemcell) {
        for cpi in self.configured.iter().flat_map(|all| all.iter()) {
            if stemcell.cids.contains_key(&cpi.name) {
                continue;
            }
            let former = cpi
                .migrated_from
                .iter()
                .find_map(|name| stemcell.cids.get(name).cloned());
            if let Some(cid) = former {
                stemcell.cids.insert(cpi.name.clone(), cid);
            }
        }
    }

    /// Checks that every zone of a deployment says which CPI it is of, and that there is that CPI.
    ///
    /// # Errors
    /// Code 550001, and 100 for a name that no CPI has.
    pub fn check(&self, deployment: &Deployment, cloud: &CloudConfig) -> Result<(), Error> {
        let mut used: BTreeSet<String> = cloud.compilation.az.iter().cloned().collect();
        for group in &deployment.instance_groups {
            used.extend(group.azs.iter().flatten().cloned());
        }
        if self.are_configured() {
            let used: Vec<String> = used.iter().cloned().collect();
            cloud.require_cpis(&used)?;
        }
        for az in cloud.azs.iter().filter(|az| used.contains(&az.name)) {
            let Some(name) = &az.cpi else { continue };
            self.get(name).map_err(|error| {
                Error::refused(
                    100,
                    format!("Failed to load CPI for AZ '{}': {error}", az.name),
                )
            })?;
        }
        Ok(())
    }
}

impl Cpis {
    /// Writes the present name of a CPI to machines that were made when it had another. `wanted` are the
    /// CPIs of instances by their ids.
    ///
    /// # Errors
    /// What the database said.
    pub async fn rename(
        &self,
        engine: &Engine,
        machines: &[Vm],
        wanted: &BTreeMap<i64, &str>,
    ) -> Result<(), Error> {
        for machine in machines {
            let Some(name) = wanted.get(&machine.instance_id) else {
                continue;
            };
            if machine.cpi != *name && self.aliases(name).contains(&machine.cpi) {
                vms::set_cpi(engine.store.pool(), machine.id, name).await?;
            }
        }
        Ok(())
    }
}

/// Replaces placeholders by the values of now; names are absolute, for a CPI config is nobody's.
async fn resolve(engine: &Engine, document: &Value) -> Result<Value, Error> {
    let mut names = BTreeSet::new();
    placeholders::collect(document, &mut names)
        .map_err(|error| Error::refused(540_004, error.to_string()))?;
    let relative: Vec<&str> = names
        .iter()
        .map(|name| name.root.as_str())
        .filter(|root| !root.starts_with('/'))
        .collect();
    if !relative.is_empty() {
        return Err(Error::refused(
            540_006,
            format!(
                "Relative paths are not allowed in this context. The following must be be switched to use absolute paths: '{}'",
                relative.join("', '")
            ),
        ));
    }
    let mut values = Values::new();
    for name in &names {
        let found = variables::current_value(engine.store.pool(), &name.root).await?;
        if let Some(found) = found {
            let value = serde_json::from_str(&found.value).map_err(|error| {
                Error::other(format!("read the value of variable {}", found.name), error)
            })?;
            values.insert(name.root.clone(), value);
        }
    }
    placeholders::replace(document, &values).map_err(|errors| {
        let list: Vec<String> = errors.iter().map(|error| format!("- {error}")).collect();
        Error::refused(540_001, format!("Unable to render: {}", list.join("\n")))
    })
}

impl Engine {
    /// The CPI that answers to a name, whose calls are logged with a task.
    ///
    /// # Errors
    /// The database, a CPI config that is broken, a name that no CPI has.
    pub async fn cpi_named(&self, task: &Task, name: &str) -> Result<Cpi, Error> {
        Cpis::read(self, task).await?.get(name)
    }
}
