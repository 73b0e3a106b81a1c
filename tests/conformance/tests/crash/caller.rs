//! What one client calls, and what it knows then.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use warren_garden_client::{Client, Error, Streams};
use warren_tests_conformance::garden::{Server, Sink, shell};
use warren_wire_garden::container::{ContainerSpec, ImageRef};
use warren_wire_garden::limits::ProcessLimits;
use warren_wire_garden::network::{IpRange, NetOutRule};
use warren_wire_garden::number::Nanoseconds;
use warren_wire_garden::process::ProcessSpec;

use super::load::Load;
use super::model::{Known, Life};
use super::random::Random;

/// How many containers a client has at most.
const MOST: usize = 2;
const FILES: u64 = 4;
/// A grace time that does not end while the test goes on.
const LONG: Duration = Duration::from_secs(3600);

/// One client.
pub struct Caller {
    load: Arc<Load>,
    number: usize,
    random: Random,
    client: Client,
    spec: ContainerSpec,
    image: PathBuf,
    archives: Vec<Vec<u8>>,
    made: u64,
    addresses: u32,
}

/// Archives with a file each.
pub fn archives() -> Vec<Vec<u8>> {
    (0..FILES)
        .map(|number| archive(&format!("f{number}")))
        .collect()
}

/// A tar with one file, whose name is its content.
fn archive(name: &str) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(name), format!("{name}\n")).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["-cf", "-", "-C"]).arg(directory.path()).arg(".");
    tar.output().unwrap().stdout
}

/// The first of the addresses that rules of NetOut are made for, one each (RFC 2544).
const ADDRESSES: u32 = 0xc612_0000;
/// How many there are for each client.
const ADDRESSES_EACH: u32 = 1 << 13;

impl Caller {
    /// A client, which calls nothing yet.
    pub fn new(
        load: &Arc<Load>,
        server: &Server,
        number: u64,
        seed: u64,
        archives: Vec<Vec<u8>>,
    ) -> Self {
        Self {
            load: Arc::clone(load),
            number: usize::try_from(number).unwrap(),
            random: Random::new(seed.wrapping_add(number + 1)),
            client: server.client(),
            spec: server.spec(""),
            image: server.rootfs.path(),
            archives,
            made: 0,
            addresses: 0,
        }
    }

    /// Calls until all is over.
    pub fn call(&mut self) {
        let load = Arc::clone(&self.load);
        while !load.is_over.load(Ordering::Relaxed) {
            let outcome = {
                let _call = load.gate.read().unwrap();
                // Nobody else has it while a call is made.
                let mut known = load.known[self.number].lock().unwrap();
                self.call_once(&mut known)
            };
            match outcome {
                Ok(kind) => {
                    load.counts[kind].fetch_add(1, Ordering::Relaxed);
                }
                Err(Error::Refused { call, source }) => {
                    let text = format!("client {}: {call}: {source}", self.number);
                    load.refused.lock().unwrap().push(text);
                    return;
                }
                Err(_broken) => {
                    load.broken.fetch_add(1, Ordering::Relaxed);
                    // So that who waits for the gate gets it.
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
            }
        }
    }

    fn call_once(&mut self, known: &mut Vec<Known>) -> Result<usize, Error> {
        let there: Vec<usize> = (0..known.len())
            .filter(|each| known[*each].life == Life::There)
            .collect();
        let dice = self.random.below(100);
        if known.len() < MOST && dice < 12 {
            return self.create(known);
        }
        if there.is_empty() {
            return self.run(None);
        }
        let at = there[usize::try_from(self.random.below(there.len() as u64)).unwrap()];
        match dice {
            0..24 => self.destroy(known, at),
            24..44 => self.run(Some(&mut known[at])),
            44..50 => self.run_pea(&mut known[at]),
            50..60 => self.stream_in(&mut known[at]),
            60..68 => self.stream_out(&known[at]),
            68..75 => self.net_in(&mut known[at]),
            75..83 => self.net_out(&mut known[at]),
            83..89 => self.set_grace_time(&mut known[at]),
            89..94 => self.bulk(known),
            _ => self.set_property(&mut known[at]),
        }
    }

    fn create(&mut self, known: &mut Vec<Known>) -> Result<usize, Error> {
        self.made += 1;
        let mut spec = self.spec.clone();
        spec.handle = format!("c{}-{}", self.number, self.made);
        spec.privileged = self.random.below(4) == 0;
        if self.random.below(3) == 0 {
            spec.limits.memory.limit_in_bytes = 256 << 20;
            spec.limits.pid.max = 100;
        }
        let mut container = Known::asked(spec.handle.clone());
        if self.random.below(2) == 0 {
            spec.properties
                .insert("colour".to_owned(), "green".to_owned());
            let values = BTreeSet::from(["green".to_owned()]);
            container.properties.insert("colour".to_owned(), values);
        }
        if self.random.below(4) == 0 {
            spec.grace_time = Nanoseconds::from(LONG);
        }
        known.push(container);
        self.client.create(&spec)?;
        if let Some(made) = known.last_mut() {
            made.life = Life::There;
        }
        Ok(0)
    }

    fn destroy(&mut self, known: &mut Vec<Known>, at: usize) -> Result<usize, Error> {
        known[at].life = Life::Leaving;
        self.client.destroy(&known[at].handle)?;
        known.remove(at);
        Ok(1)
    }

    /// In a container, or in one of the witnesses.
    fn run(&mut self, container: Option<&mut Known>) -> Result<usize, Error> {
        self.made += 1;
        let code = self.random.below(100);
        let id = format!("p{}-{}", self.number, self.made);
        let process = ProcessSpec {
            id: id.clone(),
            ..shell("root", &format!("echo {code}; exit {code}"))
        };
        let code = i64::try_from(code).unwrap();
        let witnesses = &self.load.witnesses;
        let witness = usize::try_from(self.random.below(witnesses.len() as u64)).unwrap();
        let handle = match &container {
            Some(container) => container.handle.clone(),
            None => witnesses[witness].clone(),
        };
        let output = Sink::default();
        let streams = Streams {
            stdout: Some(Box::new(output.clone())),
            ..Streams::default()
        };
        let process = self.client.run(&handle, &process, streams)?;
        if let Some(container) = container {
            container.processes.insert(id, code);
        }
        if self.random.below(3) == 0 {
            return Ok(2);
        }
        let status = process.wait()?;
        assert_eq!(status, code, "{handle}");
        // A stream has no other end than that of its connection: if the server was killed after
        // the last line of control and before the output, the client cannot tell.
        self.client.ping()?;
        assert_eq!(output.text(), format!("{code}\n"), "{handle}");
        Ok(7)
    }

    fn run_pea(&mut self, container: &mut Known) -> Result<usize, Error> {
        self.made += 1;
        let id = format!("p{}-{}", self.number, self.made);
        let pause = self.random.below(3) * 100;
        let process = ProcessSpec {
            id: id.clone(),
            image: ImageRef {
                uri: self.image.display().to_string(),
                ..ImageRef::default()
            },
            limits: (self.random.below(2) == 0).then(ProcessLimits::default),
            ..shell("root", &format!("sleep 0.{pause}; exit 6"))
        };
        let process = self
            .client
            .run(&container.handle, &process, Streams::default())?;
        container.processes.insert(id, 6);
        if self.random.below(2) == 0 {
            assert_eq!(process.wait()?, 6);
        }
        Ok(3)
    }

    fn stream_in(&mut self, container: &mut Known) -> Result<usize, Error> {
        let number = self.random.below(FILES);
        let archive = Cursor::new(&self.archives[usize::try_from(number).unwrap()]);
        self.client
            .stream_in(&container.handle, "", "/in", archive)?;
        container.files.insert(format!("f{number}"));
        Ok(4)
    }

    fn net_in(&mut self, container: &mut Known) -> Result<usize, Error> {
        let mapped = self.client.net_in(&container.handle, 0, 8080)?;
        container.ports.insert(mapped.host_port);
        Ok(5)
    }

    fn set_property(&mut self, container: &mut Known) -> Result<usize, Error> {
        let key = format!("k{}", self.random.below(3));
        let value = self.random.below(1000).to_string();
        let values = container.properties.entry(key.clone()).or_insert_with(|| {
            // Until it is set it is as good as empty.
            BTreeSet::from([String::new()])
        });
        values.insert(value.clone());
        self.client.set_property(&container.handle, &key, &value)?;
        *values = BTreeSet::from([value]);
        Ok(6)
    }

    fn stream_out(&mut self, container: &Known) -> Result<usize, Error> {
        if container.files.is_empty() {
            return self.run(None);
        }
        let mut body = self.client.stream_out(&container.handle, "root", "/in/")?;
        let mut archive = Vec::new();
        if let Err(error) = body.read_to_end(&mut archive) {
            // Either the server is gone, or it ought to have gone on: there is no new one before all
            // calls have ended.
            self.client.ping()?;
            panic!("{}: {error}", container.handle);
        }
        let found = contents(&archive);
        for name in &container.files {
            let content = found.get(name).map(String::as_str);
            assert_eq!(content, Some(&*format!("{name}\n")), "{found:?}");
        }
        Ok(8)
    }

    /// One or two rules that no other container has.
    fn net_out(&mut self, container: &mut Known) -> Result<usize, Error> {
        let own = u32::try_from(self.number).unwrap() * ADDRESSES_EACH;
        let addresses: Vec<Ipv4Addr> = (0..=self.random.below(2))
            .map(|_| {
                self.addresses += 1;
                assert!(self.addresses < ADDRESSES_EACH);
                Ipv4Addr::from(ADDRESSES + own + self.addresses)
            })
            .collect();
        let rules: Vec<NetOutRule> = addresses.iter().map(|each| rule(*each)).collect();
        // All or nothing.
        let asked = container.rules.entry(false).or_default();
        asked.extend(addresses.iter().copied());
        match rules.as_slice() {
            [rule] => self.client.net_out(&container.handle, rule)?,
            rules => self.client.bulk_net_out(&container.handle, rules)?,
        }
        container.rules.entry(true).or_default().extend(addresses);
        Ok(9)
    }

    /// A long one is as good as none; with a short one the container is given up.
    fn set_grace_time(&mut self, container: &mut Known) -> Result<usize, Error> {
        if self.random.below(3) > 0 {
            self.client.set_grace_time(&container.handle, LONG)?;
            return Ok(10);
        }
        let short = Duration::from_millis(1 + self.random.below(200));
        container.life = Life::Unsure;
        self.client.set_grace_time(&container.handle, short)?;
        container.life = Life::Fading;
        Ok(10)
    }

    /// All of this client's containers, whatever has become of them.
    fn bulk(&mut self, known: &[Known]) -> Result<usize, Error> {
        let handles: Vec<&str> = known.iter().map(|each| each.handle.as_str()).collect();
        let infos = self.client.bulk_info(&handles)?;
        let metrics = self.client.bulk_metrics(&handles)?;
        for Known { handle, .. } in known.iter().filter(|each| each.life == Life::There) {
            let info = &infos[handle];
            assert!(info.err.is_none(), "{handle}: {:?}", info.err);
            assert_eq!(info.info.state, "active", "{handle}");
            let err = &metrics[handle].err;
            assert!(err.is_none(), "{handle}: {err:?}");
        }
        Ok(11)
    }
}

/// To one address.
fn rule(address: Ipv4Addr) -> NetOutRule {
    let address = Some(address.into());
    NetOutRule {
        networks: vec![IpRange {
            start: address,
            end: address,
        }],
        ..NetOutRule::default()
    }
}

/// The files of an archive.
fn contents(archive: &[u8]) -> BTreeMap<String, String> {
    let mut reader = warren_lib_tar::Reader::new(archive);
    let mut found = BTreeMap::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        let (mut content, mut buffer) = (Vec::new(), [0; 512]);
        loop {
            let count = reader.read_data(&mut buffer).unwrap();
            if count == 0 {
                break;
            }
            content.extend_from_slice(&buffer[..count]);
        }
        let path = String::from_utf8(entry.path).unwrap();
        let name = path.trim_start_matches("./").to_owned();
        found.insert(name, String::from_utf8(content).unwrap());
    }
    found
}
