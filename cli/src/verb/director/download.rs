//! Files that a director keeps, fetched to `DIR/NAME-TIME.tgz`: whole and with the right digest, or
//! not at all.

use std::io::{Seek, Write};
use std::path::Path;
use std::time::SystemTime;

use warren_director_client::{Director, clock};
use warren_release::Hasher;
use warren_wire_release::MultiDigest;

use super::problem::Problem;
use super::session::Session;

/// Which file, and where it goes.
pub struct Wanted<'a> {
    /// The director's name for it.
    pub blob: &'a str,
    /// Its digest, if the director tells.
    pub digest: Option<&'a str>,
    /// Where to.
    pub directory: &'a Path,
    /// What its name begins with.
    pub name: &'a str,
}

/// Hashes what it writes.
struct Hashed<W> {
    to: W,
    hasher: Hasher,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// `NAME-20261122-014837-123255366.tgz`, of the time since 1970. A name cannot leave its directory.
pub fn file_name(name: &str, at: std::time::Duration) -> String {
    let name = name.replace('/', "_");
    let stamp = clock::stamp(i64::try_from(at.as_secs()).unwrap_or_default());
    format!("{name}-{stamp}-{:09}.tgz", at.subsec_nanos())
}

/// That there is a directory to fetch into; to be asked before anything is made ready to be fetched.
pub fn has_directory(directory: &Path) -> Result<(), Problem> {
    let wrong = match std::fs::metadata(directory) {
        Ok(about) if about.is_dir() => return Ok(()),
        Ok(_) => "Not a directory".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Problem::text(wrong).step(format!("Looking for directory '{}'", directory.display())))
}

/// Fetches it.
pub fn download(
    session: &mut Session<'_>,
    director: &Director,
    wanted: &Wanted<'_>,
) -> Result<(), Problem> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let path = wanted.directory.join(file_name(wanted.name, now));
    let expected = match wanted.digest.filter(|digest| !digest.is_empty()) {
        Some(digest) => Some(digest.parse::<MultiDigest>()?),
        None => None,
    };
    let shown = path.display();
    session.console.line(&format!(
        "Downloading resource '{}' to '{shown}'...",
        wanted.blob
    ));
    let making = |error: std::io::Error| {
        Problem::text(error.to_string()).step(format!("Making file '{}'", path.display()))
    };
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    let mut builder = tempfile::Builder::new();
    let file = builder
        .prefix(".new-")
        .permissions(permissions)
        .tempfile_in(wanted.directory);
    let mut to = Hashed {
        to: file.map_err(making)?,
        hasher: Hasher::default(),
    };
    director.download(wanted.blob, &mut to)?;
    let sums = to.hasher.sums();
    if let Some(expected) = expected.filter(|expected| !sums.are(expected)) {
        let found = sums.digest(expected.strongest().algorithm());
        let found = found.map(|digest| digest.to_string()).unwrap_or_default();
        let text = format!(
            "Expected digest '{}' but found '{found}'",
            expected.strongest()
        );
        return Err(Problem::text(text).step(format!("Checking resource '{}'", wanted.blob)));
    }
    let mut file = to.to;
    file.rewind()?;
    file.as_file().sync_all()?;
    file.persist_noclobber(&path)
        .map_err(|error| making(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_has_the_recorded_name() {
        let at = Duration::new(1_795_312_117, 123_255_366);
        let recorded = "zookeeper.zookeeper.0-20261122-014837-123255366.tgz";
        assert_eq!(file_name("zookeeper.zookeeper.0", at), recorded);
        assert!(!file_name("../../x", at).contains('/'));
    }
}
