//! Stemcells: archives of root file systems, or names of images in a registry.
//!
//! A heavy stemcell is read once: unpacked from gzip, digested and written in one pass, and kept by
//! its content, so that Garden unpacks equal ones once. A light one is its image's name, by digest
//! where the stemcell tells one.

use std::fs::File;
use std::io::{BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use rustix::fs::{FlockOperation, flock};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::mounts::{entries, missing_is_fine};
use crate::name::is_id;
use crate::place::Places;
use crate::{Error, mounts};

/// What ids of light stemcells begin with.
const LIGHT: &str = "light://";
/// What names of archives at the Garden server begin with.
const ARCHIVE: &str = "file:///";
/// The formats that are light.
const LIGHT_FORMATS: [&str; 2] = ["docker-light", "warden-light"];
/// Documents beside an image, either of which tells its formats.
const DOCUMENTS: [&str; 2] = ["stemcell.MF", "stemcell_metadata.yml"];
/// The most of a document that is read.
const MOST_DOCUMENT: u64 = 1 << 20;
/// How long nothing was written to what an import left before it counts as dead.
const OLD: std::time::Duration = std::time::Duration::from_secs(600);
/// Pieces in which an archive is read.
const PIECE: usize = 256 * 1024;

/// What the documents are asked.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Document {
    stemcell_formats: Vec<String>,
}

/// The image's name if the stemcell in `image` is light.
pub(crate) fn light(
    image: &Path,
    properties: &Map<String, Value>,
) -> Result<Option<String>, Error> {
    let reference = properties.get("image_reference").and_then(Value::as_str);
    let is_empty = std::fs::metadata(image).is_ok_and(|about| about.len() == 0);
    let is_light = is_said_to_be_light(image) || (is_empty && reference.is_some());
    if !is_light {
        return Ok(None);
    }
    let Some(reference) = reference else {
        return Err(Error::Value(
            "light stemcell: cloud property 'image_reference' is missing".to_owned(),
        ));
    };
    let is_bad = reference.contains("..")
        || reference.starts_with(['/', ':', '@'])
        || reference.is_empty()
        || reference.bytes().any(|byte| !byte.is_ascii_graphic());
    if is_bad {
        return Err(Error::Value(format!(
            "light stemcell: image_reference {reference:?} is no name of an image"
        )));
    }
    let digest = properties
        .get("digest")
        .and_then(Value::as_str)
        .unwrap_or_default();
    pinned(reference, digest).map(Some)
}

/// The name by digest, where there is one; it must not contradict one that the name has.
fn pinned(reference: &str, digest: &str) -> Result<String, Error> {
    if digest.is_empty() {
        return Ok(reference.to_owned());
    }
    if reference.starts_with(ARCHIVE) {
        return Err(Error::Value(format!(
            "light stemcell: an archive has no digest, but image_reference {reference} comes with {digest}"
        )));
    }
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::Value(format!(
            "light stemcell: digest {digest:?} is no sha256 digest"
        )));
    }
    let (name, own) = match reference.split_once('@') {
        Some((name, own)) => (name, Some(own)),
        None => (reference, None),
    };
    if own.is_some_and(|own| own != digest) {
        return Err(Error::Value(format!(
            "light stemcell: image_reference {reference} and digest {digest} contradict each other"
        )));
    }
    // A colon after the last slash is a tag's; before it, a port's.
    let start = name.rfind('/').map_or(0, |slash| slash + 1);
    let tag = name.get(start..).and_then(|last| last.find(':'));
    let name = tag.and_then(|tag| name.get(..start + tag)).unwrap_or(name);
    Ok(format!("{name}@{digest}"))
}

fn is_said_to_be_light(image: &Path) -> bool {
    let Some(directory) = image.parent() else {
        return false;
    };
    DOCUMENTS.iter().any(|name| {
        let mut text = String::new();
        let read = File::open(directory.join(name))
            .and_then(|file| file.take(MOST_DOCUMENT).read_to_string(&mut text));
        let document: Document = match read {
            Ok(_) => yaml_serde::from_str(&text).unwrap_or_default(),
            Err(_) => Document::default(),
        };
        let light = |format: &String| LIGHT_FORMATS.contains(&format.as_str());
        document.stemcell_formats.iter().any(light)
    })
}

/// The id of a light stemcell.
pub(crate) fn light_id(reference: &str) -> String {
    format!("{LIGHT}{reference}")
}

/// What Garden is told of a stemcell.
pub(crate) fn image(places: &Places, cid: &str) -> Result<String, Error> {
    if let Some(reference) = cid.strip_prefix(LIGHT) {
        // An archive that Garden reads where it is, or a name in a registry.
        return Ok(match reference.starts_with(ARCHIVE) {
            true => reference.to_owned(),
            false => format!("docker://{reference}"),
        });
    }
    let missing = || Error::Value(format!("Expected to find stemcell '{cid}'"));
    if !is_id(cid) {
        return Err(missing());
    }
    let path = std::fs::canonicalize(places.stemcell(cid)).map_err(|_| missing())?;
    Ok(path.display().to_string())
}

/// Takes a heavy stemcell.
pub(crate) fn import(places: &Places, image: &Path, cid: &str) -> Result<(), Error> {
    let contents = places.contents();
    std::fs::create_dir_all(&contents).map_err(Error::host("make the directory", &contents))?;
    sweep(&contents)?;
    // A dot: no content is called so.
    let part = contents.join(format!(".part-{cid}"));
    let taken = write(image, &part).and_then(|digest| {
        let _lock = lock(&contents)?;
        let content = contents.join(&digest);
        if content.exists() {
            std::fs::remove_file(&part).map_err(Error::host("remove", &part))?;
        } else {
            std::fs::rename(&part, &content).map_err(Error::host("keep", &content))?;
        }
        let link = places.stemcell(cid);
        std::os::unix::fs::symlink(Path::new(".content").join(&digest), &link)
            .map_err(Error::host("make the link", &link))
    });
    if taken.is_err() {
        // The reason is worth more than a file that a later import removes.
        let _ = std::fs::remove_file(&part);
    }
    taken
}

/// Removes a stemcell, and its content if it was the last one with it.
pub(crate) fn remove(places: &Places, cid: &str) -> Result<(), Error> {
    if cid.starts_with(LIGHT) || !is_id(cid) {
        return Ok(());
    }
    let contents = places.contents();
    let path = places.stemcell(cid);
    if !path.is_symlink() {
        // A stock CPI's, or none.
        return crate::disk::remove_files(&path);
    }
    let _lock = lock(&contents)?;
    missing_is_fine(std::fs::remove_file(&path)).map_err(Error::host("remove", &path))?;
    let used: Vec<PathBuf> = entries(places.stemcells())?
        .iter()
        .filter_map(|link| {
            std::fs::read_link(link)
                .ok()?
                .file_name()
                .map(PathBuf::from)
        })
        .collect();
    for content in mounts::entries(&contents)? {
        let name = content.file_name().map(PathBuf::from).unwrap_or_default();
        let text = name.to_string_lossy();
        // Parts belong to imports that may be running.
        let is_content = !text.starts_with('.');
        if is_content && !used.contains(&name) {
            missing_is_fine(std::fs::remove_file(&content))
                .map_err(Error::host("remove", &content))?;
        }
    }
    Ok(())
}

fn lock(contents: &Path) -> Result<File, Error> {
    let path = contents.join(".lock");
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path);
    let file = file.map_err(Error::host("open", &path))?;
    flock(&file, FlockOperation::LockExclusive).map_err(Error::errno("lock", &path))?;
    Ok(file)
}

/// Writes the plain archive of an image; answers its digest.
fn write(image: &Path, to: &Path) -> Result<String, Error> {
    let reading = |error| Error::host("read the stemcell", image)(error);
    let mut file = File::open(image).map_err(reading)?;
    let mut magic = Vec::new();
    Read::by_ref(&mut file)
        .take(2)
        .read_to_end(&mut magic)
        .map_err(reading)?;
    file.rewind().map_err(reading)?;
    let whole = BufReader::with_capacity(PIECE, file);
    let mut source: Box<dyn Read> = match magic.as_slice() {
        [0x1f, 0x8b] => Box::new(MultiGzDecoder::new(whole)),
        _ => Box::new(whole),
    };
    let target = File::create(to).map_err(Error::host("make", to))?;
    flock(&target, FlockOperation::NonBlockingLockExclusive).map_err(Error::errno("lock", to))?;
    let mut target = &target;
    let mut digest = Sha256::new();
    let mut first = true;
    let mut piece = vec![0; PIECE];
    loop {
        let count = fill(source.as_mut(), &mut piece).map_err(reading)?;
        let bytes = piece.get(..count).unwrap_or_default();
        if std::mem::take(&mut first) {
            expect_archive(bytes, image)?;
        }
        if bytes.is_empty() {
            break;
        }
        digest.update(bytes);
        target.write_all(bytes).map_err(Error::host("write", to))?;
    }
    target.sync_all().map_err(Error::host("write", to))?;
    let digest = digest.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Reads as much as fits; less is the end.
fn fill(source: &mut dyn Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(0) => break,
            Ok(count) => filled += count,
        }
    }
    Ok(filled)
}

/// Removes what imports that died have left: old, and locked by nobody.
fn sweep(contents: &Path) -> Result<(), Error> {
    for part in entries(contents)? {
        let name = part.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(".part-") {
            continue;
        }
        let Ok(file) = File::open(&part) else {
            continue;
        };
        let changed = file.metadata().and_then(|about| about.modified());
        let is_old = changed.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > OLD));
        if is_old && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            missing_is_fine(std::fs::remove_file(&part)).map_err(Error::host("remove", &part))?;
        }
    }
    Ok(())
}

/// What is no archive would fail at the first machine, long after its stemcell.
fn expect_archive(start: &[u8], image: &Path) -> Result<(), Error> {
    match start.get(257..262) {
        Some(b"ustar") => Ok(()),
        _ => Err(Error::Value(format!(
            "the stemcell {} is no tar archive, plain or in gzip",
            image.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_takes_the_tags_place() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (reference, expected) in [
            ("repo", "repo"),
            ("host:5000/repo", "host:5000/repo"),
            ("host:5000/a/repo:1.2", "host:5000/a/repo"),
        ] {
            assert_eq!(
                pinned(reference, &digest).unwrap(),
                format!("{expected}@{digest}")
            );
            assert_eq!(pinned(reference, "").unwrap(), reference);
        }
        assert!(pinned("repo", "sha256:xyz").is_err());
        assert!(pinned(&format!("repo@sha256:{}", "b".repeat(64)), &digest).is_err());
        assert!(pinned(&format!("repo@{digest}"), &digest).is_ok());
    }

    #[test]
    fn light_ones_are_told_by_their_document() {
        let directory = tempfile::tempdir().unwrap();
        let image = directory.path().join("image");
        std::fs::write(&image, "").unwrap();
        let properties = |value: Value| value.as_object().unwrap().clone();
        let named = properties(serde_json::json!({"image_reference": "r:1"}));
        assert_eq!(light(&image, &Map::new()).unwrap(), None);
        assert_eq!(light(&image, &named).unwrap().unwrap(), "r:1");
        let document = directory.path().join("stemcell.MF");
        std::fs::write(&document, "name: x\nstemcell_formats: [docker-light]\n").unwrap();
        assert!(light(&image, &Map::new()).is_err());
        for bad in ["../x", "/x", "@x", ":x", "a b", ""] {
            let bad = properties(serde_json::json!({"image_reference": bad}));
            assert!(light(&image, &bad).is_err(), "{bad:?}");
        }
        std::fs::write(&document, "stemcell_formats: [warden-tar]\n").unwrap();
        std::fs::write(&image, "x").unwrap();
        assert_eq!(light(&image, &named).unwrap(), None);
    }
}
