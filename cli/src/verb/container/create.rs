//! `warren container create`.

use std::time::Duration;

use serde_json::json;
use warren_wire_garden::container::{BindMount, BindMountMode, ContainerSpec, ImageRef};
use warren_wire_garden::limits::{CpuLimits, DiskLimits, Limits, MemoryLimits, PidLimits};
use warren_wire_garden::number::Nanoseconds;

use super::target::{Garden, failed};
use super::{duration, pair, say};
use crate::failure::{Failure, exit};
use crate::output::Format;

/// Holds a registry's password, so that it is in no list of processes.
const PASSWORD: &str = "WARREN_REGISTRY_PASSWORD";

/// Make a container and print its handle
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: warren container create --handle web --rootfs docker:///busybox \
                  --bind-mount /srv/www:/www:ro"
)]
pub(super) struct Arguments {
    /// Its name [default: made by the server]
    #[arg(short = 'n', long, value_name = "HANDLE")]
    handle: Option<String>,

    /// Its root filesystem: a directory, a tar file, docker://... or oci://... [default: the
    /// server's]
    #[arg(short, long, value_name = "URI")]
    rootfs: Option<String>,

    /// The name to give the image's registry; the password is taken from
    /// WARREN_REGISTRY_PASSWORD
    #[arg(long, value_name = "NAME")]
    username: Option<String>,

    /// An environment variable for all its processes; may be repeated
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// Have it destroyed when no client has used it for so long
    #[arg(short, long, value_name = "DURATION", value_parser = duration)]
    grace: Option<Duration>,

    /// Make its root user the host's
    #[arg(short, long)]
    privileged: bool,

    /// Its address or network, such as 10.254.0.6/30
    #[arg(long, value_name = "NETWORK")]
    network: Option<String>,

    /// A path of the host to show inside, writable unless :ro follows; may be repeated
    #[arg(short = 'm', long, value_name = "HOST:INSIDE[:ro|:rw]", value_parser = bind)]
    bind_mount: Vec<BindMount>,

    /// A property; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    property: Vec<(String, String)>,

    /// Most memory it may use
    #[arg(short = 'k', long, value_name = "BYTES")]
    limit_memory: Option<u64>,

    /// Its share of processor time, relative to others'
    #[arg(long, value_name = "WEIGHT")]
    limit_cpu: Option<u64>,

    /// Most disk space it may use, its image included
    #[arg(long, value_name = "BYTES")]
    limit_disk: Option<u64>,

    /// Most processes it may have
    #[arg(long, value_name = "COUNT")]
    limit_pids: Option<u64>,
}

impl Arguments {
    pub fn run(self, garden: &Garden, format: Format) -> Result<u8, Failure> {
        let step = match &self.handle {
            Some(handle) => format!("create container {handle}"),
            None => "create a container".to_owned(),
        };
        let spec = self.into_spec()?;
        let handle = garden.client.create(&spec).map_err(failed(step))?;
        say(json!({"handle": handle}), handle.as_str(), format)?;
        Ok(exit::GOOD)
    }

    fn into_spec(self) -> Result<ContainerSpec, Failure> {
        let password = match &self.username {
            None => String::new(),
            Some(username) => std::env::var(PASSWORD).map_err(|_| {
                Failure::text(format!("the password of {username}: {PASSWORD} is not set"))
                    .remedy(format!("{PASSWORD}=... warren container create ..."))
                    .code(exit::UNKNOWN)
            })?,
        };
        Ok(ContainerSpec {
            handle: self.handle.unwrap_or_default(),
            grace_time: self.grace.map(Nanoseconds::from).unwrap_or_default(),
            image: ImageRef {
                uri: self.rootfs.unwrap_or_default(),
                username: self.username.unwrap_or_default(),
                password,
            },
            bind_mounts: self.bind_mount,
            network: self.network.unwrap_or_default(),
            properties: self.property.into_iter().collect(),
            env: self.env,
            privileged: self.privileged,
            limits: Limits {
                cpu: CpuLimits {
                    weight: self.limit_cpu.unwrap_or_default(),
                    ..CpuLimits::default()
                },
                disk: DiskLimits {
                    byte_hard: self.limit_disk.unwrap_or_default(),
                    ..DiskLimits::default()
                },
                memory: MemoryLimits {
                    limit_in_bytes: self.limit_memory.unwrap_or_default(),
                },
                pid: PidLimits {
                    max: self.limit_pids.unwrap_or_default(),
                },
                ..Limits::default()
            },
            ..ContainerSpec::default()
        })
    }
}

fn bind(text: &str) -> Result<BindMount, String> {
    let (text, mode) = match text.rsplit_once(':') {
        Some((rest, "ro")) => (rest, BindMountMode::READ_ONLY),
        Some((rest, "rw")) => (rest, BindMountMode::READ_WRITE),
        _ => (text, BindMountMode::READ_WRITE),
    };
    let paths = text.split_once(':');
    match paths.filter(|(source, destination)| !source.is_empty() && !destination.is_empty()) {
        Some((source, destination)) => Ok(BindMount {
            src_path: source.to_owned(),
            dst_path: destination.to_owned(),
            mode,
            ..BindMount::default()
        }),
        None => Err("must be HOST:INSIDE, perhaps with :ro".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds() {
        let of = |text| {
            let bind = bind(text).unwrap();
            (bind.src_path, bind.dst_path, bind.mode)
        };
        let (writable, read_only) = (BindMountMode::READ_WRITE, BindMountMode::READ_ONLY);
        assert_eq!(of("/a:/b"), ("/a".to_owned(), "/b".to_owned(), writable));
        assert_eq!(
            of("/a:/b:ro"),
            ("/a".to_owned(), "/b".to_owned(), read_only)
        );
        assert_eq!(
            of("/a:/b:c:rw"),
            ("/a".to_owned(), "/b:c".to_owned(), writable)
        );
        for bad in ["/a", ":/b", "/a:", "/a:ro"] {
            assert!(bind(bad).is_err(), "{bad}");
        }
    }
}
