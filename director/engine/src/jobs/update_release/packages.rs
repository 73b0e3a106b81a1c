//! Packages of a release: known ones are joined, new ones stored or copied.

use std::collections::BTreeMap;

use warren_director_store::intents::{self, Kind};
use warren_director_store::packages::{self, New, Package};
use warren_release::tarball::Archive;

use super::{Listed, Taking, digest};
use crate::disks::commit;
use crate::event_log::Stage;
use crate::{Error, intent};

impl Taking<'_> {
    /// Takes all packages; the answer is how many are new, and the key of each.
    pub(super) async fn take_packages(&self) -> Result<(usize, Vec<i64>), Error> {
        let pool = self.engine.store.pool();
        let joined: BTreeMap<String, Package> = packages::of_version(pool, self.version_id)
            .await?
            .into_iter()
            .map(|one| (one.name.clone(), one))
            .collect();
        let prints: Vec<String> = self
            .packages
            .iter()
            .map(|one| one.fingerprint.to_owned())
            .collect();
        let same = packages::with_fingerprints(pool, &prints).await?;
        let mut known: Vec<(usize, Package)> = Vec::new();
        let mut new: Vec<usize> = Vec::new();
        for (place, one) in self.packages.iter().enumerate() {
            let there = joined.get(one.name).or_else(|| {
                same.iter().find(|row| {
                    row.release_id == self.release_id
                        && row.name == one.name
                        && row.version == one.version
                })
            });
            match there {
                Some(row) => {
                    self.compare(one, row)?;
                    known.push((place, row.clone()));
                }
                None => new.push(place),
            }
        }
        let mut ids = vec![0; self.packages.len()];
        let stage = Stage::new(self.task, "Creating new packages", new.len(), &[]);
        for place in &new {
            self.task.check()?;
            let one = &self.packages[*place];
            let title = format!("{}/{}", one.name, one.version);
            ids[*place] = stage
                .run(&title, |_| self.create_package(one, &same))
                .await?;
        }
        if !known.is_empty() {
            let plural = if known.len() == 1 { "" } else { "s" };
            let title = format!("Processing {} existing package{plural}", known.len());
            super::single(self.task, &title, async {
                for (place, row) in &known {
                    ids[*place] = row.id;
                    self.keep_package(&self.packages[*place], row, &same)
                        .await?;
                }
                Ok(())
            })
            .await?;
        }
        Ok((new.len(), ids))
    }

    /// A package of the same version must be the same one.
    fn compare(&self, one: &Listed<'_>, row: &Package) -> Result<(), Error> {
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names
        };
        let there = row.dependencies()?;
        if row.fingerprint != one.fingerprint || row.version != one.version {
            return Err(Error::refused(
                30_012,
                format!(
                    "package '{}' had different fingerprint in previously uploaded release '{}'",
                    one.name,
                    self.name()
                ),
            ));
        }
        if sorted(&there) != sorted(one.dependencies) {
            let code = if one.stemcell.is_some() {
                30_016
            } else {
                30_012
            };
            return Err(Error::refused(
                code,
                format!(
                    "package '{}' had different dependencies in previously uploaded release '{}'",
                    one.name,
                    self.name()
                ),
            ));
        }
        Ok(())
    }

    async fn create_package(&self, one: &Listed<'_>, same: &[Package]) -> Result<i64, Error> {
        let blob = match one.stemcell {
            Some(_) => None,
            None => Some(self.source(one, same).await?),
        };
        let new = New {
            release_id: self.release_id,
            name: one.name,
            version: one.version,
            fingerprint: one.fingerprint,
            blob: blob
                .as_ref()
                .map(|(id, digest)| (id.as_str(), digest.as_str())),
            dependencies: one.dependencies,
        };
        let mut tx = self.engine.store.begin().await?;
        if let Some((blob, _)) = &blob {
            intents::delete(&mut *tx, blob).await?;
        }
        let id = packages::create(&mut *tx, &new).await?;
        packages::join(&mut *tx, id, self.version_id).await?;
        commit(tx).await?;
        Ok(id)
    }

    async fn keep_package(
        &self,
        one: &Listed<'_>,
        row: &Package,
        same: &[Package],
    ) -> Result<(), Error> {
        let pool = self.engine.store.pool();
        packages::join(pool, row.id, self.version_id).await?;
        let replaces = row.blobstore_id.is_none() || (self.fix && one.archive.is_some());
        if one.stemcell.is_some() || !replaces {
            return Ok(());
        }
        let (blob, digest) = self.source(one, same).await?;
        let mut tx = self.engine.store.begin().await?;
        intents::delete(&mut *tx, &blob).await?;
        packages::set_blob(&mut *tx, row.id, &blob, &digest).await?;
        if let Some(old) = &row.blobstore_id {
            intent::disown(&mut tx, self.task, old).await?;
        }
        commit(tx).await?;
        match &row.blobstore_id {
            Some(old) => intent::discard(self.engine, old).await,
            None => Ok(()),
        }
    }

    /// The source of a package as a blob of its own: copied from another release that has the same,
    /// or taken from the tarball. It is an intent until it has a row.
    async fn source(&self, one: &Listed<'_>, same: &[Package]) -> Result<(String, String), Error> {
        let mut others = same.iter().filter(|row| row.fingerprint == one.fingerprint);
        let other = others.find_map(|row| row.blobstore_id.as_ref().zip(row.sha1.as_ref()));
        let owner = self.owner("package", one.name);
        let store = async |archive: &Archive| {
            let blob = self.store(archive, &owner).await?;
            Ok::<_, Error>((blob, digest(one.sha1, archive)))
        };
        match (one.archive, other) {
            (Some(archive), _) if self.fix => store(archive).await,
            (archive, Some((blob, sha1))) => {
                let copy = intent::announce(self.engine, self.task, Kind::Blob, "", &owner).await?;
                match (self.engine.blobs.copy(blob, &copy).await, archive) {
                    (Ok(()), _) => Ok((copy, sha1.clone())),
                    (Err(_), Some(archive)) => store(archive).await,
                    (Err(error), None) => Err(error.into()),
                }
            }
            (Some(archive), None) => store(archive).await,
            (None, None) => Err(Error::refused(
                60_000,
                format!(
                    "Package '{}/{}' is neither in the tarball nor in another release: upload a complete tarball",
                    one.name, one.version
                ),
            )),
        }
    }
}
