//! Stemcells, one row for each CPI that has them.

use sqlx::FromRow;

use crate::error::During;
use crate::{Connection, Db, Error, Flag};

/// A stemcell on one CPI.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Stemcell {
    /// Key.
    pub id: i64,
    /// As its maker calls it.
    pub name: String,
    /// Compared by the rules of versions.
    pub version: String,
    /// Such as `debian-bookworm`.
    pub operating_system: String,
    /// What the CPI calls it.
    pub cid: String,
    /// Digest of its image.
    pub sha1: String,
    /// The CPI's name in the CPI config; empty without one.
    pub cpi: String,
    /// What its agent understands.
    pub api_version: Option<i64>,
    /// Whether somebody is about to delete it, or was: nothing gets to use it any more.
    #[sqlx(try_from = "i64")]
    pub going: Flag,
}

/// All stemcells by name.
///
/// # Errors
/// What the database said.
pub async fn list<'c>(db: impl Db<'c>) -> Result<Vec<Stemcell>, Error> {
    sqlx::query_as(
        "SELECT id, name, version, operating_system, cid, sha1, cpi, api_version, going \
         FROM stemcells ORDER BY name, id",
    )
    .fetch_all(db)
    .await
    .during("list stemcells")
}

/// A stemcell on one CPI.
///
/// # Errors
/// What the database said.
pub async fn find<'c>(
    db: impl Db<'c>,
    name: &str,
    version: &str,
    cpi: &str,
) -> Result<Option<Stemcell>, Error> {
    sqlx::query_as(
        "SELECT id, name, version, operating_system, cid, sha1, cpi, api_version, going \
         FROM stemcells WHERE name = $1 AND version = $2 AND cpi = $3",
    )
    .bind(name)
    .bind(version)
    .bind(cpi)
    .fetch_optional(db)
    .await
    .during("find a stemcell")
}

/// What a new stemcell is made of.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// As its maker calls it.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Such as `debian-bookworm`.
    pub operating_system: &'a str,
    /// What the CPI calls it.
    pub cid: &'a str,
    /// Digest of its image.
    pub sha1: &'a str,
    /// The CPI's name.
    pub cpi: &'a str,
    /// What its agent understands.
    pub api_version: Option<i64>,
}

/// Adds a stemcell, or replaces the one of the same name, version and CPI; the answer is its key.
///
/// # Errors
/// What the database said.
pub async fn put<'c>(db: impl Db<'c>, new: &New<'_>) -> Result<i64, Error> {
    sqlx::query_scalar(
        "INSERT INTO stemcells (name, version, operating_system, cid, sha1, cpi, api_version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name, version, cpi) DO UPDATE SET \
         operating_system = excluded.operating_system, cid = excluded.cid, sha1 = excluded.sha1, \
         api_version = excluded.api_version, going = 0 RETURNING id",
    )
    .bind(new.name)
    .bind(new.version)
    .bind(new.operating_system)
    .bind(new.cid)
    .bind(new.sha1)
    .bind(new.cpi)
    .bind(new.api_version)
    .fetch_one(db)
    .await
    .during("add a stemcell")
}

/// Keeps a stemcell from being deleted until the end of a transaction; the answer is whether it is there, and
/// nobody is about to delete it.
///
/// # Errors
/// What the database said.
pub async fn hold(connection: &mut Connection, id: i64) -> Result<bool, Error> {
    // Nothing changes, but the row is locked.
    let done = sqlx::query("UPDATE stemcells SET going = 0 WHERE id = $1 AND going = 0")
        .bind(id)
        .execute(connection)
        .await
        .during("keep a stemcell")?;
    Ok(done.rows_affected() == 1)
}

/// Says that a stemcell is about to be deleted.
///
/// # Errors
/// What the database said.
pub async fn set_going<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("UPDATE stemcells SET going = 1 WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("mark a stemcell")?;
    Ok(())
}

/// Forgets a stemcell.
///
/// # Errors
/// What the database said.
pub async fn delete<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM stemcells WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("forget a stemcell")?;
    Ok(())
}

/// Remembers that a stemcell was offered to a CPI, whether or not it took it.
///
/// # Errors
/// What the database said.
pub async fn record_upload<'c>(
    db: impl Db<'c>,
    name: &str,
    version: &str,
    cpi: &str,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO stemcell_uploads (name, version, cpi) VALUES ($1, $2, $3) \
         ON CONFLICT DO NOTHING",
    )
    .bind(name)
    .bind(version)
    .bind(cpi)
    .execute(db)
    .await
    .during("record the upload of a stemcell")?;
    Ok(())
}

/// The CPIs that a stemcell was offered to.
///
/// # Errors
/// What the database said.
pub async fn uploads<'c>(db: impl Db<'c>, name: &str, version: &str) -> Result<Vec<String>, Error> {
    sqlx::query_scalar("SELECT cpi FROM stemcell_uploads WHERE name = $1 AND version = $2")
        .bind(name)
        .bind(version)
        .fetch_all(db)
        .await
        .during("list the uploads of a stemcell")
}

/// Forgets that a stemcell was offered.
///
/// # Errors
/// What the database said.
pub async fn forget_uploads<'c>(db: impl Db<'c>, name: &str, version: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM stemcell_uploads WHERE name = $1 AND version = $2")
        .bind(name)
        .bind(version)
        .execute(db)
        .await
        .during("forget the uploads of a stemcell")?;
    Ok(())
}
