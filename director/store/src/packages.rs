//! Packages of releases.

use sqlx::FromRow;

use crate::error::During;
use crate::filter::Statement;
use crate::{Db, Error};

/// A package.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Package {
    /// Key.
    pub id: i64,
    /// Its release.
    pub release_id: i64,
    /// Unique with its version in its release.
    pub name: String,
    /// Nearly always the fingerprint.
    pub version: String,
    /// Of its contents.
    pub fingerprint: String,
    /// Its source; `None` if it came compiled.
    pub blobstore_id: Option<String>,
    /// Digests of its source.
    pub sha1: Option<String>,
    /// Names of packages, JSON.
    pub dependencies: String,
}

impl Package {
    /// The packages that it needs for its compilation, by name.
    ///
    /// # Errors
    /// [`Error::Document`].
    pub fn dependencies(&self) -> Result<Vec<String>, Error> {
        serde_json::from_str(&self.dependencies).map_err(|source| Error::Document {
            what: "dependencies of a package",
            row: self.id,
            source,
        })
    }
}

/// What a new package is made of.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// Its release.
    pub release_id: i64,
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Its fingerprint.
    pub fingerprint: &'a str,
    /// Its source.
    pub blob: Option<(&'a str, &'a str)>,
    /// Names of packages.
    pub dependencies: &'a [String],
}

/// Adds a package; the answer is its key.
///
/// # Errors
/// What the database said.
pub async fn create<'c>(db: impl Db<'c>, new: &New<'_>) -> Result<i64, Error> {
    sqlx::query_scalar(
        "INSERT INTO packages (release_id, name, version, fingerprint, blobstore_id, sha1, \
         dependencies) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
    )
    .bind(new.release_id)
    .bind(new.name)
    .bind(new.version)
    .bind(new.fingerprint)
    .bind(new.blob.map(|(id, _)| id))
    .bind(new.blob.map(|(_, digest)| digest))
    .bind(serde_json::Value::from(new.dependencies).to_string())
    .fetch_one(db)
    .await
    .during("add a package")
}

/// Sets where a package's source is.
///
/// # Errors
/// What the database said.
pub async fn set_blob<'c>(db: impl Db<'c>, id: i64, blob: &str, digest: &str) -> Result<(), Error> {
    sqlx::query("UPDATE packages SET blobstore_id = $2, sha1 = $3 WHERE id = $1")
        .bind(id)
        .bind(blob)
        .bind(digest)
        .execute(db)
        .await
        .during("set the source of a package")?;
    Ok(())
}

/// Makes a package part of a version.
///
/// # Errors
/// What the database said.
pub async fn join<'c>(db: impl Db<'c>, id: i64, release_version: i64) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO packages_release_versions (package_id, release_version_id) VALUES ($1, $2) \
         ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(release_version)
    .execute(db)
    .await
    .during("join a package to a version")?;
    Ok(())
}

/// The packages of a version, by name.
///
/// # Errors
/// What the database said.
pub async fn of_version<'c>(db: impl Db<'c>, release_version: i64) -> Result<Vec<Package>, Error> {
    sqlx::query_as(
        "SELECT id, release_id, name, version, fingerprint, blobstore_id, sha1, dependencies \
         FROM packages JOIN packages_release_versions ON package_id = id \
         WHERE release_version_id = $1 ORDER BY name",
    )
    .bind(release_version)
    .fetch_all(db)
    .await
    .during("list the packages of a version")
}

/// Packages of any release with one of these fingerprints.
///
/// # Errors
/// What the database said.
pub async fn with_fingerprints<'c>(
    db: impl Db<'c>,
    fingerprints: &[String],
) -> Result<Vec<Package>, Error> {
    if fingerprints.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = Statement::new(
        "SELECT id, release_id, name, version, fingerprint, blobstore_id, sha1, dependencies \
         FROM packages WHERE 1 = 1",
    );
    statement
        .among("fingerprint", fingerprints.iter().map(String::as_str))
        .text(" ORDER BY id");
    statement
        .build()
        .fetch_all(db)
        .await
        .during("find packages by fingerprint")
}

/// Packages of a release that no version has any more.
///
/// # Errors
/// What the database said.
pub async fn unused<'c>(db: impl Db<'c>, release_id: i64) -> Result<Vec<Package>, Error> {
    sqlx::query_as(
        "SELECT id, release_id, name, version, fingerprint, blobstore_id, sha1, dependencies \
         FROM packages WHERE release_id = $1 AND id NOT IN \
         (SELECT package_id FROM packages_release_versions)",
    )
    .bind(release_id)
    .fetch_all(db)
    .await
    .during("list packages that are not used")
}

/// Forgets a package and what was compiled of it.
///
/// # Errors
/// What the database said.
pub async fn delete<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM packages WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("forget a package")?;
    Ok(())
}
