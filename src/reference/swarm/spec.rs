//! The forms of what clients ask of a swarm: services, nodes, secrets, configs and the swarm itself.

use super::form::Keep::{Always, Filled, Given, Nullable};
use super::form::{Form, Kind, Member, count, flag, member, period, text, texts};

const NAME: Member = text("Name");
const LABELS: Member = member("Labels", Kind::Map, Always);

const fn whole(name: &'static str) -> Member {
    member(name, Kind::Int("int64"), Filled)
}

const fn mode(name: &'static str) -> Member {
    member(name, Kind::Natural("fs.FileMode", u32::MAX as u64), Always)
}

const fn natural(name: &'static str) -> Member {
    member(name, Kind::Natural("uint32", u32::MAX as u64), Filled)
}

const fn always(name: &'static str) -> Member {
    member(name, Kind::Text, Always)
}

/// A service.
pub(super) static SERVICE: Form = Form {
    name: "swarm.ServiceSpec",
    members: &[
        NAME,
        LABELS,
        member("TaskTemplate", Kind::One(&TASK), Always),
        member("Mode", Kind::One(&MODE), Always),
        member("UpdateConfig", Kind::One(&UPDATE), Given),
        member("RollbackConfig", Kind::One(&UPDATE), Given),
        member("Networks", Kind::Many(&NETWORK), Filled),
        member("EndpointSpec", Kind::One(&ENDPOINT), Given),
    ],
};

static TASK: Form = Form {
    name: "swarm.TaskSpec",
    members: &[
        member("ContainerSpec", Kind::One(&CONTAINER), Given),
        member("PluginSpec", Kind::One(&PLUGIN), Given),
        member("Resources", Kind::One(&RESOURCES), Given),
        member("RestartPolicy", Kind::One(&RESTART), Given),
        member("Placement", Kind::One(&PLACEMENT), Given),
        member("Networks", Kind::Many(&NETWORK), Filled),
        member("LogDriver", Kind::One(&DRIVER), Given),
        count("ForceUpdate", Always),
        text("Runtime"),
    ],
};

static CONTAINER: Form = Form {
    name: "swarm.ContainerSpec",
    members: &[
        text("Image"),
        member("Labels", Kind::Map, Filled),
        texts("Command"),
        texts("Args"),
        text("Hostname"),
        texts("Env"),
        text("Dir"),
        text("User"),
        texts("Groups"),
        member("Privileges", Kind::One(&PRIVILEGES), Given),
        member("Init", Kind::Flag, Given),
        text("StopSignal"),
        flag("TTY"),
        flag("OpenStdin"),
        flag("ReadOnly"),
        member("Mounts", Kind::Many(&MOUNT), Filled),
        period("StopGracePeriod", Given),
        member("Healthcheck", Kind::One(&HEALTH), Given),
        texts("Hosts"),
        member("DNSConfig", Kind::One(&DNS), Given),
        member("Secrets", Kind::Many(&SECRET_REFERENCE), Filled),
        member("Configs", Kind::Many(&CONFIG_REFERENCE), Filled),
        text("Isolation"),
        member("Sysctls", Kind::Map, Filled),
        texts("CapabilityAdd"),
        texts("CapabilityDrop"),
        member("Ulimits", Kind::Many(&ULIMIT), Filled),
        whole("OomScoreAdj"),
    ],
};

static PLUGIN: Form = Form {
    name: "runtime.PluginSpec",
    members: &[text("name"), text("remote"), member("privileges", Kind::Many(&PRIVILEGE), Filled), flag("disabled"), texts("env")],
};

static PRIVILEGE: Form = Form { name: "runtime.PluginPrivilege", members: &[text("name"), text("description"), texts("value")] };

static PRIVILEGES: Form = Form {
    name: "swarm.Privileges",
    members: &[
        member("CredentialSpec", Kind::One(&CREDENTIAL), Nullable),
        member("SELinuxContext", Kind::One(&SELINUX), Nullable),
        member("Seccomp", Kind::One(&SECCOMP), Given),
        member("AppArmor", Kind::One(&APPARMOR), Given),
        member("NoNewPrivileges", Kind::Flag, Always),
    ],
};

static CREDENTIAL: Form = Form { name: "swarm.CredentialSpec", members: &[always("Config"), always("File"), always("Registry")] };

static SELINUX: Form = Form {
    name: "swarm.SELinuxContext",
    members: &[member("Disable", Kind::Flag, Always), always("User"), always("Role"), always("Type"), always("Level")],
};

static SECCOMP: Form = Form { name: "swarm.SeccompOpts", members: &[text("Mode"), member("Profile", Kind::Bytes, Filled)] };

static APPARMOR: Form = Form { name: "swarm.AppArmorOpts", members: &[text("Mode")] };

static MOUNT: Form = Form {
    name: "mount.Mount",
    members: &[
        text("Type"),
        text("Source"),
        text("Target"),
        flag("ReadOnly"),
        member("BindOptions", Kind::One(&BIND), Given),
        member("VolumeOptions", Kind::One(&VOLUME), Given),
        member("TmpfsOptions", Kind::One(&TMPFS), Given),
    ],
};

static BIND: Form = Form {
    name: "mount.BindOptions",
    members: &[
        text("Propagation"),
        flag("NonRecursive"),
        flag("CreateMountpoint"),
        flag("ReadOnlyNonRecursive"),
        flag("ReadOnlyForceRecursive"),
    ],
};

static VOLUME: Form = Form {
    name: "mount.VolumeOptions",
    members: &[flag("NoCopy"), member("Labels", Kind::Map, Filled), text("Subpath"), member("DriverConfig", Kind::One(&DRIVER), Given)],
};

static TMPFS: Form = Form {
    name: "mount.TmpfsOptions",
    members: &[
        whole("SizeBytes"),
        member("Mode", Kind::Natural("fs.FileMode", u32::MAX as u64), Filled),
        member("Options", Kind::Rows, Filled),
    ],
};

static HEALTH: Form = Form {
    name: "container.HealthConfig",
    members: &[
        texts("Test"),
        period("Interval", Filled),
        period("Timeout", Filled),
        period("StartPeriod", Filled),
        period("StartInterval", Filled),
        member("Retries", Kind::Int("int"), Filled),
    ],
};

static DNS: Form = Form { name: "swarm.DNSConfig", members: &[texts("Nameservers"), texts("Search"), texts("Options")] };

static FILE: Form =
    Form { name: "swarm.SecretReferenceFileTarget", members: &[always("Name"), always("UID"), always("GID"), mode("Mode")] };

static SECRET_REFERENCE: Form = Form {
    name: "swarm.SecretReference",
    members: &[member("File", Kind::One(&FILE), Nullable), always("SecretID"), always("SecretName")],
};

static CONFIG_REFERENCE: Form = Form {
    name: "swarm.ConfigReference",
    members: &[
        member("File", Kind::One(&FILE), Given),
        member("Runtime", Kind::One(&NOTHING), Given),
        always("ConfigID"),
        always("ConfigName"),
    ],
};

static NOTHING: Form = Form { name: "swarm.ConfigReferenceRuntimeTarget", members: &[] };

static ULIMIT: Form = Form {
    name: "units.Ulimit",
    members: &[always("Name"), member("Hard", Kind::Int("int64"), Always), member("Soft", Kind::Int("int64"), Always)],
};

static RESOURCES: Form = Form {
    name: "swarm.ResourceRequirements",
    members: &[
        member("Limits", Kind::One(&LIMITS), Given),
        member("Reservations", Kind::One(&RESERVATIONS), Given),
        member("SwapBytes", Kind::Int("int64"), Given),
        member("MemorySwappiness", Kind::Int("int64"), Given),
    ],
};

static LIMITS: Form = Form { name: "swarm.Limit", members: &[whole("NanoCPUs"), whole("MemoryBytes"), whole("Pids")] };

static RESERVATIONS: Form = Form {
    name: "swarm.Resources",
    members: &[whole("NanoCPUs"), whole("MemoryBytes"), member("GenericResources", Kind::Many(&GENERIC), Filled)],
};

static GENERIC: Form = Form {
    name: "swarm.GenericResource",
    members: &[member("NamedResourceSpec", Kind::One(&NAMED), Given), member("DiscreteResourceSpec", Kind::One(&DISCRETE), Given)],
};

static NAMED: Form = Form { name: "swarm.NamedGenericResource", members: &[text("Kind"), text("Value")] };

static DISCRETE: Form = Form { name: "swarm.DiscreteGenericResource", members: &[text("Kind"), whole("Value")] };

static RESTART: Form = Form {
    name: "swarm.RestartPolicy",
    members: &[text("Condition"), period("Delay", Given), count("MaxAttempts", Given), period("Window", Given)],
};

static PLACEMENT: Form = Form {
    name: "swarm.Placement",
    members: &[
        texts("Constraints"),
        member("Preferences", Kind::Many(&PREFERENCE), Filled),
        count("MaxReplicas", Filled),
        member("Platforms", Kind::Many(&PLATFORM), Filled),
    ],
};

static PREFERENCE: Form = Form { name: "swarm.PlacementPreference", members: &[member("Spread", Kind::One(&SPREAD), Nullable)] };

static SPREAD: Form = Form { name: "swarm.SpreadOver", members: &[always("SpreadDescriptor")] };

static PLATFORM: Form = Form { name: "swarm.Platform", members: &[text("Architecture"), text("OS")] };

static NETWORK: Form =
    Form { name: "swarm.NetworkAttachmentConfig", members: &[text("Target"), texts("Aliases"), member("DriverOpts", Kind::Map, Filled)] };

static DRIVER: Form = Form { name: "swarm.Driver", members: &[NAME, member("Options", Kind::Map, Filled)] };

static MODE: Form = Form {
    name: "swarm.ServiceMode",
    members: &[
        member("Replicated", Kind::One(&REPLICATED), Given),
        member("Global", Kind::One(&NOTHING), Given),
        member("ReplicatedJob", Kind::One(&JOB), Given),
        member("GlobalJob", Kind::One(&NOTHING), Given),
    ],
};

static REPLICATED: Form = Form { name: "swarm.ReplicatedService", members: &[count("Replicas", Given)] };

static JOB: Form = Form { name: "swarm.ReplicatedJob", members: &[count("MaxConcurrent", Given), count("TotalCompletions", Given)] };

static UPDATE: Form = Form {
    name: "swarm.UpdateConfig",
    members: &[
        count("Parallelism", Always),
        period("Delay", Filled),
        text("FailureAction"),
        period("Monitor", Filled),
        member("MaxFailureRatio", Kind::Float, Always),
        always("Order"),
    ],
};

static ENDPOINT: Form = Form { name: "swarm.EndpointSpec", members: &[text("Mode"), member("Ports", Kind::Many(&PORT), Filled)] };

static PORT: Form = Form {
    name: "swarm.PortConfig",
    members: &[NAME, text("Protocol"), natural("TargetPort"), natural("PublishedPort"), text("PublishMode")],
};

/// A node.
pub(super) static NODE: Form = Form { name: "swarm.NodeSpec", members: &[NAME, LABELS, always("Role"), always("Availability")] };

/// A secret.
pub(super) static SECRET: Form = Form {
    name: "swarm.SecretSpec",
    members: &[
        NAME,
        LABELS,
        member("Data", Kind::Bytes, Given),
        member("Driver", Kind::One(&DRIVER), Given),
        member("Templating", Kind::One(&DRIVER), Given),
    ],
};

/// A config.
pub(super) static CONFIG: Form = Form {
    name: "swarm.ConfigSpec",
    members: &[NAME, LABELS, member("Data", Kind::Bytes, Given), member("Templating", Kind::One(&DRIVER), Given)],
};

/// The swarm.
pub(super) static SWARM: Form = Form {
    name: "swarm.Spec",
    members: &[
        NAME,
        LABELS,
        member("Orchestration", Kind::One(&ORCHESTRATION), Always),
        member("Raft", Kind::One(&RAFT), Always),
        member("Dispatcher", Kind::One(&DISPATCHER), Always),
        member("CAConfig", Kind::One(&CA), Always),
        member("TaskDefaults", Kind::One(&TASK_DEFAULTS), Always),
        member("EncryptionConfig", Kind::One(&ENCRYPTION), Always),
    ],
};

static ORCHESTRATION: Form =
    Form { name: "swarm.OrchestrationConfig", members: &[member("TaskHistoryRetentionLimit", Kind::Int("int64"), Given)] };

static RAFT: Form = Form {
    name: "swarm.RaftConfig",
    members: &[
        count("SnapshotInterval", Filled),
        count("KeepOldSnapshots", Given),
        count("LogEntriesForSlowFollowers", Filled),
        member("ElectionTick", Kind::Int("int"), Always),
        member("HeartbeatTick", Kind::Int("int"), Always),
    ],
};

static DISPATCHER: Form = Form { name: "swarm.DispatcherConfig", members: &[period("HeartbeatPeriod", Filled)] };

static CA: Form = Form {
    name: "swarm.CAConfig",
    members: &[
        period("NodeCertExpiry", Filled),
        member("ExternalCAs", Kind::Many(&EXTERNAL_CA), Filled),
        text("SigningCACert"),
        text("SigningCAKey"),
        count("ForceRotate", Filled),
    ],
};

static EXTERNAL_CA: Form = Form {
    name: "swarm.ExternalCA",
    members: &[always("Protocol"), always("URL"), member("Options", Kind::Map, Filled), always("CACert")],
};

static TASK_DEFAULTS: Form = Form { name: "swarm.TaskDefaults", members: &[member("LogDriver", Kind::One(&DRIVER), Given)] };

static ENCRYPTION: Form = Form { name: "swarm.EncryptionConfig", members: &[member("AutoLockManagers", Kind::Flag, Always)] };

/// The body of init and join.
pub(super) static ENTRY: Form = Form {
    name: "swarm.InitRequest",
    members: &[
        always("ListenAddr"),
        always("AdvertiseAddr"),
        always("DataPathAddr"),
        member("DataPathPort", Kind::Natural("uint32", u32::MAX as u64), Always),
        member("ForceNewCluster", Kind::Flag, Always),
        member("Spec", Kind::One(&SWARM), Always),
        member("AutoLockManagers", Kind::Flag, Always),
        always("Availability"),
        texts("DefaultAddrPool"),
        member("SubnetSize", Kind::Natural("uint32", u32::MAX as u64), Always),
        texts("RemoteAddrs"),
        always("JoinToken"),
    ],
};
