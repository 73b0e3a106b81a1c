//! The methods that a director uses, with what they give.

use serde_json::{Map, Value};
use warren_wire_cpi::{Call, ErrorKind, Networks, Version};

use crate::{Cpi, Error};

/// The keys of a call's context that say what a new thing is to be called. CPIs but Warren's do not know
/// them, and ignore them as all that they do not know of a context.
const DISK_CID: &str = "warren_disk_cid";
const VM_CID: &str = "warren_vm_cid";
const STEMCELL_CID: &str = "warren_stemcell_cid";

type Object = Map<String, Value>;

/// What a CPI can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The version that both sides speak.
    pub api_version: Version,
    /// The kinds of stemcells that it takes; `None` means any.
    pub stemcell_formats: Option<Vec<String>>,
}

/// A machine to make.
#[derive(Debug, Clone)]
pub struct NewVm {
    /// Its id, if the CPI lets its callers say.
    pub wanted: String,
    /// Its agent's name on the bus.
    pub agent_id: String,
    /// What it is made of.
    pub stemcell_cid: String,
    /// What it is like.
    pub cloud_properties: Object,
    /// Where it is.
    pub networks: Networks,
    /// Disks that it will get.
    pub disk_cids: Vec<String>,
    /// For its agent.
    pub env: Object,
}

fn text(method: &'static str, value: &Value) -> Result<String, Error> {
    match value.as_str().filter(|text| !text.is_empty()) {
        Some(text) => Ok(text.to_owned()),
        None => Err(Error::Response {
            method,
            request_id: String::new(),
            reason: format!("expected an id, got {value}"),
        }),
    }
}

impl Cpi {
    /// Takes an image; the answer is its id: `wanted` if the CPI lets its callers say.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn create_stemcell(
        &self,
        image: &str,
        cloud_properties: Object,
        tags: Object,
        wanted: &str,
    ) -> Result<String, Error> {
        let tags = (self.info().await?.api_version >= 3).then_some(tags);
        let call = Call::CreateStemcell {
            image_path: image.to_owned(),
            cloud_properties,
            tags,
        };
        let answer = self
            .call_with(&call, None, said(STEMCELL_CID, wanted))
            .await?;
        text("create_stemcell", &answer)
    }

    /// Removes an image.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_stemcell(&self, cid: &str) -> Result<(), Error> {
        let call = Call::DeleteStemcell {
            cid: cid.to_owned(),
        };
        self.call(&call, None).await.map(drop)
    }

    /// Makes a machine; the answer is its id: the wanted one if the CPI lets its callers say.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn create_vm(&self, vm: NewVm, stemcell_api: Option<i64>) -> Result<String, Error> {
        let call = Call::CreateVm {
            agent_id: vm.agent_id,
            stemcell_cid: vm.stemcell_cid,
            cloud_properties: vm.cloud_properties,
            networks: vm.networks,
            disk_cids: vm.disk_cids,
            env: vm.env,
        };
        let said = said(VM_CID, &vm.wanted);
        let answer = self.call_with(&call, stemcell_api, said).await?;
        let first = answer.get(0).unwrap_or(&answer);
        text("create_vm", first)
    }

    /// Removes a machine; one that is not there is removed.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_vm(&self, cid: &str, stemcell_api: Option<i64>) -> Result<(), Error> {
        let call = Call::DeleteVm {
            cid: cid.to_owned(),
        };
        match self.call(&call, stemcell_api).await {
            Err(error) if error.kind() == Some(ErrorKind::VmNotFound) => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Whether there is such a machine; `None` if the CPI cannot tell.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn has_vm(&self, cid: &str) -> Result<Option<bool>, Error> {
        let call = Call::HasVm {
            cid: cid.to_owned(),
        };
        maybe(self.call(&call, None).await).map(|answer| answer.and_then(|value| value.as_bool()))
    }

    /// Starts a machine again.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn reboot_vm(&self, cid: &str) -> Result<(), Error> {
        let call = Call::RebootVm {
            cid: cid.to_owned(),
        };
        self.call(&call, None).await.map(drop)
    }

    /// What people should see of a machine; a CPI that has no place for it is no error.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn set_vm_metadata(&self, cid: &str, metadata: Object) -> Result<(), Error> {
        let call = Call::SetVmMetadata {
            cid: cid.to_owned(),
            metadata,
        };
        maybe(self.call(&call, None).await).map(drop)
    }

    /// The end of what a machine's agent wrote; `None` if the CPI cannot tell.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn get_vm_log(&self, cid: &str) -> Result<Option<String>, Error> {
        let call = Call::GetVmLog {
            cid: cid.to_owned(),
        };
        let answer = maybe(self.call(&call, None).await)?;
        Ok(answer.and_then(|value| value.as_str().map(ToOwned::to_owned)))
    }

    /// What cloud properties give a machine of this size.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn calculate_vm_cloud_properties(
        &self,
        requirements: Object,
    ) -> Result<Object, Error> {
        let call = Call::CalculateVmCloudProperties { requirements };
        match self.call(&call, None).await? {
            Value::Object(object) => Ok(object),
            _ => Ok(Object::new()),
        }
    }

    /// Makes a disk; the answer is its id: `wanted` if the CPI lets its callers say.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn create_disk(
        &self,
        size: u64,
        cloud_properties: Object,
        vm_cid: &str,
        wanted: &str,
    ) -> Result<String, Error> {
        let call = Call::CreateDisk {
            size,
            cloud_properties,
            vm_cid: Some(vm_cid.to_owned()),
        };
        let answer = self.call_with(&call, None, said(DISK_CID, wanted)).await?;
        text("create_disk", &answer)
    }

    /// Removes a disk; one that is not there is removed.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_disk(&self, cid: &str) -> Result<(), Error> {
        let call = Call::DeleteDisk {
            cid: cid.to_owned(),
        };
        match self.call(&call, None).await {
            Err(error) if error.kind() == Some(ErrorKind::DiskNotFound) => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Whether there is such a disk; `None` if the CPI cannot tell.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn has_disk(&self, cid: &str) -> Result<Option<bool>, Error> {
        let call = Call::HasDisk {
            cid: cid.to_owned(),
        };
        maybe(self.call(&call, None).await).map(|answer| answer.and_then(|value| value.as_bool()))
    }

    /// Gives a disk to a machine; the answer is the hint for its agent.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn attach_disk(
        &self,
        vm_cid: &str,
        disk_cid: &str,
        stemcell_api: Option<i64>,
    ) -> Result<Value, Error> {
        let call = Call::AttachDisk {
            vm_cid: vm_cid.to_owned(),
            disk_cid: disk_cid.to_owned(),
        };
        let hint = self.call(&call, stemcell_api).await?;
        let usable = hint.as_str().is_some_and(|text| !text.is_empty())
            || hint.as_object().is_some_and(|object| !object.is_empty());
        if usable {
            Ok(hint)
        } else {
            Err(Error::Response {
                method: "attach_disk",
                request_id: String::new(),
                reason: "No disk_hint".to_owned(),
            })
        }
    }

    /// Takes a disk from a machine.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn detach_disk(
        &self,
        vm_cid: &str,
        disk_cid: &str,
        stemcell_api: Option<i64>,
    ) -> Result<(), Error> {
        let call = Call::DetachDisk {
            vm_cid: vm_cid.to_owned(),
            disk_cid: disk_cid.to_owned(),
        };
        self.call(&call, stemcell_api).await.map(drop)
    }

    /// Makes a disk larger.
    ///
    /// # Errors
    /// [`Error`]; see [`Error::is_unsupported`].
    pub async fn resize_disk(&self, cid: &str, size: u64) -> Result<(), Error> {
        let call = Call::ResizeDisk {
            cid: cid.to_owned(),
            size,
        };
        self.call(&call, None).await.map(drop)
    }

    /// Keeps what a disk holds now; the answer is the snapshot's id, or why the CPI has none of this disk.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn snapshot_disk(
        &self,
        cid: &str,
        metadata: Object,
    ) -> Result<Result<String, String>, Error> {
        let call = Call::SnapshotDisk {
            cid: cid.to_owned(),
            metadata,
        };
        match self.call(&call, None).await {
            Err(error) if error.kind() == Some(ErrorKind::NotImplemented) => {
                Ok(Err(error.to_string()))
            }
            answer => text("snapshot_disk", &answer?).map(Ok),
        }
    }

    /// Forgets what a disk held.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_snapshot(&self, cid: &str) -> Result<(), Error> {
        let call = Call::DeleteSnapshot {
            cid: cid.to_owned(),
        };
        self.call(&call, None).await.map(drop)
    }

    /// What people should see of a disk; a CPI that has no place for it is no error.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn set_disk_metadata(&self, cid: &str, metadata: Object) -> Result<(), Error> {
        let call = Call::SetDiskMetadata {
            cid: cid.to_owned(),
            metadata,
        };
        maybe(self.call(&call, None).await).map(drop)
    }
}

/// What a call's context says besides.
fn said(key: &str, wanted: &str) -> Object {
    Map::from_iter([(key.to_owned(), Value::from(wanted))])
}

/// An answer, or `None` if the CPI lacks the method.
fn maybe(answer: Result<Value, Error>) -> Result<Option<Value>, Error> {
    match answer {
        Err(error) if error.kind() == Some(ErrorKind::NotImplemented) => Ok(None),
        answer => answer.map(Some),
    }
}
