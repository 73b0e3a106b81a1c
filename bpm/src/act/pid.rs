//! `bpm pid`.

use super::Bpm;
use crate::Error;
use crate::root::Name;
use crate::state;

impl Bpm {
    /// The pid of a running process, which is that of its first process as its starter sees it.
    ///
    /// # Errors
    /// [`Error::NotRunning`].
    pub fn pid(&self, name: &Name) -> Result<i32, Error> {
        let known = state::load(&self.root, name).map_err(|_| Error::NotRunning)?;
        known.running().ok_or(Error::NotRunning)
    }
}
