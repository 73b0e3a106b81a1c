//! A service's log: appended to, and cut when it is long. Whoever writes keeps its descriptor, so
//! the content is copied away and the file emptied. Logs of jobs likewise, where nobody else cuts them.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// How long a log may become.
const MOST: u64 = 20 * 1024 * 1024;

pub(super) fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o640)
        .open(path)
}

/// The same for all logs of jobs: `JOB/*.log` below a directory. What cannot be cut is told, and the rest is.
pub(super) fn rotate_below(directory: &Path, tell: impl Fn(&Path, &io::Error)) {
    // A job may come or go meanwhile.
    let listed = |at: &Path| std::fs::read_dir(at).into_iter().flatten().flatten();
    let logs = listed(directory).flat_map(|job| listed(&job.path()));
    let logs = logs.map(|log| log.path());
    for log in logs.filter(|log| log.extension().is_some_and(|kind| kind == "log")) {
        if let Err(error) = rotate(&log) {
            tell(&log, &error);
        }
    }
}

/// Keeps one older file.
pub(super) fn rotate(path: &Path) -> io::Result<()> {
    if std::fs::symlink_metadata(path).is_ok_and(|about| about.is_file() && about.len() > MOST) {
        let mut old = path.as_os_str().to_owned();
        old.push(".1");
        std::fs::copy(path, PathBuf::from(old))?;
        OpenOptions::new().write(true).open(path)?.set_len(0)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_long_log_of_a_job_is_cut_under_its_writer() {
        let directory = tempfile::tempdir().unwrap();
        let job = directory.path().join("web");
        std::fs::create_dir(&job).unwrap();
        std::fs::write(job.join("short.log"), "short").unwrap();
        std::fs::write(job.join("pid"), "7").unwrap();
        // Somebody's link out of here is not followed.
        let outside = tempfile::NamedTempFile::new().unwrap();
        outside.as_file().set_len(MOST + 1).unwrap();
        std::os::unix::fs::symlink(outside.path(), job.join("link.log")).unwrap();
        let mut long = open(&job.join("long.log")).unwrap();
        long.set_len(MOST).unwrap();
        let told = |path: &Path, error: &io::Error| panic!("{}: {error}", path.display());
        rotate_below(directory.path(), told);
        assert!(!job.join("long.log.1").exists());
        long.write_all(b"!").unwrap();
        rotate_below(directory.path(), told);
        long.write_all(b"again").unwrap();
        let length = |name: &str| std::fs::metadata(job.join(name)).unwrap().len();
        assert_eq!((length("long.log.1"), length("long.log")), (MOST + 1, 5));
        assert_eq!(std::fs::read_dir(&job).unwrap().count(), 5);
        assert_eq!(outside.as_file().metadata().unwrap().len(), MOST + 1);
    }
}
