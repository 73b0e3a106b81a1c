//! Compiled packages of a release.

use sha1::{Digest as _, Sha1};
use warren_director_store::compiled_packages::{self, New};

use super::{Listed, Taking, digest};
use crate::Error;
use crate::event_log::Stage;

impl Taking<'_> {
    /// Takes all compiled packages, whose packages have the keys `ids`.
    pub(super) async fn take_compiled(&self, ids: &[i64], keys: &[String]) -> Result<(), Error> {
        let pool = self.engine.store.pool();
        let mut new = Vec::new();
        for ((one, id), key) in self.packages.iter().zip(ids).zip(keys) {
            let Some(stemcell) = one.stemcell else {
                continue;
            };
            let (os, version) = stemcell.split_once('/').ok_or_else(|| {
                Error::refused(
                    30_002,
                    format!(
                        "The stemcell '{stemcell}' of package '{}' is not OS/VERSION",
                        one.name
                    ),
                )
            })?;
            let rows = compiled_packages::of_package(pool, *id).await?;
            let there = rows.into_iter().find(|row| {
                row.stemcell_os == os
                    && row.stemcell_version == version
                    && row.dependency_key == *key
            });
            if there.is_none() || (self.fix && one.archive.is_some()) {
                new.push((one, *id, key, os, version, there));
            }
        }
        let stage = Stage::new(self.task, "Creating new compiled packages", new.len(), &[]);
        for (one, id, key, os, version, old) in new {
            self.task.check()?;
            let title = format!("{}/{} for {os}/{version}", one.name, one.version);
            stage
                .run(&title, |_| async {
                    let blob = self.compiled(one).await?;
                    if let Some(old) = old {
                        compiled_packages::delete(pool, old.id).await?;
                        self.engine.blobs.delete(&old.blobstore_id).await?;
                    }
                    let key_sha1: String = Sha1::digest(key.as_bytes())
                        .iter()
                        .map(|byte| format!("{byte:02x}"))
                        .collect();
                    let build = compiled_packages::next_build(pool, id, os, version).await?;
                    let new = New {
                        package_id: id,
                        stemcell_os: os,
                        stemcell_version: version,
                        dependency_key: key,
                        dependency_key_sha1: &key_sha1,
                        blobstore_id: &blob.0,
                        sha1: &blob.1,
                    };
                    compiled_packages::create(pool, &new, build).await?;
                    Ok(())
                })
                .await?;
        }
        Ok(())
    }

    async fn compiled(&self, one: &Listed<'_>) -> Result<(String, String), Error> {
        let archive = one.archive.ok_or_else(|| {
            Error::refused(
                60_000,
                format!(
                    "Compiled package '{}/{}' is not in the tarball: upload a complete one",
                    one.name, one.version
                ),
            )
        })?;
        Ok((self.store(archive).await?, digest(one.sha1, archive)))
    }
}
