//! Processes in containers of bpm's.
//!
//! They share the director's home, whose files are root's, so they are root there too, without a view
//! of anything else that is written.

use super::{File, HOME, Job, file, service};

/// Where stemcells have bpm.
const BPM: &str = "/var/vcap/bosh/bin/bpm";

pub(super) fn files(job: &Job) -> Vec<File> {
    let name = job.name;
    vec![
        service(
            name,
            &format!("/var/vcap/sys/run/bpm/{name}/{name}.pid"),
            &format!("{BPM} start {name}"),
            &format!("{BPM} stop {name}"),
        ),
        file(
            &format!("/var/vcap/jobs/{name}/config/bpm.yml"),
            0o600,
            document(job),
        ),
    ]
}

fn document(job: &Job) -> String {
    let (executable, arguments) = match job.command.split_first() {
        Some((executable, arguments)) => (executable.as_str(), arguments),
        None => ("", [].as_slice()),
    };
    let variables: serde_json::Map<_, _> = job
        .variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
        .collect();
    // JSON is YAML.
    let document = serde_json::json!({
        "processes": [{
            "name": job.name,
            "executable": executable,
            "args": arguments,
            "env": variables,
            "unsafe": {
                "privileged": true,
                "unrestricted_volumes": [
                    {"path": HOME, "writable": true},
                    {"path": "/var/vcap/bosh/bin", "allow_executions": true},
                    {"path": "/var/vcap/jobs/warden_cpi", "allow_executions": true},
                ],
            },
        }],
    });
    format!("{document:#}\n")
}
