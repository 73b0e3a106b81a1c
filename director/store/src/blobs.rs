//! Blobs that are kept for a while only: fetched logs, exported releases.

use sqlx::FromRow;

use crate::error::During;
use crate::{Db, Error, now};

/// A blob to delete some day.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Ephemeral {
    /// Key.
    pub id: i64,
    /// The blob.
    pub blobstore_id: String,
    /// Its digest.
    pub sha1: String,
    /// `log` or `exported-release`.
    pub kind: String,
    /// Unix time.
    pub created_at: i64,
}

/// Remembers one.
///
/// # Errors
/// What the database said.
pub async fn remember<'c>(
    db: impl Db<'c>,
    blob: &str,
    sha1: &str,
    kind: &str,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO ephemeral_blobs (blobstore_id, sha1, kind, created_at) \
         VALUES ($1, $2, $3, $4)",
    )
    .bind(blob)
    .bind(sha1)
    .bind(kind)
    .bind(now())
    .execute(db)
    .await
    .during("remember a blob")?;
    Ok(())
}

/// Those made before a time, oldest first.
///
/// # Errors
/// What the database said.
pub async fn before<'c>(db: impl Db<'c>, time: i64) -> Result<Vec<Ephemeral>, Error> {
    sqlx::query_as(
        "SELECT id, blobstore_id, sha1, kind, created_at FROM ephemeral_blobs \
         WHERE created_at < $1 ORDER BY id",
    )
    .bind(time)
    .fetch_all(db)
    .await
    .during("list blobs to delete")
}

/// Forgets one.
///
/// # Errors
/// What the database said.
pub async fn forget<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM ephemeral_blobs WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("forget a blob")?;
    Ok(())
}

/// Forgets the one of this blob.
///
/// # Errors
/// What the database said.
pub async fn forget_blob<'c>(db: impl Db<'c>, blob: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM ephemeral_blobs WHERE blobstore_id = $1")
        .bind(blob)
        .execute(db)
        .await
        .during("forget a blob")?;
    Ok(())
}
