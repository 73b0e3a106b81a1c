//! Instances: places in an instance group, with or without a machine.

use sqlx::FromRow;

use crate::error::During;
use crate::{Db, Error, Flag};

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Instance {
    /// Key, which short DNS names carry.
    pub id: i64,
    /// Its deployment.
    pub deployment_id: i64,
    /// Its instance group.
    pub job: String,
    /// Its number in the group.
    pub index_number: i64,
    /// Its id for people; stays when the machine is made anew.
    pub uuid: String,
    /// What is wanted: `started`, `stopped` or `detached`.
    pub state: String,
    /// Where it is.
    pub availability_zone: Option<String>,
    /// Whether it is the group's first.
    #[sqlx(try_from = "i64")]
    pub bootstrap: Flag,
    /// Whether it only compiles packages.
    #[sqlx(try_from = "i64")]
    pub compilation: Flag,
    /// Whether deploys leave it alone.
    #[sqlx(try_from = "i64")]
    pub ignored: Flag,
    /// Whether the latest update came to its end.
    #[sqlx(try_from = "i64")]
    pub update_completed: Flag,
    /// Of its machine, JSON.
    pub cloud_properties: Option<String>,
    /// What it was last made to be, JSON.
    pub spec: Option<String>,
    /// The variables it was last made with.
    pub variable_set_id: i64,
}

impl Instance {
    /// `GROUP/UUID`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.job, self.uuid)
    }
}

/// All instances of a deployment, by group and number.
///
/// # Errors
/// What the database said.
pub async fn of_deployment<'c>(
    db: impl Db<'c>,
    deployment_id: i64,
) -> Result<Vec<Instance>, Error> {
    sqlx::query_as(
        "SELECT id, deployment_id, job, index_number, uuid, state, availability_zone, bootstrap, \
         compilation, ignored, update_completed, cloud_properties, spec, variable_set_id \
         FROM instances WHERE deployment_id = $1 ORDER BY job, index_number, id",
    )
    .bind(deployment_id)
    .fetch_all(db)
    .await
    .during("list the instances of a deployment")
}

/// The instance with this key.
///
/// # Errors
/// What the database said.
pub async fn find<'c>(db: impl Db<'c>, id: i64) -> Result<Option<Instance>, Error> {
    sqlx::query_as(
        "SELECT id, deployment_id, job, index_number, uuid, state, availability_zone, bootstrap, \
         compilation, ignored, update_completed, cloud_properties, spec, variable_set_id \
         FROM instances WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(db)
    .await
    .during("find an instance")
}

/// What a new instance is made of.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// Its deployment.
    pub deployment_id: i64,
    /// Its instance group.
    pub job: &'a str,
    /// Its number in the group.
    pub index: i64,
    /// Its id for people.
    pub uuid: &'a str,
    /// What is wanted.
    pub state: &'a str,
    /// Where it is.
    pub availability_zone: Option<&'a str>,
    /// Whether it is the group's first.
    pub bootstrap: bool,
    /// Whether it only compiles packages.
    pub compilation: bool,
    /// The variables it is made with.
    pub variable_set_id: i64,
}

/// Adds an instance; the answer is its row.
///
/// # Errors
/// What the database said.
pub async fn create<'c>(db: impl Db<'c>, new: &New<'_>) -> Result<Instance, Error> {
    sqlx::query_as(
        "INSERT INTO instances (deployment_id, job, index_number, uuid, state, \
         availability_zone, bootstrap, compilation, variable_set_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         RETURNING id, deployment_id, job, index_number, uuid, state, availability_zone, \
         bootstrap, compilation, ignored, update_completed, cloud_properties, spec, \
         variable_set_id",
    )
    .bind(new.deployment_id)
    .bind(new.job)
    .bind(new.index)
    .bind(new.uuid)
    .bind(new.state)
    .bind(new.availability_zone)
    .bind(i64::from(new.bootstrap))
    .bind(i64::from(new.compilation))
    .bind(new.variable_set_id)
    .fetch_one(db)
    .await
    .during("add an instance")
}

/// Saves all that can change of an instance.
///
/// # Errors
/// What the database said.
pub async fn save<'c>(db: impl Db<'c>, instance: &Instance) -> Result<(), Error> {
    sqlx::query(
        "UPDATE instances SET job = $2, index_number = $3, state = $4, availability_zone = $5, \
         bootstrap = $6, ignored = $7, update_completed = $8, cloud_properties = $9, spec = $10, \
         variable_set_id = $11 WHERE id = $1",
    )
    .bind(instance.id)
    .bind(&instance.job)
    .bind(instance.index_number)
    .bind(&instance.state)
    .bind(&instance.availability_zone)
    .bind(i64::from(*instance.bootstrap))
    .bind(i64::from(*instance.ignored))
    .bind(i64::from(*instance.update_completed))
    .bind(&instance.cloud_properties)
    .bind(&instance.spec)
    .bind(instance.variable_set_id)
    .execute(db)
    .await
    .during("save an instance")?;
    Ok(())
}

/// Says whether deploys leave an instance alone.
///
/// # Errors
/// What the database said.
pub async fn set_ignored<'c>(db: impl Db<'c>, id: i64, ignored: bool) -> Result<(), Error> {
    sqlx::query("UPDATE instances SET ignored = $2 WHERE id = $1")
        .bind(id)
        .bind(i64::from(ignored))
        .execute(db)
        .await
        .during("ignore an instance")?;
    Ok(())
}

/// Forgets an instance; its machines, disks and addresses must be gone.
///
/// # Errors
/// What the database said.
pub async fn delete<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM instances WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("forget an instance")?;
    Ok(())
}

/// Where an instance's rendered templates are.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Archive {
    /// Key.
    pub id: i64,
    /// The blob.
    pub blobstore_id: String,
    /// Its digest.
    pub sha1: String,
    /// Of the contents, which the blob's own digest does not follow from.
    pub content_sha1: String,
}

/// The archives of an instance, newest first.
///
/// # Errors
/// What the database said.
pub async fn archives<'c>(db: impl Db<'c>, instance_id: i64) -> Result<Vec<Archive>, Error> {
    sqlx::query_as(
        "SELECT id, blobstore_id, sha1, content_sha1 FROM rendered_templates_archives \
         WHERE instance_id = $1 ORDER BY id DESC",
    )
    .bind(instance_id)
    .fetch_all(db)
    .await
    .during("list rendered templates")
}

/// Adds an archive of an instance.
///
/// # Errors
/// What the database said.
pub async fn add_archive<'c>(
    db: impl Db<'c>,
    instance_id: i64,
    blob: &str,
    sha1: &str,
    content_sha1: &str,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO rendered_templates_archives \
         (instance_id, blobstore_id, sha1, content_sha1, created_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(instance_id)
    .bind(blob)
    .bind(sha1)
    .bind(content_sha1)
    .bind(crate::now())
    .execute(db)
    .await
    .during("add rendered templates")?;
    Ok(())
}

/// Forgets an archive.
///
/// # Errors
/// What the database said.
pub async fn delete_archive<'c>(db: impl Db<'c>, id: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM rendered_templates_archives WHERE id = $1")
        .bind(id)
        .execute(db)
        .await
        .during("forget rendered templates")?;
    Ok(())
}
