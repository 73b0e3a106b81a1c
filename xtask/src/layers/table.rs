//! The table of layers: one row for each crate, lowest first.
//!
//! A new crate needs a new row here, and a word in `ARCHITECTURE.md`.

/// What the crate in one folder may use.
pub(super) struct Row {
    /// The crate's folder, relative to the workspace.
    pub folder: &'static str,
    /// The crates of the workspace it may depend on.
    pub uses: Uses,
    /// What it must know nothing about, as said to whoever breaks the rule.
    pub must_not_know: &'static str,
    /// Foreign crates that would be such knowledge.
    pub bans: &'static [&'static str],
}

/// Crates of the workspace, by folder.
pub(super) enum Uses {
    /// These and no others.
    Only(&'static [&'static str]),
    /// Every crate but `xtask`.
    Everything,
}

/// Runtimes, servers and catch-all errors: nothing for kernel code, which is
/// synchronous and has typed errors.
const NOT_FOR_KERNEL_CODE: &[&str] = &[
    "anyhow",
    "async-std",
    "axum",
    "clap",
    "eyre",
    "futures",
    "hyper",
    "mio",
    "smol",
    "tokio",
];

const fn sys(folder: &'static str, uses: &'static [&'static str]) -> Row {
    Row {
        folder,
        uses: Uses::Only(uses),
        must_not_know: "containers, BOSH, HTTP or async",
        bans: NOT_FOR_KERNEL_CODE,
    }
}

/// What would bring files, sockets or async into a codec.
const NOT_FOR_WIRES: &[&str] = &[
    "anyhow",
    "async-std",
    "axum",
    "clap",
    "eyre",
    "futures",
    "hyper",
    "libc",
    "mio",
    "nix",
    "reqwest",
    "rustix",
    "smol",
    "tempfile",
    "tokio",
];

/// A director is asynchronous, but reaches the kernel only through what it talks to.
const NOT_FOR_DIRECTORS: &[&str] = &["anyhow", "async-std", "clap", "eyre", "libc", "nix", "smol"];

const fn wire(folder: &'static str) -> Row {
    Row {
        folder,
        uses: Uses::Only(&["lib/errchain", "lib/gojson", "lib/yaml"]),
        must_not_know: "files, sockets or async",
        bans: NOT_FOR_WIRES,
    }
}

const fn test_support(folder: &'static str) -> Row {
    Row {
        folder,
        uses: Uses::Everything,
        must_not_know: "nothing in particular",
        bans: &[],
    }
}

/// Lowest layer first; inside `sys` a row may use only what stands in an
/// earlier group, so that there can be no cycle.
pub(super) const TABLE: &[Row] = &[
    Row {
        folder: "lib/errchain",
        uses: Uses::Only(&[]),
        must_not_know: "anything but std",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "lib/telemetry",
        uses: Uses::Only(&[]),
        must_not_know: "what is logged or counted",
        bans: NOT_FOR_DIRECTORS,
    },
    Row {
        folder: "lib/tar",
        uses: Uses::Only(&[]),
        must_not_know: "files, containers or anything above it",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "lib/tree",
        uses: Uses::Only(&[]),
        must_not_know: "whose tree it is",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "lib/dns",
        uses: Uses::Only(&[]),
        must_not_know: "files, sockets, BOSH or anything above it",
        bans: NOT_FOR_WIRES,
    },
    Row {
        folder: "lib/yaml",
        uses: Uses::Only(&[]),
        must_not_know: "anything above it",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "lib/gojson",
        uses: Uses::Only(&[]),
        must_not_know: "anything above it",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "lib/nats",
        uses: Uses::Only(&[]),
        must_not_know: "BOSH or async",
        bans: NOT_FOR_KERNEL_CODE,
    },
    //
    wire("wire/bpm"),
    wire("wire/garden"),
    wire("wire/manifest"),
    wire("wire/cpi"),
    wire("wire/release"),
    wire("wire/agent"),
    //
    sys("sys/errno", &[]),
    //
    sys("sys/netlink", &["sys/errno"]),
    sys("sys/systemd", &[]),
    //
    sys("sys/mount", &["sys/errno", "sys/netlink"]),
    sys("sys/process", &["sys/errno", "sys/netlink"]),
    //
    sys(
        "sys/nft",
        &["sys/errno", "sys/netlink", "sys/mount", "sys/process"],
    ),
    sys(
        "sys/cgroup",
        &["sys/errno", "sys/netlink", "sys/mount", "sys/process"],
    ),
    sys(
        "sys/devicefilter",
        &["sys/errno", "sys/netlink", "sys/mount", "sys/process"],
    ),
    //
    Row {
        folder: "container/network",
        uses: Uses::Only(&[
            "lib/errchain",
            "sys/netlink",
            "sys/mount",
            "sys/process",
            "sys/nft",
            "sys/cgroup",
            "sys/devicefilter",
        ]),
        must_not_know: "HTTP, wire formats, or anything above it",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "firewall",
        uses: Uses::Only(&[
            "lib/errchain",
            "sys/netlink",
            "sys/mount",
            "sys/process",
            "sys/nft",
            "sys/cgroup",
            "sys/devicefilter",
        ]),
        must_not_know: "who calls it",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "container/rootfs",
        uses: Uses::Only(&[
            "lib/errchain",
            "lib/tar",
            "lib/tree",
            "sys/mount",
            "sys/process",
        ]),
        must_not_know: "HTTP servers, the public wires or BOSH",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "container/stream",
        uses: Uses::Only(&["lib/tar"]),
        must_not_know: "HTTP, wire formats, or anything above it",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "container/runtime",
        uses: Uses::Only(&[
            "lib/errchain",
            "sys/netlink",
            "sys/mount",
            "sys/process",
            "sys/cgroup",
            "sys/devicefilter",
        ]),
        must_not_know: "HTTP, wire formats, or anything above it",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "registry",
        uses: Uses::Only(&["lib/errchain", "lib/tar", "container/rootfs"]),
        must_not_know: "how layers are kept, the public wires, BOSH or async",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "release",
        // Directors use it, so it takes images and registries from whoever calls it.
        uses: Uses::Only(&["lib/errchain", "lib/tar", "wire/release"]),
        must_not_know: "containers, registries, directors, async",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "garden/client",
        uses: Uses::Only(&["lib/errchain", "wire/garden"]),
        must_not_know: "containers, async, or who calls it",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "container/shim",
        uses: Uses::Only(&[
            "lib/errchain",
            "container/runtime",
            "container/stream",
            "sys/cgroup",
            "sys/mount",
            "sys/process",
        ]),
        must_not_know: "HTTP, wire formats, async, or anything above it",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "container/sandbox",
        uses: Uses::Only(&[
            "lib/errchain",
            "container/runtime",
            "sys/mount",
            "sys/process",
        ]),
        must_not_know: "HTTP, wire formats, what runs in it, or anything above it",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "bpm",
        uses: Uses::Only(&[
            "lib/errchain",
            "wire/bpm",
            "container/runtime",
            "sys/cgroup",
            "sys/devicefilter",
            "sys/mount",
            "sys/process",
            "sys/systemd",
        ]),
        must_not_know: "Garden, agents, directors or async",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "garden/server",
        uses: Uses::Only(&[
            "lib/errchain",
            "lib/tree",
            "wire/garden",
            "container/network",
            "container/rootfs",
            "container/runtime",
            "container/shim",
            "container/stream",
            "sys/cgroup",
            "sys/devicefilter",
            "sys/nft",
            "sys/process",
            "sys/systemd",
        ]),
        must_not_know: "agents, directors",
        bans: &["anyhow", "axum", "clap", "eyre", "hyper"],
    },
    Row {
        folder: "supervisor",
        uses: Uses::Only(&["lib/errchain", "sys/cgroup", "sys/process"]),
        must_not_know: "directors, agents, containers or async",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "dns",
        uses: Uses::Only(&[
            "lib/dns",
            "lib/errchain",
            "sys/netlink",
            "sys/process",
            "wire/agent",
        ]),
        must_not_know: "directors, buses, or what else is in a VM",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "agent",
        uses: Uses::Only(&[
            "container/stream",
            "dns",
            "firewall",
            "lib/errchain",
            "lib/gojson",
            "lib/nats",
            "lib/tar",
            "sys/cgroup",
            "sys/mount",
            "sys/process",
            "wire/agent",
        ]),
        must_not_know: "directors, Garden, CPIs, or how jobs are supervised",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "director/plan",
        uses: Uses::Only(&["wire/manifest", "wire/release"]),
        must_not_know: "databases, files, agents or async",
        bans: NOT_FOR_WIRES,
    },
    Row {
        folder: "director/store",
        uses: Uses::Only(&["lib/errchain", "lib/telemetry"]),
        must_not_know: "HTTP, manifests, CPIs or agents",
        bans: NOT_FOR_DIRECTORS,
    },
    Row {
        folder: "director/variables",
        uses: Uses::Only(&["wire/manifest"]),
        must_not_know: "files, sockets, clocks, databases or async",
        bans: NOT_FOR_WIRES,
    },
    Row {
        folder: "director/templates",
        uses: Uses::Only(&["lib/errchain", "lib/tar"]),
        must_not_know: "databases, manifests or the kernel",
        bans: NOT_FOR_DIRECTORS,
    },
    Row {
        folder: "lib/https",
        uses: Uses::Only(&[]),
        must_not_know: "what it serves",
        bans: NOT_FOR_DIRECTORS,
    },
    Row {
        folder: "director/blobstore",
        uses: Uses::Only(&["lib/errchain", "lib/https"]),
        must_not_know: "databases, or what blobs hold",
        bans: NOT_FOR_DIRECTORS,
    },
    Row {
        folder: "director/api",
        uses: Uses::Only(&[
            "director/blobstore",
            "director/plan",
            "director/store",
            "director/variables",
            "lib/errchain",
            "lib/telemetry",
            "lib/https",
            "wire/manifest",
            "wire/release",
        ]),
        must_not_know: "CPIs, agents, or how tasks are done",
        bans: NOT_FOR_DIRECTORS,
    },
    Row {
        folder: "director/bus",
        uses: Uses::Only(&[
            "lib/errchain",
            "lib/telemetry",
            "lib/gojson",
            "lib/nats",
            "wire/agent",
        ]),
        must_not_know: "databases, CPIs or what agents run in",
        bans: NOT_FOR_DIRECTORS,
    },
    Row {
        folder: "director/client",
        uses: Uses::Only(&["lib/errchain", "wire/manifest", "wire/release"]),
        must_not_know: "databases, how tasks are done, async or who calls it",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "director/cpi",
        uses: Uses::Only(&["lib/errchain", "lib/telemetry", "wire/cpi"]),
        must_not_know: "databases, agents or what is behind a CPI",
        bans: NOT_FOR_DIRECTORS,
    },
    Row {
        folder: "cpi",
        uses: Uses::Only(&[
            "garden/client",
            "lib/errchain",
            "lib/tar",
            "lib/tree",
            "sys/mount",
            "wire/agent",
            "wire/cpi",
            "wire/garden",
        ]),
        must_not_know: "how containers are made, directors or agents",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "director/engine",
        uses: Uses::Only(&[
            "director/blobstore",
            "director/bus",
            "director/cpi",
            "director/plan",
            "director/store",
            "director/templates",
            "director/variables",
            "lib/errchain",
            "lib/telemetry",
            "lib/nats",
            "lib/tar",
            "release",
            "wire/agent",
            "wire/cpi",
            "wire/manifest",
            "wire/release",
        ]),
        must_not_know: "how requests come in, or what machines run in",
        bans: NOT_FOR_DIRECTORS,
    },
    Row {
        folder: "director/server",
        uses: Uses::Only(&[
            "director/api",
            "director/blobstore",
            "director/bus",
            "director/cpi",
            "director/engine",
            "director/store",
            "director/templates",
            "director/variables",
            "lib/errchain",
            "lib/telemetry",
            "lib/https",
            "lib/nats",
            "wire/manifest",
        ]),
        must_not_know: "what machines run in",
        bans: NOT_FOR_DIRECTORS,
    },
    Row {
        folder: "environment",
        uses: Uses::Only(&[
            "container/network",
            "director/client",
            "garden/client",
            "lib/errchain",
            "lib/nats",
            "lib/tar",
            "release",
            "sys/mount",
            "sys/nft",
            "sys/process",
            "wire/garden",
        ]),
        must_not_know: "how containers are made, or how a director works",
        bans: NOT_FOR_KERNEL_CODE,
    },
    Row {
        folder: "cli",
        uses: Uses::Everything,
        must_not_know: "how anything is done",
        bans: &["anyhow", "eyre"],
    },
    test_support("tests/bench"),
    test_support("tests/conformance"),
    test_support("tests/harness"),
    test_support("tests/nested"),
    test_support("tests/seeds"),
    test_support("tests/vm"),
    Row {
        folder: "xtask",
        uses: Uses::Only(&[]),
        must_not_know: "the product",
        bans: &[],
    },
];
