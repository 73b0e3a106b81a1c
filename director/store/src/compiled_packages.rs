//! What packages became on a stemcell.

use sqlx::FromRow;

use crate::error::During;
use crate::{Db, Error};

/// A compiled package.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct CompiledPackage {
    /// Key.
    pub id: i64,
    /// What it was compiled from.
    pub package_id: i64,
    /// On which system.
    pub stemcell_os: String,
    /// On which version of it.
    pub stemcell_version: String,
    /// Versions of all that it was compiled with, JSON as stock writes it.
    pub dependency_key: String,
    /// How often the package had been compiled there.
    pub build: i64,
    /// Its archive.
    pub blobstore_id: String,
    /// Digests of the archive.
    pub sha1: String,
}

/// What a new compiled package is made of.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// What it was compiled from.
    pub package_id: i64,
    /// On which system.
    pub stemcell_os: &'a str,
    /// On which version of it.
    pub stemcell_version: &'a str,
    /// Versions of all that it was compiled with.
    pub dependency_key: &'a str,
    /// SHA-1 of `dependency_key`, hex.
    pub dependency_key_sha1: &'a str,
    /// Its archive.
    pub blobstore_id: &'a str,
    /// Digests of the archive.
    pub sha1: &'a str,
}

/// The next number of a build of a package on a stemcell.
///
/// # Errors
/// What the database said.
pub async fn next_build<'c>(
    db: impl Db<'c>,
    package_id: i64,
    os: &str,
    version: &str,
) -> Result<i64, Error> {
    let last: Option<i64> = sqlx::query_scalar(
        "SELECT MAX(build) FROM compiled_packages \
         WHERE package_id = $1 AND stemcell_os = $2 AND stemcell_version = $3",
    )
    .bind(package_id)
    .bind(os)
    .bind(version)
    .fetch_one(db)
    .await
    .during("number a compiled package")?;
    Ok(last.unwrap_or(0) + 1)
}

/// Adds a compiled package as `build`; the answer is its row.
///
/// # Errors
/// What the database said.
pub async fn create<'c>(
    db: impl Db<'c>,
    new: &New<'_>,
    build: i64,
) -> Result<CompiledPackage, Error> {
    sqlx::query_as(
        "INSERT INTO compiled_packages (package_id, stemcell_os, stemcell_version, \
         dependency_key, dependency_key_sha1, build, blobstore_id, sha1) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         RETURNING id, package_id, stemcell_os, stemcell_version, dependency_key, build, \
         blobstore_id, sha1",
    )
    .bind(new.package_id)
    .bind(new.stemcell_os)
    .bind(new.stemcell_version)
    .bind(new.dependency_key)
    .bind(new.dependency_key_sha1)
    .bind(build)
    .bind(new.blobstore_id)
    .bind(new.sha1)
    .fetch_one(db)
    .await
    .during("add a compiled package")
}

/// All that a package was compiled to.
///
/// # Errors
/// What the database said.
pub async fn of_package<'c>(
    db: impl Db<'c>,
    package_id: i64,
) -> Result<Vec<CompiledPackage>, Error> {
    sqlx::query_as(
        "SELECT id, package_id, stemcell_os, stemcell_version, dependency_key, build, \
         blobstore_id, sha1 FROM compiled_packages WHERE package_id = $1 ORDER BY id",
    )
    .bind(package_id)
    .fetch_all(db)
    .await
    .during("list what a package was compiled to")
}

/// All compiled packages of a version of a release.
///
/// # Errors
/// What the database said.
pub async fn of_version<'c>(
    db: impl Db<'c>,
    release_version: i64,
) -> Result<Vec<CompiledPackage>, Error> {
    sqlx::query_as(
        "SELECT compiled_packages.id, compiled_packages.package_id, stemcell_os, \
         stemcell_version, dependency_key, build, blobstore_id, sha1 FROM compiled_packages \
         JOIN packages_release_versions \
         ON packages_release_versions.package_id = compiled_packages.package_id \
         WHERE release_version_id = $1 ORDER BY compiled_packages.id",
    )
    .bind(release_version)
    .fetch_all(db)
    .await
    .during("list the compiled packages of a version")
}

/// Forgets a compiled package.
///
/// # Errors
/// What the database said.
pub async fn delete<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM compiled_packages WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("forget a compiled package")?;
    Ok(())
}
