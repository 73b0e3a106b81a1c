//! A small release and its manifests.

use std::fs;
use std::path::Path;

/// `web` runs and knows its peers; `check` is an errand that asks them.
const FILES: &[(&str, &str)] = &[
    ("config/final.yml", "---\nname: small\n"),
    ("config/blobs.yml", "--- {}\n"),
    ("src/tool/tool", "#!/bin/sh\necho tool\n"),
    (
        "packages/tool/spec",
        "---\nname: tool\ndependencies: []\nfiles: [tool/tool]\n",
    ),
    (
        "packages/tool/packaging",
        "set -e\nmkdir -p $BOSH_INSTALL_TARGET/bin\ncp tool/tool $BOSH_INSTALL_TARGET/bin/\n",
    ),
    (
        "jobs/web/spec",
        "---\nname: web\ntemplates: {ctl: bin/ctl, pre-start: bin/pre-start, config.erb: config/config}\n\
         packages: [tool]\nprovides: [{name: web, type: web, properties: [greeting]}]\n\
         consumes: [{name: web, type: web}]\n\
         properties: {greeting: {default: hello}, fails: {default: false}, secret: {}}\n",
    ),
    (
        "jobs/web/monit",
        "check process web\n  with pidfile /var/vcap/sys/run/web/web.pid\n  \
         start program \"/var/vcap/jobs/web/bin/ctl start\"\n  \
         stop program \"/var/vcap/jobs/web/bin/ctl stop\"\n  group vcap\n",
    ),
    (
        "jobs/web/templates/ctl",
        "#!/bin/sh\npidfile=/var/vcap/sys/run/web/web.pid\ncase $1 in\n\
         start) [ <%= p('fails') %> = true ] && exit 1\n  /var/vcap/packages/tool/bin/tool\n  \
         setsid sleep 1000000 </dev/null >/dev/null 2>&1 &\n  echo $! >$pidfile;;\n\
         stop) kill $(cat $pidfile); rm -f $pidfile;;\nesac\n",
    ),
    (
        "jobs/web/templates/pre-start",
        "#!/bin/sh\ndate >>/var/vcap/store/started\n",
    ),
    (
        "jobs/web/templates/config.erb",
        "<%= p('greeting') %> from <%= name %>/<%= index %> <%= p('secret') %>\n\
         <% link('web').instances.each do |peer| %><%= peer.address %>\n<% end %>",
    ),
    (
        "jobs/check/spec",
        "---\nname: check\ntemplates: {run.erb: bin/run}\npackages: []\n\
         consumes: [{name: web, type: web}]\nproperties: {}\n",
    ),
    ("jobs/check/monit", ""),
    (
        "jobs/check/templates/run.erb",
        "#!/bin/sh\necho <%= link('web').p('greeting') %> \
         <%= link('web').instances.map(&:address).join(' ') %>\n",
    ),
];

/// Writes the release's directory.
///
/// # Panics
/// If that fails.
#[track_caller]
pub fn write(directory: &Path) {
    for (path, text) in FILES {
        let path = directory.join(path);
        let folder = path.parent().unwrap_or(directory);
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
        if let Err(error) = written {
            panic!("cannot write {}: {error}", path.display());
        }
    }
}

/// What it is deployed onto.
pub const CLOUD: &str = "
azs: [{name: z1}, {name: z2}]
vm_types: [{name: default}]
disk_types: [{name: default, disk_size: 16}]
networks:
- name: default
  subnets: [{range: 10.250.0.0/24, gateway: 10.250.0.1, azs: [z1, z2], dns: []}]
compilation: {workers: 1, az: z1, network: default, vm_type: default, reuse_compilation_vms: true}
";

/// So many instances with a greeting.
pub fn manifest(instances: usize, greeting: &str, fails: bool) -> String {
    format!(
        "name: small
releases: [{{name: small, version: latest}}]
stemcells: [{{alias: default, os: tiny, version: latest}}]
update: {{canaries: 1, max_in_flight: 2, canary_watch_time: 1000-20000, update_watch_time: 1000-20000}}
variables: [{{name: secret, type: password}}]
instance_groups:
- name: web
  instances: {instances}
  azs: [z1, z2]
  vm_type: default
  stemcell: default
  persistent_disk: 16
  networks: [{{name: default}}]
  jobs:
  - name: web
    release: small
    properties: {{greeting: {greeting}, fails: {fails}, secret: ((secret))}}
  - {{name: check, release: small}}
"
    )
}
