//! Rendered templates on their way to an agent.
//!
//! ```text
//! fits the bus (`max_payload` of its server) ── upload_blob: nothing of it stays here
//! larger, or the agent does not know that ── a row ── a blob ──┬── again while the content is the same
//!                                                              └── after the next apply, or with its
//!                                                                  instance: blob gone ── row gone
//! ```
//!
//! They have secrets in them, so no blob is without a row that says whose it is: the row is there first and
//! goes last. Source: reference of the deploy engine, section 12.

use warren_director_bus::Agent;
use warren_director_store::instances;
use warren_director_templates::pack;

use crate::render::Files;
use crate::{Engine, Error, Task};

/// An instance's rendered jobs, packed.
#[derive(Debug, Clone)]
pub struct Archive {
    /// The blob's id.
    pub id: String,
    /// Its SHA-1.
    pub sha1: String,
    /// Whether the blobstore has it; else the agent does.
    pub is_stored: bool,
}

impl Archive {
    /// As apply specs name it.
    pub fn named(&self) -> (String, String) {
        (self.id.clone(), self.sha1.clone())
    }
}

/// Puts an instance's rendered jobs where its agent will fetch them.
///
/// # Errors
/// What agent, blobstore or database say.
pub async fn deliver(
    engine: &Engine,
    task: &Task,
    agent: &Agent,
    instance: i64,
    files: &Files,
) -> Result<Archive, Error> {
    let pool = engine.store.pool();
    let content = &files.hashes.configuration_hash;
    if let Some(newest) = instances::archives(pool, instance)
        .await?
        .into_iter()
        .next()
        && newest.content_sha1 == *content
        && engine.blobs.exists(&newest.blobstore_id).await?
    {
        return Ok(Archive {
            id: newest.blobstore_id,
            sha1: newest.sha1,
            is_stored: true,
        });
    }
    let packed = pack(&files.jobs)?;
    let id = warren_director_store::uuid::new();
    if agent
        .upload_blob(&id, &packed.sha1, &packed.archive, task)
        .await?
    {
        return Ok(Archive {
            id,
            sha1: packed.sha1,
            is_stored: false,
        });
    }
    instances::add_archive(pool, instance, &id, &packed.sha1, content).await?;
    let stored = engine.blobs.put(&id, packed.archive.as_slice()).await?;
    Ok(Archive {
        id: stored.id,
        sha1: packed.sha1,
        is_stored: true,
    })
}

/// Deletes what an instance was sent through the blobstore, but for the blob `keep`.
///
/// # Errors
/// What blobstore or database say.
pub async fn clean(engine: &Engine, instance: i64, keep: Option<&str>) -> Result<(), Error> {
    let pool = engine.store.pool();
    for old in instances::archives(pool, instance).await? {
        if Some(old.blobstore_id.as_str()) != keep {
            engine.blobs.delete(&old.blobstore_id).await?;
            instances::delete_archive(pool, old.id).await?;
        }
    }
    Ok(())
}
