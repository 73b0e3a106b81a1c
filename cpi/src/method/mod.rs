//! The methods, one file each, on what they have in common.

mod attach_disk;
mod calculate_vm_cloud_properties;
mod create_disk;
mod create_stemcell;
mod create_vm;
mod delete_disk;
mod delete_snapshot;
mod delete_vm;
mod detach_disk;
mod get_vm_log;
mod info;
mod reboot_vm;
mod resize_disk;
mod set_disk_metadata;
mod set_vm_metadata;
mod snapshot_disk;

pub(crate) use create_vm::AGENT;
use serde_json::{Map, Value, json};
use warren_wire_cpi::{Call, Version};

use crate::{Cpi, Error, disk, name, stemcell, vm};

impl Cpi {
    /// Carries out a call for a caller that speaks this version of the contract.
    pub(crate) fn carry_out(
        &self,
        call: Call,
        version: Version,
        context: &Map<String, Value>,
    ) -> Result<Value, Error> {
        let done = |done: Result<(), Error>| done.map(|()| Value::Null);
        match call {
            Call::Info => Ok(info::info()),
            Call::CreateStemcell {
                image_path,
                cloud_properties,
                tags,
            } => {
                let cid = name::wanted(context, "warren_stemcell_cid")?;
                self.create_stemcell(&image_path, &cloud_properties, tags.as_ref(), &cid)
            }
            Call::DeleteStemcell { cid } => done(stemcell::remove(&self.places()?, &cid)),
            Call::CreateVm {
                agent_id,
                stemcell_cid,
                cloud_properties,
                networks,
                disk_cids,
                env,
            } => {
                let wanted = create_vm::Wanted {
                    cid: name::wanted(context, "warren_vm_cid")?,
                    agent_id,
                    stemcell_cid,
                    cloud_properties,
                    networks,
                    disk_cids,
                    env,
                };
                self.create_vm(wanted, version)
            }
            Call::DeleteVm { cid } => done(self.delete_vm(&cid)),
            Call::HasVm { cid } => Ok(json!(vm::exists(&self.garden, &cid)?)),
            Call::RebootVm { cid } => done(self.reboot_vm(&cid)),
            Call::SetVmMetadata { cid, metadata } => done(self.set_vm_metadata(&cid, &metadata)),
            Call::CalculateVmCloudProperties { requirements } => {
                calculate_vm_cloud_properties::answer(&requirements)
            }
            Call::CreateDisk { size, .. } => {
                self.create_disk(size, &name::wanted(context, "warren_disk_cid")?)
            }
            Call::DeleteDisk { cid } => done(self.delete_disk(&cid)),
            Call::HasDisk { cid } => Ok(json!(disk::exists(&self.places()?, &cid))),
            Call::AttachDisk { vm_cid, disk_cid } => self.attach_disk(&vm_cid, &disk_cid, version),
            Call::DetachDisk { vm_cid, disk_cid } => done(self.detach_disk(&vm_cid, &disk_cid)),
            Call::GetDisks { vm_cid } => {
                vm::expect(&self.garden, &vm_cid)?;
                Ok(json!(vm::disks(&self.places()?, &vm_cid)?))
            }
            Call::ResizeDisk { cid, size } => done(self.resize_disk(&cid, size)),
            Call::UpdateDisk { .. } => Err(Error::NotSupported(
                "update_disk: a disk cannot become another kind of disk".to_owned(),
            )),
            Call::SetDiskMetadata { cid, metadata } => done(self.set_disk_metadata(&cid, metadata)),
            Call::SnapshotDisk { cid, metadata } => self.snapshot_disk(&cid, metadata),
            Call::DeleteSnapshot { cid } => done(self.delete_snapshot(&cid)),
            Call::CreateNetwork { .. } => Err(Error::NotImplemented(
                "create_network: Garden makes networks with containers",
            )),
            Call::DeleteNetwork { .. } => Err(Error::NotImplemented(
                "delete_network: Garden removes networks with containers",
            )),
            Call::GetVmLog { cid } => self.get_vm_log(&cid),
        }
    }
}
