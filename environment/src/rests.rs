//! Whether anything of an environment runs. What was stopped says so itself: asking all of its parts would only
//! tell of each that it does not answer.
//!
//! The sign is the socket of this machine's Garden server. `stop` removes it last, and a server that is killed
//! leaves it: what fails then is told part by part.

use std::path::Path;

use crate::{Error, Level, Record, executable, server};

/// Refuses an environment that rests, or that was never made to the end.
///
/// # Errors
/// [`Error::NotUp`], [`Error::Rests`], [`Error::HalfMade`], and the record cannot be read.
pub fn awake(home: &Path) -> Result<(), Error> {
    let record = Record::of(home)?;
    let machine = Level::machine(home);
    // One that has just been started has not made its socket yet.
    if machine.here("garden.sock").exists()
        || !server::all(&machine, &executable::path(home)).is_empty()
    {
        return Ok(());
    }
    let home = home.to_owned();
    Err(match record.director() {
        Some(_) => Error::Rests(home),
        None => Error::HalfMade(home),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rests_and_what_is_half_made_say_what_to_do() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let said = || awake(home).unwrap_err().to_string();
        assert!(said().contains("warren up makes one"), "{}", said());
        let mut record = Record::example();
        record.write(home).unwrap();
        assert!(said().contains("is half made"), "{}", said());
        record.addresses = vec![[10, 255, 0, 2].into()];
        record.write(home).unwrap();
        assert!(said().ends_with("is stopped: warren start brings it back"));
        std::fs::write(home.join("garden.sock"), "").unwrap();
        awake(home).unwrap();
    }
}
