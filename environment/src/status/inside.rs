//! What the innermost Garden can do: a container is made in it, used and removed.

use std::path::PathBuf;
use std::time::Instant;

use warren_garden_client::Streams;
use warren_lib_tar::{Entry, Kind, Time, Writer};
use warren_wire_garden::container::{ContainerSpec, ImageRef};

use super::{Found, Row, Scene, said, timed};
use crate::container::run;
use crate::image::Image;
use crate::level::INSIDE;

/// A job whose process says something and stays.
const BPM_YML: &str =
    r#"{"processes": [{"name": "probe", "executable": "/bin/sleep", "args": ["60"]}]}"#;
/// Whether bpm keeps its process, and nothing is said about device filters.
const BPM: &str = "set -e
# What an agent makes in a machine.
cd /var/vcap && mkdir -p data/packages packages store sys/log sys/run
bpm=/var/vcap/bosh/bin/bpm
$bpm start probe
pid=$($bpm pid probe)
# Without the tools of procps, which a small root does not have. The process may be about to become it.
child() {
    for stat in /proc/[0-9]*/stat; do
        read -r number name state parent rest <$stat || continue
        [ \"$parent $name\" != \"$pid (sleep)\" ] || return 0
    done 2>/dev/null
    return 1
}
tries=100
until child; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || exit 1
    sleep 0.02
done
$bpm stop probe
! grep -i filter /var/vcap/sys/log/probe/bpm.log
echo process $pid";

/// A use of the container.
type Use = fn(&Scene, &str) -> Result<Found, String>;

/// What is done in the container.
const USES: [(&str, Use); 2] = [
    ("Warden CPI StreamIn", stream_in),
    ("BPM process start", bpm),
];
/// What has to be there for that.
pub(super) const GARDEN: &str = "Inner Garden";

fn garden_log(scene: &Scene) -> Option<PathBuf> {
    Some(scene.inner.here("vcap/sys/log/garden/garden.log"))
}

/// The same rows if nothing comes of any of it.
pub(super) fn stuck(scene: &Scene, cause: &str) -> Vec<Row> {
    let row = |component| {
        let (found, log) = (Err(cause.to_owned()), garden_log(scene));
        timed(component, scene.inner.index, Instant::now(), found, log)
    };
    let uses = USES.iter().map(|(component, _)| *component);
    uses.chain([GARDEN]).map(row).collect()
}

/// The rows of Garden, StreamIn and bpm.
pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let started = Instant::now();
    let handle = format!("warren-status-{}", std::process::id());
    let made = make(scene, &handle);
    let level = scene.inner.index;
    let mut rows = Vec::new();
    for (component, check) in USES {
        let started = Instant::now();
        let found = match &made {
            Ok(()) => check(scene, &handle),
            Err(_) => Err("no container could be made".to_owned()),
        };
        rows.push(timed(component, level, started, found, garden_log(scene)));
    }
    // Also what is half made.
    let removed = match scene.inner.garden().destroy(&handle) {
        Err(error) if made.is_err() && error.is_unknown_container() => Ok(()),
        removed => removed.map_err(|error| format!("removing the container: {}", said(&error))),
    };
    let found = made
        .and(removed)
        .map(|()| Found::Good("a container made, used and removed".to_owned()));
    rows.push(timed(GARDEN, level, started, found, garden_log(scene)));
    rows
}

fn make(scene: &Scene, handle: &str) -> Result<(), String> {
    let image = Image::read(&scene.home, &scene.record.image)
        .ok_or_else(|| format!("the image {} is gone", scene.record.image))?;
    let spec = ContainerSpec {
        handle: handle.to_owned(),
        image: ImageRef {
            uri: format!("file://{INSIDE}/{}", image.file()),
            ..ImageRef::default()
        },
        privileged: true,
        ..ContainerSpec::default()
    };
    let made = scene.inner.garden().create(&spec);
    made.map(drop).map_err(|error| said(&error))
}

/// What is streamed in is there for the very next process.
fn stream_in(scene: &Scene, handle: &str) -> Result<Found, String> {
    let place = "/var/vcap/jobs/probe/config";
    let client = scene.inner.garden();
    let archive = archive("bpm.yml", BPM_YML.as_bytes())?;
    client
        .stream_in(handle, "root", place, archive.as_slice())
        .map_err(|error| said(&error))?;
    let text = run(
        &scene.inner,
        handle,
        &format!("cat {place}/bpm.yml"),
        Streams::default(),
    )
    .map_err(|error| said(&error))?;
    match text == BPM_YML {
        true => Ok(Found::Good(format!(
            "{} bytes in, seen by the next process",
            text.len()
        ))),
        false => Err(format!("the next process sees {text:?}")),
    }
}

fn bpm(scene: &Scene, handle: &str) -> Result<Found, String> {
    run(&scene.inner, handle, BPM, Streams::default())
        .map(|text| Found::Good(format!("{} started and stopped", text.trim())))
        .map_err(|error| said(&error))
}

fn archive(name: &str, content: &[u8]) -> Result<Vec<u8>, String> {
    let entry = Entry {
        path: name.as_bytes().to_vec(),
        kind: Kind::File,
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: Time::default(),
        stored: content.len() as u64,
        xattrs: Vec::new(),
        sparse: None,
    };
    let mut writer = Writer::new(Vec::new());
    let mut write = || {
        writer.start(&entry)?;
        writer.data(content)
    };
    write().map_err(|error: warren_lib_tar::WriteError| said(&error))?;
    writer.finish().map_err(|error| said(&error))
}
