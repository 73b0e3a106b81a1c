//! The director's error codes, as far as manifests and configs cause them.

macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident = $number:literal,)*) => {
        /// Why the director refuses something. All are answered with HTTP status 400.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Code { $($(#[$meta])* $name = $number,)* }
    };
}

codes! {
    /// An error without code of its own.
    DirectorError = 100,
    /// A delegated prefix larger than the range.
    NetworkPrefixSizeTooBig = 16013,
    /// Subnets of one network with different prefixes.
    NetworkPrefixSizesDiffer = 16014,
    /// A value of another type.
    ValidationInvalidType = 40000,
    /// A key that is missing.
    ValidationMissingField = 40001,
    /// A number that is too small.
    ValidationViolatedMin = 40002,
    /// A value that is none of those allowed.
    ValidationInvalidValue = 40005,
    /// Two stemcells of one alias.
    StemcellAliasAlreadyExists = 50005,
    /// A stemcell by name and by operating system.
    StemcellBothNameAndOs = 50006,
    /// Compilation on a network that is not there.
    CompilationConfigUnknownNetwork = 120001,
    /// Compilation in an availability zone that is not there.
    CompilationConfigInvalidAvailabilityZone = 120002,
    /// Compilation with a VM type that is not there.
    CompilationConfigInvalidVmType = 120003,
    /// Compilation with a VM extension that is not there.
    CompilationConfigInvalidVmExtension = 120005,
    /// Compilation with none or several of `vm_type`, `vm_resources` and `cloud_properties`.
    CompilationConfigBadVmConfiguration = 120007,
    /// VIP addresses in the instance group and in the cloud config.
    NetworkReservationVipMisconfigured = 130014,
    /// A job from a release that is not listed.
    InstanceGroupUnknownRelease = 140002,
    /// A VM type that is not there.
    InstanceGroupUnknownVmType = 140004,
    /// A stemcell alias that is not there.
    InstanceGroupUnknownStemcell = 140005,
    /// A state of an instance that is none.
    InstanceGroupInvalidInstanceState = 140007,
    /// A state of a group that is none.
    InstanceGroupInvalidState = 140008,
    /// A group without network.
    JobMissingNetwork = 140009,
    /// The same job twice.
    InstanceGroupInvalidJobs = 140010,
    /// A lifecycle that is none.
    JobInvalidLifecycle = 140011,
    /// A disk type that is not there.
    InstanceGroupUnknownDiskType = 140012,
    /// Several kinds of persistent disk, or a wrong one.
    InstanceGroupInvalidPersistentDisk = 140013,
    /// Availability zones for some subnets only, or that are no text.
    JobInvalidAvailabilityZone = 140016,
    /// An empty list of availability zones.
    JobMissingAvailabilityZones = 140017,
    /// An availability zone that is not there.
    JobUnknownAvailabilityZone = 140018,
    /// None or both of `vm_type` and `vm_resources`.
    InstanceGroupBadVmConfiguration = 140022,
    /// `jobs` at the top.
    V1DeprecatedJob = 140023,
    /// `template` or `templates`.
    V1DeprecatedTemplate = 140024,
    /// `resource_pool`.
    V1DeprecatedResourcePool = 140025,
    /// `networks` at the top.
    V1DeprecatedNetworks = 140026,
    /// `disk_pools` or `persistent_disk_pool`.
    V1DeprecatedDiskPools = 140027,
    /// `resource_pools` at the top.
    V1DeprecatedResourcePools = 140028,
    /// A network that is not there.
    JobUnknownNetwork = 150001,
    /// As many static addresses as instances are wanted.
    InstanceGroupNetworkInstanceIpMismatch = 150002,
    /// A default that no network has.
    JobNetworkInvalidDefault = 150003,
    /// Two networks for one default.
    JobNetworkMultipleDefaults = 150004,
    /// No network for a default.
    JobNetworkMissingDefault = 150005,
    /// A network without subnet in an availability zone.
    JobNetworkMissingRequiredAvailabilityZone = 150006,
    /// Static addresses on a dynamic network.
    JobStaticIpNotSupportedOnDynamicNetwork = 150008,
    /// A static address twice.
    JobInvalidStaticIps = 150009,
    /// Subnets that overlap.
    NetworkOverlappingSubnets = 160001,
    /// A range of less than two addresses.
    NetworkInvalidRange = 160002,
    /// A gateway that cannot be one.
    NetworkInvalidGateway = 160003,
    /// A name server that is no address.
    NetworkInvalidDns = 160004,
    /// A reserved address outside of the range.
    NetworkReservedIpOutOfRange = 160005,
    /// A static address outside of the range or reserved.
    NetworkStaticIpOutOfRange = 160006,
    /// A subnet in an availability zone that is not there.
    NetworkSubnetUnknownAvailabilityZone = 160007,
    /// A key that does not go with another.
    NetworkInvalidProperty = 160008,
    /// A text that names no addresses.
    NetworkInvalidIpRangeFormat = 160010,
    /// A watch time that is none.
    UpdateConfigInvalidWatchTime = 180001,
    /// `release` and `releases`.
    DeploymentAmbiguousReleaseSpec = 190001,
    /// A release twice.
    DeploymentDuplicateReleaseName = 190002,
    /// A VM type twice.
    DeploymentDuplicateVmTypeName = 190004,
    /// A VM extension twice.
    DeploymentDuplicateVmExtensionName = 190005,
    /// Two instance groups of one canonical name.
    DeploymentCanonicalJobNameTaken = 190006,
    /// Two networks of one canonical name.
    DeploymentCanonicalNetworkNameTaken = 190007,
    /// No network.
    DeploymentNoNetworks = 190008,
    /// A network type that is none.
    DeploymentInvalidNetworkType = 190010,
    /// A disk type twice.
    DeploymentDuplicateDiskTypeName = 190013,
    /// A key that belongs into a cloud config.
    DeploymentInvalidProperty = 190014,
    /// An availability zone twice.
    DeploymentDuplicateAvailabilityZoneName = 190017,
    /// A migration that cannot be.
    DeploymentInvalidMigratedFromJob = 190018,
    /// No stemcell.
    DeploymentInvalidResourceSpecification = 190019,
    /// A variable in the deployment and in a runtime config.
    DeploymentDuplicateVariableName = 190022,
    /// A disk type of negative size.
    DiskTypeInvalidDiskSize = 200001,
    /// Features that contradict each other.
    IncompatibleFeatures = 210001,
    /// A name that leaves nothing for the DNS.
    DnsInvalidCanonicalName = 420001,
    /// A text that is no manifest.
    BadManifest = 440001,
    /// `latest` in a runtime config.
    RuntimeInvalidReleaseVersion = 530001,
    /// An addon's release is not in its file.
    AddonReleaseNotListedInReleases = 530002,
    /// A runtime config's release has another version in the deployment.
    RuntimeInvalidDeploymentRelease = 530003,
    /// A filter of jobs without name or release.
    AddonIncompleteFilterJobSection = 530004,
    /// A filter of stemcells without operating system.
    AddonIncompleteFilterStemcellSection = 530005,
    /// A filter of deployments inside of one, or `tags` in two runtime configs.
    RuntimeConfigParseError = 530006,
    /// A CPI or one of its former names twice.
    CpiDuplicateName = 550000,
    /// An availability zone without CPI where there are CPIs.
    AvailabilityZoneMissingCpi = 550001,
    /// `variables` that are none.
    VariablesInvalidFormat = 560000,
    /// `features` that are none.
    FeaturesInvalidFormat = 560001,
    /// `compilation` in two cloud configs.
    CloudConfigMergeError = 570000,
}

impl Code {
    /// The number.
    pub fn number(self) -> u32 {
        self as u32
    }
}
