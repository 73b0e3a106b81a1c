//! How packages are compiled.

use super::{AvailabilityZone, Network, VmExtension, VmType};
use crate::check::{Fields, Int, Invalid, refuse};
use crate::yaml::Mapping;

/// The `compilation` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compilation {
    /// How many VMs compile at once.
    pub workers: u32,
    /// The network they are in.
    pub network: String,
    /// The availability zone they are in.
    pub az: Option<String>,
    /// Their type, if they have one.
    pub vm_type: Option<String>,
    /// Their size, if they have no type.
    pub vm_resources: Option<VmResources>,
    /// What else they have.
    pub vm_extensions: Vec<String>,
    /// What the CPI makes of them, if they have neither type nor size.
    pub cloud_properties: Mapping,
    /// What is told to their agents.
    pub env: Mapping,
    /// Whether one compiles several packages.
    pub reuse_compilation_vms: bool,
    /// Whether they are orphaned instead of deleted.
    pub orphan_workers: bool,
}

/// The size of a VM, for the CPI to choose a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmResources {
    /// How many processors.
    pub cpu: i128,
    /// Memory in MB.
    pub ram: i128,
    /// The disk that goes with the VM, in MB.
    pub ephemeral_disk_size: i128,
}

impl VmResources {
    pub(crate) fn parse(map: &Mapping) -> Result<VmResources, Invalid> {
        let fields = Fields::of_map(map);
        let number = |key| fields.required(key).map(|Int(value)| value);
        Ok(VmResources {
            cpu: number("cpu")?,
            ram: number("ram")?,
            ephemeral_disk_size: number("ephemeral_disk_size")?,
        })
    }
}

impl Compilation {
    pub(super) fn parse(
        map: &Mapping,
        azs: &[AvailabilityZone],
        vm_types: &[VmType],
        vm_extensions: &[VmExtension],
        networks: &[Network],
    ) -> Result<Compilation, Invalid> {
        let fields = Fields::of_map(map);
        let workers = u32::try_from(fields.at_least("workers", 1)?).unwrap_or(u32::MAX);
        let network: String = fields.required("network")?;
        let reuse_compilation_vms = fields.optional("reuse_compilation_vms")?.unwrap_or(false);
        let orphan_workers = fields.optional("orphan_workers")?.unwrap_or(false);
        let cloud_properties = fields.map("cloud_properties")?;
        let env = fields.map("env")?;
        let az: Option<String> = fields.optional("az")?.filter(|az: &String| !az.is_empty());
        if let Some(az) = &az
            && !azs.iter().any(|known| known.name == *az)
        {
            let known: Vec<&str> = azs.iter().map(|az| az.name.as_str()).collect();
            refuse!(
                CompilationConfigInvalidAvailabilityZone,
                "Compilation config references unknown az '{az}'. Known azs are: [{}]",
                known.join(", ")
            );
        }
        let vm_type: Option<String> = fields.optional("vm_type")?;
        let vm_resources = fields.optional::<&Mapping>("vm_resources")?;
        let given = usize::from(vm_type.as_ref().is_some_and(|name| !name.is_empty()))
            + usize::from(vm_resources.is_some_and(|map| !map.is_empty()))
            + usize::from(!cloud_properties.is_empty());
        if given > 1 {
            refuse!(
                CompilationConfigBadVmConfiguration,
                "Compilation config specifies more than one of 'vm_type', 'vm_resources', or 'cloud_properties', only one is allowed."
            );
        }
        if let Some(vm_type) = &vm_type
            && !vm_types.iter().any(|known| known.name == *vm_type)
        {
            let known: Vec<&str> = vm_types.iter().map(|kind| kind.name.as_str()).collect();
            refuse!(
                CompilationConfigInvalidVmType,
                "Compilation config references unknown vm type '{vm_type}'. Known vm types are: {}",
                known.join(", ")
            );
        }
        let vm_resources = vm_resources.map(VmResources::parse).transpose()?;
        let mut extensions = Vec::new();
        for name in fields.list("vm_extensions")? {
            let name = crate::check::to_s(name);
            if !vm_extensions.iter().any(|known| known.name == name) {
                let known: Vec<&str> = vm_extensions
                    .iter()
                    .map(|extension| extension.name.as_str())
                    .collect();
                refuse!(
                    CompilationConfigInvalidVmExtension,
                    "Compilation config references unknown vm extension '{name}'. Known vm extensions are: {}",
                    known.join(", ")
                );
            }
            if vm_type.is_none() && vm_resources.is_none() {
                refuse!(
                    CompilationConfigBadVmConfiguration,
                    "Compilation config is using vm extension '{name}' and must configure a vm type or vm_resources block."
                );
            }
            extensions.push(name);
        }
        let Some(found) = networks.iter().find(|known| known.name == network) else {
            refuse!(
                CompilationConfigUnknownNetwork,
                "Compilation config references an unknown network '{network}'"
            );
        };
        if !found.has_azs(az.as_slice()) {
            refuse!(
                JobNetworkMissingRequiredAvailabilityZone,
                "Compilation config refers to az '{}' but network '{network}' has no matching subnet(s).",
                az.unwrap_or_default()
            );
        }
        Ok(Compilation {
            workers,
            network,
            az,
            vm_type,
            vm_resources,
            vm_extensions: extensions,
            cloud_properties,
            env,
            reuse_compilation_vms,
            orphan_workers,
        })
    }
}
