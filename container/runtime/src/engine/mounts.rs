//! What is to be mounted, as mounts that are attached nowhere yet.
//!
//! Binds are cloned by the keeper, which may look where the container's root may not, and which
//! keeps a shared mount's peers: a clone of a shared mount is one of them. Kernel file systems are
//! made by init, in its own namespaces and *before* the host's mounts go: a user namespace may have
//! a new `/proc` or `/sys` only while a whole one can be seen.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, MountPropagationFlags, OpenTreeFlags, open_tree};
use warren_sys_cgroup::GroupSet;
use warren_sys_mount::{Depth, clear_attributes, detached, set_attributes};

use super::error::Failure;
use crate::oci::{Mount, Spec};

/// A mount and where it goes.
#[derive(Debug)]
pub(super) struct Prepared {
    pub destination: PathBuf,
    pub tree: OwnedFd,
}

/// Mounts of the host's files, made by the keeper.
#[derive(Debug)]
pub(super) struct Sources {
    /// The root directory.
    pub root: OwnedFd,
    /// One for each of the bundle's mounts that is a bind.
    binds: Vec<Option<OwnedFd>>,
    /// Of the container's groups in v1 hierarchies.
    v1: Vec<(Vec<String>, OwnedFd)>,
    /// Whether there is cgroup v2.
    v2: bool,
}

impl Sources {
    /// Clones the root and all binds.
    pub(super) fn of(bundle: &Spec) -> Result<Self, Failure> {
        let path = &bundle.root.path;
        if !bundle.linux.has_namespace("mount") {
            // Nothing will be mounted, which may not be allowed here either.
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let root = rustix::fs::openat(CWD, path, flags, Mode::empty())
                .map_err(|errno| Failure::new("open", path.display(), errno))?;
            return Ok(Self {
                root,
                binds: Vec::new(),
                v1: Vec::new(),
                v2: false,
            });
        }
        let root = clone(path, OpenTreeFlags::empty())?;
        let options = Options {
            attributes: if bundle.root.readonly {
                MountAttrFlags::MOUNT_ATTR_RDONLY
            } else {
                MountAttrFlags::empty()
            },
            // Not a peer of the mount that it was cloned of, and the new root has to be so.
            propagation: MountPropagationFlags::PRIVATE,
            ..Options::default()
        };
        options.apply_to(&root, path)?;
        let less_privileged = bundle.linux.has_namespace("user");
        let binds = bundle.mounts.iter().map(|mount| {
            if !is_bind(mount) {
                return Ok(None);
            }
            bind(mount, less_privileged).map(Some)
        });
        Ok(Self {
            root,
            binds: binds.collect::<Result<_, _>>()?,
            v1: Vec::new(),
            v2: false,
        })
    }

    /// Adds the container's groups, if its mounts show them.
    pub(super) fn add_groups(&mut self, bundle: &Spec, groups: &GroupSet) -> Result<(), Failure> {
        if !bundle.mounts.iter().any(is_cgroup) {
            return Ok(());
        }
        self.v2 = groups.v2.is_some();
        for group in &groups.v1 {
            let tree = clone(group.path(), OpenTreeFlags::empty())?;
            self.v1.push((group.controllers().to_vec(), tree));
        }
        Ok(())
    }
}

/// Makes what the bundle asks for out of the sources and, in the namespaces of the calling process,
/// new kernel file systems; in order.
pub(super) fn prepare(
    bundle: &Spec,
    sources: Sources,
) -> Result<(OwnedFd, Vec<Prepared>), Failure> {
    let Sources {
        root,
        binds,
        v1,
        v2,
    } = sources;
    let mut v1 = Some(v1);
    let mut prepared = Vec::new();
    for (mount, tree) in bundle.mounts.iter().zip(binds) {
        let destination = mount.destination.clone();
        let tree = match tree {
            Some(tree) => tree,
            None if is_cgroup(mount) => {
                cgroups(mount, v1.take().unwrap_or_default(), v2, &mut prepared)?;
                continue;
            }
            None => kernel(mount)?,
        };
        prepared.push(Prepared { destination, tree });
    }
    Ok((root, prepared))
}

fn is_bind(mount: &Mount) -> bool {
    let named = |option: &String| option == "bind" || option == "rbind";
    mount.kind.as_deref() == Some("bind") || mount.options.iter().any(named)
}

fn is_cgroup(mount: &Mount) -> bool {
    mount.kind.as_deref() == Some("cgroup")
}

fn clone(path: &Path, more: OpenTreeFlags) -> Result<OwnedFd, Failure> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | more;
    open_tree(CWD, path, flags).map_err(|errno| {
        let failure = Failure::new("bind", path.display(), errno);
        match errno {
            Errno::INVAL => failure.hint("unbindable, or it covers mounts that may not be shown"),
            _ => failure,
        }
    })
}

fn bind(mount: &Mount, less_privileged: bool) -> Result<OwnedFd, Failure> {
    let Some(source) = &mount.source else {
        return Err(
            Failure::new("bind", mount.destination.display(), Errno::INVAL)
                .hint("the bundle names no source"),
        );
    };
    let mut options = Options::parse(&mount.options);
    let recursive = mount.options.iter().any(|option| option == "rbind");
    let more = if recursive {
        OpenTreeFlags::AT_RECURSIVE
    } else {
        OpenTreeFlags::empty()
    };
    let tree = clone(source, more)?;
    if less_privileged && options.propagation.is_empty() {
        // What a container without privileges mounts is its own affair.
        options.propagation = MountPropagationFlags::DOWNSTREAM;
    }
    if recursive {
        options.depth = Some(Depth::All);
    }
    options.apply_to(&tree, source)?;
    Ok(tree)
}

/// A new instance of a kernel file system.
fn kernel(mount: &Mount) -> Result<OwnedFd, Failure> {
    let kind = mount.kind.as_deref().unwrap_or("none");
    let options = Options::parse(&mount.options);
    let named = options
        .data
        .iter()
        .map(|option| match option.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (option.as_str(), None),
        });
    // What tables of mounts show in their first column.
    let data: Vec<(&str, Option<&str>)> =
        [("source", Some(kind))].into_iter().chain(named).collect();
    detached(kind, &data, options.attributes).map_err(|error| {
        let failure = Failure::because("mount", mount.destination.display(), &error);
        match (error.source, kind) {
            (Errno::PERM, "proc" | "sysfs") => failure.hint(
                "a new one needs an uncovered one in sight: run the outer container with its \
                 system paths unmasked, or privileged",
            ),
            _ => failure,
        }
    })
}

/// The container's groups: cgroup v2 alone, or beside a directory for each v1 hierarchy.
fn cgroups(
    mount: &Mount,
    v1: Vec<(Vec<String>, OwnedFd)>,
    v2: bool,
    prepared: &mut Vec<Prepared>,
) -> Result<(), Failure> {
    let at = &mount.destination;
    let options = Options::parse(&mount.options);
    let mut put = |destination: PathBuf, tree| prepared.push(Prepared { destination, tree });
    // In a cgroup namespace of its own this leaves the options of the machine's tree alone, and
    // its root is the container's group.
    let unified = || {
        detached("cgroup2", &[("source", Some("cgroup"))], options.attributes)
            .map_err(|error| Failure::because("mount", at.display(), &error))
    };
    if v1.is_empty() {
        put(at.clone(), unified()?);
        return Ok(());
    }
    let base = detached("tmpfs", &[("mode", Some("755"))], base_attributes(&options))
        .map_err(|error| Failure::because("mount", at.display(), &error))?;
    let linked = |name: &str, to: &str| {
        rustix::fs::symlinkat(to, &base, name)
            .map_err(|errno| Failure::new("link", at.join(name).display(), errno))
    };
    for (controllers, _) in &v1 {
        let directory = directory(controllers);
        for controller in controllers.iter().filter(|name| **name != directory) {
            if !controller.starts_with("name=") {
                linked(controller, &directory)?;
            }
        }
    }
    put(at.clone(), base);
    for (controllers, tree) in v1 {
        let path = at.join(directory(&controllers));
        options.apply_to(&tree, &path)?;
        put(path, tree);
    }
    if v2 {
        put(at.join("unified"), unified()?);
    }
    Ok(())
}

/// Mount points are still to be made in it, so it is not read-only; nothing but them is there.
fn base_attributes(options: &Options) -> MountAttrFlags {
    options.attributes - MountAttrFlags::MOUNT_ATTR_RDONLY
}

/// What a v1 hierarchy's directory is called: `cpu,cpuacct`, `systemd`.
fn directory(controllers: &[String]) -> String {
    let name = |controller: &String| controller.trim_start_matches("name=").to_owned();
    let names: Vec<String> = controllers.iter().map(name).collect();
    names.join(",")
}

/// A mount's options, sorted by what they are for.
#[derive(Debug)]
struct Options {
    attributes: MountAttrFlags,
    /// Taken away, where the source of a bind has it; not from what is mounted below.
    cleared: MountAttrFlags,
    propagation: MountPropagationFlags,
    /// Of attributes and propagation; the mount alone, if absent.
    depth: Option<Depth>,
    /// For the file system.
    data: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            attributes: MountAttrFlags::empty(),
            cleared: MountAttrFlags::empty(),
            propagation: MountPropagationFlags::empty(),
            depth: None,
            data: Vec::new(),
        }
    }
}

impl Options {
    fn parse(options: &[String]) -> Self {
        let mut all = Self::default();
        for option in options {
            match option.as_str() {
                "ro" => all.attributes |= MountAttrFlags::MOUNT_ATTR_RDONLY,
                "nosuid" => all.attributes |= MountAttrFlags::MOUNT_ATTR_NOSUID,
                "nodev" => all.attributes |= MountAttrFlags::MOUNT_ATTR_NODEV,
                "noexec" => all.attributes |= MountAttrFlags::MOUNT_ATTR_NOEXEC,
                "noatime" => all.attributes |= MountAttrFlags::MOUNT_ATTR_NOATIME,
                "strictatime" => all.attributes |= MountAttrFlags::MOUNT_ATTR_STRICTATIME,
                "exec" => all.cleared |= MountAttrFlags::MOUNT_ATTR_NOEXEC,
                "rw" | "suid" | "dev" | "relatime" | "bind" | "rbind" => {}
                "private" | "rprivate" => all.propagation = MountPropagationFlags::PRIVATE,
                "slave" | "rslave" => all.propagation = MountPropagationFlags::DOWNSTREAM,
                "shared" | "rshared" => all.propagation = MountPropagationFlags::SHARED,
                _ => all.data.push(option.clone()),
            }
        }
        all
    }

    fn apply_to(&self, tree: &OwnedFd, path: &Path) -> Result<(), Failure> {
        let depth = self.depth.unwrap_or(Depth::One);
        if !self.cleared.is_empty() {
            match clear_attributes(tree.as_fd(), self.cleared, Depth::One) {
                // Locked by whoever made the user namespace that we are in: it stays.
                Ok(()) | Err(Errno::PERM) => {}
                Err(errno) => {
                    let failed =
                        Failure::new("clear the flags of the mount at", path.display(), errno);
                    return Err(failed);
                }
            }
        }
        if self.attributes.is_empty() && self.propagation.is_empty() {
            return Ok(());
        }
        set_attributes(tree.as_fd(), self.attributes, self.propagation, depth)
            .map_err(|errno| Failure::new("set the flags of the mount at", path.display(), errno))
    }
}
