//! What the settings say of how persistent disks are mounted: `env.persistent_disk_mount_options`, words
//! as mount(8) has them.

use rustix::mount::MountFlags;

use crate::agent::Agent;

/// How a disk is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Of the mount.
    pub flags: MountFlags,
    /// Of the file system, one after the other.
    pub data: String,
}

/// Words that are flags; an empty one is the default, or takes effect elsewhere.
const FLAGS: [(&str, MountFlags); 14] = [
    ("ro", MountFlags::RDONLY),
    ("nosuid", MountFlags::NOSUID),
    ("nodev", MountFlags::NODEV),
    ("noexec", MountFlags::NOEXEC),
    ("noatime", MountFlags::NOATIME),
    ("nodiratime", MountFlags::NODIRATIME),
    ("relatime", MountFlags::RELATIME),
    ("strictatime", MountFlags::STRICTATIME),
    ("lazytime", MountFlags::LAZYTIME),
    ("sync", MountFlags::SYNCHRONOUS),
    ("dirsync", MountFlags::DIRSYNC),
    ("rw", MountFlags::empty()),
    ("defaults", MountFlags::empty()),
    ("nofail", MountFlags::empty()),
];

/// The flags that a second mount of the same can have of its own.
pub const OF_A_BIND: MountFlags = MountFlags::RDONLY
    .union(MountFlags::NOSUID)
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC)
    .union(MountFlags::NOATIME)
    .union(MountFlags::NODIRATIME)
    .union(MountFlags::RELATIME)
    .union(MountFlags::STRICTATIME);

/// Those of this VM.
#[must_use]
pub fn of(agent: &Agent) -> Options {
    parse(&agent.settings.settings().env.persistent_disk_mount_options)
}

fn parse(words: &[String]) -> Options {
    let (mut flags, mut data) = (MountFlags::empty(), Vec::new());
    // One text may hold several.
    for word in words.iter().flat_map(|words| words.split(',')) {
        match FLAGS.iter().find(|(name, _)| *name == word.trim()) {
            Some((_, flag)) => flags |= *flag,
            None if word.trim().is_empty() => {}
            None => data.push(word.trim()),
        }
    }
    Options {
        flags,
        data: data.join(","),
    }
}

#[cfg(test)]
mod tests {
    use rustix::mount::MountFlags;

    use super::parse;

    #[test]
    fn words_are_flags_or_go_to_the_file_system() {
        let words = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        let options = parse(&words(&[
            "noatime",
            "nodev,data=journal",
            "rw",
            "",
            "discard",
        ]));
        assert_eq!(options.flags, MountFlags::NOATIME | MountFlags::NODEV);
        assert_eq!(options.data, "data=journal,discard");
        let none = parse(&[]);
        assert_eq!((none.flags, &*none.data), (MountFlags::empty(), ""));
    }
}
