//! `update_settings`: certificates to trust, names of disks, the bus, blobstores.
//!
//! Stock agents end and are started again when the bus changes. Here the new certificate is tried
//! first and taken without a gap; only then the settings are kept and the task is done. Cut off in
//! between, the task is resumed at the next start and does all of it again.

use warren_wire_agent::settings::{CertKeyPair, DiskAssociation, UpdateSettings, effective_mbus};

use super::{Error, Outcome};
use crate::agent::Agent;
use crate::bootstrap::certificates;
use crate::disk::hints;
use crate::files;

pub(super) fn run(agent: &Agent, update: UpdateSettings) -> Outcome {
    agent.settings.reload()?;
    let update = with_what_is_known(update, &agent.settings.update());
    associate(agent, &update.disk_associations)?;
    certificates::trust(&agent.paths, &update.trusted_certs)?;
    let new = effective_mbus(&agent.settings.settings(), &update);
    if new != agent.settings.mbus()
        && let Some(uplink) = agent.uplink()
    {
        uplink.change(&new)?;
    }
    agent.settings.keep(update)?;
    Ok("ok".into())
}

/// What a director does not mention stays: one that only sends names of disks must not bring the first
/// certificate back, which nobody accepts any more.
fn with_what_is_known(mut update: UpdateSettings, known: &UpdateSettings) -> UpdateSettings {
    if update.mbus.cert == CertKeyPair::default() {
        update.mbus.cert = known.mbus.cert.clone();
    }
    if update.mbus.urls.is_none() {
        update.mbus.urls.clone_from(&known.mbus.urls);
    }
    if update.blobstores.is_none() {
        update.blobstores.clone_from(&known.blobstores);
    }
    update
}

/// Links in `instance/disks`, by the names of the disks.
fn associate(agent: &Agent, associations: &[DiskAssociation]) -> Result<(), Error> {
    let place = agent.paths.instance_disks();
    for old in files::names(&place)? {
        if !associations.iter().any(|one| one.name == old) {
            files::remove(&place.join(old))?;
        }
    }
    for DiskAssociation { name, cid } in associations {
        let name = files::checked_name("disk", name)?;
        let disk = hints::find(agent, cid)?;
        let target = crate::install::apply::link_target(&agent.paths, &disk);
        files::link(&target, &place.join(name))?;
    }
    Ok(())
}
