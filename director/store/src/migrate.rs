//! Brings the schema up to date.
//!
//! `src/migrations/NNNN_name.sql` are applied in order, each in a transaction with its row in
//! `schema_migrations`. In their text `{id}` stands for a generated key column.

use sqlx::{AssertSqlSafe, Executor};

use crate::error::During;
use crate::store::{Kind, Store};
use crate::{Error, now};

/// Version and statements; statements are separated by `;` at the end of a line.
const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("migrations/0001_initial.sql")),
    (2, include_str!("migrations/0002_request_ids.sql")),
    (3, include_str!("migrations/0003_snapshots.sql")),
    (4, include_str!("migrations/0004_dynamic_disks.sql")),
    (5, include_str!("migrations/0005_aliases.sql")),
    (6, include_str!("migrations/0006_spares.sql")),
    (7, include_str!("migrations/0007_disk_intents.sql")),
    (8, include_str!("migrations/0008_unfinished.sql")),
    (9, include_str!("migrations/0009_intents.sql")),
];

/// An arbitrary number that only this program locks.
const POSTGRES_LOCK: &str = "SELECT pg_advisory_xact_lock(7264251)";

/// Applies what the database has not seen.
pub(crate) async fn run(store: &Store) -> Result<(), Error> {
    let mut tx = store.begin().await?;
    if store.kind() == Kind::Postgres {
        // Two that start at once: the second waits and finds nothing left to do.
        sqlx::query(POSTGRES_LOCK)
            .execute(&mut *tx)
            .await
            .during("lock the schema")?;
    }
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS schema_migrations \
         (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)",
    )
    .execute(&mut *tx)
    .await
    .during("make the table of migrations")?;
    let found: Option<i64> = sqlx::query_scalar("SELECT MAX(version) FROM schema_migrations")
        .fetch_one(&mut *tx)
        .await
        .during("read the schema's version")?;
    let found = found.unwrap_or(0);
    let known = MIGRATIONS.last().map_or(0, |(version, _)| *version);
    if found > known {
        return Err(Error::Newer { found, known });
    }
    for (version, text) in MIGRATIONS.iter().filter(|(version, _)| *version > found) {
        for statement in statements(text, store.kind()) {
            tx.execute(AssertSqlSafe(statement))
                .await
                .map_err(|source| Error::Migration {
                    version: *version,
                    source,
                })?;
        }
        sqlx::query("INSERT INTO schema_migrations (version, applied_at) VALUES ($1, $2)")
            .bind(version)
            .bind(now())
            .execute(&mut *tx)
            .await
            .during("record a migration")?;
    }
    tx.commit().await.during("commit the schema")
}

fn statements(text: &str, kind: Kind) -> Vec<String> {
    let id = match kind {
        Kind::Sqlite => "id INTEGER PRIMARY KEY AUTOINCREMENT",
        Kind::Postgres => "id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    };
    let text: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .flat_map(|line| [line, "\n"])
        .collect();
    text.split(";\n")
        .map(|statement| statement.trim().replace("{id}", id))
        .filter(|statement| !statement.is_empty())
        .collect()
}
