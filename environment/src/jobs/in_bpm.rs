//! Processes in containers of bpm's.
//!
//! They share the director's home, whose files are root's, so they are root there too, without a view
//! of anything else that is written.

use std::path::Path;

use super::{File, HOME, Job, file, service};

/// Where stemcells have bpm.
const BPM: &str = "/var/vcap/bosh/bin/bpm";

pub(super) fn files(job: &Job) -> Vec<File> {
    let name = job.name;
    let mut start = format!("{BPM} start {name}");
    let mut files = vec![file(
        &format!("/var/vcap/jobs/{name}/config/bpm.yml"),
        0o600,
        document(job),
    )];
    if let Some(socket) = job.waits_for {
        // Its directory is bound into the container, so both have to be there first.
        let script = format!("/var/vcap/jobs/{name}/bin/start");
        let text = format!("#!/bin/sh\nuntil [ -S {socket} ]; do sleep 0.1; done\nexec {start}\n");
        files.push(file(&script, 0o755, text));
        start = script;
    }
    files.push(service(
        name,
        &format!("/var/vcap/sys/run/bpm/{name}/{name}.pid"),
        &start,
        &format!("{BPM} stop {name}"),
    ));
    files
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
    let mut volumes = vec![
        serde_json::json!({"path": HOME, "writable": true}),
        serde_json::json!({"path": "/var/vcap/bosh/bin", "allow_executions": true}),
        serde_json::json!({"path": "/var/vcap/jobs/warden_cpi", "allow_executions": true}),
    ];
    let beside = job.waits_for.and_then(|socket| Path::new(socket).parent());
    volumes.extend(beside.map(|directory| serde_json::json!({"path": directory})));
    // JSON is YAML.
    let document = serde_json::json!({
        "processes": [{
            "name": job.name,
            "executable": executable,
            "args": arguments,
            "env": variables,
            "unsafe": {
                "privileged": true,
                "unrestricted_volumes": volumes,
            },
        }],
    });
    format!("{document:#}\n")
}
