//! Things that somebody is about to be asked for: written down before the call, and forgotten in the same
//! transaction that adds their row, so that what a worker that died had asked for can be found.

use sqlx::FromRow;

use crate::error::During;
use crate::{Db, Error, now};

/// What is about to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A disk, by a CPI.
    Disk,
    /// A machine, by a CPI.
    Vm,
    /// A stemcell, by a CPI.
    Stemcell,
    /// A blob, by an agent.
    Blob,
}

impl Kind {
    /// As rows have it, and people read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Disk => "disk",
            Kind::Vm => "vm",
            Kind::Stemcell => "stemcell",
            Kind::Blob => "blob",
        }
    }
}

impl TryFrom<String> for Kind {
    type Error = Error;

    fn try_from(word: String) -> Result<Self, Error> {
        let all = [Kind::Disk, Kind::Vm, Kind::Stemcell, Kind::Blob];
        all.into_iter()
            .find(|kind| kind.word() == word)
            .ok_or(Error::Word {
                column: "intents.kind",
                word,
            })
    }
}

/// Something that may exist.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Intent {
    /// What it was asked to be called.
    pub cid: String,
    /// What it is.
    #[sqlx(try_from = "String")]
    pub kind: Kind,
    /// Which CPI was asked; empty for a blob.
    pub cpi: String,
    /// What it was to be for; for each of these nobody makes two at once.
    pub owner: String,
    /// Who wanted it.
    pub task_id: i64,
    /// Unix time.
    pub created_at: i64,
}

/// What is about to be made.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// What it shall be called.
    pub cid: &'a str,
    /// What it is.
    pub kind: Kind,
    /// Which CPI is asked; empty for a blob.
    pub cpi: &'a str,
    /// What it is for.
    pub owner: &'a str,
    /// Who wants it.
    pub task_id: i64,
}

/// Writes down that something is about to be made.
///
/// # Errors
/// What the database said.
pub async fn create<'c>(db: impl Db<'c>, new: &New<'_>) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO intents (cid, kind, cpi, owner, task_id, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(new.cid)
    .bind(new.kind.word())
    .bind(new.cpi)
    .bind(new.owner)
    .bind(new.task_id)
    .bind(now())
    .execute(db)
    .await
    .during("write down what is about to be made")?;
    Ok(())
}

/// Those of tasks that are over.
///
/// # Errors
/// What the database said.
pub async fn left<'c>(db: impl Db<'c>) -> Result<Vec<Intent>, Error> {
    sqlx::query_as(
        "SELECT cid, kind, cpi, owner, task_id, created_at FROM intents \
         WHERE task_id NOT IN (SELECT id FROM tasks \
         WHERE state IN ('queued', 'processing', 'cancelling')) ORDER BY created_at, cid",
    )
    .fetch_all(db)
    .await
    .during("list what was about to be made")
}

/// Those of an owner, whosever task they are.
///
/// # Errors
/// What the database said.
pub async fn of_owner<'c>(db: impl Db<'c>, owner: &str) -> Result<Vec<Intent>, Error> {
    sqlx::query_as(
        "SELECT cid, kind, cpi, owner, task_id, created_at FROM intents WHERE owner = $1 \
         ORDER BY created_at, cid",
    )
    .bind(owner)
    .fetch_all(db)
    .await
    .during("list what was about to be made for somebody")
}

/// Forgets one: it has a row, or does not exist.
///
/// # Errors
/// What the database said.
pub async fn delete<'c>(db: impl Db<'c>, cid: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM intents WHERE cid = $1")
        .bind(cid)
        .execute(db)
        .await
        .during("forget what was about to be made")?;
    Ok(())
}
