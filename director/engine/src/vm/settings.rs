//! What agents are told when their machines are there.

use serde_json::{Value, json};
use warren_director_store::Flag;
use warren_director_store::vms::{self, Vm};

use crate::fingerprints::{Fingerprints, differs};
use crate::{Engine, Error, Task, certificates, signed};

/// Gives an agent its lasting certificate and what else it should know: `disks` are names and ids of those
/// that have names, which it must have already.
pub async fn update_settings(
    engine: &Engine,
    task: &Task,
    vm: &mut Vm,
    disks: &[(String, String)],
) -> Result<(), Error> {
    let agent = engine.bus.agent(&vm.agent_id);
    let associations: Vec<Value> = disks
        .iter()
        .map(|(name, cid)| json!({"name": name, "cid": cid}))
        .collect();
    let mut settings = json!({
        "trusted_certs": engine.config.trusted_certs,
        "disk_associations": associations,
    });
    let now = Fingerprints::of(&engine.config, vm.stemcell_api_version);
    let changes_name = engine.config.nats.is_some() && !*vm.permanent_nats_credentials;
    let changes_bus = differs(vm.nats_config_sha1.as_ref(), now.nats.as_ref());
    if let (Some(nats), true) = (&engine.config.nats, changes_name || changes_bus) {
        let cert = certificates::of_agent(nats, &vm.agent_id, false)?;
        settings["mbus"] = json!({ "cert": cert });
    }
    // Stock tells a machine that is new once more what its environment said.
    let is_new = vm.trusted_certs_sha1.is_none();
    if (is_new || differs(vm.blobstore_config_sha1.as_ref(), now.blobstores.as_ref()))
        && let Some(blobstores) = signed::blobstores(&engine.config, vm.stemcell_api_version)
    {
        settings["blobstores"] = blobstores;
    }
    match agent.run("update_settings", vec![settings], task).await {
        Err(error) if error.is_unknown_method() => {}
        done => {
            done?;
        }
    }
    let is_news = now.set_all(vm);
    if changes_name {
        vm.permanent_nats_credentials = Flag(true);
    }
    if is_news || changes_name {
        vms::save(engine.store.pool(), vm).await?;
    }
    if changes_name {
        engine.write_users().await?;
    }
    Ok(())
}
