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

const fn wire(folder: &'static str) -> Row {
    Row {
        folder,
        uses: Uses::Only(&["lib/errchain"]),
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
        folder: "lib/tar",
        uses: Uses::Only(&[]),
        must_not_know: "files, containers or anything above it",
        bans: NOT_FOR_KERNEL_CODE,
    },
    //
    wire("wire/garden"),
    //
    sys("sys/netlink", &[]),
    //
    sys("sys/mount", &["sys/netlink"]),
    sys("sys/process", &["sys/netlink"]),
    //
    sys("sys/nft", &["sys/netlink", "sys/mount", "sys/process"]),
    sys("sys/cgroup", &["sys/netlink", "sys/mount", "sys/process"]),
    sys(
        "sys/devicefilter",
        &["sys/netlink", "sys/mount", "sys/process"],
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
        uses: Uses::Only(&["lib/errchain", "lib/tar", "sys/mount", "sys/process"]),
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
        folder: "garden/server",
        uses: Uses::Only(&[
            "lib/errchain",
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
        ]),
        must_not_know: "agents, directors",
        bans: &["anyhow", "axum", "clap", "eyre", "hyper"],
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
    test_support("tests/vm"),
    Row {
        folder: "xtask",
        uses: Uses::Only(&[]),
        must_not_know: "the product",
        bans: &[],
    },
];
