//! Deployments, and which configs, releases and stemcells they use.

use sqlx::FromRow;

use crate::error::During;
use crate::{Connection, Db, Error, now};

/// A deployment.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Deployment {
    /// Key.
    pub id: i64,
    /// Unique.
    pub name: String,
    /// The manifest as it was carried out, versions resolved; `None` before the first success.
    pub manifest: Option<String>,
    /// The manifest as it was uploaded.
    pub manifest_text: Option<String>,
    /// Names of teams, JSON.
    pub teams: String,
    /// Which rows about links are of the latest deploy.
    pub links_serial_id: i64,
}

/// All deployments by name.
///
/// # Errors
/// What the database said.
pub async fn list<'c>(db: impl Db<'c>) -> Result<Vec<Deployment>, Error> {
    sqlx::query_as(
        "SELECT id, name, manifest, manifest_text, teams, links_serial_id \
         FROM deployments ORDER BY name",
    )
    .fetch_all(db)
    .await
    .during("list deployments")
}

/// The deployment called `name`.
///
/// # Errors
/// What the database said.
pub async fn find<'c>(db: impl Db<'c>, name: &str) -> Result<Option<Deployment>, Error> {
    sqlx::query_as(
        "SELECT id, name, manifest, manifest_text, teams, links_serial_id \
         FROM deployments WHERE name = $1",
    )
    .bind(name)
    .fetch_optional(db)
    .await
    .during("find a deployment")
}

/// The deployment called `name`, made if there is none.
///
/// # Errors
/// What the database said.
pub async fn find_or_create<'c>(
    db: impl Db<'c>,
    name: &str,
    teams: &str,
) -> Result<Deployment, Error> {
    sqlx::query_as(
        "INSERT INTO deployments (name, teams, created_at) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET name = excluded.name \
         RETURNING id, name, manifest, manifest_text, teams, links_serial_id",
    )
    .bind(name)
    .bind(teams)
    .bind(now())
    .fetch_one(db)
    .await
    .during("make a deployment")
}

/// Remembers the manifest of a deploy that succeeded.
///
/// # Errors
/// What the database said.
pub async fn set_manifest<'c>(
    db: impl Db<'c>,
    id: i64,
    manifest: &str,
    text: &str,
) -> Result<(), Error> {
    sqlx::query("UPDATE deployments SET manifest = $2, manifest_text = $3 WHERE id = $1")
        .bind(id)
        .bind(manifest)
        .bind(text)
        .execute(db)
        .await
        .during("save a manifest")?;
    Ok(())
}

/// Remembers whether scripts for after a deploy are still to be run.
///
/// # Errors
/// What the database said.
pub async fn set_post_deploy_due<'c>(db: impl Db<'c>, id: i64, due: bool) -> Result<(), Error> {
    sqlx::query("UPDATE deployments SET post_deploy_due = $2 WHERE id = $1")
        .bind(id)
        .bind(i64::from(due))
        .execute(db)
        .await
        .during("remember that scripts are to be run")?;
    Ok(())
}

/// Whether scripts for after a deploy are still to be run, since an earlier one ended before they did.
///
/// # Errors
/// What the database said.
pub async fn is_post_deploy_due<'c>(db: impl Db<'c>, id: i64) -> Result<bool, Error> {
    let due: Option<i64> =
        sqlx::query_scalar("SELECT post_deploy_due FROM deployments WHERE id = $1")
            .bind(id)
            .fetch_optional(db)
            .await
            .during("look whether scripts are to be run")?;
    Ok(due == Some(1))
}

/// Makes all rows about links old; the answer is the new serial.
///
/// # Errors
/// What the database said.
pub async fn next_links_serial<'c>(db: impl Db<'c>, id: i64) -> Result<i64, Error> {
    sqlx::query_scalar(
        "UPDATE deployments SET links_serial_id = links_serial_id + 1 WHERE id = $1 \
         RETURNING links_serial_id",
    )
    .bind(id)
    .fetch_one(db)
    .await
    .during("raise the serial of links")
}

/// Forgets a deployment; its instances must be gone.
///
/// # Errors
/// What the database said.
pub async fn delete(connection: &mut Connection, id: i64) -> Result<(), Error> {
    // Instances refer to variable sets, which go with the deployment.
    sqlx::query("DELETE FROM deployments WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await
        .during("forget a deployment")?;
    Ok(())
}

/// A config that a deployment was made with.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Used {
    /// Key of the association.
    pub id: i64,
    /// The deployment's name.
    pub deployment: String,
    /// The config's key.
    pub config_id: i64,
    /// The config's type.
    #[sqlx(rename = "type")]
    pub kind: String,
    /// The config's name.
    pub name: String,
}

/// Which configs deployments use, by deployment.
///
/// # Errors
/// What the database said.
pub async fn configs<'c>(db: impl Db<'c>) -> Result<Vec<Used>, Error> {
    sqlx::query_as(
        "SELECT deployments_configs.id, deployments.name AS deployment, config_id, \
         configs.type, configs.name FROM deployments_configs \
         JOIN deployments ON deployments.id = deployment_id \
         JOIN configs ON configs.id = config_id ORDER BY deployments_configs.id",
    )
    .fetch_all(db)
    .await
    .during("list configs of deployments")
}

/// Sets which configs a deployment uses.
///
/// # Errors
/// What the database said.
pub async fn set_configs(
    connection: &mut Connection,
    id: i64,
    configs: &[i64],
) -> Result<(), Error> {
    sqlx::query("DELETE FROM deployments_configs WHERE deployment_id = $1")
        .bind(id)
        .execute(&mut *connection)
        .await
        .during("forget a deployment's configs")?;
    for config in configs {
        sqlx::query("INSERT INTO deployments_configs (deployment_id, config_id) VALUES ($1, $2)")
            .bind(id)
            .bind(config)
            .execute(&mut *connection)
            .await
            .during("save a deployment's configs")?;
    }
    Ok(())
}

/// What else a deployment refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// Versions of releases.
    ReleaseVersion,
    /// Stemcells.
    Stemcell,
}

/// Adds references of a deployment; those it has stay.
///
/// # Errors
/// What the database said.
pub async fn refer(
    connection: &mut Connection,
    id: i64,
    what: Reference,
    keys: &[i64],
) -> Result<(), Error> {
    let statement = match what {
        Reference::ReleaseVersion => {
            "INSERT INTO deployments_release_versions (deployment_id, release_version_id) \
             VALUES ($1, $2) ON CONFLICT DO NOTHING"
        }
        Reference::Stemcell => {
            "INSERT INTO deployments_stemcells (deployment_id, stemcell_id) \
             VALUES ($1, $2) ON CONFLICT DO NOTHING"
        }
    };
    for key in keys {
        sqlx::query(statement)
            .bind(id)
            .bind(key)
            .execute(&mut *connection)
            .await
            .during("save what a deployment refers to")?;
    }
    Ok(())
}

/// Drops all references of a deployment but these.
///
/// # Errors
/// What the database said.
pub async fn refer_only(
    connection: &mut Connection,
    id: i64,
    what: Reference,
    keys: &[i64],
) -> Result<(), Error> {
    let statement = match what {
        Reference::ReleaseVersion => {
            "DELETE FROM deployments_release_versions WHERE deployment_id = $1"
        }
        Reference::Stemcell => "DELETE FROM deployments_stemcells WHERE deployment_id = $1",
    };
    sqlx::query(statement)
        .bind(id)
        .execute(&mut *connection)
        .await
        .during("drop what a deployment referred to")?;
    refer(connection, id, what, keys).await
}

/// A deployment's name with the name and version of something it uses.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Uses {
    /// The deployment's name.
    pub deployment: String,
    /// The key of what it uses.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Which releases, or stemcells, deployments use.
///
/// # Errors
/// What the database said.
pub async fn uses<'c>(db: impl Db<'c>, what: Reference) -> Result<Vec<Uses>, Error> {
    let statement = match what {
        Reference::ReleaseVersion => {
            "SELECT deployments.name AS deployment, release_versions.id, releases.name, \
             release_versions.version FROM deployments_release_versions \
             JOIN deployments ON deployments.id = deployment_id \
             JOIN release_versions ON release_versions.id = release_version_id \
             JOIN releases ON releases.id = release_versions.release_id \
             ORDER BY deployments.name, releases.name, release_versions.id"
        }
        Reference::Stemcell => {
            "SELECT deployments.name AS deployment, stemcells.id, stemcells.name, \
             stemcells.version FROM deployments_stemcells \
             JOIN deployments ON deployments.id = deployment_id \
             JOIN stemcells ON stemcells.id = stemcell_id \
             ORDER BY deployments.name, stemcells.name, stemcells.id"
        }
    };
    sqlx::query_as(statement)
        .fetch_all(db)
        .await
        .during("list what deployments use")
}
