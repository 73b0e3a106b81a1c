//! `warren scp`: files to and from instances, over the system's `scp`.

use std::path::PathBuf;

use super::problem::Problem;
use super::remote::{Gateway, Host, Way, run, with_hosts};
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Sources, then the destination: a path here, or INSTANCE:PATH there; INSTANCE is GROUP/ID, GROUP
    /// for all of it, or nothing for all. In a path here, ((instance_id)) is the instance's id
    #[arg(value_name = "PATH", num_args = 2.., required = true)]
    paths: Vec<String>,

    /// Directories with all that is in them
    #[arg(short, long)]
    recursive: bool,

    /// Go there with this key instead of a new user
    #[arg(short = 'i', long, value_name = "FILE")]
    private_key: Option<PathBuf>,

    /// Whose key that is
    #[arg(short = 'l', long, value_name = "USER", default_value = "vcap")]
    username: String,

    #[command(flatten)]
    gateway: Gateway,
}

/// The instances that paths name.
fn slug(paths: &[String]) -> Result<&str, Problem> {
    let mut named = paths.iter().filter_map(|path| path.split_once(':'));
    let (slug, _) = named.next().ok_or_else(|| {
        Problem::text("Missing remote host information in source/destination arguments")
    })?;
    Ok(slug)
}

/// Paths as `scp` takes them.
fn for_host(paths: &[String], host: &Host) -> Vec<String> {
    let with_id = |text: &str| text.replace("((instance_id))", &host.id);
    let ip = match host.ip.contains(':') {
        true => format!("[{}]", host.ip),
        false => host.ip.clone(),
    };
    let shown = paths.iter().map(|path| match path.split_once(':') {
        Some((_, there)) => format!("{}@{ip}:{}", host.user, with_id(there)),
        None => with_id(path),
    });
    shown.collect()
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let way = Way {
            slug: slug(&self.paths)?,
            private_key: self.private_key.as_deref(),
            username: &self.username,
            gateway: &self.gateway,
        };
        with_hosts(session, &way, |session, visit| {
            let mut ways = Vec::new();
            for host in &visit.hosts {
                let mut command = visit.scp(host)?;
                if self.recursive {
                    command.arg("-r");
                }
                command.arg("--").args(for_host(&self.paths, host));
                ways.push((host.name.clone(), command));
            }
            run::streamed(session, ways).map_err(|problem| problem.step("Running SCP"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_instances_once_and_their_ids_everywhere() {
        let paths = |all: &[&str]| all.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
        let host = Host {
            name: "zk/a-1".into(),
            id: "a-1".into(),
            ip: "10.0.0.2".into(),
            user: "bosh_1".into(),
        };
        let given = paths(&["zk:/var/log/x", "./((instance_id)).log"]);
        assert_eq!(slug(&given).unwrap(), "zk");
        assert_eq!(for_host(&given, &host), ["bosh_1@10.0.0.2:/var/log/x", "./a-1.log"]);
        assert_eq!(slug(&paths(&["x", ":/tmp/"])).unwrap(), "");
        assert!(slug(&paths(&["x", "y"])).is_err());
        let host = Host { ip: "fd00::2".into(), ..host };
        assert_eq!(for_host(&given, &host)[0], "bosh_1@[fd00::2]:/var/log/x");
    }
}
