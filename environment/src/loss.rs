//! What removing an environment would cost: deployments, with all that is on their disks.

use std::path::Path;
use std::time::Duration;

use crate::boot::Access;
use crate::status::patience::within;
use crate::status::said;
use crate::{Error, Record, rests};

/// How long the director may take to tell.
const PATIENCE: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// There is no director, or it has no deployments.
    Nothing,
    /// These deployments.
    Deployments(Vec<String>),
    /// The director cannot be asked; why.
    Unknown(String),
}

/// What would be lost.
///
/// # Errors
/// The record cannot be read.
pub fn loss(home: &Path) -> Result<Loss, Error> {
    let Some(record) = Record::read(home)? else {
        return Ok(Loss::Nothing);
    };
    let access = match (record.director(), rests::awake(home)) {
        (None, _) => return Ok(Loss::Nothing),
        (Some(_), Err(error)) => return Ok(Loss::Unknown(said(&error))),
        (Some(_), Ok(())) => Access::of(home, &record).and_then(|access| access.director()),
    };
    let told = access.map_err(|error| said(&error)).and_then(|director| {
        let asked = within(PATIENCE, move || director.deployments(false));
        asked.and_then(|told| told.map_err(|error| said(&error)))
    });
    Ok(match told {
        Err(why) => Loss::Unknown(why),
        Ok(all) if all.is_empty() => Loss::Nothing,
        Ok(all) => Loss::Deployments(all.into_iter().map(|one| one.name).collect()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_had_a_director_has_nothing_to_lose() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        assert_eq!(loss(home).unwrap(), Loss::Nothing);
        let mut record = Record::example();
        record.write(home).unwrap();
        assert_eq!(loss(home).unwrap(), Loss::Nothing);
        // It rests: nobody can tell.
        record.addresses = vec![[10, 255, 0, 2].into()];
        record.write(home).unwrap();
        assert!(matches!(loss(home).unwrap(), Loss::Unknown(why) if why.contains("is stopped")));
    }
}
