//! The container that is a level.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use warren_garden_client::{Client, Streams};
use warren_wire_garden::container::{BindMount, BindMountMode, ContainerSpec, ImageRef};
use warren_wire_garden::process::ProcessSpec;

use crate::image::Image;
use crate::level::INSIDE;
use crate::{Error, Level, Record, files, layers, network};

/// Where the executable is in the image.
pub(crate) const EXECUTABLE: &str = "/var/vcap/bosh/bin/warren";
/// What of `/var/vcap` is kept below the level's own directory.
pub(crate) const VCAP: [(&str, u32); 6] = [
    ("jobs", 0o755),
    ("packages", 0o755),
    ("monit", 0o700),
    ("sys/log", 0o755),
    ("data", 0o755),
    ("store", 0o755),
];
/// The most that is kept of what a program says, in bytes.
const MOST: usize = 8 << 20;
/// Characters of a script that are told.
const HEADLINE: usize = 60;
/// How long what is inside may take to answer to being started.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How long a server may take to unpack an image and make a container of it.
const MAKING: Duration = Duration::from_secs(300);

/// Makes the container of a level if it is not there, and answers with its address.
pub(crate) fn ensure(
    level: &Level,
    record: &Record,
    image: &Image,
) -> Result<(bool, std::net::Ipv4Addr), Error> {
    let client = level.garden();
    let handle = level.container(record);
    let failed =
        |step: &str| Error::container(format!("{step} the container {handle}"), level.index);
    let lives = match client.exists(&handle).map_err(failed("look for"))? {
        false => false,
        true if answers(level, &handle) => true,
        // Its processes ended with the machine, or with somebody's help.
        true => {
            client.destroy(&handle).map_err(failed("remove"))?;
            false
        }
    };
    if !lives {
        let next = level.next();
        for (name, mode) in [("", 0o755), ("images", 0o755), ("vcap", 0o755)] {
            files::directory(&next.here(name), mode)?;
        }
        for (name, mode) in VCAP {
            files::directory(&next.here(&format!("vcap/{name}")), mode)?;
        }
        for name in layers::PARTS {
            files::directory(&next.here(layers::SHARED).join(name), 0o700)?;
        }
        // Bpm shows it to every job.
        files::directory(&next.here("vcap/data/packages"), 0o755)?;
        create(&client, &spec(level, record, image)).map_err(failed("make"))?;
    }
    let info = client.info(&handle).map_err(failed("look at"))?;
    let address = info.container_ip.parse().map_err(|_| {
        Error::Wrong(format!(
            "the container {handle} has no address of IPv4: {:?}",
            info.container_ip
        ))
    })?;
    Ok((!lives, address))
}

/// Makes a container; or waits for the one that a server is still making for a call that was broken
/// off.
fn create(client: &Client, spec: &ContainerSpec) -> Result<(), warren_garden_client::Error> {
    let taken = warren_wire_garden::Error::handle_in_use(&spec.handle);
    let end = Instant::now() + MAKING;
    loop {
        match client.create(spec) {
            Err(error) if error.refusal() == Some(&taken) && Instant::now() < end => {
                if client.exists(&spec.handle)? {
                    return Ok(());
                }
                sleep(Duration::from_millis(50));
            }
            made => return made.map(drop),
        }
    }
}

/// Whether a program runs there.
fn answers(level: &Level, handle: &str) -> bool {
    run(level, handle, "true", Streams::default()).is_ok()
}

fn spec(level: &Level, record: &Record, image: &Image) -> ContainerSpec {
    let own = |name: &str| level.own(name).display().to_string();
    let bind = |from: String, to: String, mode| BindMount {
        src_path: from,
        dst_path: to,
        mode,
        ..BindMount::default()
    };
    let mut bind_mounts = vec![
        bind(own("next"), INSIDE.to_owned(), BindMountMode::READ_WRITE),
        bind(
            own("images"),
            format!("{INSIDE}/images"),
            BindMountMode::READ_ONLY,
        ),
    ];
    bind_mounts.extend(layers::PARTS.map(|name| {
        bind(
            layers::own(level, name).display().to_string(),
            format!("{INSIDE}/{}/{name}", layers::SHARED),
            BindMountMode::READ_ONLY,
        )
    }));
    bind_mounts.extend(VCAP.map(|(name, _)| {
        bind(
            own(&format!("next/vcap/{name}")),
            format!("/var/vcap/{name}"),
            BindMountMode::READ_WRITE,
        )
    }));
    ContainerSpec {
        handle: level.container(record),
        image: ImageRef {
            uri: own(&image.file()),
            ..ImageRef::default()
        },
        bind_mounts,
        network: format!("{}/30", network::of_level(record, level.index)),
        privileged: true,
        ..ContainerSpec::default()
    }
}

/// Runs a command in a container, to its end; what it says on its standard output.
pub(crate) fn run(
    level: &Level,
    handle: &str,
    script: &str,
    streams: Streams,
) -> Result<String, Error> {
    let said = Shared::default();
    let streams = Streams {
        stdout: Some(Box::new(said.clone())),
        stderr: Some(Box::new(said.clone())),
        ..streams
    };
    let spec = ProcessSpec {
        path: "/bin/sh".to_owned(),
        args: vec!["-c".to_owned(), script.to_owned()],
        user: "root".to_owned(),
        ..ProcessSpec::default()
    };
    let failed = || Error::container(format!("run a program in {handle}"), level.index);
    let process = level
        .garden()
        .run(handle, &spec, streams)
        .map_err(failed())?;
    let code = process.wait().map_err(failed())?;
    let output = said.text();
    match code {
        0 => Ok(output),
        code => Err(Error::Program {
            program: headline(script),
            level: level.index + 1,
            code,
            output: output.trim_end().to_owned(),
        }),
    }
}

/// The beginning of a script, for errors.
fn headline(script: &str) -> String {
    let first = script.lines().next().unwrap_or_default();
    match first.char_indices().nth(HEADLINE) {
        Some((end, _)) => format!("{}...", first.get(..end).unwrap_or_default()),
        None if first.len() < script.len() => format!("{first}..."),
        None => first.to_owned(),
    }
}

/// Asks until the answer is good, or for too long; the last answer then.
pub(crate) fn until<T, E>(ask: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    until_within(PATIENCE, ask)
}

/// The same with another patience.
pub(crate) fn until_within<T, E>(
    patience: Duration,
    mut ask: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let end = Instant::now() + patience;
    let mut pause = Duration::from_millis(2);
    loop {
        match ask() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() >= end => return Err(error),
            Err(_) => sleep(pause),
        }
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A program that never stops talking does not take this machine's memory.
        let room = MOST.saturating_sub(all.len()).min(bytes.len());
        all.extend_from_slice(bytes.get(..room).unwrap_or_default());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
