//! Clients that use a server without end.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, RwLockWriteGuard};
use std::thread::JoinHandle;

use warren_garden_client::{Client, Error, Streams};
use warren_tests_conformance::garden::{Server, Sink, shell};
use warren_wire_garden::container::{ContainerSpec, ImageRef, Properties};
use warren_wire_garden::limits::ProcessLimits;
use warren_wire_garden::process::ProcessSpec;

use super::model::{Known, Life};
use super::random::Random;

/// How many containers a client has at most.
const MOST: usize = 2;
const FILES: u64 = 4;

/// All clients.
pub struct Load {
    /// Held by each client for one call, and by whoever wants that no call is made.
    gate: RwLock<()>,
    /// What each client knows.
    known: Vec<Mutex<Vec<Known>>>,
    witnesses: Vec<String>,
    is_over: AtomicBool,
    /// What the server refused, which it never should.
    refused: Mutex<Vec<String>>,
    counts: [AtomicU64; KINDS.len()],
    /// Calls that were cut off.
    broken: AtomicU64,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

const KINDS: [&str; 8] = [
    "create",
    "destroy",
    "run",
    "pea",
    "stream-in",
    "net-in",
    "property",
    "exit codes",
];

/// One client.
struct Caller {
    load: Arc<Load>,
    number: usize,
    random: Random,
    client: Client,
    spec: ContainerSpec,
    image: PathBuf,
    archives: Vec<Vec<u8>>,
    made: u64,
}

impl Load {
    /// Begins with so many clients.
    pub fn begin(server: &Server, seed: u64, clients: u64, witnesses: Vec<String>) -> Arc<Self> {
        let load = Arc::new(Self {
            gate: RwLock::default(),
            known: (0..clients).map(|_| Mutex::default()).collect(),
            witnesses,
            is_over: AtomicBool::new(false),
            refused: Mutex::default(),
            counts: Default::default(),
            broken: AtomicU64::new(0),
            threads: Mutex::default(),
        });
        let archives: Vec<Vec<u8>> = (0..FILES)
            .map(|number| archive(&format!("f{number}")))
            .collect();
        for number in 0..clients {
            let mut caller = Caller {
                load: Arc::clone(&load),
                number: usize::try_from(number).unwrap(),
                random: Random::new(seed.wrapping_add(number + 1)),
                client: server.client(),
                spec: server.spec(""),
                image: server.rootfs.path(),
                archives: archives.clone(),
                made: 0,
            };
            let thread = std::thread::spawn(move || caller.call());
            load.threads.lock().unwrap().push(thread);
        }
        load
    }

    /// Waits until no call is made, and keeps it so.
    pub fn pause(&self) -> RwLockWriteGuard<'_, ()> {
        self.gate.write().unwrap()
    }

    /// Compares what clients know with what there is; no call may be made meanwhile.
    pub fn check(&self, server: &Server, when: &str) {
        let refused = self.refused.lock().unwrap().clone();
        assert!(refused.is_empty(), "{when}: {refused:#?}\n{}", server.log());
        let client = server.client();
        let listed: BTreeSet<String> = client
            .list(&Properties::new())
            .unwrap()
            .into_iter()
            .collect();
        let all = Properties::from([("garden.state".to_owned(), "all".to_owned())]);
        let all: BTreeSet<String> = client.list(&all).unwrap().into_iter().collect();
        assert_eq!(all, listed, "{when}: some are half made\n{}", server.log());
        let mut expected: BTreeSet<String> = self.witnesses.iter().cloned().collect();
        for known in &self.known {
            let mut known = known.lock().unwrap();
            known.retain_mut(|each| {
                expected.insert(each.handle.clone());
                each.check(server, listed.contains(&each.handle))
            });
        }
        let strange: Vec<_> = listed.difference(&expected).collect();
        assert!(strange.is_empty(), "{when}: nobody has made {strange:?}");
    }

    /// Ends all clients; what they have done.
    pub fn end(&self) -> String {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.lock().unwrap().drain(..) {
            thread.join().unwrap();
        }
        let count =
            |kind: &str, count: &AtomicU64| format!("{} {kind}", count.load(Ordering::Relaxed));
        let counts = KINDS.iter().zip(&self.counts);
        let done: Vec<String> = counts.map(|(kind, number)| count(kind, number)).collect();
        format!("{}, {}", done.join(", "), count("cut off", &self.broken))
    }

    /// Destroys all that clients still have.
    pub fn destroy_all(&self, server: &Server) {
        for known in &self.known {
            for each in known.lock().unwrap().drain(..) {
                server.client().destroy(&each.handle).unwrap();
            }
        }
    }
}

/// A tar with one file, whose name is its content.
fn archive(name: &str) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(name), format!("{name}\n")).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["-cf", "-", "-C"]).arg(directory.path()).arg(".");
    tar.output().unwrap().stdout
}

impl Caller {
    fn call(&mut self) {
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
            24..60 => self.run(Some(&mut known[at])),
            60..66 => self.run_pea(&mut known[at]),
            66..76 => self.stream_in(&mut known[at]),
            76..86 => self.net_in(&mut known[at]),
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
}
