//! What a new director is given: a cloud config and the stemcell.

use std::fs::File;
use std::path::Path;

use warren_director_client::Director;
use warren_director_client::configs::Kind;
use warren_director_client::tasks::Output;

use crate::image::Image;
use crate::{Error, Record};

/// Gives the cloud config unless there is one; whoever changed it keeps what was changed.
pub(crate) fn cloud(director: &Director, record: &Record) -> Result<String, Error> {
    let failed = || Error::director("give the director a cloud config");
    let name = "default";
    if director
        .latest_config(Kind::Cloud, name)
        .map_err(failed())?
        .is_some()
    {
        return Ok("as before".to_owned());
    }
    director
        .update_config_of(Kind::Cloud, name, &document(record))
        .map_err(failed())?;
    Ok("given".to_owned())
}

fn document(record: &Record) -> String {
    let [a, b] = record.machines;
    CLOUD.replace("A.B.", &format!("{a}.{b}."))
}

/// As the usual one for small environments has it, so that manifests for those fit.
const CLOUD: &str = "---
azs:
- name: z1
- name: z2
- name: z3
vm_types:
- name: default
- name: minimal
- name: small
- name: medium
- name: large
- name: extra-large
- name: compilation
disk_types:
- {name: default, disk_size: 10240}
- {name: small, disk_size: 1024}
- {name: medium, disk_size: 10240}
- {name: large, disk_size: 50240}
- {name: 1GB, disk_size: 1024}
- {name: 5GB, disk_size: 5120}
- {name: 10GB, disk_size: 10240}
- {name: 50GB, disk_size: 51200}
- {name: 100GB, disk_size: 102400}
networks:
- name: default
  type: manual
  subnets:
  - range: A.B.0.0/20
    gateway: A.B.0.1
    azs: [z1, z2, z3]
    static: [A.B.0.34 - A.B.0.191]
    dns: []
compilation:
  workers: 4
  az: z1
  reuse_compilation_vms: true
  vm_type: compilation
  network: default
";

/// Uploads the stemcell unless the director has it.
pub(crate) fn stemcell(director: &Director, home: &Path, image: &Image) -> Result<String, Error> {
    let failed = || Error::director("upload the stemcell");
    let (name, version) = (image.name.as_str(), image.version.as_str());
    if !director.needs_stemcell(name, version).map_err(failed())? {
        return Ok(format!("{name}/{version}, as before"));
    }
    let path = home.join(image.stemcell());
    let mut file = File::open(&path).map_err(Error::file("open", &path))?;
    let about = file.metadata().map_err(Error::file("look at", &path))?;
    let task = director
        .upload_stemcell(&mut file, about.len(), false)
        .map_err(failed())?;
    director
        .follow(task, Output::Event, &mut |_| ())
        .and_then(|task| task.succeeded())
        .map_err(failed())?;
    Ok(format!("{name}/{version}, uploaded"))
}
