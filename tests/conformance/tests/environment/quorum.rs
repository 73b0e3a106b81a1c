//! A job that answers as one node of ZooKeeper does, and can be told to answer otherwise.
//!
//! ```text
//! srvr to port 2181      Mode: standalone, or what /var/vcap/data/mode says
//! /var/vcap/data/down    while this is there, it cannot be started
//! ```

use std::fs;
use std::path::Path;

/// Of the small release, besides what that has.
const FILES: &[(&str, &str)] = &[
    (
        "jobs/quorum/spec",
        "---\nname: quorum\ntemplates: {ctl: bin/ctl, server: bin/server}\npackages: []\nproperties: {}\n",
    ),
    (
        "jobs/quorum/monit",
        "check process quorum\n  with pidfile /var/vcap/sys/run/quorum/quorum.pid\n  \
         start program \"/var/vcap/jobs/quorum/bin/ctl start\"\n  \
         stop program \"/var/vcap/jobs/quorum/bin/ctl stop\"\n  group vcap\n",
    ),
    (
        "jobs/quorum/templates/ctl",
        "#!/bin/sh\npidfile=/var/vcap/sys/run/quorum/quorum.pid\ncase $1 in\n\
         start) [ ! -e /var/vcap/data/down ] || exit 1\n  \
         setsid ruby /var/vcap/jobs/quorum/bin/server </dev/null >/dev/null 2>&1 &\n  echo $! >$pidfile;;\n\
         stop) kill $(cat $pidfile); rm -f $pidfile;;\nesac\n",
    ),
    (
        "jobs/quorum/templates/server",
        "require 'socket'\nserver = TCPServer.new('0.0.0.0', 2181)\nloop do\n  \
         client = server.accept\n  client.read(4)\n  \
         mode = File.read('/var/vcap/data/mode') rescue 'standalone'\n  \
         client.write(\"Zookeeper version: none\\nMode: #{mode}\\n\")\n  client.close\nend\n",
    ),
];

/// Adds the job to a release's directory.
pub fn write(directory: &Path) {
    for (path, text) in FILES {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// The manifest whose only group is of such nodes, besides what runs there already.
pub fn manifest(manifest: &str) -> String {
    let job = "  - {name: check, release: small}\n";
    assert!(manifest.contains(job), "{manifest}");
    manifest
        .replace("- name: web\n  instances", "- name: zookeeper\n  instances")
        .replace(job, &format!("{job}  - {{name: quorum, release: small}}\n"))
}
