//! The database behind all tables.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{Any, AnyPool, Executor};
use warren_lib_telemetry::{Level, log};

use crate::error::During;
use crate::wake::{Beyond, Wake};
use crate::{Error, migrate};

/// A transaction; what it did is undone when it is dropped without `commit`.
pub type Transaction = sqlx::Transaction<'static, Any>;

/// Something that statements can be run on: `store.pool()` or `&mut *transaction`.
pub trait Db<'c>: Executor<'c, Database = Any> {}

impl<'c, T: Executor<'c, Database = Any>> Db<'c> for T {}

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SQLite, in a file.
    Sqlite,
    /// PostgreSQL, by URL.
    Postgres,
}

/// What a director remembers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: AnyPool,
    kind: Kind,
    pub(crate) wake: Arc<Wake>,
}

/// How long a writer waits for another in SQLite.
const BUSY: Duration = Duration::from_secs(30);

impl Store {
    /// Opens the database at `url` (a path, `sqlite:PATH` or `postgres://...`) and brings its schema
    /// up to date.
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::Newer`], or what the database said.
    pub async fn open(url: &str) -> Result<Self, Error> {
        install_default_drivers();
        let (kind, url, beyond) = address(url)?;
        let options = AnyPoolOptions::new()
            .max_connections(if kind == Kind::Sqlite { 8 } else { 32 })
            .acquire_timeout(Duration::from_secs(60));
        let options = match kind {
            Kind::Sqlite => options.after_connect(|connection, _| {
                Box::pin(async move {
                    // A writer that comes second waits; readers see the last commit meanwhile.
                    connection
                        .execute(sqlx::AssertSqlSafe(format!(
                            "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; \
                             PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON",
                            BUSY.as_millis()
                        )))
                        .await?;
                    Ok(())
                })
            }),
            Kind::Postgres => options,
        };
        let pool = options
            .connect(&url)
            .await
            .during("connect to the database")?;
        let store = Self {
            pool,
            kind,
            wake: Arc::new(Wake::new(beyond)),
        };
        migrate::run(&store).await?;
        Ok(store)
    }

    /// As [`Store::open`], and waits for a database that is not there yet ([`Error::is_passing`]).
    ///
    /// # Errors
    /// Those of [`Store::open`], when the patience is over or they do not pass.
    pub async fn open_patiently(url: &str, patience: Duration) -> Result<Self, Error> {
        let end = Instant::now() + patience;
        let mut told = false;
        loop {
            match Self::open(url).await {
                Err(error) if error.is_passing() && Instant::now() < end => {
                    if !told {
                        let reason = warren_lib_errchain::chain(&error);
                        log::line(Level::Warn, "database_awaited", &[("error", json!(reason))]);
                        told = true;
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                opened => return opened,
            }
        }
    }

    /// What single statements are run on.
    #[must_use]
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Which database it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How long a worker that does not say that it lives keeps its task.
    ///
    /// Workers of several machines share a PostgreSQL, and nothing but this tells them of a dead one.
    /// Those on an SQLite share its home, where they see that it is dead (`presence` of the server);
    /// and there a long transaction of a task keeps everybody from writing, this too.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_secs(match self.kind {
            Kind::Sqlite => 60,
            Kind::Postgres => 10,
        })
    }

    /// The database's own time in Unix seconds, in its own words.
    pub(crate) fn clock(&self) -> &'static str {
        match self.kind {
            Kind::Sqlite => "CAST(strftime('%s', 'now') AS BIGINT)",
            Kind::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)",
        }
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// What the database said.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        // A transaction of SQLite that starts reading and then writes can fail for ever, since what
        // it has read may be old by then: so the right to write is taken first.
        let statement = match self.kind {
            Kind::Sqlite => "BEGIN IMMEDIATE",
            Kind::Postgres => "BEGIN",
        };
        self.pool
            .begin_with(statement)
            .await
            .during("begin a transaction")
    }

    /// Begins a transaction that has a lock, which `lock` takes on PostgreSQL; SQLite has one writer at a
    /// time anyway.
    ///
    /// # Errors
    /// What the database said.
    pub(crate) async fn begin_alone(&self, lock: &'static str) -> Result<Transaction, Error> {
        let mut tx = self.begin().await?;
        if self.kind == Kind::Postgres {
            sqlx::query(lock)
                .execute(&mut *tx)
                .await
                .during("lock a table")?;
        }
        Ok(tx)
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Whether a URL names a database of PostgreSQL.
pub(crate) fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// The kind of database that a URL names, the URL as the driver wants it, and how other processes that
/// use the database are told of something.
fn address(url: &str) -> Result<(Kind, String, Beyond), Error> {
    if is_postgres(url) {
        let beyond = Beyond::Notifications(url.to_owned());
        return Ok((Kind::Postgres, url.to_owned(), beyond));
    }
    let path = url
        .strip_prefix("sqlite://")
        .or_else(|| url.strip_prefix("sqlite:"))
        .unwrap_or(url);
    if path.is_empty() || path.contains("://") {
        return Err(Error::Url {
            url: without_password(url),
        });
    }
    if let Some(directory) = Path::new(path)
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        std::fs::create_dir_all(directory).map_err(|source| Error::File {
            step: "make the directory of the database,",
            path: directory.to_owned(),
            source,
        })?;
    }
    let encoded = path.replace('%', "%25").replace('?', "%3f");
    let url = format!("sqlite://{encoded}?mode=rwc");
    // Beside the file, as SQLite's own are.
    let fifos = PathBuf::from(format!("{path}-wake"));
    Ok((Kind::Sqlite, url, Beyond::Fifos(fifos)))
}

pub(crate) fn without_password(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, rest)) => format!("...@{rest}"),
        None => url.to_owned(),
    }
}

/// Unix time in seconds.
#[must_use]
pub fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        })
}
