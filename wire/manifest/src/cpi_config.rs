//! CPI configs: which CPIs there are, for availability zones to name.

use crate::check::{Fields, Invalid, duplicate, refuse};
use crate::yaml::{Mapping, Value};

/// A CPI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpi {
    /// Its name.
    pub name: String,
    /// What it is a CPI of.
    pub kind: String,
    /// Its executable.
    pub exec_path: String,
    /// What it is told with each call. Holds credentials.
    pub properties: Mapping,
    /// Names that it had before.
    pub migrated_from: Vec<String>,
}

/// Several CPI configs as one.
pub fn merged<'a>(configs: impl IntoIterator<Item = &'a Value>) -> Result<Mapping, Invalid> {
    let mut cpis = Vec::new();
    for config in configs {
        cpis.extend(
            Fields::of(config)?
                .required::<&[Value]>("cpis")?
                .iter()
                .cloned(),
        );
    }
    let mut merged = Mapping::new();
    merged.insert("cpis", cpis);
    Ok(merged)
}

/// Checks a merged CPI config.
pub fn parse(config: &Mapping) -> Result<Vec<Cpi>, Invalid> {
    let mut cpis = Vec::new();
    for value in Fields::of_map(config).required::<&[Value]>("cpis")? {
        let fields = Fields::of(value)?;
        let name = fields.required("name")?;
        let kind: String = fields.required("type")?;
        let exec_path = fields.optional("exec_path")?;
        let mut migrated_from = Vec::new();
        for former in fields.list("migrated_from")? {
            migrated_from.push(Fields::of(former)?.required("name")?);
        }
        cpis.push(Cpi {
            name,
            exec_path: exec_path.unwrap_or_else(|| format!("/var/vcap/jobs/{kind}_cpi/bin/cpi")),
            kind,
            properties: fields.map("properties")?,
            migrated_from,
        });
    }
    let names = cpis
        .iter()
        .flat_map(|cpi| cpi.migrated_from.iter().chain([&cpi.name]));
    if let Some(name) = duplicate(names.map(String::as_str)) {
        refuse!(CpiDuplicateName, "Duplicate cpi name '{name}'");
    }
    Ok(cpis)
}
