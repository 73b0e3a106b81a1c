//! Which jobs and packages are to be where (pure).
//!
//! ```text
//! data/jobs/NAME/SHA1("<version>-<digest of the archive>")      ◄── jobs/NAME
//! data/packages/NAME/SHA1("<version>-<digest>")                 ◄── packages/NAME
//!                                                               ◄── .../jobs/J/packages/NAME
//! data/packages/NAME/SHA1("<version>")          what is compiled here
//! ```
//!
//! A directory that exists is complete. `prepare` makes directories only; `apply` makes the links
//! as well, and then removes what is not of this spec.

use std::collections::BTreeMap;
use std::path::PathBuf;

use warren_wire_agent::method::arguments::{BlobSource, SignedUrl};
use warren_wire_agent::spec::{ApplySpec, Package};

use crate::digest::sha1_hex;
use crate::files::{NotAName, checked_name};
use crate::paths::Paths;

/// A job or package: where from and where to.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// The directory with its files.
    pub directory: PathBuf,
    /// The link to that.
    pub link: PathBuf,
}

/// A package to be fetched.
#[derive(Debug, Clone, PartialEq)]
pub struct PackageItem {
    /// Where it is to be.
    pub item: Item,
    /// Where it is.
    pub source: BlobSource,
    /// Its digest.
    pub digest: String,
}

/// All that a spec wants installed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Jobs, in the spec's order.
    pub jobs: Vec<Item>,
    /// The archive of all jobs: where it is, and its digest.
    pub archive: Option<(BlobSource, String)>,
    /// Packages.
    pub packages: Vec<PackageItem>,
}

/// Plans a spec.
///
/// # Errors
/// A name that could lead elsewhere.
pub fn plan(paths: &Paths, spec: &ApplySpec) -> Result<Plan, NotAName> {
    let mut plan = Plan::default();
    if let Some(archive) = spec.archive() {
        let source = if archive.signed_url.is_empty() {
            BlobSource::Blobstore(archive.blobstore_id.clone())
        } else {
            BlobSource::Signed(SignedUrl {
                url: archive.signed_url.clone(),
                ..SignedUrl::default()
            })
        };
        plan.archive = Some((source, archive.sha1.clone()));
        for job in spec.jobs() {
            let name = checked_name("job", &job.name)?;
            let version = sha1_hex(&format!("{}-{}", job.version, archive.sha1));
            plan.jobs.push(Item {
                name: name.to_owned(),
                directory: paths.data_jobs().join(name).join(version),
                link: paths.jobs().join(name),
            });
        }
    }
    plan.packages = packages(paths, &spec.packages)?;
    Ok(plan)
}

/// Plans packages.
///
/// # Errors
/// A name that could lead elsewhere.
pub fn packages(
    paths: &Paths,
    packages: &BTreeMap<String, Package>,
) -> Result<Vec<PackageItem>, NotAName> {
    packages
        .values()
        .map(|package| {
            let source = if package.signed_url.is_empty() {
                BlobSource::Blobstore(package.blobstore_id.clone())
            } else {
                BlobSource::Signed(SignedUrl {
                    url: package.signed_url.clone(),
                    headers: package.blobstore_headers.clone().unwrap_or_default(),
                })
            };
            self::package(
                paths,
                &package.name,
                &package.version,
                &package.sha1,
                source,
            )
        })
        .collect()
}

/// Plans one package.
///
/// # Errors
/// A name that could lead elsewhere.
pub fn package(
    paths: &Paths,
    name: &str,
    version: &str,
    digest: &str,
    source: BlobSource,
) -> Result<PackageItem, NotAName> {
    let name = checked_name("package", name)?;
    let directory = sha1_hex(&format!("{version}-{digest}"));
    Ok(PackageItem {
        item: Item {
            name: name.to_owned(),
            directory: paths.data_packages().join(name).join(directory),
            link: paths.packages().join(name),
        },
        source,
        digest: digest.to_owned(),
    })
}

/// Where a package that is compiled here is made.
///
/// # Errors
/// A name that could lead elsewhere.
pub fn compiled(paths: &Paths, name: &str, version: &str) -> Result<Item, NotAName> {
    let name = checked_name("package", name)?;
    Ok(Item {
        name: name.to_owned(),
        directory: paths.data_packages().join(name).join(sha1_hex(version)),
        link: paths.packages().join(name),
    })
}

/// The mode of a job's file or directory: directories and what is in `bin` may be executed.
#[must_use]
pub fn job_mode(relative: &std::path::Path, is_directory: bool) -> u32 {
    let in_bin = relative
        .parent()
        .is_some_and(|parent| parent.ends_with("bin"));
    if is_directory || in_bin { 0o750 } else { 0o640 }
}

/// Name of a job's file for the supervisor. Supervisors read them in reverse, so the last job has
/// the lowest number.
#[must_use]
pub fn monitrc_name(jobs: usize, at: usize, job: &str, label: Option<&str>) -> String {
    let index = jobs.saturating_sub(at + 1);
    match label {
        None => format!("{index:04}_{job}.monitrc"),
        Some(label) => format!("{index:04}_{job}_{label}.monitrc"),
    }
}

#[cfg(test)]
mod tests {
    use super::{job_mode, monitrc_name, plan};
    use crate::paths::Paths;
    use std::path::Path;
    use warren_wire_agent::spec::ApplySpec;

    #[test]
    fn a_recorded_spec() {
        let text = include_str!("../../tests/fixtures/spec.json");
        let spec = ApplySpec::from_value(serde_json::from_str(text).unwrap()).unwrap();
        let plan = plan(&Paths::new(Path::new("/")), &spec).unwrap();
        let jobs: Vec<_> = plan.jobs.iter().map(|job| &*job.name).collect();
        assert_eq!(jobs, ["zookeeper", "status"]);
        let zookeeper = &plan.packages[1].item;
        assert_eq!(
            zookeeper.directory.to_str().unwrap(),
            "/var/vcap/data/packages/zookeeper/89b1276a183f6eb13e8e982f83d0a08de1a79264"
        );
        assert_eq!(
            zookeeper.link.to_str().unwrap(),
            "/var/vcap/packages/zookeeper"
        );
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        let spec = serde_json::json!({"packages": {"x": {"name": "../../etc"}}});
        let spec = ApplySpec::from_value(spec).unwrap();
        assert!(plan(&Paths::new(Path::new("/")), &spec).is_err());
    }

    #[test]
    fn modes_and_names() {
        assert_eq!(job_mode(Path::new("bin/ctl"), false), 0o750);
        assert_eq!(job_mode(Path::new("config/x.yml"), false), 0o640);
        assert_eq!(job_mode(Path::new("config"), true), 0o750);
        assert_eq!(monitrc_name(2, 0, "a", None), "0001_a.monitrc");
        assert_eq!(
            monitrc_name(2, 1, "b", Some("extra")),
            "0000_b_extra.monitrc"
        );
    }
}
