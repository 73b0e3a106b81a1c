//! Releases and stemcells.

use crate::check::{Fields, Invalid, refuse};
use crate::yaml::Value;

/// A release that jobs come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its version, `latest`, or `N.latest`.
    pub version: String,
    /// Stemcells whose compiled packages are to be used; empty for any.
    pub exported_from: Vec<ExportedFrom>,
}

/// A stemcell that packages were compiled on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedFrom {
    /// Its operating system.
    pub os: String,
    /// Its version.
    pub version: String,
}

/// A stemcell that instances start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stemcell {
    /// What instance groups call it.
    pub alias: String,
    /// Which one it is.
    pub source: StemcellSource,
    /// Its version, `latest`, or `N.latest`.
    pub version: String,
}

/// Which stemcell is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StemcellSource {
    /// Any of this operating system.
    Os(String),
    /// The one of this name.
    Name(String),
}

impl Stemcell {
    /// The operating system, if the manifest says it.
    pub fn os(&self) -> Option<&str> {
        match &self.source {
            StemcellSource::Os(os) => Some(os),
            StemcellSource::Name(_) => None,
        }
    }
}

impl Release {
    pub(crate) fn parse(fields: Fields<'_>) -> Result<Release, Invalid> {
        let name = fields.required("name")?;
        let version = fields.required("version")?;
        let mut exported_from = Vec::new();
        for value in fields.list("exported_from")? {
            let fields = Fields::of(value)?;
            exported_from.push(ExportedFrom {
                os: fields.required("os")?,
                version: fields.required("version")?,
            });
        }
        Ok(Release {
            name,
            version,
            exported_from,
        })
    }
}

pub(super) fn releases(fields: Fields<'_>) -> Result<Vec<Release>, Invalid> {
    let specs: &[Value] = match fields.value("release") {
        Some(_) if fields.has("releases") => refuse!(
            DeploymentAmbiguousReleaseSpec,
            "Deployment manifest contains both 'release' and 'releases' sections, please use one of the two."
        ),
        Some(release) => std::slice::from_ref(release),
        None => fields.required("releases")?,
    };
    let mut releases: Vec<Release> = Vec::with_capacity(specs.len());
    for spec in specs {
        let release = Release::parse(Fields::of(spec)?)?;
        if releases.iter().any(|other| other.name == release.name) {
            refuse!(
                DeploymentDuplicateReleaseName,
                "Duplicate release name '{}'",
                release.name
            );
        }
        releases.push(release);
    }
    Ok(releases)
}

pub(super) fn stemcells(fields: Fields<'_>) -> Result<Vec<Stemcell>, Invalid> {
    let mut stemcells: Vec<Stemcell> = Vec::new();
    for spec in fields.list("stemcells")? {
        let fields = Fields::of(spec)?;
        let alias: String = fields.required("alias")?;
        if stemcells.iter().any(|other| other.alias == alias) {
            refuse!(
                StemcellAliasAlreadyExists,
                "Duplicate stemcell alias '{alias}'"
            );
        }
        let name: Option<String> = fields.optional("name")?;
        let os: Option<String> = fields.optional("os")?;
        let version = fields.required("version")?;
        let source = match (name, os) {
            (Some(name), None) => StemcellSource::Name(name),
            (None, Some(os)) => StemcellSource::Os(os),
            (None, None) => refuse!(
                ValidationMissingField,
                "Required property 'os' or 'name' was not specified in object ({})",
                fields.show()
            ),
            (Some(_), Some(_)) => refuse!(
                StemcellBothNameAndOs,
                "Properties 'os' and 'name' are both specified for stemcell, choose one. ({})",
                fields.show()
            ),
        };
        stemcells.push(Stemcell {
            alias,
            source,
            version,
        });
    }
    Ok(stemcells)
}
