//! Makes role and database in a PostgreSQL, before anything connects to them.
//!
//! A director that starts with its database server finds neither, unless somebody made them first, and
//! then whoever comes second depends on who retries. So the director makes them itself, as a superuser
//! whose URL it is given; what is there stays, only the role's password becomes what the URL says.

use std::str::FromStr;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};

use crate::Error;
use crate::error::During;
use crate::store::{is_postgres, without_password};

/// An arbitrary number that only this program locks.
const LOCK: &str = "SELECT pg_advisory_lock(7264252)";

/// What there is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioned {
    /// The role.
    pub role: String,
    /// Its database.
    pub database: String,
}

/// Makes the role and the database of `url` as the superuser of `admin`, and connects to see that they
/// work. A server that is not there yet is waited for.
///
/// # Errors
/// [`Error::Url`], or what the database said.
pub async fn provision(admin: &str, url: &str, patience: Duration) -> Result<Provisioned, Error> {
    let wanted = parse(url)?;
    let made = Provisioned {
        role: wanted.get_username().to_owned(),
        // As PostgreSQL does where none is named.
        database: wanted
            .get_database()
            .unwrap_or_else(|| wanted.get_username())
            .to_owned(),
    };
    let mut connection = connect(&parse(admin)?, patience).await?;
    let done = make(&mut connection, &made, password(url).as_deref()).await;
    // Its lock goes with it.
    let closed = connection.close().await.during("disconnect");
    done.and(closed)?;
    let connection = connect(&wanted, Duration::from_secs(5)).await?;
    connection.close().await.during("disconnect")?;
    Ok(made)
}

fn parse(url: &str) -> Result<PgConnectOptions, Error> {
    let wrong = || Error::Url {
        url: without_password(url),
    };
    if !is_postgres(url) {
        return Err(wrong());
    }
    PgConnectOptions::from_str(url).map_err(|_| wrong())
}

async fn connect(options: &PgConnectOptions, patience: Duration) -> Result<PgConnection, Error> {
    let end = Instant::now() + patience;
    loop {
        match options.connect().await.during("connect to the database") {
            Err(error) if error.is_passing() && Instant::now() < end => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            connected => return connected,
        }
    }
}

async fn make(
    connection: &mut PgConnection,
    wanted: &Provisioned,
    password: Option<&str>,
) -> Result<(), Error> {
    // The server's log must not have the password, neither as a statement nor as part of an error.
    connection
        .execute("SET log_statement = 'none'; SET log_min_error_statement = 'panic'")
        .await
        .during("keep the password out of the database's log")?;
    // Of several processes that start at once the others wait, and find what the first has made.
    connection
        .execute(LOCK)
        .await
        .during("lock the roles of the database")?;
    let role = identifier(&wanted.role);
    let known: Option<i32> = sqlx::query_scalar("SELECT 1 FROM pg_roles WHERE rolname = $1")
        .bind(&wanted.role)
        .fetch_optional(&mut *connection)
        .await
        .during("look for the role")?;
    let password = password.map_or_else(String::new, |password| {
        format!(" PASSWORD {}", literal(password))
    });
    let statement = match (known, password.is_empty()) {
        (None, _) => Some(format!("CREATE ROLE {role} LOGIN{password}")),
        (Some(_), false) => Some(format!("ALTER ROLE {role} LOGIN{password}")),
        (Some(_), true) => None,
    };
    if let Some(statement) = statement {
        connection
            .execute(AssertSqlSafe(statement))
            .await
            .during("make the role of the database")?;
    }
    let known: Option<i32> = sqlx::query_scalar("SELECT 1 FROM pg_database WHERE datname = $1")
        .bind(&wanted.database)
        .fetch_optional(&mut *connection)
        .await
        .during("look for the database")?;
    if known.is_none() {
        let database = identifier(&wanted.database);
        connection
            .execute(AssertSqlSafe(format!(
                "CREATE DATABASE {database} OWNER {role} ENCODING 'UTF8' TEMPLATE template0"
            )))
            .await
            .during("make the database")?;
    }
    Ok(())
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    // An E string means the same whatever `standard_conforming_strings` says.
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The password of a URL, which the driver's options do not give back.
fn password(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (userinfo, _) = authority.rsplit_once('@')?;
    let (_, password) = userinfo.split_once(':')?;
    let decoded = decoded(password);
    (!decoded.is_empty()).then_some(decoded)
}

/// A text with its `%XX` resolved; what is none stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| first == b'%');
        let value = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match value {
            Some(value) => {
                bytes.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_are_quoted() {
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's \\"), "E'it''s \\\\'");
    }

    #[test]
    fn passwords_of_urls_are_decoded() {
        for (url, wanted) in [
            ("postgres://u:p%40ss%2F@h/d", Some("p@ss/")),
            ("postgres://u:p@%2Frun%2Fpg/d?sslmode=disable", Some("p")),
            ("postgres://u:a%zz@h/d", Some("a%zz")),
            ("postgres://u:@h/d", None),
            ("postgres://u@h/d", None),
            ("postgres://h/d:x@y", None),
        ] {
            assert_eq!(password(url).as_deref(), wanted, "{url}");
        }
    }
}
