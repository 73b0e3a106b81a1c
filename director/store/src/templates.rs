//! Jobs of releases; the table has the name that stock gave it.

use sqlx::FromRow;

use crate::error::During;
use crate::{Db, Error};

/// A job of a release.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Template {
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
    /// Its archive.
    pub blobstore_id: String,
    /// Digests of the archive.
    pub sha1: String,
    /// Names of packages, JSON.
    pub package_names: String,
    /// The job's `job.MF`, JSON.
    pub spec: String,
}

/// What a new job is made of.
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
    /// Its archive.
    pub blobstore_id: &'a str,
    /// Digests of the archive.
    pub sha1: &'a str,
    /// Names of packages.
    pub package_names: &'a [String],
    /// The job's `job.MF` as JSON.
    pub spec: &'a serde_json::Value,
}

/// Adds a job; the answer is its key.
///
/// # Errors
/// What the database said.
pub async fn create<'c>(db: impl Db<'c>, new: &New<'_>) -> Result<i64, Error> {
    sqlx::query_scalar(
        "INSERT INTO templates (release_id, name, version, fingerprint, blobstore_id, sha1, \
         package_names, spec) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
    )
    .bind(new.release_id)
    .bind(new.name)
    .bind(new.version)
    .bind(new.fingerprint)
    .bind(new.blobstore_id)
    .bind(new.sha1)
    .bind(serde_json::Value::from(new.package_names).to_string())
    .bind(new.spec.to_string())
    .fetch_one(db)
    .await
    .during("add a job of a release")
}

/// Sets where a job's archive is, and what its spec says.
///
/// # Errors
/// What the database said.
pub async fn set_blob<'c>(
    db: impl Db<'c>,
    id: i64,
    blob: &str,
    digest: &str,
    spec: &serde_json::Value,
) -> Result<(), Error> {
    sqlx::query("UPDATE templates SET blobstore_id = $2, sha1 = $3, spec = $4 WHERE id = $1")
        .bind(id)
        .bind(blob)
        .bind(digest)
        .bind(spec.to_string())
        .execute(db)
        .await
        .during("set the archive of a job")?;
    Ok(())
}

/// Makes a job part of a version.
///
/// # Errors
/// What the database said.
pub async fn join<'c>(db: impl Db<'c>, id: i64, release_version: i64) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO release_versions_templates (template_id, release_version_id) \
         VALUES ($1, $2) ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(release_version)
    .execute(db)
    .await
    .during("join a job to a version")?;
    Ok(())
}

/// The jobs of a version, by name.
///
/// # Errors
/// What the database said.
pub async fn of_version<'c>(db: impl Db<'c>, release_version: i64) -> Result<Vec<Template>, Error> {
    sqlx::query_as(
        "SELECT id, release_id, name, version, fingerprint, blobstore_id, sha1, package_names, \
         spec FROM templates JOIN release_versions_templates ON template_id = id \
         WHERE release_version_id = $1 ORDER BY name",
    )
    .bind(release_version)
    .fetch_all(db)
    .await
    .during("list the jobs of a version")
}

/// The names of the jobs of every version of every release, with the versions' keys.
///
/// # Errors
/// What the database said.
pub async fn names<'c>(db: impl Db<'c>) -> Result<Vec<(i64, String)>, Error> {
    sqlx::query_as(
        "SELECT release_version_id, name FROM templates \
         JOIN release_versions_templates ON template_id = id ORDER BY release_version_id, name",
    )
    .fetch_all(db)
    .await
    .during("list the jobs of all versions")
}

/// The job of a release with this fingerprint.
///
/// # Errors
/// What the database said.
pub async fn with_fingerprint<'c>(
    db: impl Db<'c>,
    release_id: i64,
    name: &str,
    fingerprint: &str,
) -> Result<Option<Template>, Error> {
    sqlx::query_as(
        "SELECT id, release_id, name, version, fingerprint, blobstore_id, sha1, package_names, \
         spec FROM templates WHERE release_id = $1 AND name = $2 AND fingerprint = $3",
    )
    .bind(release_id)
    .bind(name)
    .bind(fingerprint)
    .fetch_optional(db)
    .await
    .during("find a job by fingerprint")
}

/// Jobs of a release that no version has any more.
///
/// # Errors
/// What the database said.
pub async fn unused<'c>(db: impl Db<'c>, release_id: i64) -> Result<Vec<Template>, Error> {
    sqlx::query_as(
        "SELECT id, release_id, name, version, fingerprint, blobstore_id, sha1, package_names, \
         spec FROM templates WHERE release_id = $1 AND id NOT IN \
         (SELECT template_id FROM release_versions_templates)",
    )
    .bind(release_id)
    .fetch_all(db)
    .await
    .during("list jobs that are not used")
}

/// Forgets a job.
///
/// # Errors
/// What the database said.
pub async fn delete<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM templates WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("forget a job of a release")?;
    Ok(())
}
