//! Blobs that are put and fetched over the listener: files in `data/blobs`.

use std::fs::File;
use std::io::{self, ErrorKind, Read};

use warren_lib_errchain::chain;

use crate::agent::Agent;
use crate::files;
use crate::say;

/// Stores a blob; the status to answer. What breaks off is not there.
pub(super) fn put(agent: &Agent, id: &str, body: &mut impl Read) -> u16 {
    let place = agent.paths.blobs();
    let mut stored = || -> Result<(), Box<dyn std::error::Error>> {
        let id = files::checked_name("blob", id)?;
        files::directory(&place, 0o700, agent.vcap())?;
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .tempfile_in(&place)?;
        io::copy(body, file.as_file_mut())?;
        file.as_file().sync_all()?;
        file.persist(place.join(id))?;
        Ok(())
    };
    match stored() {
        Ok(()) => 201,
        Err(error) => {
            say!("https", "cannot store a blob: {}", chain(&*error));
            500
        }
    }
}

/// Opens a blob with its length, or gives the status to answer.
pub(super) fn open(agent: &Agent, id: &str) -> Result<(File, u64), u16> {
    let Ok(id) = files::checked_name("blob", id) else {
        return Err(404);
    };
    let opened = File::open(agent.paths.blobs().join(id)).and_then(|file| {
        let length = file.metadata()?.len();
        Ok((file, length))
    });
    opened.map_err(|error| match error.kind() {
        ErrorKind::NotFound => 404,
        _ => 500,
    })
}
