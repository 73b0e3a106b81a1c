//! What lies ready for a level's container before it is made.

use crate::container::EXECUTABLE;
use crate::jobs::{self, File};
use crate::{Error, Level, Record, files};

/// Where processes of a level write.
const LOGS: &str = "/var/vcap/sys/log";

/// The first process of the containers of a level, and what the supervisor in there begins with.
pub(crate) fn next(level: &Level, record: &Record) -> Result<(), Error> {
    let init = format!(
        "#!/bin/sh\nexec {EXECUTABLE} init --no-agent --no-sshd --no-dns --logs {LOGS}/init --cut-logs {LOGS}\n"
    );
    files::write(&level.here("init"), init.as_bytes(), 0o755)?;
    let inside = level.next();
    files::directory(&inside.here("vcap/monit/job"), 0o700)?;
    // Numbers of processes of an earlier container mean nothing in the next.
    files::remove(&inside.here("vcap/monit/supervisor.json"))?;
    let user = inside.here("vcap/monit/monit.user");
    if !user.exists() {
        let text = format!("vcap:{}", files::random()?);
        files::write(&user, text.as_bytes(), 0o600)?;
    }
    let job = jobs::garden(&inside, record);
    write(&inside, &jobs::files(&[job], false)).map(drop)
}

/// Puts files below a level's `/var/vcap`; says whether any is new.
pub(crate) fn write(level: &Level, files: &[File]) -> Result<bool, Error> {
    let mut is_new = false;
    for file in files {
        let path = level.here(&format!("vcap/{}", file.path));
        if let Some(directory) = path.parent() {
            files::directory(directory, 0o755)?;
        }
        is_new |= files::write(&path, file.text.as_bytes(), file.mode)?;
    }
    Ok(is_new)
}
