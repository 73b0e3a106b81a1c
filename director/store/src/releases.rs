//! Releases and their versions.

use sqlx::FromRow;

use crate::error::During;
use crate::flag::Flag;
use crate::{Connection, Db, Error};

/// A release by name.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Release {
    /// Key.
    pub id: i64,
    /// Unique.
    pub name: String,
}

/// A version of a release.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ReleaseVersion {
    /// Key.
    pub id: i64,
    /// Its release.
    pub release_id: i64,
    /// The release's name.
    pub name: String,
    /// As it was uploaded, compared by the rules of release versions.
    pub version: String,
    /// Of the release's repository.
    pub commit_hash: String,
    /// Whether the repository had more than was committed.
    #[sqlx(try_from = "i64")]
    pub uncommitted_changes: Flag,
    /// Whether its upload came to an end.
    #[sqlx(try_from = "i64")]
    pub update_completed: Flag,
}

/// The release called `name`, made if there is none.
///
/// # Errors
/// What the database said.
pub async fn find_or_create<'c>(db: impl Db<'c>, name: &str) -> Result<Release, Error> {
    sqlx::query_as(
        "INSERT INTO releases (name) VALUES ($1) \
         ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id, name",
    )
    .bind(name)
    .fetch_one(db)
    .await
    .during("make a release")
}

/// The release called `name`.
///
/// # Errors
/// What the database said.
pub async fn find<'c>(db: impl Db<'c>, name: &str) -> Result<Option<Release>, Error> {
    sqlx::query_as("SELECT id, name FROM releases WHERE name = $1")
        .bind(name)
        .fetch_optional(db)
        .await
        .during("find a release")
}

/// All versions of all releases, by name.
///
/// # Errors
/// What the database said.
pub async fn list<'c>(db: impl Db<'c>) -> Result<Vec<ReleaseVersion>, Error> {
    sqlx::query_as(
        "SELECT release_versions.id, release_id, name, version, commit_hash, \
         uncommitted_changes, update_completed FROM release_versions \
         JOIN releases ON releases.id = release_id ORDER BY name, release_versions.id",
    )
    .fetch_all(db)
    .await
    .during("list releases")
}

/// All versions of one release.
///
/// # Errors
/// What the database said.
pub async fn versions<'c>(db: impl Db<'c>, name: &str) -> Result<Vec<ReleaseVersion>, Error> {
    sqlx::query_as(
        "SELECT release_versions.id, release_id, name, version, commit_hash, \
         uncommitted_changes, update_completed FROM release_versions \
         JOIN releases ON releases.id = release_id WHERE name = $1 ORDER BY release_versions.id",
    )
    .bind(name)
    .fetch_all(db)
    .await
    .during("list the versions of a release")
}

/// One version of one release.
///
/// # Errors
/// What the database said.
pub async fn find_version<'c>(
    db: impl Db<'c>,
    name: &str,
    version: &str,
) -> Result<Option<ReleaseVersion>, Error> {
    sqlx::query_as(
        "SELECT release_versions.id, release_id, name, version, commit_hash, \
         uncommitted_changes, update_completed FROM release_versions \
         JOIN releases ON releases.id = release_id WHERE name = $1 AND version = $2",
    )
    .bind(name)
    .bind(version)
    .fetch_optional(db)
    .await
    .during("find a version of a release")
}

/// Adds a version whose upload has begun; the answer is its key.
///
/// # Errors
/// What the database said.
pub async fn create_version<'c>(
    db: impl Db<'c>,
    release_id: i64,
    version: &str,
    commit_hash: &str,
    uncommitted_changes: bool,
) -> Result<i64, Error> {
    sqlx::query_scalar(
        "INSERT INTO release_versions (release_id, version, commit_hash, uncommitted_changes) \
         VALUES ($1, $2, $3, $4) RETURNING id",
    )
    .bind(release_id)
    .bind(version)
    .bind(commit_hash)
    .bind(i64::from(uncommitted_changes))
    .fetch_one(db)
    .await
    .during("add a version of a release")
}

/// Says whether a version's upload came to an end.
///
/// # Errors
/// What the database said.
pub async fn set_completed<'c>(db: impl Db<'c>, id: i64, completed: bool) -> Result<(), Error> {
    sqlx::query("UPDATE release_versions SET update_completed = $2 WHERE id = $1")
        .bind(id)
        .bind(i64::from(completed))
        .execute(db)
        .await
        .during("finish a version of a release")?;
    Ok(())
}

/// Keeps a version as it is until the transaction ends; the answer is whether it is there as a whole.
///
/// Whoever is about to delete it says first that it is not, see [`set_completed`]. So a deployment that
/// gets to use it in this transaction is seen by who wants to delete it afterwards, and one that comes
/// later sees that it is about to go. Several versions are to be kept in the order of their keys.
///
/// # Errors
/// What the database said.
pub async fn hold(connection: &mut Connection, id: i64) -> Result<bool, Error> {
    // Nothing changes, but the row is locked.
    let done = sqlx::query(
        "UPDATE release_versions SET update_completed = 1 WHERE id = $1 AND update_completed = 1",
    )
    .bind(id)
    .execute(connection)
    .await
    .during("keep a version of a release")?;
    Ok(done.rows_affected() == 1)
}

/// Forgets a version; its packages and templates stay, see [`crate::packages::unused`].
///
/// # Errors
/// What the database said.
pub async fn delete_version<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM release_versions WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("forget a version of a release")?;
    Ok(())
}

/// Forgets a release with all its versions.
///
/// # Errors
/// What the database said.
pub async fn delete<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM releases WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("forget a release")?;
    Ok(())
}
