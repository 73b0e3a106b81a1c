//! Variables of a deploy: their current values, pinned to the deploy's set, and made where they are
//! wanted and not there yet.
//!
//! Within one set a name has one value, whatever happens in the store of values meanwhile. An old set
//! gives the old values, so that what an instance was made with can be compared with what it shall be
//! made with. Source: reference of the deploy engine, section 6.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use warren_director_plan::json::from_manifest;
use warren_director_plan::placeholders::{self, Name, PlaceholderError, Values};
use warren_director_store::{Store, deployments, uuid, variables};
use warren_director_variables::{Context, generate};
use warren_wire_manifest::deployment::Variable;
use warren_wire_manifest::yaml;

use crate::{Error, Task};

/// Variables of one set.
#[derive(Clone)]
pub struct Variables {
    store: Store,
    director: String,
    deployment: String,
    set: i64,
    writable: bool,
}

/// How variables are made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Making {
    /// Whether a definition that has changed makes a value anew.
    pub converge: bool,
    /// The set whose values are kept of variables that wait for another stemcell; `None` if they need not
    /// wait.
    pub kept: Option<i64>,
}

/// Whether a variable keeps its value until stemcells change.
pub fn waits_for_stemcell(variable: &Variable) -> bool {
    variable.update_strategy.as_deref() == Some("on-stemcell-change")
}

/// Ids of values by the names of their variables.
fn by_name(all: Vec<variables::Variable>) -> BTreeMap<String, String> {
    let pair = |one: variables::Variable| (one.variable_name, one.variable_id);
    all.into_iter().map(pair).collect()
}

/// The names of all placeholders of documents.
fn names_of(documents: &[&Value]) -> Result<BTreeSet<Name>, Error> {
    let mut names = BTreeSet::new();
    for document in documents {
        placeholders::collect(document, &mut names)
            .map_err(|error| Error::refused(540_004, error.to_string()))?;
    }
    Ok(names)
}

/// What stands for all that cannot be resolved.
fn refusal(errors: &[PlaceholderError]) -> Error {
    let list: Vec<String> = errors.iter().map(|error| format!("- {error}")).collect();
    Error::refused(540_001, format!("Unable to render: {}", list.join("\n")))
}

impl Variables {
    /// Those of a set; a set that is not writable has only what it has.
    #[must_use]
    pub fn new(store: &Store, director: &str, deployment: &str, set: i64, writable: bool) -> Self {
        Self {
            store: store.clone(),
            director: director.to_owned(),
            deployment: deployment.to_owned(),
            set,
            writable,
        }
    }

    /// The set's key.
    #[must_use]
    pub fn set(&self) -> i64 {
        self.set
    }

    /// A variable's name in the store of values.
    #[must_use]
    pub fn absolute(&self, name: &str) -> String {
        placeholders::absolute(name, &self.director, &self.deployment)
    }

    /// Replaces all placeholders of documents.
    ///
    /// # Errors
    /// Code 540001 with all names that have no value.
    pub async fn resolve(&self, documents: &[&Value]) -> Result<Vec<Value>, Error> {
        let values = self.values(&names_of(documents)?).await?;
        documents
            .iter()
            .map(|document| {
                placeholders::replace(document, &values).map_err(|errors| refusal(&errors))
            })
            .collect()
    }

    /// Replaces all placeholders of a document.
    ///
    /// # Errors
    /// As [`Variables::resolve`].
    pub async fn resolve_one(&self, document: &Value) -> Result<Value, Error> {
        let mut resolved = self.resolve(&[document]).await?;
        Ok(resolved.pop().unwrap_or_default())
    }

    /// Replaces all placeholders of an object.
    ///
    /// # Errors
    /// As [`Variables::resolve`].
    pub async fn resolve_map(&self, map: &Map<String, Value>) -> Result<Map<String, Value>, Error> {
        match self.resolve_one(&Value::Object(map.clone())).await? {
            Value::Object(map) => Ok(map),
            _ => Ok(Map::new()),
        }
    }

    /// Replaces all placeholders of what another deployment provides, by what that one was last deployed
    /// with. So it stays in this set, whatever becomes of the other deployment.
    ///
    /// # Errors
    /// As [`Variables::resolve`]; code 70011 if the other one was never deployed to its end.
    pub async fn resolve_provided(&self, provider: &str, document: &Value) -> Result<Value, Error> {
        let names = names_of(&[document])?;
        if names.is_empty() {
            return Ok(document.clone());
        }
        let pool = self.store.pool();
        let pinned = by_name(variables::provided(pool, self.set, provider).await?);
        let mut theirs = None;
        let mut values = Values::new();
        for name in names {
            let full = name.absolute(&self.director, provider);
            let id = match pinned.get(&full) {
                Some(id) => Some(id.clone()),
                None => {
                    if theirs.is_none() {
                        theirs = Some(by_name(self.last_of(provider).await?));
                    }
                    let id = theirs
                        .as_ref()
                        .and_then(|theirs| theirs.get(&full))
                        .cloned();
                    if let (Some(id), true) = (&id, self.writable) {
                        variables::pin_provided(pool, self.set, provider, &full, id).await?;
                    }
                    id
                }
            };
            if let Some(id) = id
                && let Some(found) = variables::value(pool, &id).await?
            {
                values.insert(name.root.clone(), parse(&found)?);
            }
        }
        placeholders::replace(document, &values).map_err(|errors| refusal(&errors))
    }

    /// What another deployment was last deployed with.
    async fn last_of(&self, provider: &str) -> Result<Vec<variables::Variable>, Error> {
        let pool = self.store.pool();
        let set = match deployments::find(pool, provider).await? {
            Some(row) => variables::latest_set(pool, row.id, true).await?,
            None => None,
        };
        let set = set.ok_or_else(|| {
            Error::refused(
                70_011,
                format!(
                    "Deployment '{provider}' provides a link with variables and was never deployed to \
                     its end: deploy it first"
                ),
            )
        })?;
        Ok(variables::of_set(pool, set.id).await?)
    }

    async fn values(&self, names: &BTreeSet<Name>) -> Result<Values, Error> {
        if names.is_empty() {
            return Ok(Values::new());
        }
        let pinned = by_name(variables::of_set(self.store.pool(), self.set).await?);
        let roots: BTreeSet<&str> = names.iter().map(|name| name.root.as_str()).collect();
        let mut values = Values::new();
        for root in roots {
            let name = self.absolute(root);
            let found = match pinned.get(&name) {
                Some(id) => variables::value(self.store.pool(), id).await?,
                None if self.writable => {
                    let found = variables::current_value(self.store.pool(), &name).await?;
                    if let Some(found) = &found {
                        variables::pin(self.store.pool(), self.set, &name, &found.variable_id)
                            .await?;
                    }
                    found
                }
                None => None,
            };
            if let Some(found) = found {
                values.insert(root.to_owned(), parse(&found)?);
            }
        }
        Ok(values)
    }

    /// Makes the variables of a manifest that have no value yet, in order, and pins all of them.
    ///
    /// # Errors
    /// Options that a kind does not take, placeholders without value.
    pub async fn generate(
        &self,
        task: &Task,
        wanted: &[Variable],
        how: Making,
    ) -> Result<(), Error> {
        let kept = match how.kept {
            Some(set) => by_name(variables::of_set(self.store.pool(), set).await?),
            None => BTreeMap::new(),
        };
        for variable in wanted {
            task.check()?;
            let name = self.absolute(&variable.name);
            if waits_for_stemcell(variable)
                && let Some(id) = kept.get(&name)
            {
                variables::pin(self.store.pool(), self.set, &name, id).await?;
                continue;
            }
            let options = from_manifest(&yaml::Value::Map(variable.options.clone()));
            let options = self.resolve_one(&absolute_ca(&options, self)).await?;
            let parameters = warren_director_plan::json::sorted(&options).to_string();
            let mode = variable.update_mode.as_deref().unwrap_or(if how.converge {
                "converge"
            } else {
                "no-overwrite"
            });
            let current = variables::current_value(self.store.pool(), &name).await?;
            let keeps = match (&current, mode) {
                (None, _) | (Some(_), "overwrite") => false,
                (Some(current), "converge") => {
                    current.kind == variable.kind && current.parameters == parameters
                }
                (Some(_), _) => true,
            };
            let id = match current {
                Some(current) if keeps => current.variable_id,
                _ => {
                    self.make(task, &name, &variable.kind, &options, parameters)
                        .await?
                }
            };
            variables::pin(self.store.pool(), self.set, &name, &id).await?;
        }
        Ok(())
    }

    async fn make(
        &self,
        task: &Task,
        name: &str,
        kind: &str,
        options: &Value,
        parameters: String,
    ) -> Result<String, Error> {
        // A certificate may need its authority's value, which is read before the making begins.
        let mut known = BTreeMap::new();
        if let Some(ca) = options.get("ca").and_then(Value::as_str)
            && let Some(found) = variables::current_value(self.store.pool(), ca).await?
        {
            known.insert(ca.to_owned(), to_manifest(&parse(&found)?));
        }
        let (kind_of, given, of) = (kind.to_owned(), to_manifest(options), name.to_owned());
        let made = tokio::task::spawn_blocking(move || {
            let mut lookup = |name: &str| known.get(name).cloned();
            let mut context = Context {
                rng: &mut Kernel,
                now: warren_director_store::now(),
                lookup: &mut lookup,
            };
            generate(&kind_of, &given, &mut context)
        })
        .await
        .map_err(|error| Error::other(format!("make variable {of}"), error))?
        .map_err(|error| Error::other(format!("make variable {of}"), error))?;
        let value = variables::Value {
            variable_id: uuid::new(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            parameters,
            value: from_manifest(&made).to_string(),
        };
        variables::add_value(self.store.pool(), &value).await?;
        task.event(crate::task::Event {
            action: "create",
            object_type: "variable",
            object_name: Some(name),
            context: Some(serde_json::json!({"id": value.variable_id, "name": name})),
            ..Default::default()
        })
        .await?;
        Ok(value.variable_id)
    }
}

fn parse(value: &variables::Value) -> Result<Value, Error> {
    serde_json::from_str(&value.value)
        .map_err(|error| Error::other(format!("read the value of variable {}", value.name), error))
}

/// The authority of a certificate is a variable too: its name is made absolute.
fn absolute_ca(options: &Value, of: &Variables) -> Value {
    let mut options = options.clone();
    if let Some(Value::String(ca)) = options.get_mut("ca") {
        *ca = of.absolute(ca);
    }
    options
}

/// JSON as a manifest has it.
pub fn to_manifest(value: &Value) -> yaml::Value {
    match value {
        Value::Null => yaml::Value::Null,
        Value::Bool(value) => yaml::Value::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => yaml::Value::Int(i128::from(number)),
            (_, Some(number), _) => yaml::Value::Int(i128::from(number)),
            (_, _, Some(number)) => yaml::Value::Float(number),
            _ => yaml::Value::Null,
        },
        Value::String(text) => yaml::Value::String(text.clone()),
        Value::Array(items) => yaml::Value::Seq(items.iter().map(to_manifest).collect()),
        Value::Object(map) => yaml::Value::Map(to_mapping(map)),
    }
}

/// An object as a manifest has it.
pub fn to_mapping(map: &Map<String, Value>) -> yaml::Mapping {
    map.iter()
        .map(|(key, value)| (yaml::Value::String(key.clone()), to_manifest(value)))
        .collect()
}

/// The kernel's randomness.
struct Kernel;

impl Kernel {
    fn fill(bytes: &mut [u8]) -> Result<(), rustix::io::Errno> {
        let mut filled = 0;
        while filled < bytes.len() {
            let flags = rustix::rand::GetRandomFlags::empty();
            match rustix::rand::getrandom(&mut bytes[filled..], flags) {
                Ok(count) => filled += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl rand_core::TryRng for Kernel {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        // It waits until there is randomness; a kernel without the call is none that this runs on.
        while Self::fill(bytes).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Kernel {}
