//! Availability zones, VM types, VM extensions and disk types.

use crate::check::{Fields, Int, Invalid, refuse};
use crate::yaml::Mapping;

/// A place in which instances are spread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvailabilityZone {
    /// Its name.
    pub name: String,
    /// What the CPI wants to know about it.
    pub cloud_properties: Mapping,
    /// Which CPI it is reached through.
    pub cpi: Option<String>,
}

/// A kind of VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmType {
    /// Its name.
    pub name: String,
    /// What the CPI makes of it.
    pub cloud_properties: Mapping,
}

/// Something that VMs of several kinds can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmExtension {
    /// Its name.
    pub name: String,
    /// What the CPI makes of it.
    pub cloud_properties: Mapping,
}

/// A kind of persistent disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskType {
    /// Its name.
    pub name: String,
    /// Its size in MB.
    pub disk_size: u64,
    /// What the CPI makes of it.
    pub cloud_properties: Mapping,
}

impl AvailabilityZone {
    pub(super) fn parse(fields: Fields<'_>) -> Result<AvailabilityZone, Invalid> {
        Ok(AvailabilityZone {
            name: fields.required("name")?,
            cloud_properties: fields.map("cloud_properties")?,
            cpi: fields.optional("cpi")?,
        })
    }
}

impl VmType {
    pub(super) fn parse(fields: Fields<'_>) -> Result<VmType, Invalid> {
        Ok(VmType {
            name: fields.required("name")?,
            cloud_properties: fields.map("cloud_properties")?,
        })
    }
}

impl VmExtension {
    pub(super) fn parse(fields: Fields<'_>) -> Result<VmExtension, Invalid> {
        Ok(VmExtension {
            name: fields.required("name")?,
            cloud_properties: fields.map("cloud_properties")?,
        })
    }
}

impl DiskType {
    pub(super) fn parse(fields: Fields<'_>) -> Result<DiskType, Invalid> {
        let name: String = fields.required("name")?;
        let Int(size) = fields.required("disk_size")?;
        let Ok(disk_size) = u64::try_from(size) else {
            refuse!(
                DiskTypeInvalidDiskSize,
                "Disk types '{name}' references an invalid persistent disk size '{size}'"
            );
        };
        Ok(DiskType {
            name,
            disk_size,
            cloud_properties: fields.map("cloud_properties")?,
        })
    }
}
