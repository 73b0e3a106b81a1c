//! `create stemcell`: an image goes to every CPI, and a row says what it is called there.
//!
//! ```text
//! (download) ── (verify) ── extract ── check the manifest ── for each CPI: known? upload, save
//! ```
//!
//! An image that a CPI has is not sent again unless that is to be fixed. What a worker that died had sent, and no row
//! tells of, goes before it is sent again. Source: reference of CPIs,
//! stemcells and releases, section 3.2.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use warren_director_cpi::Cpi;
use warren_director_store::intents::{self, Kind};
use warren_director_store::stemcells::{self, New};
use warren_director_store::work::{Source, Upload};
use warren_release::stemcell;
use warren_wire_release::StemcellManifest;

use super::upload::{self, Uploaded, blocking};
use crate::cpis::Cpis;
use crate::disks::commit;
use crate::event_log::Stage;
use crate::{Engine, Error, Task, intent, lock};

/// Takes a stemcell.
pub async fn run(engine: &Engine, task: &Task, wanted: &Upload) -> Result<String, Error> {
    let mut file = upload::taken(wanted);
    let all = Cpis::read(engine, task).await?;
    let names = all.names();
    let named: Result<Vec<_>, Error> = names
        .into_iter()
        .map(|name| all.get(&name).map(|cpi| (name, cpi)))
        .collect();
    let cpis = named?;
    let verifies = wanted.sha1.as_deref().filter(|digest| !digest.is_empty());
    let steps = 2 + usize::from(file.is_none()) + usize::from(verifies.is_some()) + 3 * cpis.len();
    let stage = Stage::new(task, "Update stemcell", steps, &[]);
    if let Source::Url(url) = &wanted.source {
        let downloaded = stage
            .run("Downloading remote stemcell", |_| {
                upload::download(engine, task, url)
            })
            .await?;
        file = Some(downloaded);
    }
    let Some(file) = file else {
        return Err(Error::refused(50_000, "The upload names no stemcell"));
    };
    if let Some(digest) = verifies {
        stage
            .run("Verifying remote stemcell", |_| {
                upload::verify(&file, digest, 50_007)
            })
            .await?;
    }
    let directory = directory(engine)?;
    let image = directory.path().join("image");
    let manifest = stage
        .run("Extracting stemcell archive", |_| {
            extract(file, image.clone())
        })
        .await?;
    let about = stage
        .run("Verifying stemcell manifest", |_| async {
            About::new(manifest)
        })
        .await?;
    let (name, version) = (about.manifest.name.clone(), about.manifest.version.clone());
    lock::with(
        task,
        &format!("lock:stemcells:{name}:{version}"),
        lock::PATIENCE,
        give(
            engine,
            task,
            &stage,
            (&all, &cpis),
            &about,
            &image,
            wanted.fix,
        ),
    )
    .await?;
    Ok(format!("/stemcells/{name}/{version}"))
}

/// A directory of this task's own; removed when dropped.
pub fn directory(engine: &Engine) -> Result<tempfile::TempDir, Error> {
    tempfile::Builder::new()
        .prefix("upload-")
        .tempdir_in(&engine.config.work)
        .map_err(|error| {
            Error::other(
                format!("make a directory in {}", engine.config.work.display()),
                error,
            )
        })
}

async fn extract(file: Uploaded, image: PathBuf) -> Result<StemcellManifest, Error> {
    blocking("extract a stemcell", move || {
        let open = |path: &Path, opened: std::io::Result<File>| {
            opened.map_err(|error| Error::other(format!("open {}", path.display()), error))
        };
        let source = open(file.path(), File::open(file.path()))?;
        let to = open(&image, File::create_new(&image))?;
        stemcell::read(source, to, &stemcell::Limits::default())
            .map(|stemcell| stemcell.manifest)
            .map_err(refusal)
    })
    .await
}

fn refusal(error: stemcell::Error) -> Error {
    let code = match &error {
        stemcell::Error::Missing { name: "image" } => 50_001,
        stemcell::Error::Digest { .. } => 50_007,
        _ => 50_000,
    };
    Error::refused(code, warren_lib_errchain::chain(&error))
}

/// What a manifest says, as rows and CPIs want it.
struct About {
    manifest: StemcellManifest,
    cloud_properties: Map<String, Value>,
    api_version: Option<i64>,
}

impl About {
    fn new(manifest: StemcellManifest) -> Result<Self, Error> {
        let properties = serde_json::to_value(&manifest.cloud_properties).map_err(|error| {
            Error::refused(
                50_000,
                format!("Cannot use the cloud properties of stemcell.MF: {error}"),
            )
        })?;
        let cloud_properties = match properties {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        let api_version = manifest
            .api_version
            .and_then(|number| i64::try_from(number).ok());
        Ok(Self {
            manifest,
            cloud_properties,
            api_version,
        })
    }
}

/// Gives the image to each CPI.
async fn give(
    engine: &Engine,
    task: &Task,
    stage: &Stage,
    (all, cpis): (&Cpis, &[(String, Cpi)]),
    about: &About,
    image: &Path,
    fix: bool,
) -> Result<(), Error> {
    let pool = engine.store.pool();
    let StemcellManifest { name, version, .. } = &about.manifest;
    let mut supported = false;
    for (cpi_name, cpi) in cpis {
        task.check()?;
        let of = match cpi_name.as_str() {
            "" => String::new(),
            cpi_name => format!(" (cpi: {cpi_name})"),
        };
        if !takes(cpi, about).await? {
            task.log(&format!(
                "CPI '{cpi_name}' takes none of {}",
                about.manifest.stemcell_formats.join(", ")
            ));
            stemcells::record_upload(pool, name, version, cpi_name).await?;
            continue;
        }
        supported = true;
        let there = stage
            .run(
                &format!("Checking if this stemcell already exists{of}"),
                |_| known(engine, all, about, cpi_name),
            )
            .await?;
        let skipped = match &there {
            Some(_) if !fix => " (already exists, skipped)",
            _ => "",
        };
        let title = format!("Uploading stemcell {name}/{version} to the cloud{of}{skipped}");
        let (cid, intent) = stage
            .run(&title, |_| async {
                if let Some(there) = there.filter(|_| !fix) {
                    return Ok((there.cid, None));
                }
                // By which it is found if nobody hears of it.
                let owner = format!("stemcell {name}/{version}{of}");
                let kind = Kind::Stemcell;
                let wanted = intent::announce(engine, task, kind, cpi_name, &owner).await?;
                let image = image.to_string_lossy();
                let properties = about.cloud_properties.clone();
                let cid = cpi
                    .create_stemcell(&image, properties, Map::new(), &wanted)
                    .await?;
                Ok((cid, Some(wanted)))
            })
            .await?;
        stage
            .run(
                &format!("Save stemcell {name}/{version} ({cid}){of}{skipped}"),
                |_| async {
                    if let Some(intent) = &intent {
                        let new = New {
                            name,
                            version,
                            operating_system: about.manifest.operating_system(),
                            cid: &cid,
                            sha1: &about.manifest.sha1,
                            cpi: cpi_name,
                            api_version: about.api_version,
                        };
                        let mut tx = engine.store.begin().await?;
                        intents::delete(&mut *tx, intent).await?;
                        stemcells::put(&mut *tx, &new).await?;
                        commit(tx).await?;
                    }
                    stemcells::record_upload(pool, name, version, cpi_name).await?;
                    Ok(())
                },
            )
            .await?;
    }
    if supported {
        return Ok(());
    }
    Err(Error::refused(
        50_008,
        format!(
            "Stemcell '{name}/{version}' is not supported: no CPI takes any of its formats ({})",
            about.manifest.stemcell_formats.join(", ")
        ),
    ))
}

/// The stemcell on a CPI, be it under a name that the CPI had before.
async fn known(
    engine: &Engine,
    all: &Cpis,
    about: &About,
    cpi: &str,
) -> Result<Option<stemcells::Stemcell>, Error> {
    let StemcellManifest { name, version, .. } = &about.manifest;
    for alias in all.aliases(cpi) {
        let found = stemcells::find(engine.store.pool(), name, version, &alias).await?;
        // One whose deletion broke off may be gone from the CPI.
        if let Some(found) = found.filter(|one| !*one.going) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Whether a CPI takes one of the formats; who does not say which is asked anyway.
async fn takes(cpi: &Cpi, about: &About) -> Result<bool, Error> {
    let formats = &about.manifest.stemcell_formats;
    let Some(taken) = &cpi.info().await?.stemcell_formats else {
        return Ok(true);
    };
    Ok(formats.is_empty() || taken.is_empty() || formats.iter().any(|one| taken.contains(one)))
}
