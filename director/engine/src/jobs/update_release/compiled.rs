//! Compiled packages of a release.

use sha1::{Digest as _, Sha1};
use warren_director_store::compiled_packages::{self, New};
use warren_director_store::intents;

use super::{Listed, Taking, digest};
use crate::disks::commit;
use crate::event_log::Stage;
use crate::{Error, intent};

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
                        let mut tx = self.engine.store.begin().await?;
                        compiled_packages::delete(&mut *tx, old.id).await?;
                        intent::disown(&mut tx, self.task, &old.blobstore_id).await?;
                        commit(tx).await?;
                        intent::discard(self.engine, &old.blobstore_id).await?;
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
                    let mut tx = self.engine.store.begin().await?;
                    intents::delete(&mut *tx, &blob.0).await?;
                    compiled_packages::create(&mut *tx, &new, build).await?;
                    commit(tx).await
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
        let owner = self.owner("compiled package", one.name);
        Ok((
            self.store(archive, &owner).await?,
            digest(one.sha1, archive),
        ))
    }
}
